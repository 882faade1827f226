//! Tests nodes on a simulated bus: any order of faults, then smooth operation.

mod bus;
mod damage;
mod rules;
mod world;

use bytes::Bytes;
use proptest::prelude::*;

use super::{Body, Delivery, Reader, Record};

use self::{
    bus::{FOREIGN_KINDS, FORGERIES, LEASE_MS},
    world::{Fate, Hop, Trouble, World},
};
use bus::{Node, Seen};

/// Troubles happen before this time, in ms.
const TROUBLE_MS: u64 = 10 * LEASE_MS;
/// Maximum number of messages that do not count because of one trouble: a foreign one, and those that it
/// makes owners write in vain.
const FAULTS_MAX: usize = 3;
/// Time for recovery, in ms.
const RECOVERY_MS: u64 = 10 * LEASE_MS;
/// Time in which everything that is under way arrives, in ms.
const SETTLE_MS: u64 = 3 * LEASE_MS;

fn hop() -> impl Strategy<Value = Hop> {
    prop_oneof![
        6 => (0..20_u64).prop_map(Some),
        2 => (0..2 * LEASE_MS).prop_map(Some),
        2 => Just(None),
    ]
}

fn fate() -> impl Strategy<Value = Fate> {
    let stop = prop_oneof![12 => Just(0), 1 => 1..3 * LEASE_MS];
    (hop(), hop(), prop::bool::weighted(0.1), stop).prop_map(|(request, answer, is_repeated, stop_ms)| Fate {
        request,
        answer,
        is_repeated,
        stop_ms,
    })
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    prop::collection::vec(fate(), 0..300)
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        3 => (0..9_usize, 1..3 * LEASE_MS).prop_map(|(node, ms)| Trouble::Stop(node, ms)),
        2 => (1..3 * LEASE_MS).prop_map(Trouble::Outage),
        1 => (1..3 * LEASE_MS).prop_map(Trouble::Refuse),
        2 => (0..9_usize).prop_map(Trouble::Kill),
        2 => (0..9_usize).prop_map(Trouble::Release),
        2 => (0..9_usize).prop_map(Trouble::Leave),
        2 => any::<u8>().prop_map(Trouble::Foreign),
    ]
}

/// Messages disappear from the log, or all of it does.
fn loss() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        3 => trouble().prop_filter("only a message after others shows that it is forged", |trouble| {
            !matches!(trouble, Trouble::Foreign(kind) if kind % FOREIGN_KINDS < 2 || kind % FOREIGN_KINDS >= FORGERIES)
        }),
        2 => (1..40_usize).prop_map(Trouble::Evict),
        2 => (1..40_usize).prop_map(Trouble::Purge),
        1 => Just(Trouble::LoseLog),
    ]
}

/// The storage goes back to an older copy when everything starts again.
fn rollback() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        3 => trouble().prop_filter("a forged record is not acknowledged", |trouble| {
            !matches!(trouble, Trouble::Foreign(kind) if kind % FOREIGN_KINDS >= FORGERIES)
        }),
        2 => (0..9_usize).prop_map(Trouble::PowerCut),
    ]
}

fn troubles(of: impl Strategy<Value = Trouble>) -> impl Strategy<Value = Vec<(u64, Trouble)>> {
    prop::collection::vec((0..TROUBLE_MS, of), 0..12)
}

/// Lets the troubles happen, then lets the nodes recover, then ends the upstream.
fn play(nodes: usize, fates: Vec<Fate>, troubles: &[(u64, Trouble)]) -> World {
    let mut world = World::new(nodes, fates);
    troubles.iter().for_each(|(at, trouble)| world.at(*at, *trouble));
    let world = recover(world);
    for node in &world.nodes {
        assert!(node.faults <= FAULTS_MAX * troubles.len(), "{} faults", node.faults);
    }
    world
}

fn recover(mut world: World) -> World {
    // A node may be stopped for three leases at the end.
    world.run(TROUBLE_MS + 3 * LEASE_MS);
    world.fates.clear();
    world.run(TROUBLE_MS + RECOVERY_MS);
    let before = world.seen.len();
    world.run(TROUBLE_MS + RECOVERY_MS + LEASE_MS);
    assert!(world.seen.len() > before + 10, "events flow again after all faults");
    world.is_quiet = true;
    world.run(TROUBLE_MS + RECOVERY_MS + LEASE_MS + SETTLE_MS);
    let owners = world.nodes.iter().filter(|node| node.member.is_owner()).count();
    assert_eq!(owners, 1);
    world
}

