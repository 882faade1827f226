//! Captures of computers whose clock was set while they ran, and of rooms in which nothing happens for hours.

use std::time::Duration;

use bytes::Bytes;
use livetape_core::recording::records::header::Timing;
use livetape_tools::{
    export::jsonl,
    import::{ImportOptions, ImportReport},
};
use serde_json::{Value, json};

use super::{
    SHIPPED, assert_same_events,
    captures::{START_MS, STARTED, URL, entry, flow, frames, har, messages},
    header, import, imported, offsets_ms, options, shipped,
    sources::trace,
};

const HOUR_MS: f64 = 3_600_000.0;
const START: f64 = START_MS as f64;
/// How far a mended offset may be off, in ms: the true time between two frames, where nothing tells it.
const ERROR_MS_MAX: u128 = 5000;

/// The same, in ms, for frames around which servers state the time.
const SMALL_ERROR_MS_MAX: u128 = 1000;

/// The Unix ms of each frame, as a clock shows them that `shown` sets.
fn times(shown: impl Fn(usize, f64) -> f64) -> Vec<f64> {
    frames().iter().enumerate().map(|(at, (ms, ..))| shown(at, START + *ms as f64)).collect()
}

fn timed(times: &[f64]) -> Vec<Value> {
    let mut all = messages(|ms| ms);
    all.iter_mut().zip(times).for_each(|(message, ms)| message["time"] = json!(ms));
    all
}

fn gotiktoklive(times: &[f64]) -> String {
    let line = |((_, _, bytes), ms): (&(u64, bool, Vec<u8>), &f64)| {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let time = jiff::Timestamp::from_millisecond(*ms as i64).unwrap();
        format!("{}<= {hex}\n", time.strftime("%Y-%m-%d %H:%M:%S%.3f"))
    };
    frames().iter().zip(times).map(line).collect()
}

/// The same frames with these times, in every format that has any.
fn captures(times: &[f64]) -> Vec<(&'static str, Bytes)> {
    let seconds: Vec<Value> = timed(times)
        .into_iter()
        .map(|mut message| {
            message["time"] = json!(message["time"].as_f64().unwrap() / 1e3);
            message
        })
        .collect();
    let in_lines = |name: &str| {
        let line = |((_, _, bytes), ms): (&(u64, bool, Vec<u8>), &f64)| {
            let frame = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
            let time = if name == "ts_ms" { json!(*ms as i64) } else { json!(ms - START) };
            json!({ name: time, "frame": frame }).to_string() + "\n"
        };
        frames().iter().zip(times).map(line).collect::<String>()
    };
    let flowing = frames().into_iter().zip(times);
    let flowing = flowing.map(|((_, sent, bytes), ms)| (bytes, sent, *ms, false, false));
    vec![
        ("Chrome", har("WebInspector", "537.36", &[entry(URL, STARTED, &seconds)]).into()),
        ("Playwright", har("Playwright", "1.65.1", &[entry(URL, STARTED, &timed(times))]).into()),
        ("frames", timed(times).iter().map(|message| format!("{message}\n")).collect::<String>().into()),
        ("trace", trace("file", &timed(times)).into()),
        ("mitmproxy", flow(21, flowing).into()),
        ("gotiktoklive", gotiktoklive(times).into()),
        ("ts_ms", in_lines("ts_ms").into()),
        ("offset_ms", in_lines("offset_ms").into()),
    ]
}

fn keeping() -> ImportOptions {
    ImportOptions { keep_clock: true, ..options() }
}

/// Returns the offsets, compared with the true ones.
fn worst_error(ours: &[u128]) -> u128 {
    let all = frames();
    let start = u128::from(all[0].0) - ours[0].min(u128::from(all[0].0));
    let error = |(ours, (ms, ..)): (&u128, &(u64, bool, Vec<u8>))| (ours + start).abs_diff(u128::from(*ms));
    ours.iter().zip(&all).map(error).max().unwrap()
}

/// Milliseconds have no exact number of seconds in binary.
#[test]
fn frames_at_the_same_time_do_not_go_back() {
    for (name, capture) in captures(&times(|at, _| START + ((at / 3) as f64) * 467.3)) {
        let (items, report) = imported(capture);
        assert_eq!(offsets_ms(&items).len(), frames().len(), "{name}");
        assert_eq!((report.clock_steps, report.clamped), (0, 0), "{name}: {report}");
    }
}

