//! Replays under a paused clock: the events, their order and their times.

use std::{pin::pin, time::Duration};

use futures_util::future::poll_immediate;
use livetape_cases::table::{CASES, Suite};
use livetape_core::{
    error::Code,
    pace::Speed,
    recording::{Item, Loss},
};
use livetape_engine::source::{Replay, ReplayOptions, Tape};
use livetape_feed::{
    control::{Control, ReplayOrder, ReplayPhase, Unit},
    hub::{Filter, Gifts, Hub, Join, Limits},
};
use livetape_server::{Config, staged::Staged};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    openapi::{document, fits},
    support::{Rig, assert_expected, messages::show, read_all, recording, repository, session_items, wait},
};

// Replays of files: loading them, missing records, and their ends.

fn once() -> ReplayOptions {
    ReplayOptions { exit_when_done: true, wait_clients: 1, ..ReplayOptions::default() }
}

fn events(log: &[(u64, Value)]) -> Vec<Value> {
    log.iter().map(|(_, event)| event.clone()).collect()
}

/// Converts events of a later generation to those of the first: numbered from `first`, with IDs without
/// suffix.
fn as_first_generation(events: &[Value], suffix: &str, first: u64) -> Vec<Value> {
    let strip = |value: &mut Value| {
        if let Some(text) = value.as_str() {
            *value = text.strip_suffix(suffix).unwrap_or_else(|| panic!("{text} without {suffix}")).into();
        }
    };
    let mut events = events.to_vec();
    for (event, seq) in events.iter_mut().zip(first..) {
        assert!(event["seq"].as_u64().unwrap() >= seq);
        event.get_mut("id").map(strip);
        event["data"].get_mut("streakId").filter(|id| **id != "").map(strip);
        if let Some(data) = event["data"].as_object_mut()
            && let Some(generation) = data.remove("generation")
        {
            assert_eq!(format!("~{generation}"), suffix);
        }
    }
    events
}

/// Fails with the first difference only, because whole logs have megabytes.
#[track_caller]
fn assert_same(ours: &[Value], expected: &[Value]) {
    for (number, (ours, expected)) in ours.iter().zip(expected).enumerate() {
        assert_eq!(ours, expected, "event {number}");
    }
    assert_eq!(ours.len(), expected.len());
}

/// Returns the start of the second generation.
fn second_connection(log: &[Value]) -> usize {
    let connections = log.iter().enumerate().filter(|(_, event)| event["type"] == "connection_created");
    connections.map(|(number, _)| number).nth(1).unwrap()
}

fn without_seq(events: &[Value]) -> Vec<Value> {
    let mut events = events.to_vec();
    for event in &mut events {
        event.as_object_mut().unwrap().remove("seq");
    }
    events
}

#[tokio::test(start_paused = true)]
async fn every_speed_gives_the_same_events_with_the_same_numbers() {
    let items = session_items(2);
    let reference = Rig::play(&items, once()).played().await;
    assert_expected(2, &events(&reference));
    for speed in [Speed::Times(2.0), Speed::Times(100.0), Speed::Times(0.1), Speed::Max] {
        let log = Rig::play(&items, ReplayOptions { speed, ..once() }).played().await;
        assert_same(&events(&log), &events(&reference));
        for ((ms, _), (reference_ms, _)) in log.iter().zip(&reference) {
            let due = match speed {
                Speed::Times(times) => *reference_ms as f64 / times,
                Speed::Max => 0.0,
            };
            assert!((*ms as f64 - due).abs() <= 2.0, "{speed:?}: {ms} ms, due at {due}");
        }
    }
}

