//! Recordings and single frames, as events.

use std::{iter, time::Duration};

use bytes::Bytes;
use livetape::{
    hub::Filter,
    sans_io::{
        decoder::{Decoder, DecoderOptions},
        error::Problem,
        recording::{Flags, Frame, Item, Loss, Opcode, What},
    },
    source::{Step, Tape},
};
use napi::bindgen_prelude::{Buffer, Either};
use napi_derive::napi;
use tokio::sync::Mutex;

use crate::{
    error::{OrError as _, error},
    runtime::runtime,
};
use livetape::sans_io::error::Code;

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

/// A recording that is read in batches.
#[napi]
pub struct NativeRecording {
    reading: std::sync::Arc<Mutex<Reading>>,
}

struct Reading {
    steps: Box<dyn Iterator<Item = Step> + Send>,
    decoder: Decoder,
    seq: u64,
}

impl Reading {
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

/// Opens a recording: `demo`, a path, or a name in the folder `recordings`.
#[napi]
pub async fn open_recording(name: String) -> napi::Result<NativeRecording> {
    let opened = runtime().or_error()?.spawn_blocking(move || {
        let tape = Tape::find(&name)?;
        let steps = Box::new(tape.steps()?);
        let decoder = Decoder::new(DecoderOptions { replay: true, dedup: true });
        Ok::<_, Problem>(Reading { steps, decoder, seq: 0 })
    });
    let reading = opened.await.map_err(|failed| error(&Problem::new(Code::Io, failed)))?.or_error()?;
    Ok(NativeRecording { reading: std::sync::Arc::new(Mutex::new(reading)) })
}

#[napi]
impl NativeRecording {
    /// Reads the next events, and returns the JSON of each; empty after the last.
    #[napi]
    pub async fn next(&self) -> napi::Result<Vec<String>> {
        let reading = std::sync::Arc::clone(&self.reading);
        let read = runtime().or_error()?.spawn_blocking(move || reading.blocking_lock().read());
        read.await.map_err(|failed| error(&Problem::new(Code::Io, failed)))?.or_error()
    }

    /// Describes the missing data; `null` if nothing is missing.
    #[napi]
    pub async fn loss(&self) -> Option<String> {
        let loss = self.reading.lock().await.decoder.counts().loss();
        loss.is_some().then(|| loss.to_string())
    }
}

/// Text or bytes of a message.
pub(crate) type Message = Either<String, Buffer>;
