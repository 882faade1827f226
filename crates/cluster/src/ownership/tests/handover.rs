//! Tests that planned restarts lose nothing of a room.

use bytes::Bytes;

use super::{
    super::{Action, Body, Closed, Input, LeaseReply, View, record::Step},
    bus::{CHANNEL, LEASE_MS},
    ownerships,
    rules::{LOG, actions, member, ms, opens, owner, record},
    stored,
    world::{Fate, Trouble, World},
};

const RESTARTS: usize = 10;
/// Maximum time without an event, in ms.
const PAUSE_MS: u64 = 50;

/// Restarts the owner of a room again and again.
fn restarted(nodes: usize, restarts: usize, fates: &[Fate]) -> World {
    let mut world = World::new(nodes, vec![]);
    world.begin_show();
    let mut now = 4 * LEASE_MS;
    world.run(now);
    for _ in 0..restarts {
        let owner = world.nodes.iter().position(|node| node.member.is_owner()).unwrap();
        world.fates.extend(fates);
        world.at(now, Trouble::Leave(owner));
        now += 5 * LEASE_MS;
        world.run(now);
        world.fates.clear();
    }
    world
}

/// Checks that the log has each frame once, in their order, from the first that an owner received.
#[track_caller]
fn assert_complete(world: &World) {
    let mut events: Vec<_> = stored(world).into_iter().collect();
    events.sort_by_key(|((_, number), _)| *number);
    let frame = |json: &Bytes| str::from_utf8(json).unwrap()["frame ".len()..].parse().unwrap();
    let frames: Vec<u64> = events.iter().map(|(_, json)| frame(json)).collect();
    assert!(frames.len() > 100);
    let gap = frames.windows(2).find(|frames| frames[1] != frames[0] + 1);
    assert_eq!(gap, None);
}

#[test]
fn a_room_moves_without_a_gap() {
    for nodes in [2, 3] {
        let world = restarted(nodes, RESTARTS, &[]);
        assert_complete(&world);
        assert_eq!(ownerships(&world), RESTARTS + 1);
        let pauses = world.seen_at.windows(2).map(|times| times[1] - times[0]);
        let pause = pauses.max().unwrap();
        assert!(pause <= PAUSE_MS, "{pause} ms without an event");
    }
}

/// Returns the step that the only view among these actions tells.
fn told(actions: &[Action]) -> Option<Step> {
    let mut steps =
        actions.iter().filter_map(|it| if let Action::Tell(view) = it { Some(view.step()) } else { None });
    steps.next().filter(|_| steps.next().is_none())
}

#[test]
fn an_owner_without_a_successor_ends_after_a_second() {
    let mut member = owner();
    member.handle(ms(100), Input::Leave);
    let leaves = actions(&mut member);
    assert_eq!(
        (told(&leaves), &leaves[1..]),
        (Some(Step::Leaves), &[Action::ReleaseLease { revision: 1 }][..])
    );
    member.handle(ms(1_099), Input::Tick);
    assert_eq!(actions(&mut member), []);
    member.handle(ms(1_100), Input::Tick);
    assert_eq!(actions(&mut member), [Action::EndUpstream]);
    assert!(member.is_owner(), "what it has received is stored first");
    member.handle(ms(1_110), Input::Stop);
    assert!(matches!(&actions(&mut member)[..], [Action::CloseUpstream, Action::Publish { .. }]));
}

#[test]
fn a_successor_does_not_wait_forever_for_an_owner_that_leaves() {
    let mut member = member();
    let (bytes, channel) = (opens("b", 1, 0, 0), CHANNEL.to_owned());
    member.handle(ms(10), Input::Message { log: LOG, previous: 0, sequence: 1, bytes });
    let leaves =
        View { channel, node: "b".into(), log: LOG, last: 1, step: Step::Leaves.into(), ..View::default() };
    member.handle(ms(20), Input::Told(leaves));
    actions(&mut member);
    member.handle(ms(100), Input::Lease(LeaseReply::Held { revision: 1, sent: ms(90) }));
    let prepares = actions(&mut member);
    assert_eq!((&prepares[0], told(&prepares)), (&Action::PrepareUpstream, Some(Step::Connects)));
    member.handle(ms(110), Input::Tail { log: LOG, messages: vec![], newest: 1, last: 1 });
    member.handle(ms(2_099), Input::Lease(LeaseReply::Held { revision: 2, sent: ms(2_000) }));
    assert_eq!(told(&actions(&mut member)), None);
    member.handle(ms(2_100), Input::Tick);
    assert_eq!(told(&actions(&mut member)), Some(Step::Awaits));
    member.handle(ms(4_099), Input::Lease(LeaseReply::Held { revision: 3, sent: ms(4_000) }));
    actions(&mut member);
    member.handle(ms(4_100), Input::Tick);
    assert!(matches!(&actions(&mut member)[..], [Action::Publish { expected: 1, .. }]));
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
