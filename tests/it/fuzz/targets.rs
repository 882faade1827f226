//! The fuzz targets, and their promises for any bytes.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use livetape::settings::{Sources, resolve};
use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    event::read_message,
    recording::{
        Flags, Frame, Item, Opcode, ReadReport, Reader, What, Writer,
        records::{Header, Http},
    },
    redact::redact,
    wire::{read_batch, read_push, unzip},
};
use livetape_mock::Scenario;
use livetape_tools::{
    audit::audit,
    edit::{Input, cut, mark, merge, repair},
    export,
    import::{CaptureFormat, ImportOptions, import_capture},
    info::info,
    scrub::{Auditor, Key, Scrubber, scrub},
    timeline::chart,
    verify::verify,
};
use proptest::{prelude::*, test_runner::TestCaseError};

/// The report on a recording, read to its end.
fn report(bytes: &[u8]) -> Option<ReadReport> {
    let mut reader = Reader::open(bytes).ok()?;
    while reader.next().expect("memory does not fail").is_some() {}
    Some(reader.report().clone())
}

/// Everything that reads recordings. Repaired ones are sealed, and no edit hides a loss.
pub(super) fn recording(bytes: &[u8]) -> Result<(), TestCaseError> {
    let Some(before) = report(bytes) else { return Ok(()) };
    verify(bytes).unwrap();
    info(bytes).unwrap();
    // Fails for more records than a chart can have.
    let _ = chart(bytes);
    export::jsonl(bytes, Vec::new()).unwrap();
    let (mut repaired, mut again) = (Vec::new(), Vec::new());
    repair(bytes, &mut repaired).unwrap();
    let after = report(&repaired).unwrap();
    prop_assert_eq!((after.sealed, after.damaged_bytes, after.tail_bytes), (true, 0, 0));
    prop_assert!(after.missing >= before.missing);
    prop_assert!(!repair(&repaired[..], &mut again).unwrap().is_change());
    prop_assert_eq!(repaired, again);
    let lost = before.missing.saturating_add(before.lost_in_gaps);
    let mut edited = [Vec::new(), Vec::new(), Vec::new()];
    let [copy, marked, merged] = &mut edited;
    cut(bytes, copy, Duration::ZERO, None).unwrap();
    mark(bytes, marked, Duration::ZERO, "mark").unwrap();
    let input = Input { name: "a".into(), file: bytes, offset: None };
    merge(vec![input], merged, true).unwrap();
    for (tool, edited) in ["cut", "mark", "merge"].iter().zip(&edited) {
        let after = report(edited).unwrap();
        let found = (after.lost_in_gaps, after.missing, after.sealed);
        prop_assert_eq!(found, (lost, 0, before.sealed), "{}: {:?}", tool, before);
    }
    // A range reports the losses of the rest, too.
    let middle = before.last_offset / 2;
    let first = Some(middle).filter(|middle| !middle.is_zero()).map(|middle| (Duration::ZERO, Some(middle)));
    for (start, end) in [(middle, None)].into_iter().chain(first) {
        prop_assert_eq!(cut(bytes, Vec::new(), start, end).unwrap().loss, before.loss());
    }
    Ok(())
}

pub(super) fn wire(bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut faults = Vec::new();
    let push = read_push(&Bytes::copy_from_slice(bytes), &mut faults);
    for message in read_batch(&unzip(push.payload, &mut faults), &mut faults).messages {
        let _ = read_message(&message, &mut faults);
    }
    Ok(())
}

fn frame(bytes: &[u8], offset: Duration) -> Item {
    let frame = Frame { opcode: Opcode::BINARY, bytes: Bytes::copy_from_slice(bytes) };
    Item { offset, conn: 1, flags: Flags::default(), what: What::Frame(frame) }
}

/// Events are JSON.
pub(super) fn decoder(bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup: true });
    for second in 0..2 {
        decoder.handle(&frame(bytes, Duration::from_secs(second)));
    }
    decoder.flush(Duration::from_secs(60));
    for event in decoder.take_events() {
        let mut json = Vec::new();
        event.begin_json("s", &mut json);
        livetape_core::event::finish_json(1, &mut json);
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        prop_assert_eq!(json["type"].as_str(), Some(event.kind()));
    }
    Ok(())
}

/// Redacting, scrubbing and auditing, which see the frame and the same bytes as the body of a response.
pub(super) fn share(bytes: &[u8]) -> Result<(), TestCaseError> {
    let mut writer = Writer::new(Vec::new(), &Header::default()).unwrap();
    let body = Bytes::copy_from_slice(bytes);
    let http = Item { what: What::Http(Http { body, ..Http::default() }), ..frame(bytes, Duration::ZERO) };
    for item in [frame(bytes, Duration::ZERO), http] {
        let once = redact(item);
        prop_assert_eq!(&redact(once.clone()), &once, "redacting again changes it");
        writer.write(&once).unwrap();
    }
    let (original, mut scrubbed) = (writer.finish().unwrap(), Vec::new());
    scrub(&original[..], &original[..], &mut scrubbed, Scrubber::new(Key::new(&[7; 32]))).unwrap();
    audit(&original[..], Auditor::new("").unwrap()).unwrap();
    let found = audit(&scrubbed[..], Auditor::new("").unwrap()).unwrap();
    prop_assert!(found.counts.is_empty(), "{}", found);
    Ok(())
}

/// A capture that is imported becomes a whole recording.
pub(super) fn import(bytes: &[u8]) -> Result<(), TestCaseError> {
    let capture = Bytes::copy_from_slice(bytes);
    for format in [None].into_iter().chain(CaptureFormat::ALL.map(Some)) {
        let options = ImportOptions { user: Some("ann".into()), format, ..ImportOptions::default() };
        let mut output = Vec::new();
        if import_capture(&capture, &mut output, &options).is_ok() {
            prop_assert!(report(&output).is_some_and(|report| report.is_whole()), "{:?}", format);
        }
    }
    Ok(())
}

pub(super) fn settings(bytes: &[u8]) -> Result<(), TestCaseError> {
    let text = String::from_utf8_lossy(bytes);
    let file = Some((Path::new("livetape.toml"), &*text));
    if let Err(problems) = resolve(&Sources { file, env: &|_| None, flags: &[] }) {
        prop_assert!(problems.iter().all(|problem| !problem.message.is_empty()));
    }
    Ok(())
}

/// A scenario that is written as TOML reads back.
pub(super) fn scenario(bytes: &[u8]) -> Result<(), TestCaseError> {
    let Ok(scenario) = Scenario::parse(&String::from_utf8_lossy(bytes)) else { return Ok(()) };
    let text = scenario.to_toml();
    let again = Scenario::parse(&text).map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?;
    prop_assert_eq!(again, scenario);
    Ok(())
}