/// Logs virtual time in ms, sequence number and event of a small show; at other speeds only the times differ.
#[tokio::test(start_paused = true)]
async fn a_small_show_is_the_same_at_every_speed() {
    let filter = Filter { gifts: Gifts::Delta, raw: true, ..Filter::default() };
    let play =
        async |speed| Rig::play_filtered(&show(), ReplayOptions { speed, ..once() }, filter).played().await;
    let reference = play(Speed::Times(1.0)).await;
    let lines = reference.iter().map(|(ms, event)| format!("{ms:>6} ms  {:>2}  {event}", event["seq"]));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
    for (speed, times) in [(Speed::Times(2.0), 2), (Speed::Times(100.0), 100), (Speed::Max, u64::MAX)] {
        let log = play(speed).await;
        assert_same(&events(&log), &events(&reference));
        let late = |(log, reference): (&(u64, Value), &(u64, Value))| log.0.abs_diff(reference.0 / times);
        assert!(log.iter().zip(&reference).map(late).max() <= Some(1), "{speed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_broadcast_early_or_more_than_a_tick_late() {
    let items = session_items(1);
    let log = Rig::play(&items, once()).played().await;
    let anchor = "2024-01-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
    for (ms, event) in &log {
        let ts = event["ts"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let due = u64::try_from(ts - anchor).unwrap();
        assert!((due..=due + 1).contains(ms), "{ms} ms, due at {due}: {event}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_only_shifts_time() {
    let items = session_items(3);
    let reference = Rig::play(&items, once()).played().await;
    let show = Rig::play(&items, once());
    show.at_ms(20_000).await;
    assert_eq!(show.order(ReplayOrder::Pause).await.state, ReplayPhase::Paused);
    let logged = show.log().len();
    show.at_ms(80_000).await;
    assert_eq!(show.log().len(), logged);
    show.order(ReplayOrder::Play).await;
    let log = show.played().await;
    assert_same(&events(&log), &events(&reference));
    for (number, ((ms, _), (reference_ms, _))) in log.iter().zip(&reference).enumerate() {
        let shift = if number < logged { 0 } else { 60_000 };
        assert!(ms.abs_diff(reference_ms + shift) <= 1, "{ms} ms instead of {reference_ms} + {shift}");
    }
}

/// A replay on a busy machine may be late when it is paused. It must not claim an offset that it has not reached.
#[tokio::test(start_paused = true)]
async fn a_late_replay_pauses_where_it_got_to() {
    let show = Rig::play(&session_items(3), once());
    show.at_ms(10_100).await;
    let (logged, mut pause) = (show.log().len(), pin!(show.control.order(ReplayOrder::Pause)));
    assert!(poll_immediate(pause.as_mut()).await.is_none(), "answered by the task of the replay");
    tokio::time::advance(Duration::from_secs(30)).await;
    let paused = pause.await.unwrap();
    assert_eq!(show.log().len(), logged, "nothing is played after the order to pause");
    let stepped = show.order(ReplayOrder::Step(1, Unit::Frames)).await;
    assert_eq!(stepped.offset_ms, paused.offset_ms + 1, "from {paused:?} to {stepped:?}");
}

/// `livetape test` pauses a show that waits at a gate, and then opens the gate.
#[tokio::test(start_paused = true)]
async fn a_replay_that_waits_at_a_gate_obeys_orders() {
    let tape = Tape::from_bytes("test", recording(&session_items(3)));
    let staged = Staged::new(&CASES[0], &tape, 1).unwrap();
    let show = Rig::play_tape(staged.tape, once(), Filter::default());
    show.at_ms(10_000).await;
    for order in
        [ReplayOrder::Pause, ReplayOrder::Step(1, Unit::Frames), ReplayOrder::Seek(Duration::from_secs(5))]
    {
        let state = timeout(Duration::from_secs(1), show.order(order)).await.expect("answered at once");
        assert_eq!(state.state, ReplayPhase::Paused);
    }
    let chat = serde_json::from_str(r#"{"type": "chat", "user": "a", "comment": "hi"}"#).unwrap();
    timeout(Duration::from_secs(1), show.control.inject(chat)).await.expect("answered at once").unwrap();
    let types = Vec::from_iter(show.log().iter().map(|(_, event)| event["type"].clone()));
    assert!(types.iter().all(|name| *name == "connection_created" || *name == "chat"), "{types:?}");
}

/// The dashboard asks what has happened when `/replay` counts more.
#[tokio::test(start_paused = true)]
async fn a_played_case_says_what_is_right_and_what_has_happened() {
    let tape = Tape::from_bytes("test", recording(&session_items(3)));
    let staged = Staged::new(Suite::Feed.find("cut").unwrap(), &tape, 1).unwrap();
    let config = Config { staged: Some(staged.clone()), ..Config::default() };
    let mut rig = Rig::with(Limits::default(), config);
    assert_eq!(rig.http("GET", "/replay/case", "").await.code(), "no_replay");
    rig.replay(staged.tape.clone(), ReplayOptions { exit_when_done: false, ..once() });
    let (hub, control, case) = (rig.hub.clone(), rig.control.clone(), staged.case);
    tokio::spawn(async move { staged.perform(&hub, &control, |_| ()).await });
    rig.ready().await;
    let happened = async || {
        let state = rig.http("GET", "/replay", "").await.json();
        let told = rig.http("GET", "/replay/case", "").await.json();
        assert_eq!((&told["name"], &told["what"]), (&json!("cut"), &json!(case.what)));
        assert_eq!(
            (&state["happened"], &told["right"]),
            (&json!(told["happened"].as_array().unwrap().len()), &json!(case.right))
        );
        told["happened"].clone()
    };
    assert_eq!(happened().await, json!([]));
    let _observer = rig.ws("?observer=1").await;
    let cut = read_all(&mut rig.ws("").await).await;
    assert_eq!(cut.close, None);
    wait(Duration::from_secs(1)).await;
    let _back = rig.ws("").await;
    wait(Duration::from_secs(1)).await;
    let at = |offset_ms: u64, text: &str| json!({ "offsetMs": offset_ms, "text": text });
    let expected = json!([
        at(0, "a client connected"),
        at(197_007, "1 connection was cut at 3:17.0"),
        at(197_007, "a client connected"),
        at(197_007, "all are back: the show goes on"),
    ]);
    assert_eq!(happened().await, expected);
    let api = document(&rig, "/openapi.json").await;
    let answer = rig.http("GET", "/replay/case", "").await;
    fits(&api, &api["paths"]["/replay/case"]["get"]["responses"]["200"], &answer);
    // Another recording is played without the case.
    rig.order(ReplayOrder::Load("demo".to_owned())).await;
    let answer = rig.http("GET", "/replay/case", "").await;
    let (message, hint) = ("no case is played", "start one: `livetape replay --case NAME`");
    let error = json!({ "error": { "code": "not_found", "message": message, "hint": hint } });
    assert_eq!((answer.status, answer.json()), (404, error));
    assert!(rig.http("GET", "/replay", "").await.json().get("happened").is_none());
}

#[tokio::test(start_paused = true)]
async fn the_summary_covers_everything_since_the_first_start() {
    let mut show = Rig::play(&session_items(3), once());
    show.at_ms(20_000).await;
    show.order(ReplayOrder::Pause).await;
    show.at_ms(80_000).await;
    show.order(ReplayOrder::Play).await;
    let took = show.summary().await.took;
    assert!(took > Duration::from_secs(80), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_speed_can_change_while_it_runs() {
    let items = session_items(3);
    let reference = Rig::play(&items, once()).played().await;
    let show = Rig::play(&items, once());
    show.at_ms(10_000).await;
    show.order(ReplayOrder::Speed(Speed::Times(10.0))).await;
    show.at_ms(20_000).await;
    let state = show.order(ReplayOrder::Speed(Speed::Max)).await;
    assert!(state.offset_ms.abs_diff(110_000) <= 1, "{state:?}");
    let log = show.played().await;
    assert_same(&events(&log), &events(&reference));
    assert!(log.last().unwrap().0 <= 20_001);
}

#[tokio::test(start_paused = true)]
async fn a_seek_back_starts_a_generation_with_the_same_events() {
    let items = session_items(2);
    let reference = events(&Rig::play(&items, once()).played().await);
    let show = Rig::play(&items, once());
    show.at_ms(30_000).await;
    let state = show.order(ReplayOrder::Seek(Duration::ZERO)).await;
    assert_eq!((state.generation, state.offset_ms), (2, 0));
    let log = events(&show.played().await);
    let before = second_connection(&log);
    assert_same(&log[..before], &reference[..before]);
    let again = as_first_generation(&log[before..], "~2", before as u64 + 1);
    assert_same(&without_seq(&again), &without_seq(&reference));
}

#[tokio::test(start_paused = true)]
async fn a_seek_into_the_middle_announces_open_connections() {
    let show = Rig::play(&session_items(2), once());
    show.at_ms(5_000).await;
    show.order(ReplayOrder::Pause).await;
    show.order(ReplayOrder::Seek(Duration::from_secs(60))).await;
    show.order(ReplayOrder::Play).await;
    let log = show.played().await;
    let before = second_connection(&events(&log));
    let first = &log[before].1;
    assert_eq!((&first["type"], &first["username"]), (&"connection_created".into(), &log[0].1["username"]));
    assert_eq!(first["ts"], "2024-01-01T00:01:00.000Z");
    assert!(log[before + 1..].iter().all(|(_, event)| event["ts"].as_str() >= first["ts"].as_str()));
}

#[tokio::test(start_paused = true)]
async fn the_second_lap_repeats_the_first_with_other_ids() {
    let items = session_items(3);
    let reference = Rig::play(&items, once()).played().await;
    let log = Rig::play(&items, ReplayOptions { laps: Some(2), ..once() }).played().await;
    // Only the last lap reports the end of the recording.
    let lap = reference.len() - 1;
    assert_same(&events(&log[..lap]), &events(&reference[..lap]));
    let second = as_first_generation(&events(&log[lap..]), "~2", lap as u64 + 1);
    assert_same(&without_seq(&second), &without_seq(&events(&reference)));
    let length = reference.last().unwrap().0;
    for ((ms, _), (reference_ms, _)) in log[lap..].iter().zip(&reference) {
        assert!(ms.abs_diff(reference_ms + length) <= 1, "laps follow each other without drift");
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_limit_only_shortens_silences() {
    let items = session_items(1);
    let reference = Rig::play(&items, once()).played().await;
    let limit = Duration::from_secs(1);
    let log = Rig::play(&items, ReplayOptions { idle_limit: Some(limit), ..once() }).played().await;
    assert_same(&events(&log), &events(&reference));
    for (pair, reference) in log.windows(2).zip(reference.windows(2)) {
        let (gap, gap_before) = (pair[1].0 - pair[0].0, reference[1].0 - reference[0].0);
        assert!(gap <= gap_before + 1, "{gap} ms instead of {gap_before}");
    }
    assert!(log.last().unwrap().0 < reference.last().unwrap().0);
}

#[tokio::test(start_paused = true)]
async fn start_and_end_select_a_range() {
    let items = session_items(1);
    let range =
        ReplayOptions { start: Duration::from_secs(60), end: Some(Duration::from_secs(120)), ..once() };
    let log = Rig::play(&items, range.clone()).played().await;
    let fast = ReplayOptions { speed: Speed::Max, ..range };
    assert_same(&events(&Rig::play(&items, fast).played().await), &events(&log));
    let (first, last) = (&log[0], log.last().unwrap());
    assert_eq!((&first.1["type"], first.0), (&"connection_created".into(), 0));
    assert_eq!((&last.1["type"], last.0), (&"disconnected".into(), 60_000));
    let is_within = |event: &&Value| {
        ("2024-01-01T00:01:00.000Z".."2024-01-01T00:02:00.000Z").contains(&event["ts"].as_str().unwrap())
    };
    let reference = events(&Rig::play(&items, once()).played().await);
    let expected: Vec<_> = reference.iter().filter(is_within).map(|event| &event["id"]).collect();
    let ours: Vec<_> = log[1..log.len() - 1].iter().map(|(_, event)| &event["id"]).collect();
    // Only messages from before the range that repeat within it are new.
    let new = ours.iter().filter(|id| !expected.contains(id)).count();
    assert_eq!((ours.len(), expected.is_empty()), (expected.len() + new, false));
}

#[tokio::test(start_paused = true)]
async fn the_first_frame_waits_for_subscribers() {
    let show = Rig::play(&session_items(3), ReplayOptions { wait_clients: 2, ..once() });
    show.at_ms(5_000).await;
    assert_eq!(show.log().len(), 0);
    assert_eq!(show.control.replay().unwrap().state, ReplayPhase::Waiting);
    let second = show.hub.join(&Join::default()).unwrap();
    show.at_ms(5_010).await;
    assert_eq!(show.control.replay().unwrap().state, ReplayPhase::Playing);
    drop(second);
    let log = show.played().await;
    assert_eq!(log[0].0, 5_000);
}

#[tokio::test(start_paused = true)]
async fn a_step_broadcasts_one_frame_with_events() {
    let items = session_items(3);
    let reference = events(&Rig::play(&items, once()).played().await);
    let show = Rig::play(&items, once());
    show.order(ReplayOrder::Pause).await;
    let mut last = 0;
    while show.control.replay().is_some_and(|replay| replay.state != ReplayPhase::Ended) {
        let state = show.order(ReplayOrder::Step(1, Unit::Frames)).await;
        assert!(state.offset_ms >= last, "{state:?}");
        last = state.offset_ms;
    }
    let log = events(&show.played().await);
    assert_same(&log, &reference);
}

#[tokio::test(start_paused = true)]
async fn a_step_can_broadcast_one_event_of_a_frame() {
    let items = session_items(3);
    let reference = events(&Rig::play(&items, once()).played().await);
    let show = Rig::play(&items, once());
    show.order(ReplayOrder::Pause).await;
    let (mut before, mut frames) = (show.log().len(), 0);
    while show.control.replay().is_some_and(|replay| replay.state != ReplayPhase::Ended) {
        let offset = show.control.replay().unwrap().offset_ms;
        frames += usize::from(show.order(ReplayOrder::Step(1, Unit::Events)).await.offset_ms != offset);
        let now = show.log().len();
        assert!(now <= before + 1 || show.control.replay().unwrap().state == ReplayPhase::Ended);
        before = now;
    }
    let log = events(&show.played().await);
    assert_same(&log, &reference);
    assert!(frames > 1 && frames < log.len(), "{frames} frames, {} events", log.len());
}

/// What is left of a frame comes before whatever is played next, but after an injected event.
#[tokio::test(start_paused = true)]
async fn a_frame_that_is_stepped_through_is_completed() {
    // Those of the recording, in its first generation.
    let ids = |log: &[(u64, Value)]| {
        let ours = log.iter().filter(|(_, event)| event["injected"] != true);
        let ids = Vec::from_iter(ours.filter_map(|(_, event)| event["id"].as_str().map(str::to_owned)));
        Vec::from_iter(ids.into_iter().filter(|id| !id.contains('~')))
    };
    let items = session_items(3);
    let reference = ids(&Rig::play(&items, once()).played().await);
    let mut whole = 0;
    for next in
        [ReplayOrder::Step(1, Unit::Frames), ReplayOrder::Play, ReplayOrder::Seek(Duration::from_secs(5))]
    {
        let show = Rig::play(&items, once());
        show.order(ReplayOrder::Step(3, Unit::Events)).await;
        let stepped = show.log();
        let chat = serde_json::from_str(r#"{"type": "chat", "user": "a", "comment": "hi"}"#).unwrap();
        show.control.inject(chat).await.unwrap();
        let log = show.log();
        assert_eq!((log.len(), &log[stepped.len()].1["injected"]), (stepped.len() + 1, &true.into()));
        show.order(next.clone()).await;
        let frame = ids(&show.log());
        match next {
            ReplayOrder::Step(_, _) => whole = frame.len(),
            ReplayOrder::Seek(_) => assert_eq!(frame.len(), whole),
            _ => assert_eq!(ids(&show.played().await), reference),
        }
        assert!(frame.len() > ids(&stepped).len() && frame == reference[..frame.len()], "{frame:?}");
    }
}

/// What identifies an event in any generation.
fn key((_, event): &(u64, Value)) -> String {
    let id = event["id"].as_str().unwrap_or_default();
    format!("{} {} {}", event["ts"], event["type"], id.split('~').next().unwrap())
}

/// A show whose events before the pause are further away than what is searched first.
fn show_with_a_pause() -> Vec<Item> {
    let mut items = show();
    let half = items.len() / 2;
    items[half..].iter_mut().for_each(|item| item.offset += Duration::from_secs(86_400));
    items
}

#[tokio::test(start_paused = true)]
async fn a_step_back_shows_the_event_before_again() {
    for items in [session_items(3), show_with_a_pause()] {
        steps_back(&items).await;
    }
}

async fn steps_back(items: &[Item]) {
    let show = Rig::play(items, ReplayOptions { exit_when_done: false, ..once() });
    show.order(ReplayOrder::Step(10_000, Unit::Events)).await;
    let shown = Vec::from_iter(show.log().iter().map(key));
    assert_eq!(show.control.replay().unwrap().state, ReplayPhase::Ended);
    let last = || key(show.log().last().unwrap());
    for (generation, before) in (2..).zip(shown[..shown.len() - 1].iter().rev()) {
        let sent = show.log().len();
        let state = show.order(ReplayOrder::Step(-1, Unit::Events)).await;
        assert_eq!((state.state, state.generation), (ReplayPhase::Paused, generation));
        assert_eq!(last(), *before, "{generation}");
        assert_eq!(show.log()[sent].1["type"], "connection_created", "no rest of the frame");
    }
    assert_eq!(show.order(ReplayOrder::Step(-1, Unit::Events)).await.offset_ms, 0);
    // Forwards, each event follows once.
    let passed = show.log().len();
    show.order(ReplayOrder::Step(10_000, Unit::Events)).await;
    assert_eq!(Vec::from_iter(show.log()[passed..].iter().map(key)), shown);
    for back in [2, 7] {
        show.order(ReplayOrder::Step(10_000, Unit::Events)).await;
        show.order(ReplayOrder::Step(-back, Unit::Events)).await;
        assert_eq!(last(), shown[shown.len() - 1 - back as usize]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_back_by_a_frame_shows_the_whole_frame() {
    let show = Rig::play(&session_items(3), once());
    show.order(ReplayOrder::Pause).await;
    let mut frames = Vec::new();
    for _ in 0..30 {
        let before = show.log().len();
        show.order(ReplayOrder::Step(1, Unit::Frames)).await;
        frames.push(Vec::from_iter(show.log()[before..].iter().map(key)));
    }
    assert!(frames.iter().any(|frame| frame.len() > 1));
    // In the middle of the next frame.
    show.order(ReplayOrder::Step(1, Unit::Events)).await;
    for frame in frames.iter().rev() {
        let before = show.log().len();
        show.order(ReplayOrder::Step(-1, Unit::Frames)).await;
        // In a new generation, nothing is known to be repeated.
        let again = Vec::from_iter(show.log()[before..].iter().map(key));
        assert!(frame.iter().all(|event| again.contains(event)), "{again:#?} {frame:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_seek_to_an_event_shows_it_next() {
    let show = Rig::play(&session_items(3), once());
    show.order(ReplayOrder::Step(40, Unit::Events)).await;
    let shown = show.log();
    let in_reverse =
        [39, 38, 20, 3, 2, 0].map(|index: usize| (index, shown[index].1["seq"].as_u64().unwrap()));
    for (index, _) in in_reverse {
        // The same events again, in a generation of their own.
        show.order(ReplayOrder::Seek(Duration::ZERO)).await;
        let first = show.log().len();
        show.order(ReplayOrder::Step(40, Unit::Events)).await;
        let seq = show.log()[first + index].1["seq"].as_u64().unwrap();
        let state = show.order(ReplayOrder::SeekEvent(seq)).await;
        assert_eq!(state.state, ReplayPhase::Paused);
        show.order(ReplayOrder::Step(1, Unit::Events)).await;
        assert_eq!(key(show.log().last().unwrap()), key(&shown[index]), "{index}");
    }
    let head = show.log().last().unwrap().1["seq"].as_u64().unwrap();
    for seq in [0, in_reverse[0].1, head + 1, u64::MAX] {
        let problem = show.control.order(ReplayOrder::SeekEvent(seq)).await.unwrap_err();
        assert_eq!(problem.code, Code::OtherGeneration, "{seq}");
    }
    // Injected events are in no recording: their offset is.
    let chat = serde_json::from_str(r#"{"type": "chat", "user": "a", "comment": "hi"}"#).unwrap();
    let injected = show.control.inject(chat).await.unwrap();
    let state = show.order(ReplayOrder::SeekEvent(injected.seqs[0])).await;
    assert_eq!(state.offset_ms, injected.offset_ms);
    // While it plays, it goes on from there.
    show.order(ReplayOrder::Step(2, Unit::Events)).await;
    let (seq, before) = (show.log().last().unwrap().1["seq"].as_u64().unwrap(), show.log().len());
    show.order(ReplayOrder::Play).await;
    let state = show.order(ReplayOrder::SeekEvent(seq)).await;
    assert_eq!(state.state, ReplayPhase::Playing);
    show.at_ms(10_000_000).await;
    assert!(show.log().len() > before + 40);
}

#[tokio::test(start_paused = true)]
async fn the_user_is_known_wherever_a_replay_starts() {
    let show = Rig::play(&session_items(3), ReplayOptions { start: Duration::from_secs(5), ..once() });
    show.order(ReplayOrder::Step(1, Unit::Events)).await;
    let user = show.log()[0].1["username"].as_str().unwrap().to_owned();
    assert_eq!(show.control.status().username, Some(user));
}

#[tokio::test(start_paused = true)]
async fn a_step_in_a_loop_without_events_ends_after_a_lap() {
    let show = Rig::play(&session_items(3), ReplayOptions { wait_clients: 1, ..once() });
    show.order(ReplayOrder::Pause).await;
    // Nothing happens between two neighbouring items of different times.
    let items = session_items(3);
    let quiet =
        items.windows(2).find(|pair| pair[1].offset - pair[0].offset > Duration::from_millis(10)).unwrap();
    let (from, to) = (quiet[0].offset + Duration::from_millis(1), Some(quiet[1].offset));
    show.order(ReplayOrder::Loop { laps: None, from, to }).await;
    let before = show.log().len();
    let state = show.order(ReplayOrder::Step(10_000, Unit::Frames)).await;
    assert_eq!((state.state, state.from_ms), (ReplayPhase::Paused, u64::try_from(from.as_millis()).unwrap()));
    assert!(
        show.log()[before..].iter().all(|(_, event)| event["type"] == "connection_created"),
        "{:?}",
        &show.log()[before..]
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_final_is_inferred_at_its_own_time_at_every_speed() {
    // In session 1, all finals in separate frames are dropped.
    let filter = Filter { gifts: Gifts::Delta, ..Filter::default() };
    let items = session_items(1);
    let reference = Rig::play_filtered(&items, once(), filter).played().await;
    let inferred: Vec<_> = reference.iter().filter(|(_, event)| event["data"]["inferred"] == true).collect();
    for speed in [Speed::Times(7.0), Speed::Max] {
        let log = Rig::play_filtered(&items, ReplayOptions { speed, ..once() }, filter).played().await;
        assert_same(&events(&log), &events(&reference));
    }
    let idle = ReplayOptions { idle_limit: Some(Duration::from_millis(100)), ..once() };
    assert_same(&events(&Rig::play_filtered(&items, idle, filter).played().await), &events(&reference));
    assert!(!inferred.is_empty(), "session 1 has streaks without a final");
}

#[tokio::test(start_paused = true)]
async fn at_the_end_the_socket_stays_open_and_a_seek_starts_again() {
    let show =
        Rig::play(&session_items(3), ReplayOptions { exit_when_done: false, speed: Speed::Max, ..once() });
    show.at_ms(1_000).await;
    let ended = show.log().len();
    assert_eq!(show.log()[ended - 1].1["data"]["reason"], "recording_ended");
    assert_eq!(show.control.replay().unwrap().state, ReplayPhase::Ended);
    let state = show.order(ReplayOrder::Seek(Duration::ZERO)).await;
    assert_eq!((state.state, state.generation), (ReplayPhase::Playing, 2));
    show.at_ms(2_000).await;
    assert_eq!(show.log().len(), 2 * ended);
    show.control.shut_down();
    show.played().await;
}

#[tokio::test(start_paused = true)]
async fn a_loop_repeats_a_range() {
    let show = Rig::play(&session_items(2), once());
    let (from, to) = (Duration::from_secs(10), Some(Duration::from_secs(20)));
    let state = show.order(ReplayOrder::Loop { laps: Some(3), from, to }).await;
    assert_eq!((state.lap, state.laps, state.offset_ms), (1, Some(3), 10_000));
    assert_eq!((state.from_ms, state.to_ms), (10_000, Some(20_000)));
    let log = show.played().await;
    assert_eq!(log.last().unwrap().0, 30_000);
}

#[tokio::test(start_paused = true)]
async fn a_recording_without_length_loops_without_spinning() {
    let items = &session_items(3)[..1];
    let show = Rig::play(items, ReplayOptions { laps: None, ..once() });
    show.at_ms(1_005).await;
    // A lap every ten milliseconds; the end of each coincides with the start of the next.
    assert_eq!(show.control.replay().unwrap().lap, 102);
    show.control.shut_down();
    show.played().await;
}

#[tokio::test(start_paused = true)]
async fn a_loaded_recording_keeps_no_state_of_the_previous_one() {
    let options = ReplayOptions {
        laps: None,
        start: Duration::from_secs(1),
        end: Some(Duration::from_secs(9)),
        speed: Speed::Times(2.0),
        recordings: repository().join("recordings"),
        ..ReplayOptions::default()
    };
    let show = Rig::play(&session_items(3), options);
    let (from, to) = (Duration::from_secs(2), Some(Duration::from_secs(8)));
    show.order(ReplayOrder::Loop { laps: Some(3), from, to }).await;
    show.order(ReplayOrder::Speed(Speed::Times(10.0))).await;
    show.at_ms(100).await;
    show.order(ReplayOrder::Pause).await;
    let state = show.order(ReplayOrder::Load("short".into())).await;
    assert_eq!((state.laps, state.lap, state.from_ms, state.to_ms), (Some(1), 1, 0, None));
    // The server's own user is not that of the recording.
    assert_eq!((state.speed, state.state, state.offset_ms), (Speed::Times(2.0), ReplayPhase::Playing, 0));
    show.at_ms(1_100).await;
    assert_eq!(show.order(ReplayOrder::Pause).await.offset_ms, 2_000);
    show.control.shut_down();
    show.played().await;
}

#[tokio::test(start_paused = true)]
async fn invalid_orders_are_rejected() {
    let options = ReplayOptions { recordings: repository().join("recordings"), ..once() };
    let show = Rig::play(&session_items(3), options);
    show.ready().await;
    let from = Duration::from_secs(5);
    for order in [
        ReplayOrder::Seek(Duration::from_secs(10_000)),
        ReplayOrder::Step(0, Unit::Frames),
        ReplayOrder::Step(i32::MAX, Unit::Frames),
        ReplayOrder::Step(i32::MIN, Unit::Events),
        ReplayOrder::Loop { laps: Some(0), from, to: None },
        ReplayOrder::Loop { laps: None, from, to: Some(from) },
        ReplayOrder::Loop { laps: None, from: Duration::from_secs(10_000), to: None },
    ] {
        let problem = show.control.order(order.clone()).await.unwrap_err();
        assert_eq!(problem.code, Code::BadRequest, "{order:?}");
    }
    for name in ["", "..", "../Cargo", "a/b", "nowhere", ".hidden"] {
        let problem = show.control.order(ReplayOrder::Load(name.into())).await.unwrap_err();
        assert_eq!(problem.code, Code::RecordingNotFound, "{name}");
    }
    let problem = show.control.order(ReplayOrder::Load("demmo".into())).await.unwrap_err();
    assert!(problem.hint.starts_with("did you mean `demo`? choose one of: demo, "), "{}", problem.hint);
    assert_eq!(show.control.replay().unwrap().generation, 1);
}

/// A web page may load any file in the folder, and other programs may put any file there.
#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn only_regular_files_are_loaded() {
    let (folder, show) = loading();
    let path = |name: &str| folder.path().join(format!("{name}.bin"));
    std::os::unix::fs::symlink("/dev/zero", path("zero")).unwrap();
    std::os::unix::fs::symlink(path("short"), path("link")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(path("fifo")).status().unwrap().success());
    std::fs::create_dir(path("folder")).unwrap();
    std::fs::File::create(path("sparse")).unwrap().set_len(2 << 30).unwrap();
    show.ready().await;
    for name in ["zero", "link", "fifo", "folder", "sparse"] {
        let problem = show.control.order(ReplayOrder::Load(name.into())).await.unwrap_err();
        assert_eq!(problem.code, Code::BadRecording, "{name}: {problem}");
        assert!(!problem.message.contains('/'), "{problem}");
    }
    assert_eq!(show.order(ReplayOrder::Load("short".into())).await.recording, "short");
}

/// Queues all three commands before the file can be open, and compares the answers in order, so the speed of
/// the disk does not matter.
#[tokio::test(start_paused = true)]
async fn other_orders_do_not_wait_for_a_recording_to_open() {
    let (_folder, show) = loading();
    show.ready().await;
    let load = || ReplayOrder::Load("short".into());
    let (answers, mut answered) = mpsc::unbounded_channel();
    for (number, order) in [load(), ReplayOrder::Pause, load()].into_iter().enumerate() {
        let (control, answers) = (show.control.clone(), answers.clone());
        tokio::spawn(async move { answers.send((number, control.order(order).await)).unwrap() });
    }
    let mut next = async || {
        let (number, answer) = answered.recv().await.unwrap();
        (number, answer.map(|state| state.recording).map_err(|problem| problem.code))
    };
    assert_eq!(next().await, (1, Ok("test".to_owned())), "the file was waited for");
    assert_eq!(next().await, (0, Err(Code::RecordingBusy)), "only the last one is played");
    assert_eq!(next().await, (2, Ok("short".to_owned())));
}

/// A waiting replay, with a recording `short` to load instead.
fn loading() -> (tempfile::TempDir, Rig) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(repository().join("recordings/short.bin"), folder.path().join("short.bin")).unwrap();
    let recordings = folder.path().to_owned();
    let show = Rig::play(
        &session_items(1),
        ReplayOptions { recordings, wait_clients: 9, ..ReplayOptions::default() },
    );
    (folder, show)
}

/// Plays `bytes` for two laps; returns the counters and the report of the end.
async fn losses_of(bytes: &[u8], options: ReplayOptions) -> (Loss, bool, Loss) {
    let tape = Tape::from_bytes("test", bytes.to_vec().into());
    let mut show = Rig::play_tape(tape, ReplayOptions { laps: Some(2), ..options }, Filter::default());
    let summary = show.summary().await;
    let counts = show.control.status().counts;
    (counts.loss(), counts.unsealed, summary.loss)
}

#[tokio::test(start_paused = true)]
async fn missing_records_are_counted_once_for_any_number_of_laps() {
    let whole = recording(&session_items(3)[..40]);
    // The last record is `End`.
    let end = whole.windows(4).rposition(|word| word == [0xD1, 0xA5, 0x3C, 0x9E]).unwrap();
    assert_eq!(losses_of(&whole, once()).await, (Loss::default(), false, Loss::default()));
    let lost = Loss { bytes: 4, unsealed: true, ..Loss::default() };
    let mut cut = whole[..end].to_vec();
    cut.extend([0; 4]);
    assert_eq!(losses_of(&cut, once()).await, (lost, true, lost));
    let mut flipped = whole.to_vec();
    flipped[whole.len() / 2] ^= 1;
    let (counted, unsealed, _) = losses_of(&flipped, once()).await;
    assert_eq!((counted.records, unsealed), (1, false));
}

#[tokio::test(start_paused = true)]
async fn a_replay_cannot_start_beyond_the_end() {
    let tape = Tape::from_bytes("test", recording(&session_items(3)));
    let end = tape.duration().unwrap();
    let (control, mut driver) = Control::new();
    for (start, is_within) in [(end, true), (end + Duration::from_nanos(1), false)] {
        let hub = Hub::new("test".into(), Limits::default());
        let options = ReplayOptions { start, ..once() };
        let shutdown = control.shutdown().clone();
        let made = Replay::new(tape.clone(), options, hub, &mut driver, shutdown, |_| ());
        assert_eq!(made.err().map(|problem| problem.code), (!is_within).then_some(Code::BadRequest));
    }
}
