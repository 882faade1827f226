//! Fixed work whose instructions `cargo xtask guard` counts: one run of `decode`, `dedup` or `encode`.
//!
//! Callgrind only counts instructions inside the functions `measured_…`, which it finds by name.

use std::{hint::black_box, process::ExitCode, time::Duration};

use livetape::{
    hub::Filter,
    sans_io::{
        decoder::{Decoder, DecoderOptions},
        dedup::{Comment, Dedup, StreakKey},
        event::Event,
        recording::{Item, Reader},
    },
};

/// Number of messages; more than the dedup window holds, so that old ones are evicted.
const MESSAGES: i64 = 30_000;

pub(crate) fn run() -> ExitCode {
    match std::env::args().nth(2).as_deref() {
        Some("decode") => measured_decode(&mut decoder(), &items()),
        Some("dedup") => measured_dedup(&mut Dedup::default()),
        Some("encode") => {
            let mut decoder = decoder();
            measured_decode(&mut decoder, &items());
            let events: Vec<Event> = decoder.take_events().collect();
            measured_encode(&events, &mut Vec::with_capacity(1 << 20));
        }
        _ => {
            println!("run `cargo xtask guard`");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn decoder() -> Decoder {
    Decoder::new(DecoderOptions { replay: true, dedup: true })
}

#[inline(never)]
fn measured_decode(decoder: &mut Decoder, items: &[Item]) {
    for item in items {
        decoder.handle(item);
    }
    decoder.flush(Duration::from_secs(86_400));
}

#[inline(never)]
fn measured_dedup(dedup: &mut Dedup) {
    for n in 1..=MESSAGES {
        // Each ID appears twice, as after a reconnect.
        for _ in 0..2 {
            black_box(dedup.check_id(7, n * 65_537, false));
        }
        match n % 8 {
            0 => {
                let comment = Comment { user_id: n, create_time: n, text: "Hello everybody!".into() };
                black_box(dedup.check_comment(7, comment, false));
            }
            1 => {
                let streak = StreakKey { user_id: n, gift_id: 5655, group_id: n };
                black_box(dedup.check_final(7, streak));
            }
            _ => {}
        }
    }
}

#[inline(never)]
fn measured_encode(events: &[Event], json: &mut Vec<u8>) {
    for (seq, event) in (1..).zip(events) {
        json.clear();
        Filter::default().encode("guard", seq, event, json);
        black_box(&json);
    }
}

fn items() -> Vec<Item> {
    ["demo", "gifts", "short"].map(recorded).concat()
}

fn recorded(name: &str) -> Vec<Item> {
    let path = format!("{}/../recordings/{name}.bin", env!("CARGO_MANIFEST_DIR"));
    let file = std::fs::File::open(path).expect("shipped with the project");
    let mut reader = Reader::open(file).expect("shipped recordings are whole");
    std::iter::from_fn(|| reader.next().expect("shipped recordings are whole"))
        .map(|record| record.item)
        .collect()
}
