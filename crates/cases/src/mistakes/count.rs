//! How the mistakes of the table change events. Each function returns how many times the event counts.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use smol_str::SmolStr;

use crate::sans_io::event::{Data, Event, Gift, SocialAction, User};

/// `giftType` of gifts that can be sent in streaks.
const STREAKABLE: i32 = 1;

/// What a client remembers of earlier events.
#[derive(Default)]
pub(super) struct Memory {
    /// Highest or last count, by user and gift.
    pub(super) counts: BTreeMap<(i64, i64), i32>,
    /// Messages, by rounded id.
    pub(super) messages: BTreeSet<u64>,
    /// First user with each rounded id.
    pub(super) users: BTreeMap<u64, SmolStr>,
    /// Last or highest total.
    pub(super) total: Option<i64>,
}

/// Whether clients that wait for the end of a streak count the gift.
pub(super) fn is_end(gift: &Gift) -> bool {
    gift.gift_type != STREAKABLE || gift.repeat_end
}

/// Whether this is the first message of a streak, or a gift outside of streaks.
pub(super) fn is_first(gift: &Gift) -> bool {
    gift.repeat_delta > 0 && gift.repeat_delta == gift.repeat_count
}

/// Counts another number of gifts.
pub(super) fn gift(event: &mut Cow<'_, Event>, count: impl FnOnce(&Gift) -> i32) -> usize {
    gift_and_diamonds(event, |gift| {
        let gifts = count(gift);
        (gifts, i64::from(gifts) * i64::from(gift.diamond_count))
    })
}

/// Counts the price of a single gift for each event that `is_counted`.
pub(super) fn price(event: &mut Cow<'_, Event>, is_counted: impl FnOnce(&Gift) -> bool) -> usize {
    gift(event, |gift| i32::from(is_counted(gift)))
}

/// Counts another number of gifts, with this value.
pub(super) fn gift_and_diamonds(
    event: &mut Cow<'_, Event>,
    count: impl FnOnce(&Gift) -> (i32, i64),
) -> usize {
    let Data::Gift(gift) = &event.data else { return 1 };
    let (gifts, diamonds) = count(gift);
    if (gifts, diamonds) != (gift.repeat_delta, gift.diamonds) {
        let Event { id, data: Data::Gift(gift), .. } = event.to_mut() else { return 1 };
        (gift.repeat_delta, gift.diamonds) = (gifts, diamonds);
        // The truth leaves out inferred finals, which have no id; these clients do not.
        id.get_or_insert_with(|| gift.streak_id.clone());
    }
    usize::from(gifts > 0)
}

/// Counts each message as a streak.
pub(super) fn streak(event: &mut Cow<'_, Event>) -> usize {
    if matches!(event.data, Data::Gift(_))
        && let Data::Gift(gift) = &mut event.to_mut().data
    {
        gift.repeat_count = 1;
    }
    gift(event, |_| 1)
}

/// Counts by how much a count is above the last one with the same key, which is made of the ids of the user and
/// the gift. `is_highest` means that it must be above all of them.
pub(super) fn rise(
    memory: &mut Memory,
    event: &mut Cow<'_, Event>,
    key: fn(i64, i64) -> (i64, i64),
    is_highest: bool,
) -> usize {
    let user_id = event.user.as_ref().map_or(0, |user| user.user_id.0);
    gift(event, |gift| {
        let last = memory.counts.entry(key(user_id, gift.gift_id)).or_default();
        let count = gift.repeat_count.max(0);
        // A lower count begins another streak.
        let counted = if count < *last && !is_highest { count } else { (count - *last).max(0) };
        *last = if is_highest { count.max(*last) } else { count };
        counted
    })
}

/// Counts another number of likes, given the total.
pub(super) fn likes(event: &mut Cow<'_, Event>, count: impl FnOnce(i64) -> i64) -> usize {
    let Data::Like(like) = &event.data else { return 1 };
    let count = count(like.total_like_count);
    let count = i32::try_from(count).unwrap_or(if count < 0 { i32::MIN } else { i32::MAX });
    if count != like.like_count
        && let Data::Like(like) = &mut event.to_mut().data
    {
        like.like_count = count;
    }
    1
}

/// Returns by how much a total grew since the last one, or since `first`.
pub(super) fn growth(memory: &mut Memory, total: i64, first: i64) -> i64 {
    total.saturating_sub(memory.total.replace(total).unwrap_or(first))
}

/// Counts every `member` event as a join.
pub(super) fn joins(event: &mut Cow<'_, Event>) -> usize {
    if matches!(&event.data, Data::Member(member) if member.action_id != 1)
        && let Data::Member(member) = &mut event.to_mut().data
    {
        member.action_id = 1;
    }
    1
}

/// Counts every `social` event as this action.
pub(super) fn social(event: &mut Cow<'_, Event>, action: SocialAction) -> usize {
    if matches!(&event.data, Data::Social(social) if social.action != action)
        && let Data::Social(social) = &mut event.to_mut().data
    {
        social.action = action;
    }
    1
}

/// Takes another number of viewers, given the current and the total one.
pub(super) fn viewers(event: &mut Cow<'_, Event>, count: impl FnOnce(i64, i64) -> i64) -> usize {
    let Data::RoomUser(room) = &event.data else { return 1 };
    let viewers = count(room.viewer_count, room.total_user_count);
    if viewers != room.viewer_count
        && let Data::RoomUser(room) = &mut event.to_mut().data
    {
        room.viewer_count = viewers;
    }
    1
}

/// Takes another name for the sender of a gift.
pub(super) fn sent_by(event: &mut Cow<'_, Event>, name: impl FnOnce(&User) -> SmolStr) -> usize {
    let Event { user: Some(user), data: Data::Gift(_), .. } = &**event else { return 1 };
    let name = name(user);
    if name != user.unique_id
        && let Some(user) = &mut event.to_mut().user
    {
        user.unique_id = name;
    }
    1
}

/// Whether an event that a user causes names none.
pub(super) fn is_anonymous(event: &Event) -> bool {
    let is_caused = matches!(
        event.data,
        Data::Chat(_)
            | Data::Gift(_)
            | Data::Like(_)
            | Data::Member(_)
            | Data::Social(_)
            | Data::Subscribe(_)
    );
    is_caused && event.user.as_ref().is_none_or(|user| user.unique_id.is_empty())
}

/// Rounds an id as JavaScript's `Number` does.
pub(super) fn rounded(id: i64) -> u64 {
    (id as f64).to_bits()
}
