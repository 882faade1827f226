//! Gift streaks: computes increments and the end of each streak, and infers missing finals.
//!
//! TikTok repeatedly sends the running total of a streak, then a final that repeats it
//! (`proto/webcast.proto`). Deadlines are offsets, so speed, pauses and idle limits do not affect them.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use foldhash::fast::FixedState;

use super::{
    dedup::StreakKey,
    event::{Data, Event, Gift},
};

/// Time without a message after which a streak's final is inferred. Real finals follow within 5 s
/// (docs/protocol.md §4).
pub const FINAL_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum number of streaks to remember, open or ended. Beyond it, the least recent one is ended and
/// forgotten.
pub const STREAKS_MAX: usize = 4_096;

/// `gift.type` of gifts that can be sent in streaks.
const STREAKABLE: i32 = 1;

type Key = (i64, StreakKey);

/// An inferred final. Its event keeps the times of the streak's last message.
#[derive(Debug)]
pub struct Inferred {
    /// Time at which it was due.
    pub offset: Duration,
    /// The inferred event.
    pub event: Event,
}

/// The streaks of one generation.
#[derive(Debug, Default)]
pub struct Streaks {
    streaks: HashMap<Key, Streak, FixedState>,
    /// Open streaks by deadline. The number keeps the order of equal deadlines.
    due: BTreeMap<(Duration, u64), Key>,
    /// All streaks by their last message.
    by_age: BTreeMap<u64, Key>,
    last_no: u64,
    /// Suffix that makes ids unique per generation.
    suffix: String,
}

#[derive(Debug)]
struct Streak {
    /// Id of the streak in its events.
    id: String,
    /// The last message of an open streak, from which an inferred final is made.
    last: Option<Box<Event>>,
    highest: i32,
    /// Count in the last final.
    finished: i32,
    /// Set while the streak is open.
    deadline: Option<Duration>,
    no: u64,
}

impl Streaks {
    /// Creates an empty set of streaks, whose ids will end in `suffix`.
    #[must_use]
    pub fn new(suffix: String) -> Self {
        Self { suffix, ..Self::default() }
    }

    /// Fills in the streak fields of a gift event. Other events stay unchanged.
    pub fn handle(&mut self, offset: Duration, room_id: i64, event: &mut Event, out: &mut Vec<Inferred>) {
        let user_id = event.user.as_ref().map_or(0, |user| user.user_id.0);
        let Data::Gift(gift) = &mut event.data else { return };
        if gift.gift_type != STREAKABLE && !gift.repeat_end {
            let count = gift.repeat_count.max(0);
            set_increment(gift, count, true);
            gift.delta_since_final = count;
            return;
        }
        let key = (room_id, StreakKey { user_id, gift_id: gift.gift_id, group_id: gift.group_id.0 });
        let Streak { id, last, highest, finished, .. } = self.take(&key).unwrap_or_else(|| {
            let id = format!("{}-{user_id}-{}{}", gift.group_id, gift.gift_id, self.suffix);
            Streak { id, last: None, highest: 0, finished: 0, deadline: None, no: 0 }
        });
        gift.streak_id = id.clone();
        let delta = gift.repeat_count.saturating_sub(highest).max(0);
        set_increment(gift, delta, gift.repeat_end);
        let highest = highest + delta;
        gift.delta_since_final = highest - finished;
        if gift.repeat_end && gift.group_id.0 == 0 {
            return; // The sender's next streak would be indistinguishable from this one.
        }
        let finished = if gift.repeat_end { highest } else { finished };
        let is_open = !gift.repeat_end;
        let deadline = is_open.then(|| offset + FINAL_TIMEOUT);
        let last = is_open.then(|| keep(last, event));
        self.put(key, Streak { id, last, highest, finished, deadline, no: 0 });
        if self.streaks.len() > STREAKS_MAX {
            self.forget_oldest(offset, out);
        }
    }

    /// Continues the streak of a gift event that another process broadcast. Its deadline counts from the
    /// start.
    pub fn resume(&mut self, room_id: i64, event: &Event, out: &mut Vec<Inferred>) {
        let Data::Gift(gift) = &event.data else { return };
        let user_id = event.user.as_ref().map_or(0, |user| user.user_id.0);
        if gift.streak_id.is_empty() || (gift.is_final && gift.group_id.0 == 0) {
            return;
        }
        let key = (room_id, StreakKey { user_id, gift_id: gift.gift_id, group_id: gift.group_id.0 });
        let (before, finished) = self.take(&key).map_or((0, 0), |streak| (streak.highest, streak.finished));
        let highest = before.max(gift.repeat_count);
        let is_open = !gift.is_final;
        self.put(
            key,
            Streak {
                id: gift.streak_id.clone(),
                last: is_open.then(|| Box::new(event.clone())),
                highest,
                finished: if is_open { finished } else { highest },
                deadline: is_open.then_some(FINAL_TIMEOUT),
                no: 0,
            },
        );
        if self.streaks.len() > STREAKS_MAX {
            self.forget_oldest(Duration::ZERO, out);
        }
    }

