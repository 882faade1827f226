//! Panics and departures, without connections.

use super::*;

/// Adds a socket to a shard.
fn enter(shard: &Arc<Shard>) -> oneshot::Receiver<End> {
    let outbox = Arc::new(Outbox::new(100));
    let (end, ended) = oneshot::channel();
    let mut slots = shard.slots.lock();
    outbox.queue.lock().home = Some(Home { shard: Arc::downgrade(shard), at: Some(slots.len()) });
    shard.count.fetch_add(1, Ordering::Relaxed);
    slots.push(ShardSocket::new(&outbox, None, end));
    ended
}

#[test]
fn a_panic_ends_one_socket_with_1011_or_cuts_it_inside_a_frame() {
    let shard = Arc::new(Shard::new(None, &Arc::default()));
    let mut ended = [(); 3].map(|()| enter(&shard));
    let mut slots = shard.slots.lock();
    for (at, is_writing, expected) in [(0, false, Visited::Stays), (1, true, Visited::Gone)] {
        slots[at].is_writing = is_writing;
        assert_eq!(slots[at].guard(|_| panic!("expected by a test")), expected);
    }
    let codes = ended.each_mut().map(|ended| ended.try_recv().ok().and_then(|end| end.by_server()));
    let codes = codes.map(|closed| closed.map(|(code, _)| code));
    assert_eq!(codes, [Some(close::INTERNAL), Some(close::ABNORMAL), None]);
}

#[test]
fn a_socket_that_leaves_makes_way_for_the_last_one() {
    let shard = Arc::new(Shard::new(None, &Arc::default()));
    let _ended = [(); 3].map(|()| enter(&shard));
    let mut slots = shard.slots.lock();
    shard.remove(0, &mut slots, Visited::Gone);
    let places = slots.iter().map(|slot| slot.outbox.queue.lock().home.as_ref().and_then(|home| home.at));
    assert_eq!((places.collect::<Vec<_>>(), shard.count()), (vec![Some(0), Some(1)], 2));
}

#[test]
fn orders_and_slots_are_small() {
    assert!(size_of::<Order>() <= size_of::<Bytes>() + 8, "{}", size_of::<Order>());
    assert!(size_of::<ShardSocket>() <= 2 * 64, "{}", size_of::<ShardSocket>());
}
