//! Deduplication in bounded memory: messages by id within a room, gift finals within a streak.
//!
//! Windows are bounded by count, not by time, so a recording drops the same messages at every speed. Hashing
//! needs no random seed: colliding ids cost at most one comparison with each entry of a bounded window.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::Hash,
};

use foldhash::fast::FixedState;
use smol_str::SmolStr;

/// Number of message ids to remember per room. A busy room sends about 100 messages per second.
pub const IDS_MAX: usize = 20_000;
/// Number of gift streak finals to remember per room.
pub const FINALS_MAX: usize = 4_096;
/// Number of comments to remember per room, to recognise history under new ids.
pub const COMMENTS_MAX: usize = 1_024;
/// Number of rooms to remember. The least recently active room is evicted first.
pub const ROOMS_MAX: usize = 1_024;

/// Reason for dropping a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duplicate {
    /// An event with this message id was already broadcast in this room.
    MessageId,
    /// The final of this streak was already broadcast, under another id.
    GiftFinal,
    /// The message is history and was broadcast before the reconnect.
    History,
}

impl Duplicate {
    /// Returns the name under which `/status` counts it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MessageId => "message_id",
            Self::GiftFinal => "gift_final",
            Self::History => "history",
        }
    }
}

/// Identifies a gift streak within a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreakKey {
    /// Sender of the gifts.
    pub user_id: i64,
    /// Kind of gift.
    pub gift_id: i64,
    /// Id of the streak among those of the sender; 0 if unknown.
    pub group_id: i64,
}

/// Identifies a comment independently of its message id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Comment {
    /// Author.
    pub user_id: i64,
    /// Creation time in milliseconds; 0 if unknown.
    pub create_time: i64,
    /// Text.
    pub text: SmolStr,
}

/// The content broadcast in each room during one generation.
#[derive(Debug, Default)]
pub struct Dedup {
    rooms: HashMap<i64, RoomWindows, FixedState>,
    /// Rooms by their last message, oldest first.
    by_age: VecDeque<i64>,
}

#[derive(Debug, Default)]
struct RoomWindows {
    ids: Window<i64, IDS_MAX>,
    finals: Window<StreakKey, FINALS_MAX>,
    comments: Window<Comment, COMMENTS_MAX>,
}

impl Dedup {
    /// Records the message id and returns the kind of duplicate, if any. Id 0 is never a duplicate.
    pub fn check_id(&mut self, room_id: i64, msg_id: i64, is_history: bool) -> Option<Duplicate> {
        if msg_id == 0 || self.room(room_id).ids.insert(msg_id) {
            return None;
        }
        Some(if is_history { Duplicate::History } else { Duplicate::MessageId })
    }

    /// Records the comment and returns the kind of duplicate, if any. Only history can be one.
    pub fn check_comment(&mut self, room_id: i64, comment: Comment, is_history: bool) -> Option<Duplicate> {
        let is_new = self.room(room_id).comments.insert(comment);
        (is_history && !is_new).then_some(Duplicate::History)
    }

    /// Records a streak's final and returns the kind of duplicate, if any. Without a group id, streaks are
    /// indistinguishable.
    pub fn check_final(&mut self, room_id: i64, streak: StreakKey) -> Option<Duplicate> {
        let is_new = streak.group_id == 0 || self.room(room_id).finals.insert(streak);
        (!is_new).then_some(Duplicate::GiftFinal)
    }

    fn room(&mut self, room_id: i64) -> &mut RoomWindows {
        if self.by_age.back() != Some(&room_id) {
            self.by_age.retain(|&other| other != room_id);
            self.by_age.push_back(room_id);
            if self.by_age.len() > ROOMS_MAX
                && let Some(oldest) = self.by_age.pop_front()
            {
                self.rooms.remove(&oldest);
            }
        }
        self.rooms.entry(room_id).or_default()
    }
}

/// The last `MAX` distinct values.
#[derive(Debug)]
struct Window<T, const MAX: usize> {
    order: VecDeque<T>,
    known: HashSet<T, FixedState>,
}

impl<T, const MAX: usize> Default for Window<T, MAX> {
    fn default() -> Self {
        Self { order: VecDeque::new(), known: HashSet::default() }
    }
}

impl<T: Clone + Eq + Hash, const MAX: usize> Window<T, MAX> {
    /// Inserts a value. Returns whether it is new.
    fn insert(&mut self, value: T) -> bool {
        if !self.known.insert(value.clone()) {
            return false;
        }
        self.order.push_back(value);
        if self.order.len() > MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROOM: i64 = 7;

    #[test]
    fn only_history_is_deduplicated_by_text() {
        let mut dedup = Dedup::default();
        let comment = || Comment { user_id: 1, create_time: 2, text: "hi".into() };
        assert_eq!(dedup.check_comment(ROOM, comment(), false), None);
        assert_eq!(dedup.check_comment(ROOM, comment(), false), None);
        assert_eq!(dedup.check_comment(ROOM, comment(), true), Some(Duplicate::History));
        let later = Comment { create_time: 3, ..comment() };
        assert_eq!(dedup.check_comment(ROOM, later, true), None);
    }

    #[test]
    fn the_least_recently_active_room_is_evicted() {
        let mut dedup = Dedup::default();
        for room_id in 0..=ROOMS_MAX as i64 {
            dedup.check_id(room_id, 1, false);
            dedup.check_id(1, 1, false);
        }
        assert_eq!(dedup.check_id(1, 1, false), Some(Duplicate::MessageId));
        assert_eq!(dedup.check_id(0, 1, false), None);
        assert_eq!(dedup.rooms.len(), ROOMS_MAX);
    }

    proptest! {
        /// The model is a plain list of the last values.
        #[test]
        fn a_window_holds_the_last_distinct_values(values in prop::collection::vec(0_u8..12, 0..200)) {
            let (mut window, mut model) = (Window::<u8, 5>::default(), Vec::new());
            for value in values {
                let is_new = !model.contains(&value);
                if is_new {
                    model.push(value);
                    model.drain(..model.len().saturating_sub(5));
                }
                prop_assert_eq!(window.insert(value), is_new);
                prop_assert_eq!(window.known.len(), model.len());
            }
        }
    }
}
