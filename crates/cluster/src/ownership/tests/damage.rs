//! Tests what readers and members do when messages are removed, refused or forged, and that numbers are not used again if
//! the storage is older than what was acknowledged.

use bytes::Bytes;

use super::{
    super::{
        Action, Body, Checkpoint, Closed, Delivery, Epoch, Input, LeaseReply, Member, Piece, Reader, Record,
        StepDown, View, record::NUMBER_MAX,
    },
    bus::CHANNEL,
    rules::{LOG, actions, event, member, ms, opens, owner, piece, published, reader, record, stepped_down},
};

#[test]
fn readers_continue_after_a_purge() {
    // Nothing is left before the next message.
    let mut current = reader();
    assert_eq!(current.read(0, 3, &piece("a", 1, 2, 2)).unwrap().len(), 1);
    // This one had not read everything.
    let mut late = reader();
    let gap = Delivery::Gap { first: 2, last: 3 };
    assert_eq!(late.read(0, 5, &piece("a", 1, 4, 4)).unwrap()[0], gap);
    // A foreign message does not tell which records were before it.
    let mut late = reader();
    late.read(0, 5, &Bytes::from_static(b"foreign")).unwrap();
    assert_eq!(late.read(5, 6, &opens("b", 7, 5, 9)).unwrap()[0], Delivery::Gap { first: 2, last: 9 });
    let mut new = Reader::new(CHANNEL);
    new.restart(LOG);
    new.skip_to(2);
    assert!(new.needs_new_stream() && !current.needs_new_stream());
}

#[test]
fn an_owner_that_knows_everything_survives_a_purge() {
    let mut member = owner();
    member.handle(ms(40), Input::Message { log: LOG, previous: 9, sequence: 10, bytes: Bytes::new() });
    assert_eq!(actions(&mut member), [Action::ReadTail { after: 1 }]);
    member.handle(ms(50), Input::Tail { log: LOG, messages: vec![], newest: 0, last: 1 });
    member.offer(ms(60), 1, vec![event("1")]).unwrap();
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
    assert!(actions(&mut member).contains(&Action::ReadTail { after: 1 }));
    let messages = (2..=15).map(|sequence| (sequence, large())).collect();
    member.handle(ms(40), Input::Tail { log: LOG, messages, newest: 22, last: 22 });
    assert_eq!(member.reader().last, 22);
}

#[test]
fn a_refused_record_is_published_again_at_the_same_pace() {
    let mut member = owner();
    member.offer(ms(40), 1, vec![event("1")]).unwrap();
    let first = published(&mut member);
    for attempt in 0..3 {
        let now = 100 + 250 * attempt;
        member.handle(ms(now), Input::Refused { token: first.0 });
        actions(&mut member);
        member.handle(ms(now + 249), Input::Tick);
        assert_eq!(actions(&mut member), []);
        member.handle(ms(now + 250), Input::Tick);
        assert_eq!(published(&mut member), first);
    }
    member.handle(ms(900), Input::Stored { token: first.0, sequence: 2 });
    let stored = Action::Deliver(Delivery::Events { first: 1, events: vec![event("1")] });
    assert_eq!(actions(&mut member), [stored]);
}

/// A record of this member's stream.
fn forged(node: &str, epoch: u64, after: u64, body: Body) -> Bytes {
    let record = Record::from_bytes(CHANNEL, LOG, &record(node, epoch, after, body)).unwrap();
    Record { stream: "s-1".into(), ..record }.to_bytes()
}

#[test]
fn a_record_in_the_owners_name_ends_its_ownership_once() {
    let piece = |events| Body::Piece(Piece { first: 1, events: vec![event("forged"); events] });
    for waiting in [0, 1, 3] {
        let mut member = owner();
        if waiting > 0 {
            member.offer(ms(40), 1, vec![event("1"); waiting]).unwrap();
        }
        actions(&mut member);
        let bytes = forged("a", 1, 1, piece(2));
        member.handle(ms(50), Input::Message { log: LOG, previous: 1, sequence: 2, bytes });
        assert!(actions(&mut member).contains(&stepped_down(StepDown::Inconsistent, 0, waiting)));
        member.handle(ms(550), Input::Tick);
        member.handle(ms(560), Input::Lease(LeaseReply::Held { revision: 2, sent: ms(550) }));
        member.handle(ms(570), Input::Tail { log: LOG, messages: vec![], newest: 0, last: 2 });
        let Some(Action::Publish { token, expected: 2, .. }) = actions(&mut member).pop() else { panic!() };
        member.handle(ms(580), Input::Stored { token, sequence: 3 });
        assert!(member.is_owner());
        assert_eq!((member.next_number(), member.reader().owner()), (3, ("a", 2)));
    }
}

#[test]
fn records_that_no_owner_could_write_do_not_count() {
    let epoch = |head| Body::Epoch(Epoch { head, continues: false });
    let checkpoint = Body::Checkpoint(Checkpoint { head: NUMBER_MAX, state: Bytes::new() });
    let leaves_out = Body::Piece(Piece { first: 2, events: vec![event("{}")] });
    let forgeries = [
        forged("a", 1, 1, checkpoint),
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
        let looks = Action::ReadTail { after: 0 };
        assert!(matches!(&news[..], [Action::Deliver(Delivery::Fault(_)), it] if *it == looks), "{news:?}");
    }
}