#[test]
fn a_clock_that_was_set_once_is_mended_in_every_format() {
    let half = frames().len() / 2;
    for by_ms in [-HOUR_MS, HOUR_MS, 72.0 * HOUR_MS, 60_712.0 * HOUR_MS, -60_712.0 * HOUR_MS, -30_000.0] {
        for (name, capture) in captures(&times(|at, ms| if at < half { ms } else { ms + by_ms })) {
            let (items, report) = imported(capture.clone());
            let offsets = offsets_ms(&items);
            assert_eq!(offsets.len(), frames().len(), "{name}");
            assert!(worst_error(&offsets) < ERROR_MS_MAX, "{name} by {by_ms}: {offsets:?}");
            assert_eq!((report.clock_steps, report.clamped, report.silences), (1, 0, 0), "{name}: {report}");
            let step = report.clock_steps_listed[0];
            assert!((step.by_ms as f64 - by_ms).abs() < ERROR_MS_MAX as f64, "{name} by {by_ms}: {step:?}");
            assert!(u128::from(step.at_ms).abs_diff(offsets[half]) <= 1, "{name}: {step:?}");
            // The header of lines is written before a step is found.
            let timing = if name.ends_with("_ms") { Timing::Original } else { Timing::Estimated };
            assert_eq!(header(&items).timing(), timing, "{name}");
            assert!(!report.is_lossy(), "{name}: {report}");

            let (items, report) = import(&capture, &keeping()).unwrap();
            assert_eq!(report.clock_steps, 0, "{name}: {report}");
            let kept = offsets_ms(&items)[half] as f64 - offsets[half] as f64;
            assert!(
                if by_ms < 0.0 { report.clamped > 0 } else { (kept - by_ms).abs() < 5000.0 },
                "{name}: {report}"
            );
        }
    }
}

#[test]
fn a_small_step_forward_is_mended_in_every_format() {
    let half = frames().len() / 2;
    for by_ms in [3000.0, 10_000.0, 45_000.0, 62_000.0, 74_000.0] {
        for (name, capture) in captures(&times(|at, ms| if at < half { ms } else { ms + by_ms })) {
            let (items, report) = imported(capture);
            let offsets = offsets_ms(&items);
            assert!(worst_error(&offsets) < SMALL_ERROR_MS_MAX, "{name} by {by_ms}: {offsets:?}");
            assert_eq!((report.clock_steps, report.clamped), (1, 0), "{name} by {by_ms}: {report}");
            assert_eq!(report.clock_steps_listed[0].by_ms as f64, by_ms, "{name}: {report}");
        }
    }
}

#[test]
fn a_small_step_forward_that_is_undone_is_mended_in_every_format() {
    for by_ms in [4000.0, 30_000.0] {
        for (name, capture) in captures(&times(|at, ms| if (20..50).contains(&at) { ms + by_ms } else { ms }))
        {
            let (items, report) = imported(capture);
            let offsets = offsets_ms(&items);
            assert!(worst_error(&offsets) < SMALL_ERROR_MS_MAX, "{name} by {by_ms}: {offsets:?}");
            assert_eq!((report.clock_steps, report.clamped), (2, 0), "{name} by {by_ms}: {report}");
        }
    }
}

#[test]
fn a_step_that_undoes_part_of_another_is_measured() {
    for (first_ms, second_ms) in [(40_000.0, 33_000.0), (40_000.0, 10_000.0), (-40_000.0, -50_000.0)] {
        let shown = |at, ms| match at {
            ..20 => ms,
            20..50 => ms + first_ms,
            _ => ms + second_ms,
        };
        for (name, capture) in captures(&times(shown)) {
            let (items, report) = imported(capture);
            let offsets = offsets_ms(&items);
            assert!(worst_error(&offsets) < SMALL_ERROR_MS_MAX, "{name}, {second_ms}: {offsets:?}");
            assert_eq!((report.clock_steps, report.clamped), (2, 0), "{name}, {second_ms}: {report}");
        }
    }
}

