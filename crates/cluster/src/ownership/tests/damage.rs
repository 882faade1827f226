//! Tests what readers and members do when messages are removed, refused or forged, and that numbers are not used again if
//! the storage is older than what was acknowledged.

use bytes::Bytes;

use super::{
    super::{
        Action, Body, Closed, Delivery, Epoch, Input, LeaseReply, Member, Outcome, Piece, Reader, Record,
        StepDown, record::NUMBER_MAX,
    },
    rules::{
        LOG, actions, event, member, ms, offered, opens, owner, piece, published, reader, record, silent,
        stepped_down,
    },
};

#[test]
fn readers_continue_after_a_purge() {
    // Nothing is left before the next message.
    let mut current = reader();
    assert_eq!(current.read(0, 3, &piece("a", 1, 2, 2)).unwrap().len(), 2);
    // This one had not read everything.
    let mut late = reader();
    let gap = Delivery::Gap { first: 2, last: 3 };
    assert_eq!(late.read(0, 5, &piece("a", 1, 4, 4)).unwrap()[0], gap);
    // A foreign message does not tell which records were before it.
    let mut late = reader();
    late.read(0, 5, &Bytes::from_static(b"foreign")).unwrap();
    assert_eq!(late.read(5, 6, &opens("b", 7, 5, 9)).unwrap()[0], Delivery::Gap { first: 2, last: 9 });
    let mut new = Reader::default();
    new.restart(LOG);
    new.skip_to(2);
    assert!(new.needs_new_stream() && !current.needs_new_stream());
}

#[test]
fn an_owner_that_knows_everything_survives_a_purge() {
    let mut member = owner();
    member.handle(ms(40), Input::Message { log: LOG, previous: 9, sequence: 10, bytes: Bytes::new() });
    assert_eq!(actions(&mut member), [Action::ReadTail { after: 0 }]);
    member.handle(ms(50), Input::Tail { log: LOG, messages: vec![], newest: 0, last: 1 });
    member.offer(ms(60), offered(&["1"])).unwrap();
    assert!(matches!(published(&mut member), (_, 1, _)));
    // A message that nobody here has read is gone.
    member.handle(ms(70), Input::Message { log: LOG, previous: 9, sequence: 10, bytes: Bytes::new() });
    actions(&mut member);
    let gone = || Input::Tail { log: LOG, messages: vec![], newest: 0, last: 2 };
    member.handle(ms(80), gone());
    member.handle(ms(330), Input::Tick);
    assert!(member.is_owner());
    member.handle(ms(340), gone());
    assert!(actions(&mut member).contains(&stepped_down(StepDown::LogLost, 0, 1)));
}

#[test]
fn a_removed_message_that_is_on_its_way_is_awaited() {
    let mut member = member();
    let first = opens("b", 1, 0, 0);
    member.handle(ms(10), Input::Message { log: LOG, previous: 1, sequence: 2, bytes: Bytes::new() });
    assert_eq!(actions(&mut member), [Action::ReadTail { after: 0 }]);
    // NATS passes on each message, but removed the second before it told the end of the log.
    member.handle(ms(20), Input::Tail { log: LOG, messages: vec![(1, first)], newest: 1, last: 2 });
    member.handle(ms(40), Input::Message { log: LOG, previous: 1, sequence: 2, bytes: piece("b", 1, 1, 1) });
    member.handle(ms(280), Input::Tick);
    member.handle(ms(290), Input::Tail { log: LOG, messages: vec![], newest: 1, last: 2 });
    assert_eq!(member.reader().last, 2);
    assert!(!member.reader().needs_new_stream());
}

#[test]
fn a_message_that_arrives_after_a_hole_and_is_removed_is_not_missing() {
    let mut member = member();
    let message = |previous, sequence, bytes| Input::Message { log: LOG, previous, sequence, bytes };
    member.handle(ms(10), message(1, 2, piece("b", 1, 1, 1)));
    member.handle(ms(20), message(2, 3, piece("b", 1, 2, 2)));
    assert_eq!(actions(&mut member), [Action::ReadTail { after: 0 }]);
    // The third is gone before the end of the log is told, which was asked for before it was stored.
    let messages = vec![(1, opens("b", 1, 0, 0)), (2, piece("b", 1, 1, 1))];
    member.handle(ms(30), Input::Tail { log: LOG, messages, newest: 2, last: 2 });
    member.handle(ms(40), message(0, 4, piece("b", 1, 3, 3)));
    let is_gap = |action: &Action| matches!(action, Action::Deliver(Delivery::Gap { .. }));
    assert!(!actions(&mut member).iter().any(is_gap));
    assert_eq!(member.reader().last, 4);
}

