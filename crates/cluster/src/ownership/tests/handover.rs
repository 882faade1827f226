//! Tests that planned restarts lose nothing of a room.

use bytes::Bytes;

use super::{
    bus::LEASE_MS,
    ownerships, stored,
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
