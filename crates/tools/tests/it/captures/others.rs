//! Captures of proxies and other libraries.

use std::io::Write as _;

use bytes::Bytes;
use livetape_core::recording::{Flags, What, records::header::Timing};
use livetape_tools::import::{CaptureFormat, ImportOptions};
use proptest::prelude::*;

use super::{
    assert_same_events,
    captures::{START_MS, chrome, flow, flowing, frames, messages},
    error, events, header, import, imported, offsets_ms, options,
};

#[test]
fn mitmproxys_flows_decode_to_the_played_events() {
    let (items, report) = imported(flow(21, flowing()));
    assert_same_events(&items);
    assert_eq!((report.format, report.frames, report.connections), (CaptureFormat::Mitmproxy, 82, 1));
    let close = items.iter().find_map(|item| match &item.what {
        What::ConnClose(close) => Some((close.code, close.reason.clone())),
        _ => None,
    });
    assert_eq!(close, Some((4404, "gone".into())));
    assert!(!format!("{items:?}").contains("planted"));
}

#[test]
fn dropped_messages_are_left_out_and_injected_ones_marked() {
    let heartbeat = b":\x02hb".to_vec();
    let at = START_MS as f64;
    let all = [
        (heartbeat.clone(), true, at, true, false),
        (heartbeat.clone(), true, at + 1.0, true, false),
        (heartbeat.clone(), true, at + 5.0, false, true),
        (heartbeat, false, at + 6.0, false, false),
    ];
    let (items, report) = imported(flow(15, all));
    let flags: Vec<u8> =
        items.iter().filter(|item| matches!(item.what, What::Frame(_))).map(|item| item.flags.0).collect();
    assert_eq!(flags, [Flags::SENT | Flags::INJECTED, 0]);
    assert_eq!((report.frames, report.dropped, report.injected), (2, 2, 1));
    assert!(report.to_string().contains("2 dropped frames\n"), "{report}");
}

#[test]
fn whole_messages_are_imported_from_a_truncated_flow() {
    let whole = flow(21, flowing());
    let all = frames();
    for cut in [1, 1000, whole.len() / 2] {
        let (items, report) = imported(whole[..whole.len() - cut].to_vec());
        let ours = offsets_ms(&items);
        let whole: Vec<u128> = all.iter().map(|(ms, ..)| u128::from(*ms)).collect();
        assert!(whole.starts_with(&ours) && !ours.is_empty() && report.is_lossy());
        assert!(report.broken.as_ref().unwrap().contains("truncated at byte"), "{report}");
    }
    let (_, report) = imported([flow(21, flowing()), b"junk".to_vec()].concat());
    assert!(report.frames == 82 && report.broken.is_some(), "{report}");
}

#[test]
fn flows_of_an_old_mitmproxy_are_rejected_with_a_hint() {
    let said = error(flow(11, flowing())).to_string();
    assert!(said.contains("format 11") && said.contains("save the flows with a newer mitmproxy"), "{said}");
}

fn piratetok() -> Vec<u8> {
    let frame =
        |(_, _, bytes): (u64, bool, Vec<u8>)| [&(bytes.len() as u32).to_le_bytes()[..], &bytes].concat();
    frames().into_iter().filter(|(_, sent, _)| !sent).flat_map(frame).collect()
}

