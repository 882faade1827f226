//! Tests the rules of a session, one by one and in any order.

use proptest::prelude::*;

use super::*;
use crate::wire::{BatchInfo, Push, compose};

const ROOM: i64 = 7_300_000_000_000_000_001;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn msg(log_id: u64, batch: &Batch) -> Bytes {
    let payload = wire::zip(&wire::write_batch(batch));
    wire::write_push(&Push { log_id, payload_type: "msg".into(), payload, ..Default::default() })
}

fn wants_ack(log_id: u64, internal_ext: &str) -> Bytes {
    let info = BatchInfo { need_ack: true, internal_ext: internal_ext.into(), ..Default::default() };
    msg(log_id, &Batch { info, ..Default::default() })
}

fn control(action: i32, is_history: bool) -> Batch {
    let message = Message { is_history, ..compose::control(compose::Stamp::default(), action) };
    Batch { messages: vec![message], ..Default::default() }
}

fn opened() -> Session {
    let mut session = Session::new(ROOM);
    session.handle_opened(at(0));
    session
}

fn sent(session: &mut Session) -> Vec<Bytes> {
    std::iter::from_fn(|| session.poll_transmit()).collect()
}

#[test]
fn the_session_enters_the_room_and_then_sends_heartbeats() {
    let mut session = Session::new(ROOM);
    assert_eq!((session.poll_transmit(), session.poll_timeout()), (None, None));
    session.handle_opened(at(0));
    assert_eq!(sent(&mut session), [client::enter_room(ROOM), client::heartbeat(ROOM)]);
    for beat in 1..20 {
        assert_eq!(session.poll_timeout(), Some(at(beat * 10)));
        session.handle_frame(at(beat * 10), &client::heartbeat(ROOM));
        session.handle_timeout(at(beat * 10));
        assert_eq!(sent(&mut session), [client::heartbeat(ROOM)]);
    }
}

#[test]
fn the_server_sets_the_heartbeat_interval() {
    for (heartbeat_ms, seconds) in [(30_000, 30), (15, 10), (0, 10), (-1, 10), (i64::MAX, 60)] {
        let mut session = Session::new(ROOM);
        let info = BatchInfo { heartbeat_ms, ..Default::default() };
        session.handle_initial_batch(&wire::write_batch(&Batch { info, ..Default::default() }));
        session.handle_opened(at(0));
        assert_eq!(session.poll_timeout(), Some(at(seconds)), "{heartbeat_ms}");
    }
}

#[test]
fn every_frame_that_requests_an_ack_gets_one() {
    let mut session = opened();
    sent(&mut session);
    session.handle_frame(at(1), &wants_ack(7, "ext"));
    session.handle_frame(at(1), &wants_ack(7, "ext"));
    session.handle_frame(at(1), &wants_ack(8, ""));
    session.handle_frame(at(1), &wants_ack(0, "ext"));
    session.handle_frame(at(1), &msg(9, &Batch::default()));
    assert_eq!(sent(&mut session), [client::ack(7, "ext"), client::ack(7, "ext"), client::ack(8, "")]);
}

#[test]
fn a_room_ends_by_control_or_close() {
    let ends = |frame: Bytes| {
        let mut session = opened();
        session.handle_frame(at(1), &frame);
        session.outcome().cloned()
    };
    assert_eq!(ends(msg(1, &control(3, false))), Some(Outcome::Ended(Ending::Ended)));
    assert_eq!(ends(msg(1, &control(4, false))), Some(Outcome::Ended(Ending::Suspended)));
    let close = Push { payload_type: "close".into(), ..Default::default() };
    assert_eq!(ends(wire::write_push(&close)), Some(Outcome::Ended(Ending::ClosePush)));
    for other in [control(1, false), control(2, false), control(9, false), control(3, true)] {
        assert_eq!(ends(msg(1, &other)), None);
    }
    assert_eq!(ends(Bytes::from_static(b"\xff\xff")), None);
}