    /// Returns when the next final is inferred.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        self.due.first_key_value().map(|(&(deadline, _), _)| deadline)
    }

    /// Infers the finals that are due at `offset`, each at its own deadline.
    pub fn advance(&mut self, offset: Duration, out: &mut Vec<Inferred>) {
        while let Some(deadline) = self.next_deadline().filter(|&deadline| deadline <= offset) {
            self.infer_next(deadline, out);
        }
    }

    /// Infers all missing finals, at the end of the stream.
    pub fn flush(&mut self, offset: Duration, out: &mut Vec<Inferred>) {
        while !self.due.is_empty() {
            self.infer_next(offset, out);
        }
    }

    fn infer_next(&mut self, at: Duration, out: &mut Vec<Inferred>) {
        let Some((_, key)) = self.due.pop_first() else { return };
        let streak = self.streaks.get_mut(&key).expect("every deadline is of a streak");
        streak.deadline = None;
        out.extend(streak.infer_final().map(|event| Inferred { offset: at, event }));
    }

    fn forget_oldest(&mut self, offset: Duration, out: &mut Vec<Inferred>) {
        let Some((_, &key)) = self.by_age.first_key_value() else { return };
        let event = self.take(&key).and_then(|mut streak| streak.infer_final());
        out.extend(event.map(|event| Inferred { offset, event }));
    }

    fn take(&mut self, key: &Key) -> Option<Streak> {
        let streak = self.streaks.remove(key)?;
        self.by_age.remove(&streak.no);
        if let Some(deadline) = streak.deadline {
            self.due.remove(&(deadline, streak.no));
        }
        Some(streak)
    }

    fn put(&mut self, key: Key, mut streak: Streak) {
        self.last_no += 1;
        streak.no = self.last_no;
        self.by_age.insert(streak.no, key);
        if let Some(deadline) = streak.deadline {
            self.due.insert((deadline, streak.no), key);
        }
        self.streaks.insert(key, streak);
    }
}

impl Streak {
    fn infer_final(&mut self) -> Option<Event> {
        let mut event = *self.last.take()?;
        event.id = None;
        if let Data::Gift(gift) = &mut event.data {
            gift.repeat_count = self.highest;
            gift.inferred = true;
            set_increment(gift, 0, true);
            gift.delta_since_final = self.highest - self.finished;
        }
        self.finished = self.highest;
        Some(event)
    }
}

/// Reuses the allocation of the previous message, if there is one.
fn keep(before: Option<Box<Event>>, event: &Event) -> Box<Event> {
    match before {
        None => Box::new(event.clone()),
        Some(mut kept) => {
            (*kept).clone_from(event);
            kept
        }
    }
}

