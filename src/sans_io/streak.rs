//! Gift streaks: what each message adds, when a streak ends, and the final that never arrives.
//!
//! TikTok sends the running total of a streak again and again, then a final that repeats it (`proto/webcast.proto`).
//! Deadlines are offsets: speed, pauses and idle limits change nothing.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use super::{
    dedup::StreakKey,
    event::{Data, Event, Gift},
};

/// After so long without a message of a streak its final is inferred. Real finals follow within 17 s.
pub const FINAL_TIMEOUT: Duration = Duration::from_secs(60);
/// Streaks that are remembered, open or ended; beyond, the one that is longest silent is ended and forgotten.
pub const STREAKS_MAX: usize = 4_096;

/// `gift.type` of gifts that can be sent in streaks.
const STREAKABLE: i32 = 1;

type Key = (i64, StreakKey);

/// A final that TikTok did not send. Its event still has the times of the streak's last message.
#[derive(Debug)]
pub struct Inferred {
    /// When it was due.
    pub offset: Duration,
    /// What it says.
    pub event: Event,
}

/// The streaks of one generation.
#[derive(Debug, Default)]
pub struct Streaks {
    streaks: HashMap<Key, Streak>,
    /// The open ones by deadline; the number keeps those of one offset in their order.
    due: BTreeMap<(Duration, u64), Key>,
    /// All of them by their last message.
    by_age: BTreeMap<u64, Key>,
    last_no: u64,
    /// What keeps the ids of generations apart.
    suffix: String,
}

#[derive(Debug)]
struct Streak {
    /// The last message, of which an inferred final is made.
    last: Event,
    highest: i32,
    /// The count that the last final told.
    finished: i32,
    /// Set while the streak is open.
    deadline: Option<Duration>,
    no: u64,
}

impl Streaks {
    /// No streaks yet; their ids will end in `suffix`.
    #[must_use]
    pub fn new(suffix: String) -> Self {
        Self { suffix, ..Self::default() }
    }

    /// Tells a gift event what it adds to its streak. Of an event that is no gift nothing is changed.
    pub fn handle(&mut self, offset: Duration, room_id: i64, event: &mut Event, out: &mut Vec<Inferred>) {
        let user_id = event.user.as_ref().map_or(0, |user| user.user_id.0);
        let Data::Gift(gift) = &mut event.data else { return };
        if gift.gift_type != STREAKABLE && !gift.repeat_end {
            let count = gift.repeat_count.max(0);
            tell(gift, count, true);
            gift.delta_since_final = count;
            return;
        }
        let key = (room_id, StreakKey { user_id, gift_id: gift.gift_id, group_id: gift.group_id.0 });
        gift.streak_id = format!("{}-{user_id}-{}{}", gift.group_id, gift.gift_id, self.suffix);
        let before = self.take(&key);
        let (highest, finished) = before.map_or((0, 0), |streak| (streak.highest, streak.finished));
        let delta = gift.repeat_count.saturating_sub(highest).max(0);
        tell(gift, delta, gift.repeat_end);
        let highest = highest + delta;
        gift.delta_since_final = if gift.repeat_end { highest - finished } else { 0 };
        if gift.repeat_end && gift.group_id.0 == 0 {
            return; // Nothing tells the sender's next streak from this one.
        }
        let finished = if gift.repeat_end { highest } else { finished };
        let deadline = (!gift.repeat_end).then(|| offset + FINAL_TIMEOUT);
        self.put(key, Streak { last: event.clone(), highest, finished, deadline, no: 0 });
        if self.streaks.len() > STREAKS_MAX {
            self.forget_oldest(offset, out);
        }
    }

    /// When the next final is inferred.
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

    /// Infers all finals that are still missing, at the end of the stream.
    pub fn flush(&mut self, offset: Duration, out: &mut Vec<Inferred>) {
        while !self.due.is_empty() {
            self.infer_next(offset, out);
        }
    }

    fn infer_next(&mut self, at: Duration, out: &mut Vec<Inferred>) {
        let Some((_, key)) = self.due.pop_first() else { return };
        let streak = self.streaks.get_mut(&key).expect("every deadline is of a streak");
        streak.deadline = None;
        out.push(Inferred { offset: at, event: streak.infer_final() });
    }

    fn forget_oldest(&mut self, offset: Duration, out: &mut Vec<Inferred>) {
        let Some((_, &key)) = self.by_age.first_key_value() else { return };
        if let Some(mut streak) = self.take(&key)
            && streak.deadline.is_some()
        {
            out.push(Inferred { offset, event: streak.infer_final() });
        }
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
    fn infer_final(&mut self) -> Event {
        let mut event = self.last.clone();
        event.id = None;
        if let Data::Gift(gift) = &mut event.data {
            gift.repeat_count = self.highest;
            gift.inferred = true;
            tell(gift, 0, true);
            gift.delta_since_final = self.highest - self.finished;
        }
        self.finished = self.highest;
        event
    }
}

fn tell(gift: &mut Gift, delta: i32, is_final: bool) {
    gift.repeat_delta = delta;
    gift.is_final = is_final;
    gift.diamonds = i64::from(gift.diamond_count) * i64::from(delta);
}