#[test]
fn the_last_frame_is_acknowledged_too() {
    let mut session = opened();
    sent(&mut session);
    let info = BatchInfo { need_ack: true, ..Default::default() };
    session.handle_frame(at(1), &msg(5, &Batch { info, ..control(3, false) }));
    assert!(session.outcome().is_some());
    assert_eq!(sent(&mut session), [client::ack(5, "")]);
}

#[test]
fn silence_ends_the_session() {
    let mut session = opened();
    session.handle_frame(at(5), &wants_ack(1, ""));
    for second in (10..65).step_by(10) {
        session.handle_timeout(at(second));
        assert_eq!(session.outcome(), None);
    }
    assert_eq!(session.poll_timeout(), Some(at(65)));
    session.handle_timeout(at(65));
    assert_eq!((session.outcome(), session.poll_timeout()), (Some(&Outcome::Stale), None));
    assert_eq!(session.healthy_for(), at(5));
}

#[derive(Clone, Debug)]
enum Step {
    WantsAck(u64, String),
    Frame(Vec<u8>),
    Control(i32),
    ClosePush,
    Timeout,
    Late(u64),
    Sent,
    Closed,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_u64, "[a-z]{0,3}").prop_map(|(log_id, ext)| Step::WantsAck(log_id, ext)),
        2 => prop::collection::vec(any::<u8>(), 0..12).prop_map(Step::Frame),
        1 => (0..6).prop_map(Step::Control),
        1 => Just(Step::ClosePush),
        4 => Just(Step::Timeout),
        2 => (0..50_000_u64).prop_map(Step::Late),
        4 => Just(Step::Sent),
        1 => Just(Step::Closed),
    ]
}

proptest! {
    #[test]
    fn the_rules_hold_in_any_order(steps in prop::collection::vec(step(), 0..60)) {
        let (mut session, mut now) = (opened(), Duration::ZERO);
        let (mut expected, mut acks) = (Vec::new(), Vec::new());
        for step in steps {
            let over = session.outcome().is_some();
            match step {
                Step::WantsAck(log_id, ext) => {
                    session.handle_frame(now, &wants_ack(log_id, &ext));
                    if !over && log_id != 0 {
                        expected.push(client::ack(log_id, &ext));
                    }
                }
                Step::Frame(bytes) => session.handle_frame(now, &bytes.into()),
                Step::Control(action) => session.handle_frame(now, &msg(1, &control(action, false))),
                Step::ClosePush => session.handle_frame(now, &Bytes::from_static(b"\x3a\x05close")),
                Step::Timeout => {
                    now = session.poll_timeout().unwrap_or(now).max(now);
                    session.handle_timeout(now);
                }
                Step::Late(millis) => {
                    now += Duration::from_millis(millis);
                    session.handle_timeout(now);
                }
                Step::Sent => {}
                Step::Closed => {
                    session.handle_closed(1006, "");
                    prop_assert!(session.outcome().is_some());
                }
            }
            let lost = matches!(session.outcome(), Some(Outcome::Closed(..) | Outcome::Stale));
            if !over && lost {
                expected = acks.clone();
            }
            let frames = sent(&mut session);
            let heartbeats = frames.iter().filter(|frame| **frame == client::heartbeat(ROOM)).count();
            prop_assert!(heartbeats <= 1);
            let enter = client::enter_room(ROOM);
            acks.extend(frames.into_iter().filter(|f| *f != enter && *f != client::heartbeat(ROOM)));
            prop_assert_eq!(&acks, &expected);
            // Once handled, a timeout is not requested again for the same time.
            if let Some(due) = session.poll_timeout().filter(|due| *due <= now) {
                session.handle_timeout(now);
                prop_assert!(session.poll_timeout().is_none_or(|next| next > due));
            }
            prop_assert_eq!(session.outcome().is_some(), session.poll_timeout().is_none());
            if over {
                prop_assert!(session.outcome().is_some());
            }
        }
    }
}
