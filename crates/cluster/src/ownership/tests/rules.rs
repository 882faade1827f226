//! Tests the rules of readers and members one by one.

use std::time::Duration;

use bytes::Bytes;

use super::super::{
    Action, Body, Closed, Delivery, Encoded, Epoch, Fault, Input, LeaseReply, Member, OfferError, Offered,
    Options, Outcome, Piece, Progress, Reader, Record, StepDown,
    member::REPEAT_TIME,
    record::{CONTENT_BYTES_MAX, PROGRESS_BYTES_MAX, VERSION},
};

pub(super) const LOG: u64 = 5;

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(super) fn event(json: &'static str) -> Encoded {
    Encoded { json: Bytes::from_static(json.as_bytes()), ..Encoded::default() }
}

/// Nothing was said about the source.
pub(super) fn silent() -> Delivery {
    Delivery::Progress(Progress::default())
}

pub(super) fn offered(jsons: &[&'static str]) -> Vec<Offered> {
    let offered = |json| Offered { event: Some(event(json)), progress: Progress::default() };
    jsons.iter().copied().map(offered).collect()
}

pub(super) fn record(node: &str, epoch: u64, after: u64, body: Body) -> Bytes {
    let (stream, node, body) = ("s".to_owned(), node.into(), Some(body));
    Record { stream, node, epoch, after, log: LOG, body, ..Record::default() }.to_bytes()
}

pub(super) fn opens(node: &str, epoch: u64, after: u64, head: u64) -> Bytes {
    record(node, epoch, after, Body::Epoch(Epoch { head, continues: false }))
}

pub(super) fn piece(node: &str, epoch: u64, after: u64, first: u64) -> Bytes {
    record(node, epoch, after, Body::Piece(Piece { first, events: vec![event("{}")] }))
}

/// A reader after an epoch of node `a` at 1 and the first event at 2.
pub(super) fn reader() -> Reader {
    let mut reader = Reader::default();
    reader.restart(LOG);
    reader.read(0, 1, &opens("a", 1, 0, 0)).unwrap();
    let news = reader.read(1, 2, &piece("a", 1, 1, 1)).unwrap();
    assert_eq!(news, [Delivery::Events { first: 1, events: vec![event("{}")] }, silent()]);
    reader
}

#[track_caller]
fn fault(news: &[Delivery]) -> &Fault {
    let [Delivery::Fault(fault)] = news else { panic!("{news:?}") };
    fault
}

#[test]
fn messages_are_read_once_and_holes_are_read_again() {
    let mut reader = reader();
    assert_eq!(reader.read(1, 2, &piece("a", 1, 1, 1)), Some(vec![]));
    assert_eq!(reader.read(5, 9, &piece("a", 1, 5, 3)), None);
    // Whatever a message says, the bus knows what it follows.
    assert_eq!(reader.read(5, 9, &piece("a", 1, 2, 2)), None);
    assert_eq!(reader.read(5, 9, &Bytes::from_static(b"foreign")), None);
    assert_eq!(reader.read(2, 5, &piece("a", 1, 2, 2)).unwrap().len(), 2);
    assert_eq!((reader.last, reader.head), (5, 2));
}

#[test]
fn records_that_are_gone_are_a_gap_and_the_next_one_tells_the_progress() {
    let mut reader = reader();
    let progress = Progress { passed: 4, ..Progress::default() };
    let next = Record::from_bytes(LOG, &piece("a", 1, 8, 4)).unwrap();
    let next = Record { progress: progress.clone(), ..next }.to_bytes();
    let events = Delivery::Events { first: 4, events: vec![event("{}")] };
    let gap = Delivery::Gap { first: 2, last: 3 };
    assert_eq!(reader.read_stored(9, &next), [gap, events, Delivery::Progress(progress)]);
}

#[test]
fn a_log_that_is_read_again_delivers_only_later_events() {
    let mut reader = reader();
    reader.restart(LOG);
    let epoch = Delivery::Epoch { node: "a".into(), epoch: 1 };
    assert_eq!(reader.read_stored(1, &opens("a", 1, 0, 0)), [epoch]);
    let early = Record::from_bytes(LOG, &record("a", 1, 1, Body::Piece(Piece { first: 1, events: vec![] })));
    let progress = Progress { passed: 1, ..Progress::default() };
    assert_eq!(reader.read_stored(2, &Record { progress, ..early.unwrap() }.to_bytes()), []);
    assert!(reader.needs_new_stream());
    assert_eq!(reader.read_stored(3, &piece("a", 1, 2, 1)), [silent()]);
    assert_eq!(reader.read_stored(4, &piece("a", 1, 3, 2)).len(), 2);
}

#[test]
fn a_log_that_went_back_is_noticed_also_if_it_has_earlier_streams() {
    let of = |bytes: &Bytes| {
        let record = Record::from_bytes(LOG, bytes).unwrap();
        Record { stream: "later".into(), ..record }.to_bytes()
    };
    let earlier = [opens("a", 1, 0, 0), piece("a", 1, 1, 1)];
    let later = [opens("b", 1, 2, 0), piece("b", 1, 3, 1), piece("b", 1, 4, 2)].map(|it| of(&it));
    let mut reader = reader();
    for (sequence, bytes) in (3..).zip(&later) {
        reader.read(sequence - 1, sequence, bytes).unwrap();
    }
    reader.restart(LOG);
    for (sequence, bytes) in (1..).zip(earlier.iter().chain(&later[..2])) {
        reader.read_stored(sequence, bytes);
    }
    assert_eq!((reader.stream(), reader.head), ("later", 1));
    assert!(reader.needs_new_stream());
    reader.read_stored(5, &later[2]);
    assert!(!reader.needs_new_stream());
}

#[test]
fn records_of_anybody_but_the_owner_do_not_count() {
    let mut reader = reader();
    let news = reader.read(2, 3, &piece("b", 1, 2, 2)).unwrap();
    assert!(matches!(fault(&news), Fault::Stale { .. }), "{news:?}");
    let news = reader.read(3, 4, &opens("b", 1, 3, 1)).unwrap();
    assert!(matches!(fault(&news), Fault::Stale { .. }), "{news:?}");
    let news = reader.read(4, 5, &piece("a", 1, 2, 2)).unwrap();
    assert!(matches!(fault(&news), Fault::Unfenced { sequence: 5, after: 2, last: 4 }), "{news:?}");
    let news = reader.read(5, 6, &piece("a", 1, 5, 1)).unwrap();
    assert!(matches!(fault(&news), Fault::Renumbered { number: 1, head: 1, .. }), "{news:?}");
    assert_eq!(
        reader.read(6, 7, &opens("b", 2, 6, 1)),
        Some(vec![Delivery::Epoch { node: "b".into(), epoch: 2 }])
    );
    let news = reader.read(7, 8, &piece("a", 1, 7, 2)).unwrap();
    assert!(matches!(fault(&news), Fault::Stale { epoch: 1, .. }), "{news:?}");
}

#[test]
fn numbers_that_may_have_been_used_are_not_used_again() {
    let foreign = Bytes::from_static(b"foreign");
    let mut reader = reader();
    reader.read_stored(3, &foreign);
    assert!(!reader.needs_new_stream());
    reader.read(3, 7, &foreign).unwrap();
    assert!(!reader.needs_new_stream());
    // Records between the two may be gone.
    reader.read_stored(9, &foreign);
    assert!(reader.needs_new_stream());
    reader.read(9, 10, &piece("a", 1, 9, 2)).unwrap();
    assert!(!reader.needs_new_stream());
}

pub(super) fn actions(member: &mut Member) -> Vec<Action> {
    std::iter::from_fn(|| member.poll()).collect()
}

/// A member with a lease of 4 s, which has read the log to its end.
pub(super) fn member() -> Member {
    let mut member = Member::new(Options { lease: ms(4_000), waiting_events_max: 3, ..Options::new("a") });
    assert_eq!(actions(&mut member), [Action::ReadTail { after: 0 }]);
    member.handle(ms(0), Input::Tail { log: LOG, messages: vec![], newest: 0, last: 0 });
    member.handle(ms(0), Input::Start { stream: "s".into() });
    assert_eq!(actions(&mut member), [Action::TakeLease { revision: None, sent: ms(0) }]);
    member
}

/// A member that holds the lease, and has published its first record.
fn opening() -> (Member, u64, Bytes) {
    let mut member = member();
    member.handle(ms(10), Input::Lease(LeaseReply::Held { revision: 1, sent: ms(0) }));
    assert_eq!(actions(&mut member), [Action::ReadTail { after: 0 }]);
    member.handle(ms(20), Input::Tail { log: LOG, messages: vec![], newest: 0, last: 0 });
    let [Action::Publish { token, expected: 0, bytes, .. }] = &actions(&mut member)[..] else { panic!() };
    (member, *token, bytes.clone())
}

pub(super) fn owner() -> Member {
    let (mut member, token, _) = opening();
    member.handle(ms(30), Input::Published { token, outcome: Outcome::Stored { sequence: 1 } });
    let actions = actions(&mut member);
    let stream = Action::Deliver(Delivery::Stream { name: "s-1".into(), head: 0, continues: false });
    let epoch = Action::Deliver(Delivery::Epoch { node: "a".into(), epoch: 1 });
    assert_eq!(actions, [stream, epoch, Action::OpenUpstream]);
    member
}

#[track_caller]
pub(super) fn published(member: &mut Member) -> (u64, u64, Bytes) {
    let actions = actions(member);
    let [Action::Publish { token, expected, bytes, .. }] = &actions[..] else { panic!("{actions:?}") };
    (*token, *expected, bytes.clone())
}

pub(super) fn stepped_down(reason: StepDown, unpublished: usize, uncertain: usize) -> Action {
    Action::SteppedDown { reason, unpublished, uncertain }
}

#[test]
fn one_record_is_in_flight_and_waiting_events_are_joined() {
    let mut member = owner();
    member.offer(ms(40), offered(&["1"])).unwrap();
    let (token, expected, _) = published(&mut member);
    assert_eq!(expected, 1);
    member.offer(ms(40), offered(&["2"])).unwrap();
    member.offer(ms(40), offered(&["3"])).unwrap();
    assert_eq!(actions(&mut member), [], "nobody gets an event before it is stored");
    member.handle(ms(50), Input::Published { token, outcome: Outcome::Stored { sequence: 2 } });
    let actions = actions(&mut member);
    assert_eq!(actions[0], Action::Deliver(Delivery::Events { first: 1, events: vec![event("1")] }));
    let Action::Publish { bytes, expected: 2, .. } = &actions[2] else { panic!("{actions:?}") };
    let joined = Record::from_bytes(LOG, bytes).unwrap();
    assert_eq!(joined.body, Some(Body::Piece(Piece { first: 2, events: vec![event("2"), event("3")] })));
}

#[test]
fn without_an_answer_the_same_record_is_published_again_and_the_log_decides() {
    let mut member = owner();
    member.offer(ms(40), offered(&["1"])).unwrap();
    let first = published(&mut member);
    member.offer(ms(41), offered(&["2"])).unwrap();
    member.handle(ms(100), Input::Published { token: first.0, outcome: Outcome::Unanswered });
    assert_eq!((actions(&mut member), member.deadline()), (vec![], Some(ms(350))));
    member.handle(ms(350), Input::Tick);
    assert_eq!(published(&mut member), first, "with the same bytes and expectation");
    member.handle(ms(360), Input::Published { token: first.0, outcome: Outcome::Rejected });
    assert_eq!(actions(&mut member), [Action::ReadTail { after: 0 }]);
    member.handle(ms(370), Input::Tail { log: LOG, messages: vec![(2, first.2)], newest: 2, last: 2 });
    let actions = actions(&mut member);
    assert_eq!(actions[0], Action::Deliver(Delivery::Events { first: 1, events: vec![event("1")] }));
    assert!(matches!(actions[2], Action::Publish { expected: 2, .. }), "{actions:?}");
}

#[test]
fn an_owner_steps_down_when_the_log_has_another_one() {
    let mut member = owner();
    member.offer(ms(40), offered(&["1"])).unwrap();
    let (token, ..) = published(&mut member);
    member.handle(ms(50), Input::Published { token, outcome: Outcome::Rejected });
    actions(&mut member);
    let other = Record { stream: "s-1".into(), ..Record::from_bytes(LOG, &opens("b", 2, 1, 0)).unwrap() };
    member
        .handle(ms(60), Input::Tail { log: LOG, messages: vec![(2, other.to_bytes())], newest: 2, last: 2 });
    let (released, down) = (Action::ReleaseLease { revision: 1 }, stepped_down(StepDown::Superseded, 0, 1));
    assert_eq!(actions(&mut member)[1..], [Action::CloseUpstream, released, down]);
}

#[test]
fn a_foreign_message_delays_a_record_but_does_not_stop_it() {
    let mut member = owner();
    member.offer(ms(40), offered(&["1"])).unwrap();
    let (token, ..) = published(&mut member);
    member.handle(ms(50), Input::Published { token, outcome: Outcome::Rejected });
    assert_eq!(actions(&mut member), [Action::ReadTail { after: 0 }]);
    member.handle(
        ms(60),
        Input::Tail { log: LOG, messages: vec![(2, Bytes::from_static(b"?"))], newest: 2, last: 2 },
    );
    let actions = actions(&mut member);
    assert!(matches!(actions[0], Action::Deliver(Delivery::Fault(_))), "{actions:?}");
    assert!(matches!(actions[1], Action::Publish { expected: 2, token: again, .. } if again != token));
}

#[test]
fn an_owner_that_cannot_renew_closes_its_upstream_a_second_before_the_lease_ends() {
    let mut member = owner();
    member.offer(ms(40), offered(&["1", "2"])).unwrap();
    member.offer(ms(40), offered(&["3"])).unwrap();
    published(&mut member);
    assert_eq!(member.deadline(), Some(ms(1_000)));
    member.handle(ms(1_000), Input::Tick);
    assert_eq!(actions(&mut member), [Action::TakeLease { revision: Some(1), sent: ms(1_000) }]);
    assert_eq!(member.deadline(), Some(ms(3_000)));
    member.handle(ms(3_000), Input::Tick);
    let released = Action::ReleaseLease { revision: 1 };
    let down = stepped_down(StepDown::LeaseEnding, 1, 2);
    assert_eq!(actions(&mut member), [Action::CloseUpstream, released, down]);
    assert_eq!(member.offer(ms(3_000), offered(&["4"])), Err(OfferError::NotOwner));
}

#[test]
fn an_owner_that_was_stopped_steps_down_before_anything_else() {
    let mut member = owner();
    member.handle(
        ms(60_000),
        Input::Message { log: LOG, previous: 1, sequence: 2, bytes: opens("b", 2, 1, 0) },
    );
    assert_eq!(actions(&mut member)[0], Action::CloseUpstream);
    // Stopped between reading the tail and the answer to its first record.
    let (mut member, token, _) = opening();
    member.handle(ms(60_000), Input::Published { token, outcome: Outcome::Stored { sequence: 1 } });
    let down = stepped_down(StepDown::LeaseEnding, 0, 0);
    assert!(actions(&mut member).starts_with(&[Action::ReleaseLease { revision: 1 }, down]));
    assert!(!member.is_owner());
}

#[test]
fn a_first_record_that_is_rejected_is_followed_by_another_reading() {
    let (mut member, token, _) = opening();
    member.handle(ms(30), Input::Published { token, outcome: Outcome::Rejected });
    assert_eq!(actions(&mut member), [Action::ReadTail { after: 0 }]);
    let messages = vec![(1, opens("b", 1, 0, 0)), (2, piece("b", 1, 1, 1))];
    member.handle(ms(40), Input::Tail { log: LOG, messages, newest: 2, last: 2 });
    assert_eq!(
        actions(&mut member).pop(),
        Some(Action::ReleaseLease { revision: 1 }),
        "it does not know what was after"
    );
    // The owner is alive.
    member.hear_owner(ms(290), true);
    member.handle(ms(290), Input::LeaseFree);
    member.handle(ms(2_040), Input::Tick);
    member.handle(ms(2_050), Input::Lease(LeaseReply::Held { revision: 2, sent: ms(2_040) }));
    member.handle(ms(2_060), Input::Tail { log: LOG, messages: vec![], newest: 2, last: 2 });
    let actions = actions(&mut member);
    let Some(Action::Publish { expected: 2, bytes, .. }) = actions.last() else { panic!("{actions:?}") };
    let record = Record::from_bytes(LOG, bytes).unwrap();
    assert_eq!(
        (record.epoch, record.stream.as_str(), record.body),
        (2, "s", Some(Body::Epoch(Epoch { head: 1, continues: false })))
    );
}

#[test]
fn an_orderly_stop_stores_everything_before_it_releases_the_lease() {
    let mut member = owner();
    member.offer(ms(40), offered(&["1"])).unwrap();
    let (token, ..) = published(&mut member);
    member.offer(ms(40), offered(&["2"])).unwrap();
    member.handle(ms(50), Input::Stop);
    assert_eq!(actions(&mut member), [Action::CloseUpstream]);
    member.handle(ms(60), Input::Published { token, outcome: Outcome::Stored { sequence: 2 } });
    let Some(Action::Publish { token, .. }) = actions(&mut member).pop() else { panic!() };
    member.handle(ms(70), Input::Published { token, outcome: Outcome::Stored { sequence: 3 } });
    let Some(Action::Publish { token, bytes, .. }) = actions(&mut member).pop() else { panic!() };
    let last = Record::from_bytes(LOG, &bytes).unwrap();
    assert_eq!(last.body, Some(Body::Closed(Closed { head: 2 })));
    member.handle(ms(80), Input::Published { token, outcome: Outcome::Stored { sequence: 4 } });
    let down = stepped_down(StepDown::Stopped, 0, 0);
    assert_eq!(actions(&mut member), [Action::ReleaseLease { revision: 1 }, down]);
    assert_eq!(member.deadline(), None);
}

/// Otherwise a cluster that was stopped properly would begin another stream.
#[test]
fn a_node_that_stops_while_it_becomes_the_owner_closes_the_log() {
    let (mut member, token, _) = opening();
    member.handle(ms(25), Input::Stop);
    assert!(actions(&mut member).is_empty() && member.is_busy());
    member.handle(ms(30), Input::Published { token, outcome: Outcome::Stored { sequence: 1 } });
    let [.., Action::Publish { token, bytes, .. }] = &actions(&mut member)[..] else { panic!() };
    let last = Record::from_bytes(LOG, bytes).unwrap();
    assert_eq!(last.body, Some(Body::Closed(Closed { head: 0 })));
    member.handle(ms(40), Input::Published { token: *token, outcome: Outcome::Stored { sequence: 2 } });
    let down = stepped_down(StepDown::Stopped, 0, 0);
    assert_eq!(actions(&mut member), [Action::ReleaseLease { revision: 1 }, down]);
    // Another record came first.
    let (mut member, token, _) = opening();
    member.handle(ms(25), Input::Stop);
    member.handle(ms(30), Input::Published { token, outcome: Outcome::Rejected });
    actions(&mut member);
    let messages = vec![(1, opens("b", 1, 0, 0))];
    member.handle(ms(40), Input::Tail { log: LOG, messages, newest: 1, last: 1 });
    assert!(actions(&mut member).contains(&stepped_down(StepDown::Stopped, 0, 0)));
}

/// Otherwise nobody could own the channel for the rest of the lease.
#[test]
fn a_node_that_stops_while_it_asks_for_the_lease_releases_it() {
    let mut member = member();
    member.handle(ms(5), Input::Stop);
    assert!(member.is_busy());
    member.handle(ms(10), Input::Lease(LeaseReply::Held { revision: 1, sent: ms(0) }));
    assert_eq!(actions(&mut member), [Action::ReleaseLease { revision: 1 }]);
    assert!(!member.is_busy());
}

#[test]
fn a_channel_that_nobody_owns_is_noticed_after_two_leases() {
    let mut member = member();
    member.hear_owner(ms(1_000), false);
    assert!(!member.is_unowned(ms(8_999)));
    assert!(member.is_unowned(ms(9_000)));
    // A node that only has the lease is not the owner.
    for answer in [LeaseReply::Taken, LeaseReply::Missing] {
        member.handle(ms(9_000), Input::Lease(answer));
        assert!(member.is_unowned(ms(9_000)));
    }
    member
        .handle(ms(9_100), Input::Message { log: LOG, previous: 0, sequence: 1, bytes: opens("b", 1, 0, 0) });
    assert!(!member.is_unowned(ms(9_100)));
    let owner = owner();
    assert!(!owner.is_unowned(ms(90_000)));
}

#[test]
fn a_lease_that_cannot_be_stored_is_asked_for_again_soon() {
    let mut member = member();
    member.handle(ms(10), Input::Lease(LeaseReply::Missing));
    assert_eq!(member.deadline(), Some(ms(260)));
    let mut member = owner();
    member.handle(ms(1_000), Input::Tick);
    actions(&mut member);
    member.handle(ms(1_010), Input::Lease(LeaseReply::Missing));
    assert!(actions(&mut member).contains(&stepped_down(StepDown::LeaseLost, 0, 0)));
}

#[test]
fn offers_are_bounded() {
    let mut member = owner();
    let bytes = |size: usize| Bytes::from(vec![b'x'; size]);
    let event = Some(Encoded { json: bytes(CONTENT_BYTES_MAX), ..Encoded::default() });
    let large_event = Offered { event, progress: Progress::default() };
    let progress = Progress { intent: bytes(PROGRESS_BYTES_MAX), ..Progress::default() };
    for large in [large_event, Offered { event: None, progress }] {
        assert!(matches!(member.offer(ms(40), vec![large]), Err(OfferError::TooLarge { .. })));
    }
    (1..=4).for_each(|_| member.offer(ms(40), offered(&["x"])).unwrap());
    assert_eq!((member.waiting(), member.next_number()), (3, 5), "one is in flight");
    assert!(!member.has_room());
    assert_eq!(member.offer(ms(40), offered(&["5"])), Err(OfferError::Full));
}

/// Renews the lease every second.
fn hold(member: &mut Member, seconds: std::ops::RangeInclusive<u64>) {
    for now in seconds.map(Duration::from_secs) {
        member.handle(now, Input::Tick);
        member.handle(now, Input::Lease(LeaseReply::Held { revision: 2, sent: now }));
    }
    actions(member);
}

#[test]
fn a_quiet_owner_repeats_its_progress_before_the_log_forgets_it() {
    let mut member = owner();
    let quiet = REPEAT_TIME.as_secs();
    let publishes = |action: &Action| matches!(action, Action::Publish { .. });
    hold(&mut member, 1..=quiet - 1);
    assert_eq!(actions(&mut member), []);
    let now = Duration::from_secs(quiet + 1);
    member.handle(now - ms(1_000), Input::Tick);
    member.handle(now - ms(1_000), Input::Lease(LeaseReply::Held { revision: 2, sent: now - ms(1_000) }));
    assert!(!actions(&mut member).iter().any(publishes));
    member.handle(now, Input::Tick);
    let told = actions(&mut member);
    let Some(Action::Publish { token, bytes, .. }) = told.iter().find(|it| publishes(it)) else {
        panic!("{told:?}")
    };
    let record = Record::from_bytes(LOG, bytes).unwrap();
    assert_eq!(record.body, Some(Body::Piece(Piece { first: 1, events: vec![] })));
    member.handle(now, Input::Published { token: *token, outcome: Outcome::Stored { sequence: 2 } });
    member.handle(now, Input::Tick);
    assert!(member.is_owner() && !actions(&mut member).iter().any(publishes));
}

#[test]
fn a_log_of_a_newer_version_is_not_continued() {
    let mut newer = piece("b", 3, 2, 9).to_vec();
    newer[4] = VERSION + 1;
    let mut member = member();
    member.handle(ms(10), Input::Lease(LeaseReply::Held { revision: 1, sent: ms(0) }));
    actions(&mut member);
    let messages = vec![(1, opens("b", 1, 0, 0)), (2, piece("b", 1, 1, 1)), (3, newer.into())];
    member.handle(ms(20), Input::Tail { log: LOG, messages, newest: 3, last: 3 });
    let down = stepped_down(StepDown::Unreadable, 0, 0);
    assert!(actions(&mut member).ends_with(&[Action::ReleaseLease { revision: 1 }, down]));
    assert_eq!(member.deadline(), None, "it leaves the lease to others");
    // An owner of this version takes over.
    member.handle(ms(30), Input::Message { log: LOG, previous: 3, sequence: 4, bytes: opens("c", 4, 3, 9) });
    let gap = Action::Deliver(Delivery::Gap { first: 2, last: 9 });
    assert_eq!(actions(&mut member)[0], gap);
    assert!(member.deadline().is_some());
}

#[test]
fn a_message_for_another_log_makes_a_member_read_the_log() {
    let mut member = owner();
    let bytes = Record { log: LOG + 1, ..Record::from_bytes(LOG, &piece("b", 1, 1, 1)).unwrap() }.to_bytes();
    member.handle(ms(40), Input::Message { log: LOG, previous: 1, sequence: 2, bytes });
    assert_eq!(actions(&mut member)[0], Action::ReadTail { after: 1 });
}

#[test]
fn planned_restarts_are_not_a_duel() {
    for is_planned in [true, false] {
        let (mut member, mut last) = (member(), 0);
        for epoch in 1..8 {
            let closed = Body::Closed(Closed { head: 0 });
            let closed = is_planned.then(|| record("b", epoch, last + 1, closed));
            for bytes in [opens("b", epoch, last, 0)].into_iter().chain(closed) {
                let (previous, sequence) = (last, last + 1);
                member.handle(ms(10 * epoch), Input::Message { log: LOG, previous, sequence, bytes });
                last = sequence;
            }
        }
        assert_eq!(member.reader().owner(), ("b", 7));
        assert_eq!(member.is_contested(ms(100)), !is_planned);
    }
}

/// A node that was restarted reads at once what happened before.
#[test]
fn the_past_of_a_log_is_not_a_duel() {
    let mut member = Member::new(Options::new("a"));
    let messages = (1..8).map(|epoch| (epoch, opens("b", epoch, epoch - 1, 0))).collect();
    member.handle(ms(10), Input::Tail { log: LOG, messages, newest: 7, last: 7 });
    assert_eq!(member.reader().owner(), ("b", 7));
    assert!(!member.is_contested(ms(20)));
}
