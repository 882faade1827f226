//! Measures decoding, deduplication and JSON encoding of all real frames on one core, compared with bare
//! gunzip and prost on the same bytes, and with the most popular client library.
//!
//! Each pass is a new generation, so that its events are not dropped as duplicates of the previous pass.

use std::{hint::black_box, io::Write as _, process::ExitCode, sync::LazyLock};

use crate::support::{Args, Match, Peer, Report, cpu, installed};
use bytes::{Bytes, BytesMut};
use libdeflater::Decompressor;
use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    recording::{Item, Reader as Recording, What},
};
use livetape_feed::hub::Filter;
use prost::Message as _;

/// Passes over all frames per round.
const PASSES: u32 = 40;
/// Passes of the peer per round; it is slower.
const PEER_PASSES: u32 = 10;
/// Passes until the peer's JIT compiler has finished.
const PEER_WARM_UP: u32 = 30;
/// Size of the buffer, in bytes; larger than any batch of the recordings.
const BATCH_BYTES_MAX: usize = 1 << 20;

// The structs that livetape decodes to: the floor that livetape is compared with. Included by path, because
// generated types do not leave `wire` in the library.
#[allow(dead_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
#[path = "../crates/core/src/generated/used.rs"]
#[rustfmt::skip]
mod used;

/// Decodes a payload and returns whether it is valid.
type Reader = fn(&Bytes) -> bool;

macro_rules! readers {
    ($(
        #[doc = $doc:literal]
        $name:literal => $kind:ident($data:ident) $(by $user:ident)? $(of $payload:ident $($method:literal)+)?,
    )*) => {
        vec![$($($(($method, read::<used::$payload>),)+)?)*]
    };
}

static READERS: LazyLock<Vec<(&str, Reader)>> = LazyLock::new(|| {
    let mut readers: Vec<(&str, Reader)> = livetape_core::event_types!(readers);
    readers.sort_unstable_by_key(|(method, _)| *method);
    readers
});

fn reader(wanted: &str) -> Option<Reader> {
    READERS.binary_search_by_key(&wanted, |(method, _)| method).ok().map(|at| READERS[at].1)
}

fn read<K: prost::Message + Default>(payload: &Bytes) -> bool {
    K::decode(payload.clone()).map(black_box).is_ok()
}

pub(crate) fn run() -> ExitCode {
    let args = Args::parse();
    let tapes: Vec<Vec<Item>> = ["demo", "gifts", "short"].map(items).into();
    let frames: Vec<Bytes> = tapes.iter().flatten().filter_map(frame).collect();
    let per_frame = |seconds: f64, passes: u32| seconds * 1e6 / f64::from(passes) / frames.len() as f64;
    let timed = |pass: &dyn Fn()| {
        let started = cpu();
        pass();
        per_frame(cpu() - started, PASSES)
    };
    let mut peer = match (!args.has("--no-peer")).then(|| start_peer(&frames)).transpose() {
        Ok(peer) => peer,
        Err(missing) => return missing,
    };
    let mut report = Report::begin(&args, "decode");
    let beside = "gunzip and prost, used fields";
    // The bar was 1.3 for our own decoder, and 15 % were accepted for prost.
    let what = Match { name: "decode to JSON", unit: "µs of CPU per frame", beside, bar: 1.5 };
    report.compare(&what, || timed(&|| full(&tapes)), || timed(&|| bare(&frames)));
    if let Some(peer) = &mut peer {
        let theirs = || per_frame(peer.ask(&PEER_PASSES.to_string()) / 1e3, PEER_PASSES);
        let what = Match { beside: "tiktok-live-connector", bar: 0.066, ..what };
        let ratio = report.compare(&what, || timed(&|| full(&tapes)), theirs);
        report.say(&format!("{:.1} times as fast as tiktok-live-connector 2.5.0", 1.0 / ratio));
    }
    report.end();
    ExitCode::SUCCESS
}

/// Starts the client library and warms it up.
fn start_peer(frames: &[Bytes]) -> Result<Peer, ExitCode> {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    for frame in frames {
        let length = u32::try_from(frame.len()).expect("frames are short");
        file.write_all(&length.to_le_bytes()).and_then(|()| file.write_all(frame)).expect("a temporary file");
    }
    let package = installed("peers-2.5.0").join("node_modules/tiktok-live-connector");
    let mut peer = Peer::node("tests/peers/decode.mjs", &package, file.path())?;
    peer.ask(&PEER_WARM_UP.to_string());
    Ok(peer)
}

fn full(tapes: &[Vec<Item>]) {
    let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup: true });
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
    let (mut decompressor, mut memory) = (Decompressor::new(), BytesMut::zeroed(BATCH_BYTES_MAX));
    let batch = |payload: Bytes| {
        let batch = used::Batch::decode(payload).expect("real batches decode");
        for message in batch.messages {
            if let Some(read) = reader(&message.method) {
                assert!(read(&message.payload));
            }
        }
    };
    for frame in (0..PASSES).flat_map(|_| frames) {
        let push = used::PushFrame::decode(frame.clone()).expect("real frames decode");
        if push.payload_type == "hb" {
            continue;
        }
        if !push.payload.starts_with(&[0x1f, 0x8b]) {
            batch(push.payload);
            continue;
        }
        let size = decompressor.gzip_decompress(&push.payload, &mut memory).expect("real gzip");
        let unzipped = memory.freeze();
        batch(unzipped.slice(..size));
        memory = unzipped.try_into_mut().expect("nothing of it is kept");
    }
}

fn items(name: &str) -> Vec<Item> {
    let path = format!("{}/../recordings/{name}.bin", env!("CARGO_MANIFEST_DIR"));
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