#[test]
fn piratetoks_frames_have_no_times() {
    let (items, report) = imported(piratetok());
    assert_eq!((report.format, report.frames), (CaptureFormat::Piratetok, 82));
    assert_eq!(offsets_ms(&items)[..3], [250, 500, 750]);
    assert_eq!((header(&items).timing(), header(&items).wall_anchor_ns), (Timing::Untimed, None));
    let ids =
        |events: Vec<serde_json::Value>| events.iter().map(|event| event["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(events(&items)), ids(super::session_events()));
    let (_, cut) = imported(piratetok()[..piratetok().len() - 1].to_vec());
    assert_eq!((cut.frames, cut.broken.is_some()), (81, true));
    let (_, mixed) = imported([piratetok(), b"{\"log\":{}}".to_vec()].concat());
    assert_eq!((mixed.frames, mixed.broken.is_some()), (82, true), "{mixed}");
}

#[test]
fn gotiktoklives_traces_have_times_and_both_directions() {
    let mut trace = String::new();
    for (ms, sent, bytes) in frames() {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let arrow = if sent { "=>" } else { "<=" };
        let (seconds, millis) = (49 + ms / 1000, ms % 1000);
        let (minutes, seconds) = (44 + seconds / 60, seconds % 60);
        let (hours, minutes) = (18 + minutes / 60, minutes % 60);
        trace += &format!("2025-09-09 {hours:02}:{minutes:02}:{seconds:02}.{millis:03}{arrow} {hex}\n");
    }
    trace += "2025-09-09 23:00:00.000 websocket closed\n";
    let room = ImportOptions { room_id: Some(7_000_000_000_000_000_001), ..options() };
    let (items, report) = import(&Bytes::from(trace.clone()), &room).unwrap();
    assert_eq!(
        (report.format, report.frames, report.bad_lines),
        (CaptureFormat::Gotiktoklive, frames().len() as u64, 0)
    );
    let first = frames()[0].0;
    let expected: Vec<u128> = frames().iter().map(|(ms, ..)| u128::from(ms - first)).collect();
    assert_eq!(offsets_ms(&items), expected);
    // The producer appends to the file on each connect.
    let (_, twice) = import(&Bytes::from([trace.as_str(), "junk\n", &trace].concat()), &room).unwrap();
    assert_eq!((twice.connections, twice.frames, twice.bad_lines), (2, 2 * report.frames, 1), "{twice}");
}

#[test]
fn playwrights_frames_alone_are_a_valid_capture() {
    let lines: String = messages(|ms| ms).iter().map(|message| format!("{message}\n")).collect();
    let (_, report) = imported(lines);
    assert_eq!((report.format, report.frames, report.connections), (CaptureFormat::Messages, 82, 1));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn utf16(text: &[u8]) -> Vec<u8> {
    String::from_utf8(text.to_vec()).unwrap().encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Lengths at which a capture can be truncated without a trace.
fn ends(capture: &[u8], is_lines: bool) -> Vec<usize> {
    if is_lines {
        let newlines = memchr::memchr_iter(b'\n', capture).flat_map(|at| [at, at + 1]);
        return newlines.collect();
    }
    let mut ends = vec![0];
    while let Some(length) = capture.get(ends[ends.len() - 1]..).and_then(|rest| rest.first_chunk()) {
        ends.push(ends[ends.len() - 1] + 4 + u32::from_le_bytes(*length) as usize);
    }
    ends
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 8))]
    #[test]
    fn no_truncated_capture_passes_for_complete(at in any::<prop::sample::Index>()) {
        let (har, lines) = (chrome().into_bytes(), crate::support::fixture("session-3.jsonl").into_bytes());
        let (lines_end, frames_end) = (ends(&lines, true), ends(&piratetok(), false));
        for (name, whole, may_end) in [
            ("har", har.clone(), vec![]),
            ("har.gz", gzip(&har), vec![]),
            ("mitm", flow(21, flowing()), vec![]),
            ("piratetok", piratetok(), frames_end),
            ("lines.gz", gzip(&lines), vec![]),
            ("lines.utf16", utf16(&lines), lines_end.iter().map(|end| 2 * end).collect()),
            ("lines", lines, lines_end),
        ] {
            let end = at.index(whole.len());
            let is_whole = |cut: &[u8]| import(&Bytes::copy_from_slice(cut), &options()).is_ok_and(|it| !it.1.is_lossy());
            prop_assert!(may_end.contains(&end) || !is_whole(&whole[..end]), "{name} cut off at {end}");
        }
    }
}
