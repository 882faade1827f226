//! Every tool that reads a recording reports missing records.

use std::time::Duration;

use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    recording::Loss,
};
use livetape_engine::source::{Step, Tape};
use livetape_mock::{MockTikTok, Scenario};
use livetape_tools::{
    audit::audit,
    edit::{Input, cut, mark, merge, repair},
    export::{har, jsonl},
    info::info,
    scrub::{Auditor, Key, Scrubber, scrub},
    share::{self, share},
    verify::verify,
};
use proptest::prelude::*;

use crate::support::{boundaries, messages::show, recording, session_items};

/// Returns whether each tool reports missing records in `bytes`.
fn reports(bytes: &[u8]) -> Vec<(&'static str, bool)> {
    let lost = |loss: Loss| loss.is_some();
    let input = || Input { name: "a".into(), file: bytes, offset: None };
    let zero = Duration::ZERO;
    vec![
        ("verify", verify(bytes).unwrap().exit_code() != 0),
        ("info", lost(info(bytes).unwrap().loss)),
        ("events", lost(decoded(bytes))),
        ("export har", lost(har(|| Ok(bytes), Vec::new()).unwrap().loss)),
        ("export jsonl", lost(jsonl(bytes, Vec::new()).unwrap().loss)),
        ("cut", lost(cut(bytes, Vec::new(), zero, None).unwrap().loss)),
        ("merge", lost(merge(vec![input(), input()], Vec::new(), true).unwrap().loss)),
        ("mark", lost(mark(bytes, Vec::new(), zero, "x").unwrap())),
        ("scrub", scrub(bytes, bytes, Vec::new(), Scrubber::new(Key::new(&[7; 32]))).unwrap().lost()),
        ("share", shared(bytes)),
        ("audit", audit(bytes, Auditor::new("").unwrap()).unwrap().exit_code() != 0),
        ("as-scenario", lost(Scenario::of_recording(bytes, "a.bin").unwrap().loss)),
    ]
}

/// Returns whether a page says that something is missing.
fn shared(bytes: &[u8]) -> bool {
    let options =
        share::Options { title: String::new(), from: Duration::ZERO, to: None, idle_limit: Duration::MAX };
    let (scrubber, auditor) = (Scrubber::new(Key::new(&[7; 32])), Auditor::new("").unwrap());
    share(bytes, Vec::new(), scrubber, auditor, &options).unwrap().is_lossy()
}

/// Returns the losses reported in the events of a recording.
fn decoded(bytes: &[u8]) -> Loss {
    let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup: true });
    let tape = Tape::from_bytes("a", bytes.to_vec().into());
    for step in tape.steps().unwrap() {
        match step {
            Step::Item(item) => decoder.handle(&item),
            Step::Missing(loss) => decoder.count_missing(&loss),
            Step::Failed(error) => panic!("{error}"),
            Step::End(offset) => decoder.flush(offset),
        }
    }
    decoder.counts().loss()
}

/// Asserts that all tools report the loss.
#[track_caller]
fn assert_reported(bytes: &[u8], how: &str) {
    for (tool, is_reported) in reports(bytes) {
        assert!(is_reported, "{tool} of a recording that is {how}");
    }
    assert!(repair(bytes, Vec::new()).unwrap().is_change(), "repair of a recording that is {how}");
}

/// Returns the start of all records after the first, without which nothing is readable.
fn starts(bytes: &[u8]) -> Vec<usize> {
    let mut starts = boundaries(bytes);
    assert_eq!(starts.pop(), Some(bytes.len()));
    starts.split_off(1)
}

#[test]
fn a_complete_recording_has_no_losses() {
    let reported = Vec::from_iter(reports(&recording(&show())).into_iter().filter(|(_, lost)| *lost));
    // Not all frames of this recording are messages: `scrub` drops what it cannot read, and the texts fail the audit.
    assert_eq!(reported, [("scrub", true), ("share", true), ("audit", true)]);
}

#[test]
fn damage_at_every_boundary_of_records_is_reported() {
    let whole = recording(&show());
    for at in starts(&whole) {
        assert_reported(&whole[..at], &format!("cut off at {at}"));
        assert_reported(&whole[..at + 5], &format!("cut off behind {at}"));
        let mut junk = whole.to_vec();
        junk.splice(at..at, *b"junk");
        assert_reported(&junk, &format!("interrupted at {at}"));
        junk = whole.to_vec();
        junk[at] ^= 1;
        assert_reported(&junk, &format!("damaged at {at}"));
    }
}

proptest! {
    #[test]
    fn random_bytes_anywhere_are_reported(
        at in any::<prop::sample::Index>(),
        noise in proptest::collection::vec(any::<u8>(), 1..3_000),
    ) {
        let whole = recording(&show());
        let first = starts(&whole)[0];
        let at = first + at.index(whole.len() - first);
        let mut damaged = whole.to_vec();
        let end = damaged.len().min(at + noise.len());
        damaged[at..end].copy_from_slice(&noise[..end - at]);
        if damaged != whole[..] {
            assert_reported(&damaged, &format!("noise from {at} to {end}"));
        }
    }
}

#[tokio::test]
async fn the_mock_reports_losses_in_its_recording() {
    let folder = tempfile::tempdir().unwrap();
    let whole = recording(&session_items(3));
    for (bytes, is_missing) in [(&whole[..], false), (&whole[..whole.len() - 3], true)] {
        let file = folder.path().join("show.bin");
        std::fs::write(&file, bytes).unwrap();
        let scenario = Scenario::default().recording(file.to_str().unwrap());
        assert_eq!(MockTikTok::in_memory(scenario).unwrap().loss().is_some(), is_missing);
    }
}