/// Frames that were delayed arrive at once. Replays at another speed disagree with the servers all the time.
#[test]
fn late_frames_and_other_speeds_are_not_a_step() {
    let all = frames();
    let late = |from: usize, to: usize| {
        let arrives_ms = START + all[to].0 as f64;
        times(move |at, ms| if (from..to).contains(&at) { arrives_ms } else { ms })
    };
    let at_speed = |speed: f64| times(move |_, ms| START + (ms - START) / speed);
    let speeds = [0.5, 0.7, 0.8, 0.9, 2.0].map(at_speed);
    let late = [late(10, 12), late(20, 30), late(20, 70), late(70, all.len() - 1)];
    for times in late.iter().chain(&speeds) {
        for (name, capture) in captures(times) {
            let (items, report) = imported(capture);
            assert_eq!((report.clock_steps, report.clamped), (0, 0), "{name}: {report}");
            let lasts_ms = (times[all.len() - 1] - times[0]) as u128;
            assert!(offsets_ms(&items)[all.len() - 1].abs_diff(lasts_ms) < 1000, "{name}: {report}");
        }
    }
}

/// The recordings that come with livetape, with the clock set forward in the middle of each.
#[test]
fn a_small_step_forward_is_mended_in_any_show() {
    for name in SHIPPED {
        let mut lines = Vec::new();
        jsonl(&shipped(name)[..], &mut lines).unwrap();
        let lines = String::from_utf8(lines).unwrap();
        let half = lines.lines().count() / 2;
        let stepped = |by_ms: f64| {
            let lines = lines.lines().enumerate().map(|(at, line)| {
                let mut line: Value = serde_json::from_str(line).unwrap();
                if at >= half {
                    line["offset_ms"] = json!(line["offset_ms"].as_f64().unwrap() + by_ms);
                }
                format!("{line}\n")
            });
            imported(lines.collect::<String>())
        };
        let (true_items, report) = stepped(0.0);
        assert_eq!((report.clock_steps, report.clamped), (0, 0), "{name}: {report}");
        for by_ms in [3500.0, 30_000.0] {
            let (items, report) = stepped(by_ms);
            assert_eq!(report.clock_steps, 1, "{name} by {by_ms}: {report}");
            let errors = offsets_ms(&items).into_iter().zip(offsets_ms(&true_items));
            let worst = errors.map(|(ours, theirs)| ours.abs_diff(theirs)).max().unwrap();
            assert!(worst < SMALL_ERROR_MS_MAX, "{name} by {by_ms}: {worst}");
        }
    }
}

#[test]
fn one_odd_time_moves_only_its_frame() {
    for odd in [0, 5, 81] {
        for by_ms in [-60_712.0 * HOUR_MS, 60_712.0 * HOUR_MS, -50_000.0] {
            // A room may be silent for less than a minute after its first frame.
            if (odd, by_ms) == (0, -50_000.0) {
                continue;
            }
            for (name, capture) in captures(&times(|at, ms| if at == odd { ms + by_ms } else { ms })) {
                let (items, report) = imported(capture);
                let offsets = offsets_ms(&items);
                assert!(worst_error(&offsets) < ERROR_MS_MAX, "{name}, frame {odd} by {by_ms}: {offsets:?}");
                assert!((1..=2).contains(&report.clock_steps), "{name}, frame {odd}: {report}");
                if name != "offset_ms" {
                    let start = header(&items).wall_anchor_ns.unwrap() / 1_000_000 - START_MS;
                    assert!(start.abs() < 60_000, "{name}, frame {odd} by {by_ms}: {start}");
                }
            }
        }
    }
}

#[test]
fn forty_steps_are_mended_and_said_in_a_few_lines() {
    for (name, capture) in captures(&times(|at, ms| if at / 2 % 2 == 0 { ms } else { ms - HOUR_MS })) {
        let (items, report) = imported(capture);
        assert_eq!((report.clock_steps, report.clock_steps_listed.len()), (40, 10), "{name}");
        assert!(worst_error(&offsets_ms(&items)) < ERROR_MS_MAX, "{name}: {:?}", offsets_ms(&items));
        let said = report.to_string();
        assert_eq!(said.matches("⚠️ ").count(), 4, "{name}: {said}");
        assert!(said.contains("⚠️ 37 more steps of the clock\n"), "{name}: {said}");
    }
}

#[test]
fn the_place_of_a_step_is_said() {
    let (_, report) =
        imported(captures(&times(|at, ms| if at < 40 { ms } else { ms - HOUR_MS })).remove(0).1);
    let said = report.to_string();
    let at = Duration::from_millis(frames()[40].0);
    let at = format!("00:{:02}:{:02}.{:03}", at.as_secs() / 60, at.as_secs() % 60, at.subsec_millis());
    assert!(
        said.contains(&format!("⚠️ The clock goes back by 01:00:00.000 at {at}: what follows is shifted\n")),
        "{said}"
    );
}