/// Number of ownerships that the history of a log has.
fn ownerships(world: &World) -> usize {
    let records = world.bus.history.iter();
    let records = records.filter_map(|(log, _, bytes)| Record::from_bytes(*log, bytes).ok());
    records.filter(|record| matches!(record.body, Some(Body::Epoch(_)))).count()
}

#[test]
fn nodes_do_not_fight_over_a_channel_whose_leases_are_lost() {
    let mut world = World::new(3, vec![]);
    world.run(5 * LEASE_MS);
    assert_eq!(ownerships(&world), 1);
    world.bus.forgets = true;
    world.run(105 * LEASE_MS);
    let fought = ownerships(&world);
    assert!((3..=100).contains(&fought), "{fought} ownerships in 100 leases");
    world.bus.forgets = false;
    // The longest pause, and another one because the channel may be lost once more.
    world.run(125 * LEASE_MS);
    let before = (ownerships(&world), world.seen.len());
    world.run(135 * LEASE_MS);
    assert_eq!(ownerships(&world), before.0);
    assert!(world.seen.len() > before.1);
}

#[test]
fn a_node_that_missed_that_the_storage_went_back_reads_the_log_again() {
    for lost in 1..10 {
        let mut world = World::new(3, vec![]);
        world.run(5 * LEASE_MS);
        let late = world.nodes.iter().position(|node| !node.member.is_owner()).unwrap();
        world.nodes[late].stopped_until = 10 * LEASE_MS;
        world.go_back(lost);
        // Then others have begun another stream, and stored more than what was lost.
        world.run(15 * LEASE_MS);
        world.is_quiet = true;
        world.run(15 * LEASE_MS + SETTLE_MS);
        let positions: Vec<_> = world.nodes.iter().map(Node::position).collect();
        assert!(positions.iter().all(|it| *it == positions[0]), "{lost}: {positions:?}");
    }
}

/// Reads everything that was ever stored.
fn stored(world: &World) -> Seen {
    let (mut reader, mut seen) = (Reader::default(), Seen::new());
    reader.restart(world.bus.log);
    for (sequence, bytes) in &world.bus.stored {
        for news in reader.read_stored(*sequence, bytes) {
            if let Delivery::Events { first, events } = news {
                let jsons = events.into_iter().map(|event| event.json);
                let keys = (first..).map(|number| (reader.stream().to_owned(), number));
                seen.extend(keys.zip(jsons));
            }
        }
    }
    seen
}

/// Every event that a node was offered is stored, or was reported as given up.
fn check_losses(world: &World) {
    let stored: std::collections::HashSet<&Bytes> = world.seen.values().collect();
    for node in &world.nodes {
        let missing = node.offered.iter().filter(|json| !stored.contains(json)).count();
        assert!(missing <= node.given_up, "{missing} events are missing, {} were reported", node.given_up);
    }
}

/// All nodes agree on what a successor must remember.
fn check_states(world: &World) {
    let mut known = std::collections::BTreeMap::new();
    for node in &world.nodes {
        for (at, state) in &node.states {
            assert_eq!(known.entry(at).or_insert(state), &state, "after {at:?}");
        }
    }
}

proptest! {
    /// Whatever is delayed, repeated, reordered or lost, whichever nodes are stopped or killed: no number is
    /// seen with two contents, one upstream is open, and in the end every node has seen all that was stored.
    #[test]
    fn all_nodes_see_the_same_events(nodes in 1..4_usize, fates in fates(), troubles in troubles(trouble())) {
        let world = play(nodes, fates, &troubles);
        let stored = stored(&world);
        for node in &world.nodes {
            let different = stored.iter().find(|(at, json)| node.seen.get(*at) != Some(*json));
            prop_assert_eq!(different, None, "not seen by node {}", node.start);
            prop_assert_eq!(node.seen.len(), stored.len());
            prop_assert_eq!(node.gaps, 0);
        }
        check_losses(&world);
        check_states(&world);
    }

    /// If the storage goes back to an older copy, numbers that were acknowledged are not used again.
    #[test]
    fn a_storage_that_went_back_is_noticed(nodes in 1..4_usize, fates in fates(), troubles in troubles(rollback())) {
        let world = play(nodes, fates, &troubles);
        let position = world.nodes[0].position();
        prop_assert!(world.nodes.iter().all(|node| node.position() == position));
    }

    /// If the log loses messages, or is lost, gaps are reported, and still no number has two contents.
    #[test]
    fn losses_of_the_log_are_reported(nodes in 1..4_usize, fates in fates(), troubles in troubles(loss())) {
        let world = play(nodes, fates, &troubles);
        check_states(&world);
        let position = world.nodes[0].position();
        prop_assert!(world.nodes.iter().all(|node| node.position() == position));
    }
}