#[test]
fn the_newest_messages_after_a_hole_are_kept_and_the_others_read_again() {
    let mut member = member();
    let large = || Bytes::from(vec![0; 1 << 20]);
    for sequence in 2..=21 {
        let message = Input::Message { log: LOG, previous: sequence - 1, sequence, bytes: large() };
        member.handle(ms(10), message);
    }
    let first = vec![(1, opens("b", 1, 0, 0))];
    member.handle(ms(20), Input::Tail { log: LOG, messages: first, newest: 1, last: 1 });
    assert_eq!(member.reader().last, 1, "eight megabytes are kept");
    member.handle(ms(30), Input::Message { log: LOG, previous: 21, sequence: 22, bytes: large() });
    assert!(actions(&mut member).contains(&Action::ReadTail { after: 0 }));
    let messages = (2..=15).map(|sequence| (sequence, large())).collect();
    member.handle(ms(40), Input::Tail { log: LOG, messages, newest: 22, last: 22 });
    assert_eq!(member.reader().last, 22);
}

#[test]
fn a_refused_record_is_published_again_at_the_same_pace() {
    let mut member = owner();
    member.offer(ms(40), offered(&["1"])).unwrap();
    let first = published(&mut member);
    for attempt in 0..3 {
        let now = 100 + 250 * attempt;
        member.handle(ms(now), Input::Published { token: first.0, outcome: Outcome::Refused });
        actions(&mut member);
        member.handle(ms(now + 249), Input::Tick);
        assert_eq!(actions(&mut member), []);
        member.handle(ms(now + 250), Input::Tick);
        assert_eq!(published(&mut member), first);
    }
    member.handle(ms(900), Input::Published { token: first.0, outcome: Outcome::Stored { sequence: 2 } });
    let stored = Action::Deliver(Delivery::Events { first: 1, events: vec![event("1")] });
    assert_eq!(actions(&mut member), [stored, Action::Deliver(silent())]);
}

/// A record of this member's stream.
fn forged(node: &str, epoch: u64, after: u64, body: Body) -> Bytes {
    let record = Record::from_bytes(LOG, &record(node, epoch, after, body)).unwrap();
    Record { stream: "s-1".into(), ..record }.to_bytes()
}

#[test]
fn a_record_in_the_owners_name_ends_its_ownership_once() {
    let piece = |events| Body::Piece(Piece { first: 1, events: vec![event("forged"); events] });
    for waiting in [0, 1, 3] {
        let mut member = owner();
        if waiting > 0 {
            member.offer(ms(40), offered(&["1", "2", "3"][..waiting])).unwrap();
        }
        actions(&mut member);
        let bytes = forged("a", 1, 1, piece(2));
        member.handle(ms(50), Input::Message { log: LOG, previous: 1, sequence: 2, bytes });
        assert!(actions(&mut member).contains(&stepped_down(StepDown::Inconsistent, 0, waiting)));
        member.handle(ms(550), Input::Tick);
        member.handle(ms(560), Input::Lease(LeaseReply::Held { revision: 2, sent: ms(550) }));
        member.handle(ms(570), Input::Tail { log: LOG, messages: vec![], newest: 0, last: 2 });
        let Some(Action::Publish { token, expected: 2, .. }) = actions(&mut member).pop() else { panic!() };
        member.handle(ms(580), Input::Published { token, outcome: Outcome::Stored { sequence: 3 } });
        assert!(member.is_owner());
        assert_eq!((member.next_number(), member.reader().owner()), (3, ("a", 2)));
    }
}

#[test]
fn records_that_no_owner_could_write_do_not_count() {
    let epoch = |head| Body::Epoch(Epoch { head, continues: false });
    let nothing = Body::Piece(Piece { first: NUMBER_MAX, events: vec![] });
    let leaves_out = Body::Piece(Piece { first: 2, events: vec![event("{}")] });
    let forgeries = [
        forged("a", 1, 1, nothing),
        forged("a", 1, 1, leaves_out),
        forged("b", 2, 1, epoch(9)),
        forged("b", 3, 1, epoch(0)),
        forged("b", NUMBER_MAX, 1, epoch(0)),
        record("b", 2, 1, epoch(0)),
        record("b", 1, 1, epoch(9)),
    ];
    for bytes in forgeries {
        let mut member = owner();
        member.handle(ms(50), Input::Message { log: LOG, previous: 1, sequence: 2, bytes });
        let news = actions(&mut member);
        assert!(matches!(&news[..], [Action::Deliver(Delivery::Fault(_))]), "{news:?}");
    }
}