/// A reconnect after the clock was set, so that no connection has a step.
#[test]
fn connections_share_a_clock() {
    for by_ms in [-HOUR_MS, -60_712.0 * HOUR_MS, 60_712.0 * HOUR_MS] {
        let all = timed(&times(|at, ms| if at < 50 { ms } else { ms + by_ms }));
        let (before, after) = all.split_at(50);
        let started = |messages: &[Value]| {
            let ms = messages[0]["time"].as_f64().unwrap() as i64;
            jiff::Timestamp::from_millisecond(ms).unwrap().to_string()
        };
        let mut entries = [before, after].map(|part| entry(URL, &started(part), part));
        for _ in 0..2 {
            entries.reverse();
            let (items, report) = imported(har("Playwright", "1.65.1", &entries));
            assert!(worst_error(&offsets_ms(&items)) < 1000, "{by_ms}: {:?}", offsets_ms(&items));
            assert_eq!((report.connections, report.clock_steps), (2, 1), "{by_ms}: {report}");
        }
    }
}

/// A mock that plays the same show for each connection is not a clock that was set.
#[test]
fn a_show_that_starts_again_is_not_shifted() {
    let again = |after_ms: f64| timed(&times(|_, ms| ms + after_ms));
    let entries =
        [entry(URL, STARTED, &again(0.0)), entry(URL, "2025-09-09T20:44:49.000Z", &again(2.0 * HOUR_MS))];
    let (items, report) = imported(har("Playwright", "1.65.1", &entries));
    assert_eq!((report.clock_steps, report.silences), (0, 1), "{report}");
    assert_eq!(offsets_ms(&items)[82] - offsets_ms(&items)[0], 7_200_000);
}

#[test]
fn an_old_start_or_answer_does_not_lengthen_the_show() {
    let old = "2018-10-09T10:44:48.000Z";
    let answer = format!(
        r#"{{"request":{},"response":{},"startedDateTime":"{old}"}}"#,
        json!({ "method": "GET", "url": "https://webcast.tiktok.com/webcast/room/info/" }),
        json!({ "status": 200, "content": { "text": "{}" } }),
    );
    for entries in [
        vec![entry(URL, old, &messages(|ms| ms))],
        vec![answer.clone(), entry(URL, STARTED, &messages(|ms| ms))],
        vec![entry(URL, STARTED, &messages(|ms| ms)), answer.replace("2018", "2049")],
    ] {
        let capture = Bytes::from(har("Playwright", "1.65.1", &entries));
        let (items, report) = import(&capture, &options()).unwrap();
        assert_eq!(report.clock_steps, 1, "{report}");
        assert!(report.duration_ms < 400_000, "{report}");
        assert_same_events(&items);
        let (_, report) = import(&capture, &keeping()).unwrap();
        assert!(report.clock_steps == 0 && report.duration_ms > 1_000_000_000, "{report}");
    }
}

fn silent(idle_limit: Option<Duration>) -> (Vec<u128>, ImportReport) {
    // A slow show: nothing states that no time passed, as its frames have no time of the server.
    let lines: Vec<String> = [0.0, 2500.0, 3.0 * HOUR_MS, 3.0 * HOUR_MS + 2500.0, 8.5 * HOUR_MS]
        .iter()
        .map(|ms| {
            json!({ "offset_ms": ms, "method": "WebcastChatMessage", "payload": "CgQQBRgJ" }).to_string()
        })
        .collect();
    let (items, report) =
        import(&Bytes::from(lines.join("\n")), &ImportOptions { idle_limit, ..options() }).unwrap();
    (offsets_ms(&items), report)
}

#[test]
fn silences_of_hours_are_said_and_can_be_cut() {
    let (offsets, report) = silent(None);
    assert_eq!((offsets[2], report.silences, report.clock_steps), (10_800_000, 2, 0), "{report}");
    let said = report.to_string();
    assert!(said.contains("Silence of 02:59:57.500 at 00:00:02.500\n"), "{said}");
    let (offsets, report) = silent(Some(Duration::from_secs(10)));
    assert_eq!(offsets, [0, 2500, 12_500, 15_000, 25_000]);
    assert_eq!(report.silences, 2, "{report}");
}
