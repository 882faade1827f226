//! Recordings and single frames, as events.

use std::{iter, sync::Arc, time::Duration};

use bytes::Bytes;
use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    error::{Code, Problem},
    recording::{Flags, Frame, Item, Loss, Opcode, What},
};
use livetape_engine::source::{Step, Tape};
use livetape_feed::hub::Filter;
use napi::{
    Env,
    bindgen_prelude::{Buffer, Either, PromiseRaw},
};
use napi_derive::napi;
use tokio::sync::Mutex;

use crate::{
    app::runtime,
    error::{OrError as _, error},
};

/// `stream` of events that no server broadcast.
const STREAM: &str = "offline";
/// Number of events that a call returns, at least, unless the recording ends.
const BATCH_EVENTS: usize = 256;

/// Decodes a frame of TikTok's socket. Returns the JSON of each event.
#[napi]
pub fn decode(frame: Buffer) -> Vec<String> {
    let mut decoder = Decoder::new(DecoderOptions { replay: false, dedup: false });
    let frame = Frame { opcode: Opcode::BINARY, bytes: Bytes::from(Vec::from(frame)) };
    decoder.handle(&Item {
        offset: Duration::ZERO,
        conn: 1,
        flags: Flags::default(),
        what: What::Frame(frame),
    });
    let mut out = Vec::new();
    take(&mut decoder, &mut 0, &mut out);
    out
}

fn take(decoder: &mut Decoder, seq: &mut u64, out: &mut Vec<String>) {
    let filter = Filter::default();
    for event in decoder.take_events() {
        *seq += 1;
        let mut line = Vec::new();
        if filter.encode(STREAM, *seq, &event, &mut line) {
            out.push(String::from_utf8_lossy(&line).into_owned());
        }
    }
}

/// A recording.
#[napi]
pub struct NativeRecording {
    tape: Tape,
}

/// One pass over a recording, in batches.
#[napi]
pub struct NativePass {
    reading: Arc<Mutex<Reading>>,
}

struct Reading {
    steps: Box<dyn Iterator<Item = Step> + Send>,
    decoder: Decoder,
    seq: u64,
}

impl Reading {
    fn new(tape: &Tape) -> Result<Self, Problem> {
        let decoder = Decoder::new(DecoderOptions { replay: true, dedup: true });
        Ok(Self { steps: Box::new(tape.steps()?), decoder, seq: 0 })
    }

    fn read(&mut self) -> Result<Vec<String>, Problem> {
        let mut out = Vec::new();
        while out.len() < BATCH_EVENTS {
            let Some(step) = self.steps.next() else { break };
            match step {
                Step::Item(item) => self.decoder.handle(&item),
                Step::Missing(loss) => self.decoder.count_missing(&loss),
                Step::Failed(_) => self.decoder.count_missing(&Loss::ONE),
                Step::End(offset) => {
                    self.decoder.flush(offset);
                    self.decoder.disconnect(offset, "recording_ended");
                    self.steps = Box::new(iter::empty());
                }
            }
            take(&mut self.decoder, &mut self.seq, &mut out);
        }
        Ok(out)
    }
}

/// Runs `f`, which reads a file.
async fn blocking<T: Send + 'static>(
    f: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> napi::Result<T> {
    let done = runtime().or_error()?.spawn_blocking(f).await;
    done.map_err(|failed| error(&Problem::new(Code::Io, failed)))?.or_error()
}

/// Opens a recording: `demo`, a path, or a name in the folder `recordings`.
#[napi]
pub async fn open_recording(name: String) -> napi::Result<NativeRecording> {
    Ok(NativeRecording { tape: blocking(move || Tape::find(&name)).await? })
}

// Not `async`, for the same reason as the methods of an app.
#[napi]
impl NativeRecording {
    /// Starts a pass over all events.
    #[napi]
    pub fn pass<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, NativePass>> {
        let tape = self.tape.clone();
        env.spawn_future(async move {
            let reading = blocking(move || Reading::new(&tape)).await?;
            Ok(NativePass { reading: Arc::new(Mutex::new(reading)) })
        })
    }
}

#[napi]
impl NativePass {
    /// Reads the next events, and returns the JSON of each; empty after the last.
    #[napi]
    pub fn next<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Vec<String>>> {
        let reading = Arc::clone(&self.reading);
        env.spawn_future(blocking(move || reading.blocking_lock().read()))
    }

    /// Describes the data that has been missing so far; `null` if nothing is missing.
    #[napi]
    pub fn loss<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Option<String>>> {
        let reading = Arc::clone(&self.reading);
        env.spawn_future(async move {
            let loss = reading.lock().await.decoder.counts().loss();
            Ok(loss.is_some().then(|| loss.to_string()))
        })
    }
}

/// Text or bytes of a message.
pub(crate) type Message = Either<String, Buffer>;