#[test]
fn numbers_at_their_limit_are_not_continued() {
    let mut reader = Reader::default();
    reader.restart(LOG);
    // Only the messages before would show that it is forged.
    reader.read_stored(9, &opens("b", NUMBER_MAX, 8, 1));
    assert_eq!(reader.owner(), ("b", NUMBER_MAX));
    assert!(reader.needs_new_stream());
}

#[test]
fn a_lost_log_starts_another_stream() {
    let mut member = owner();
    member.handle(ms(40), Input::Message { log: LOG + 1, previous: 0, sequence: 1, bytes: Bytes::new() });
    assert_eq!(actions(&mut member), [Action::ReadTail { after: 0 }]);
    member.handle(ms(50), Input::Tail { log: LOG + 1, messages: vec![], newest: 0, last: 0 });
    let actions = actions(&mut member);
    assert_eq!(actions[0], Action::CloseUpstream);
    assert_eq!(actions[2..], [stepped_down(StepDown::LogLost, 0, 0), Action::ReadTail { after: 0 }]);
    member.handle(ms(60), Input::Tail { log: LOG + 1, messages: vec![], newest: 0, last: 0 });
    member.handle(ms(300), Input::Tick);
    member.handle(ms(310), Input::Lease(LeaseReply::Held { revision: 2, sent: ms(300) }));
    member.handle(ms(320), Input::Tail { log: LOG + 1, messages: vec![], newest: 0, last: 0 });
    let publish = std::iter::from_fn(|| member.poll()).last();
    let Some(Action::Publish { expected: 0, bytes, .. }) = publish else { panic!("{publish:?}") };
    assert_eq!(Record::from_bytes(LOG + 1, &bytes).unwrap().stream, "s-2");
}

/// A log of node `b` with one event.
fn log() -> Vec<(u64, Bytes)> {
    vec![(1, opens("b", 1, 0, 0)), (2, piece("b", 1, 1, 1))]
}

/// A member that holds the lease, and has just read this log.
fn reading(messages: Vec<(u64, Bytes)>) -> Member {
    let mut member = member();
    member.handle(ms(10), Input::Lease(LeaseReply::Held { revision: 1, sent: ms(0) }));
    actions(&mut member);
    let last = messages.last().unwrap().0;
    member.handle(ms(20), Input::Tail { log: LOG, messages, newest: last, last });
    member
}

/// Returns the stream and the body of the record that a member publishes.
#[track_caller]
fn opened(member: &mut Member) -> (String, Option<Body>) {
    let Some(Action::Publish { bytes, .. }) = actions(member).pop() else { panic!() };
    let record = Record::from_bytes(LOG, &bytes).unwrap();
    (record.stream, record.body)
}

#[test]
fn a_log_that_was_closed_is_continued_at_once() {
    let closed = record("b", 1, 2, Body::Closed(Closed { head: 1 }));
    let mut member = reading([log(), vec![(3, closed.clone())]].concat());
    assert_eq!(opened(&mut member), ("s".into(), Some(Body::Epoch(Epoch { head: 1, continues: false }))));
    // What follows shows that it was put back.
    let restored = Bytes::from_static(b"restored");
    let mut member = reading([log(), vec![(3, closed), (4, restored)]].concat());
    assert_eq!(actions(&mut member).pop(), Some(Action::ReleaseLease { revision: 1 }));
}

/// Lets a member that has left the lease to others ask for it again, read the log, and publish.
#[track_caller]
fn opened_later(member: &mut Member, now: u64) -> (String, Option<Body>) {
    assert_eq!(member.deadline(), Some(ms(now)));
    member.handle(ms(now), Input::Tick);
    assert_eq!(actions(member), [Action::TakeLease { revision: None, sent: ms(now) }]);
    member.handle(ms(now), Input::Lease(LeaseReply::Held { revision: 2, sent: ms(now) }));
    member.handle(ms(now), Input::Tail { log: LOG, messages: vec![], newest: 2, last: 2 });
    opened(member)
}

#[test]
fn a_node_that_has_not_followed_the_log_leaves_the_channel_to_those_that_have() {
    let mut member = reading(log());
    assert_eq!(actions(&mut member).pop(), Some(Action::ReleaseLease { revision: 1 }));
    // The others have heard it, and one of them is the next owner.
    member.handle(ms(30), Input::LeaseFree);
    assert_eq!(actions(&mut member), []);
    member.handle(ms(40), Input::Message { log: LOG, previous: 2, sequence: 3, bytes: opens("c", 2, 2, 1) });
    assert!(member.reader().has_witness());
}