#[test]
fn numbers_at_their_limit_are_not_continued() {
    let mut reader = Reader::new(CHANNEL);
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
    assert_eq!(actions(&mut member), [Action::ReadTail { after: 1 }]);
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
    assert_eq!(Record::from_bytes(CHANNEL, LOG + 1, &bytes).unwrap().stream, "s-2");
}

/// A log of node `b` with one event.
fn log() -> Vec<(u64, Bytes)> {
    vec![(1, opens("b", 1, 0, 0)), (2, piece("b", 1, 1, 1))]
}

fn view(last: u64, stream: &str, head: u64, is_witness: bool) -> View {
    let (channel, node, stream) = (CHANNEL.to_owned(), "c".to_owned(), stream.to_owned());
    View { channel, node, log: LOG, last, stream, head, is_witness, ..View::default() }
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

fn reads_again(member: &mut Member, now: u64) {
    member.handle(ms(now), Input::Tail { log: LOG, messages: vec![], newest: 2, last: 2 });
}

/// Returns the stream and the body of the record that a member publishes.
#[track_caller]
fn opened(member: &mut Member) -> (String, Option<Body>) {
    let Some(Action::Publish { bytes, .. }) = actions(member).pop() else { panic!() };
    let record = Record::from_bytes(CHANNEL, LOG, &bytes).unwrap();
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
    assert!(matches!(actions(&mut member).pop(), Some(Action::Tell(View { asks: true, .. }))));
}

#[test]
fn a_node_that_lacks_the_state_leaves_the_channel_to_others_first() {
    let asks = |member: &mut Member| {
        actions(member).iter().any(|action| matches!(action, Action::CreateLease { .. }))
    };
    let mut member = member();
    member.handle(ms(20), Input::Lease(LeaseReply::Taken));
    // The first event is gone.
    let bytes = piece("b", 1, 3, 2);
    member.handle(ms(30), Input::Message { log: LOG, previous: 3, sequence: 4, bytes: bytes.clone() });
    member.handle(ms(40), Input::Tail { log: LOG, messages: vec![(4, bytes)], newest: 4, last: 4 });
    actions(&mut member);
    member.handle(ms(50), Input::LeaseFree);
    assert_eq!((asks(&mut member), member.deadline()), (false, Some(ms(8_020))));
    member.handle(ms(8_020), Input::Tick);
    assert!(asks(&mut member));
}

#[test]
fn a_living_node_is_a_witness() {
    let mut member = reading(log());
    assert!(matches!(actions(&mut member).pop(), Some(Action::Tell(View { asks: true, .. }))));
    // It started a moment ago, too.
    member.handle(ms(30), Input::Told(view(2, "s", 1, false)));
    // It has not read everything.
    member.handle(ms(30), Input::Told(view(1, "s", 0, true)));
    assert_eq!(actions(&mut member), []);
    member.handle(ms(40), Input::Told(view(2, "s", 1, true)));
    assert_eq!(actions(&mut member), [Action::ReadTail { after: 2 }]);
    reads_again(&mut member, 50);
    assert_eq!(opened(&mut member), ("s".into(), Some(Body::Epoch(Epoch { head: 1, continues: false }))));
}

#[test]
fn without_a_witness_another_stream_goes_on_with_the_same_source() {
    let mut member = reading(log());
    let mut now = 20;
    while !matches!(actions(&mut member).pop(), Some(Action::Publish { .. })) {
        assert!(now < 2_100, "it does not wait longer");
        now = member.deadline().unwrap().as_millis() as u64;
        member.handle(ms(now), Input::Tick);
        member.handle(ms(now), Input::Lease(LeaseReply::Held { revision: 1, sent: ms(now) }));
        if now >= 2_020 {
            break;
        }
        reads_again(&mut member, now);
    }
    assert_eq!(now, 2_020, "it waits for 2 s");
    reads_again(&mut member, now);
    let [.., Action::Publish { token, bytes, .. }] = &actions(&mut member)[..] else { panic!() };
    let opens = Record::from_bytes(CHANNEL, LOG, bytes).unwrap();
    assert_eq!((&*opens.stream, opens.epoch), ("s-1", 1));
    assert_eq!(opens.body, Some(Body::Epoch(Epoch { head: 0, continues: true })));
    member.handle(ms(now), Input::Stored { token: *token, sequence: 3 });
    let stream = Action::Deliver(Delivery::Stream { name: "s-1".into(), head: 0, continues: true });
    assert_eq!(actions(&mut member)[0], stream);
    assert!(member.needs_checkpoint(), "another node may know more or less of the source");
    assert!(member.reader().has_witness());
}

#[test]
fn a_node_that_knows_more_than_the_log_ends_an_ownership() {
    let mut member = owner();
    member.offer(ms(40), 1, vec![event("1")]).unwrap();
    published(&mut member);
    // It was stored, and the answer is on its way.
    member.handle(ms(50), Input::Told(view(2, "s-1", 1, true)));
    assert!(member.is_owner());
    member.handle(ms(60), Input::Told(view(9, "s-1", 2, true)));
    assert!(actions(&mut member).contains(&stepped_down(StepDown::LogLost, 0, 1)));
    assert!(member.reader().needs_new_stream());
}

#[test]
fn a_node_tells_that_the_log_has_gone_back() {
    let mut member = member();
    let mut follow = |previous, sequence, bytes| {
        member.handle(ms(10), Input::Message { log: LOG, previous, sequence, bytes });
    };
    follow(0, 1, opens("b", 1, 0, 0));
    follow(1, 2, piece("b", 1, 1, 1));
    follow(2, 3, piece("b", 1, 2, 2));
    actions(&mut member);
    // NATS was started again.
    member.handle(ms(20), Input::Message { log: 0, previous: 0, sequence: 0, bytes: Bytes::new() });
    assert_eq!(actions(&mut member), [Action::ReadTail { after: 3 }]);
    member.handle(ms(30), Input::Tail { log: LOG, messages: vec![], newest: 2, last: 2 });
    assert_eq!(actions(&mut member), [Action::ReadTail { after: 0 }]);
    member.handle(ms(40), Input::Tail { log: LOG, messages: log(), newest: 2, last: 2 });
    let told = Action::Tell(View { node: "a".into(), ..view(2, "s", 2, false) });
    assert_eq!(actions(&mut member).pop(), Some(told));
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

/// A record of another stream, which follows the last message.
fn of_another_stream(after: u64) -> Bytes {
    let record = Record::from_bytes(CHANNEL, LOG, &piece("c", 1, after, after - 1)).unwrap();
    Record { stream: "c".into(), ..record }.to_bytes()
}

#[test]
fn a_log_that_is_not_the_one_that_was_read_is_read_from_its_start() {
    let mut member = following();
    let stranger = of_another_stream(2);
    member.handle(ms(20), Input::Message { log: LOG, previous: 2, sequence: 3, bytes: stranger.clone() });
    assert_eq!(actions(&mut member).pop(), Some(Action::ReadTail { after: 1 }));
    let opens =
        Record { stream: "c".into(), ..Record::from_bytes(CHANNEL, LOG, &opens("c", 1, 1, 0)).unwrap() };
    let messages = vec![(2, opens.to_bytes()), (3, stranger)];
    member.handle(ms(30), Input::Tail { log: LOG, messages: messages.clone(), newest: 3, last: 3 });
    assert_eq!(actions(&mut member), [Action::ReadTail { after: 0 }]);
    let messages = [vec![log().remove(0)], messages].concat();
    member.handle(ms(40), Input::Tail { log: LOG, messages, newest: 3, last: 3 });
    let stream = Action::Deliver(Delivery::Stream { name: "c".into(), head: 0, continues: false });
    assert!(actions(&mut member).contains(&stream));
    assert_eq!((member.reader().owner(), member.reader().last), (("c", 1), 3));
}

#[test]
fn a_forged_record_costs_one_look_at_the_message_before_it_in_a_lease() {
    let mut member = following();
    let looks = |member: &mut Member, now| {
        let sequence = member.reader().last + 1;
        let bytes = of_another_stream(sequence - 1);
        member.handle(ms(now), Input::Message { log: LOG, previous: sequence - 1, sequence, bytes });
        actions(member).contains(&Action::ReadTail { after: 1 })
    };
    let answer = |member: &mut Member, now, messages| {
        let last = member.reader().last;
        member.handle(ms(now), Input::Tail { log: LOG, messages, newest: last, last });
        let told = actions(member);
        assert!(!told.iter().any(|action| matches!(action, Action::ReadTail { .. })), "{told:?}");
    };
    assert!(looks(&mut member, 20));
    // More of them meanwhile, and in the same lease.
    assert!(!looks(&mut member, 25));
    answer(&mut member, 30, vec![log().remove(1)]);
    assert!(!looks(&mut member, 4_019));
    assert_eq!(member.deadline(), Some(ms(4_020)));
    member.handle(ms(4_020), Input::Tick);
    assert!(actions(&mut member).contains(&Action::ReadTail { after: 1 }));
    // A message that is gone proves nothing.
    answer(&mut member, 4_030, vec![]);
    assert_eq!((member.reader().owner(), member.reader().head), (("b", 1), 1));
}

#[test]
fn views_of_other_programs_are_not_views() {
    let known = view(2, "s", 1, true);
    assert_eq!(View::from_bytes(CHANNEL, "a", &known.to_bytes()), Some(known.clone()));
    assert_eq!(View::from_bytes(CHANNEL, "c", &known.to_bytes()), None, "it is its own");
    assert_eq!(View::from_bytes("other.main", "a", &known.to_bytes()), None);
    let beyond = View { head: u64::MAX, ..known };
    assert_eq!(View::from_bytes(CHANNEL, "a", &beyond.to_bytes()), None);
    assert_eq!(View::from_bytes(CHANNEL, "a", b"{}"), None);
}