fn set_increment(gift: &mut Gift, delta: i32, is_final: bool) {
    gift.repeat_delta = delta;
    gift.is_final = is_final;
    gift.diamonds = i64::from(gift.diamond_count) * i64::from(delta);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::{Id, Millis, User};

    const ROOM: i64 = 7;

    fn gift(group_id: i64, count: i32, end: bool) -> Event {
        let user = User { user_id: Id(1), ..User::default() };
        let gift = Gift {
            gift_id: 5655,
            gift_type: STREAKABLE,
            diamond_count: 2,
            group_id: Id(group_id),
            repeat_count: count,
            repeat_end: end,
            ..Gift::default()
        };
        Event {
            username: "host".into(),
            user: Some(user),
            timestamp: Millis(0),
            ts: Millis(0),
            id: None,
            replay: true,
            injected: false,
            data: Data::Gift(gift),
        }
    }

    /// Returns delta, final, diamonds, delta since the last final, and inferred.
    fn increments(event: &Event) -> (i32, bool, i64, i32, bool) {
        let Data::Gift(gift) = &event.data else { panic!("{event:?}") };
        (gift.repeat_delta, gift.is_final, gift.diamonds, gift.delta_since_final, gift.inferred)
    }

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// Sends `(second, group, count, end)` and returns the values of each event and each inferred final.
    fn check(sent: &[(u64, i64, i32, bool)]) -> Vec<(i32, bool, i64, i32, bool)> {
        let (mut streaks, mut inferred, mut result) = (Streaks::default(), vec![], vec![]);
        for &(at, group, count, end) in sent {
            streaks.advance(secs(at), &mut inferred);
            result.extend(inferred.drain(..).map(|inferred| increments(&inferred.event)));
            let mut event = gift(group, count, end);
            streaks.handle(secs(at), ROOM, &mut event, &mut inferred);
            result.push(increments(&event));
        }
        streaks.flush(secs(10_000), &mut inferred);
        result.extend(inferred.drain(..).map(|inferred| increments(&inferred.event)));
        result
    }

    #[test]
    fn a_streak_counts_up_and_its_final_adds_nothing() {
        let increments = check(&[(0, 9, 1, false), (1, 9, 3, false), (2, 9, 3, false), (5, 9, 3, true)]);
        let expected = [
            (1, false, 2, 1, false),
            (2, false, 4, 3, false),
            (0, false, 0, 3, false),
            (0, true, 0, 3, false),
        ];
        assert_eq!(increments, expected);
    }

    #[test]
    fn a_streak_first_seen_in_the_middle_counts_from_zero() {
        assert_eq!(check(&[(0, 9, 34, true)]), [(34, true, 68, 34, false)]);
    }

    #[test]
    fn a_missing_final_is_inferred_and_later_messages_add_only_the_difference() {
        let increments = check(&[(0, 9, 5, false), (61, 9, 8, false), (62, 9, 8, true)]);
        let expected = [
            (5, false, 10, 5, false),
            (0, true, 0, 5, true),
            (3, false, 6, 3, false),
            (0, true, 0, 3, false),
        ];
        assert_eq!(increments, expected);
    }

    #[test]
    fn the_deadline_is_exact_and_counts_from_the_last_message() {
        let (mut streaks, mut inferred) = (Streaks::default(), vec![]);
        streaks.handle(secs(0), ROOM, &mut gift(9, 1, false), &mut inferred);
        streaks.handle(secs(30), ROOM, &mut gift(9, 2, false), &mut inferred);
        assert_eq!(streaks.next_deadline(), Some(secs(90)));
        streaks.advance(secs(90) - Duration::from_nanos(1), &mut inferred);
        assert!(inferred.is_empty());
        streaks.advance(secs(200), &mut inferred);
        assert_eq!((inferred.len(), inferred[0].offset), (1, secs(90)));
        assert_eq!(streaks.next_deadline(), None);
    }

    #[test]
    fn without_a_group_a_final_ends_the_streak_for_good() {
        let increments = check(&[(0, 0, 2, true), (1, 0, 2, true)]);
        assert_eq!(increments, [(2, true, 4, 2, false), (2, true, 4, 2, false)]);
    }

    #[test]
    fn absurd_counts_are_harmless() {
        let increments = check(&[(0, 9, i32::MIN, false), (1, 9, i32::MAX, false), (2, 9, -1, true)]);
        assert_eq!(increments[1], (i32::MAX, false, 2 * i64::from(i32::MAX), i32::MAX, false));
        assert_eq!(increments[2], (0, true, 0, i32::MAX, false));
    }

    #[test]
    fn too_many_streaks_evict_the_oldest() {
        let (mut streaks, mut inferred) = (Streaks::default(), vec![]);
        for group in 1..=STREAKS_MAX as i64 + 1 {
            streaks.handle(secs(0), ROOM, &mut gift(group, 1, false), &mut inferred);
        }
        assert_eq!(inferred.len(), 1);
        assert_eq!(
            (streaks.streaks.len(), streaks.due.len(), streaks.by_age.len()),
            (STREAKS_MAX, STREAKS_MAX, STREAKS_MAX)
        );
    }

    proptest! {
        /// For any order of messages, deltas add up to the highest count, both in the raw view and in the
        /// view of finals only, and no streak stays open.
        #[test]
        fn deltas_sum_up_to_the_highest_count(
            sent in prop::collection::vec((0_u64..100, 1_i64..4, 0_i32..50, prop::bool::weighted(0.2)), 1..60)
        ) {
            let (mut streaks, mut inferred, mut at) = (Streaks::default(), vec![], 0);
            let (mut highest, mut sums) = ([0; 4], [[0; 2]; 4]);
            let mut add = |event: &Event| {
                let Data::Gift(gift) = &event.data else { return };
                let sums = &mut sums[gift.group_id.0 as usize];
                sums[0] += gift.repeat_delta;
                sums[1] += if gift.is_final { gift.delta_since_final } else { 0 };
            };
            for (wait, group, count, end) in sent {
                at += wait;
                streaks.advance(secs(at), &mut inferred);
                let mut event = gift(group, count, end);
                streaks.handle(secs(at), ROOM, &mut event, &mut inferred);
                highest[group as usize] = highest[group as usize].max(count);
                add(&event);
            }
            streaks.flush(secs(at), &mut inferred);
            inferred.iter().for_each(|inferred| add(&inferred.event));
            prop_assert_eq!(streaks.next_deadline(), None);
            for group in 1..4 {
                prop_assert_eq!(sums[group], [highest[group]; 2]);
            }
        }
    }
}
