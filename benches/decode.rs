//! Decode, dedup and JSON of all real frames on one core, beside bare gunzip and prost decode of the same bytes.
//!
//! Each pass is a generation of its own, so that nothing is skipped as a duplicate of the pass before.

mod support;

use std::{hint::black_box, io::Read as _, time::Instant};

use bytes::Bytes;
use livetape::{
    hub::Filter,
    sans_io::{
        decoder::{Decoder, Options},
        recording::{Item, Reader as Recording, What},
    },
};
use prost::Message as _;
use support::{Args, now};

/// Passes over all frames in one round.
const PASSES: u32 = 40;

#[allow(dead_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
#[path = "../src/sans_io/wire/webcast.rs"]
mod webcast;

// The table names a reader for each method; here a reader is the bare decoder of the same schema.
#[allow(dead_code, unused_imports, reason = "the tests of the table are in the library")]
#[path = "../src/sans_io/wire/kinds/table.rs"]
mod table;

type Reader = fn(&Bytes) -> bool;

trait Kind: prost::Message + Default {}

impl<K: prost::Message + Default> Kind for K {}

fn read<K: Kind>(payload: &Bytes) -> bool {
    K::decode(payload.clone()).map(black_box).is_ok()
}

fn main() {
    let args = Args::parse();
    let tapes: Vec<Vec<Item>> = ["demo", "gifts", "short"].map(items).into();
    let frames: Vec<Bytes> = tapes.iter().flatten().filter_map(frame).collect();
    let per_frame = |started: Instant| {
        now().duration_since(started).as_secs_f64() * 1e6 / f64::from(PASSES) / frames.len() as f64
    };
    let ours = || {
        let started = now();
        full(&tapes);
        per_frame(started)
    };
    let floor = || {
        let started = now();
        bare(&frames);
        per_frame(started)
    };
    support::compare(&args, "decode", "µs a frame", ours, floor);
}

fn full(tapes: &[Vec<Item>]) {
    let mut decoder = Decoder::new(Options { replay: true, dedup: true });
    let (mut json, mut seq) = (Vec::new(), 0);
    for _ in 0..PASSES {
        for tape in tapes {
            decoder.start_generation();
            for item in tape {
                decoder.handle(item);
                for event in decoder.take_events() {
                    seq += 1;
                    json.clear();
                    Filter::default().encode("bench", seq, &event, &mut json);
                    black_box(&json);
                }
            }
        }
    }
}

fn bare(frames: &[Bytes]) {
    for _ in 0..PASSES {
        for frame in frames {
            let push = webcast::PushFrame::decode(frame.clone()).expect("real frames decode");
            let mut payload = Vec::new();
            if push.payload.starts_with(&[0x1f, 0x8b]) {
                flate2::read::GzDecoder::new(&push.payload[..]).read_to_end(&mut payload).expect("real gzip");
            } else {
                payload.extend_from_slice(&push.payload);
            }
            if push.payload_type == "hb" {
                continue;
            }
            let batch = webcast::Batch::decode(Bytes::from(payload)).expect("real batches decode");
            for message in batch.messages {
                if let Some(read) = table::reader(&message.method) {
                    assert!(read(&message.payload));
                }
            }
        }
    }
}

fn items(name: &str) -> Vec<Item> {
    let path = format!("{}/recordings/{name}.bin", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::File::open(path).expect("shipped with the project");
    let mut reader = Recording::open(file).expect("shipped recordings are whole");
    std::iter::from_fn(|| reader.next().expect("shipped recordings are whole"))
        .map(|record| record.item)
        .collect()
}

fn frame(item: &Item) -> Option<Bytes> {
    match &item.what {
        What::Frame(frame) => Some(frame.bytes.clone()),
        _ => None,
    }
}