#[test]
fn a_node_that_hears_from_the_owner_has_followed_the_log() {
    let mut member = reading(log());
    actions(&mut member);
    member.hear_owner(ms(30), true);
    let goes_on = Body::Epoch(Epoch { head: 1, continues: false });
    assert_eq!(opened_later(&mut member, 2_020), ("s".into(), Some(goes_on)));
    // The owner does not know what was removed before.
    let mut reader = Reader::default();
    reader.restart(LOG);
    reader.skip_to(2);
    reader.follow();
    assert!(!reader.has_witness());
}

#[test]
fn a_node_that_finds_nothing_of_a_log_leaves_the_channel_to_others_for_a_moment() {
    let mut member = member();
    let nothing = || Input::Tail { log: LOG, messages: vec![], newest: 0, last: 2 };
    member.handle(ms(10), Input::Message { log: 0, previous: 0, sequence: 0, bytes: Bytes::new() });
    member.handle(ms(10), nothing());
    member.handle(ms(260), Input::Tick);
    member.handle(ms(260), nothing());
    member.handle(ms(270), Input::Lease(LeaseReply::Held { revision: 1, sent: ms(0) }));
    actions(&mut member);
    member.handle(ms(280), nothing());
    assert_eq!(actions(&mut member), [Action::ReleaseLease { revision: 1 }]);
    let begins = Body::Epoch(Epoch { head: 0, continues: false });
    assert_eq!(opened_later(&mut member, 530), ("s-1".into(), Some(begins)));
}

#[test]
fn if_no_node_has_followed_the_log_another_stream_goes_on_with_the_same_source() {
    let mut member = reading(log());
    actions(&mut member);
    let goes_on = Body::Epoch(Epoch { head: 0, continues: true });
    assert_eq!(opened_later(&mut member, 2_020), ("s-1".into(), Some(goes_on)));
}

/// A member that has followed the log of node `b`, which it does not own.
fn following() -> Member {
    let mut member = member();
    member.handle(ms(10), Input::Lease(LeaseReply::Taken));
    for (sequence, bytes) in log() {
        member.handle(ms(10), Input::Message { log: LOG, previous: sequence - 1, sequence, bytes });
    }
    actions(&mut member);
    member
}

/// NATS can be reached again.
fn reconnects(member: &mut Member, now: u64) {
    member.handle(ms(now), Input::Message { log: 0, previous: 0, sequence: 0, bytes: Bytes::new() });
    assert_eq!(actions(member).pop(), Some(Action::ReadTail { after: 1 }));
}

#[test]
fn a_log_that_has_gone_back_is_not_continued() {
    let mut member = following();
    reconnects(&mut member, 20);
    member.handle(ms(30), Input::Tail { log: LOG, messages: vec![], newest: 1, last: 1 });
    assert_eq!(actions(&mut member), [Action::ReadTail { after: 0 }]);
    member.handle(ms(40), Input::Tail { log: LOG, messages: vec![log().remove(0)], newest: 1, last: 1 });
    assert!(member.reader().needs_new_stream());
}

#[test]
fn a_log_that_is_not_the_one_that_was_read_is_read_from_its_start() {
    let of_another_stream = |bytes: &Bytes| {
        let record = Record::from_bytes(LOG, bytes).unwrap();
        Record { stream: "c".into(), ..record }.to_bytes()
    };
    let later = [opens("c", 1, 1, 0), piece("c", 1, 2, 1)].map(|it| of_another_stream(&it));
    let mut member = following();
    // What contradicts the last message may arrive before the node knows that it has to look.
    member.handle(ms(20), Input::Message { log: LOG, previous: 2, sequence: 3, bytes: later[1].clone() });
    reconnects(&mut member, 20);
    let messages: Vec<_> = (2..).zip(later).collect();
    member.handle(ms(30), Input::Tail { log: LOG, messages: messages.clone(), newest: 3, last: 3 });
    assert_eq!(actions(&mut member), [Action::ReadTail { after: 0 }]);
    let messages = [vec![log().remove(0)], messages].concat();
    member.handle(ms(40), Input::Tail { log: LOG, messages, newest: 3, last: 3 });
    let stream = Action::Deliver(Delivery::Stream { name: "c".into(), head: 0, continues: false });
    assert!(actions(&mut member).contains(&stream));
    assert_eq!((member.reader().owner(), member.reader().last), (("c", 1), 3));
    // A message that is gone proves nothing.
    let mut member = following();
    reconnects(&mut member, 20);
    member.handle(ms(30), Input::Tail { log: LOG, messages: vec![], newest: 0, last: 2 });
    assert_eq!((member.reader().owner(), member.reader().head), (("b", 1), 1));
}
