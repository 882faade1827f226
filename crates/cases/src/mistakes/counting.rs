//! How clients count wrong: what they remember, and what they take events for.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use livetape_core::truth::{Added, Given, What, begins};
use smol_str::{SmolStr, format_smolstr};

use super::{Details, Gift, Sender, SlimEvent};

/// `giftType` of gifts that can be sent in streaks.
const STREAKABLE: i32 = 1;

/// Time without a message after which clients that forget streaks have forgotten one, in milliseconds: longer than between
/// messages of a streak in an unchanged show, and shorter than in `late-final`.
const FORGOTTEN_MS: i64 = 60_000;

/// What a client remembers of earlier events.
#[derive(Default)]
pub(super) struct Memory {
    /// Highest or last count, by user and gift.
    pub(super) counts: BTreeMap<(i64, i64), i32>,
    /// Messages, by rounded id.
    pub(super) messages: BTreeSet<u64>,
    /// Texts of comments, with their users.
    pub(super) texts: BTreeSet<(SmolStr, SmolStr)>,
    /// First user with each rounded id.
    pub(super) users: BTreeMap<u64, SmolStr>,
    /// Last or highest total.
    pub(super) total: Option<i64>,
    /// Time of the last message of each streak, in Unix milliseconds.
    pub(super) streaks: BTreeMap<SmolStr, i64>,
}

/// Whether clients that wait for the end of a streak count the gift.
pub(super) fn is_end(gift: &Gift) -> bool {
    gift.gift_type != STREAKABLE || gift.repeat_end
}

/// Whether this is the first message of a streak, or a gift outside of streaks.
pub(super) fn is_first(gift: &Gift) -> bool {
    gift.repeat_delta > 0 && gift.repeat_delta == gift.repeat_count
}

/// An event as a client counts it.
pub(super) struct Counted<'a> {
    pub(super) event: &'a SlimEvent,
    /// What it adds for the client.
    pub(super) added: Added,
}

/// Counts another number of gifts.
pub(super) fn gift(counted: &mut Counted<'_>, count: impl FnOnce(&Gift) -> i32) -> usize {
    gift_and_diamonds(counted, |gift| {
        let gifts = count(gift);
        (gifts, i64::from(gifts) * i64::from(gift.diamond_count))
    })
}

/// Counts the price of a single gift for each event that `is_counted`.
pub(super) fn price(counted: &mut Counted<'_>, is_counted: impl FnOnce(&Gift) -> bool) -> usize {
    gift(counted, |gift| i32::from(is_counted(gift)))
}

/// Counts another number of gifts, with this value.
pub(super) fn gift_and_diamonds(counted: &mut Counted<'_>, count: impl FnOnce(&Gift) -> (i32, i64)) -> usize {
    let Details::Gift(gift) = &counted.event.details else { return 1 };
    let (gifts, diamonds) = count(gift);
    // The truth leaves out inferred finals; these clients do not, unless they add nothing either.
    if (gifts, diamonds) != (gift.repeat_delta, gift.diamonds) {
        let begins = begins(&gift.streak_id, gifts, gift.repeat_count);
        let (sender, nickname) = sender(counted.event);
        let guest = gift.guest;
        counted.added.what = What::Gift(Box::new(Given { sender, nickname, gifts, diamonds, guest, begins }));
    }
    usize::from(gifts > 0)
}

/// Returns the `uniqueId` and the nickname of the user.
fn sender(event: &SlimEvent) -> (SmolStr, SmolStr) {
    event.user.as_ref().map(|user| (user.unique_id.clone(), user.nickname.clone())).unwrap_or_default()
}

/// Counts each message as a streak.
pub(super) fn streak(counted: &mut Counted<'_>) -> usize {
    if let Details::Gift(gift) = &counted.event.details {
        let (diamonds, begins) = (gift.diamond_count.into(), !gift.streak_id.is_empty());
        let (sender, nickname) = sender(counted.event);
        let guest = gift.guest;
        counted.added.what =
            What::Gift(Box::new(Given { sender, nickname, gifts: 1, diamonds, guest, begins }));
    }
    1
}

/// Counts by how much a count is above the last one with the same key, which is made of the id of the user and of
/// the gift. `is_highest` means that it must be above all of them.
pub(super) fn rise(
    memory: &mut Memory,
    counted: &mut Counted<'_>,
    key: fn(i64, &Gift) -> (i64, i64),
    is_highest: bool,
) -> usize {
    let user_id = counted.event.user.as_ref().map_or(0, |user| user.user_id);
    gift(counted, |gift| {
        let last = memory.counts.entry(key(user_id, gift)).or_default();
        let count = gift.repeat_count.max(0);
        // A lower count begins another streak.
        let counted = if count < *last && !is_highest { count } else { (count - *last).max(0) };
        *last = if is_highest { count.max(*last) } else { count };
        counted
    })
}

/// Counts by how much a streak's count is above the last one of any user with the same gift and group.
pub(super) fn same_group(memory: &mut Memory, counted: &mut Counted<'_>, is_highest: bool) -> usize {
    match &counted.event.details {
        Details::Gift(gift) if gift.streak_id.is_empty() => 1,
        _ => rise(memory, counted, |_, gift| (gift.gift_id, gift.group_id), is_highest),
    }
}

/// Counts the whole count of a streak's message if none came for long before.
pub(super) fn forgotten(memory: &mut Memory, counted: &mut Counted<'_>) -> usize {
    let ts_ms = counted.event.ts_ms;
    match &counted.event.details {
        _ if counted.event.is_inferred() => 1,
        Details::Gift(streak) if !streak.streak_id.is_empty() => {
            let last = memory.streaks.insert(streak.streak_id.clone(), ts_ms).unwrap_or(ts_ms);
            let is_forgotten = ts_ms.saturating_sub(last) >= FORGOTTEN_MS;
            gift(counted, |gift| if is_forgotten { gift.repeat_count } else { gift.repeat_delta })
        }
        _ => 1,
    }
}

/// Counts another number of likes, given their own number and the total.
pub(super) fn likes(counted: &mut Counted<'_>, count: impl FnOnce(i64, i64) -> i64) -> usize {
    let Details::Likes { own, total } = counted.event.details else { return 1 };
    let count = count(own.into(), total);
    let count = i32::try_from(count).unwrap_or(if count < 0 { i32::MIN } else { i32::MAX });
    counted.added.what = What::Likes { likes: count, total };
    1
}

/// Takes another `uniqueId` and text for a comment.
pub(super) fn chat(
    counted: &mut Counted<'_>,
    other: impl FnOnce(SmolStr, SmolStr, SmolStr) -> (SmolStr, SmolStr),
) -> usize {
    if let What::Chat { text, .. } = &counted.added.what {
        let (unique_id, nickname) = sender(counted.event);
        let (unique_id, text) = other(unique_id, nickname, text.clone());
        counted.added.what = What::chat(&unique_id, &text);
    }
    1
}

/// Counts a comment unless its text came before with the same key.
pub(super) fn first_text(
    memory: &mut Memory,
    counted: &mut Counted<'_>,
    key: impl FnOnce(&Sender) -> &str,
) -> usize {
    let What::Chat { text, .. } = &counted.added.what else { return 1 };
    let user = counted.event.user.as_ref().map(key).unwrap_or_default();
    usize::from(memory.texts.insert((user.into(), text.clone())))
}

/// Adds up diamonds, and replaces each sum.
pub(super) fn wrap(memory: &mut Memory, counted: &mut Counted<'_>, replaced: fn(i64) -> i64) -> usize {
    if let What::Gift(given) = &mut counted.added.what {
        let before = memory.total.unwrap_or_default();
        let sum = replaced(before.saturating_add(given.diamonds));
        memory.total = Some(sum);
        given.diamonds = sum.saturating_sub(before);
    }
    1
}

/// Returns by how much a total grew since the last one, or since `first`.
pub(super) fn growth(memory: &mut Memory, total: i64, first: i64) -> i64 {
    total.saturating_sub(memory.total.replace(total).unwrap_or(first))
}

/// Counts every `social` event as `action`.
pub(super) fn social(counted: &mut Counted<'_>, action: What) -> usize {
    if let Details::Social = counted.event.details {
        counted.added.what = action;
    }
    1
}

/// Takes another number of viewers, given the current and the total one.
pub(super) fn viewers(counted: &mut Counted<'_>, count: impl FnOnce(i64, i64) -> i64) -> usize {
    let Details::Viewers { now, total } = counted.event.details else { return 1 };
    counted.added.what = What::Viewers(count(now, total));
    1
}

/// Takes another name for the sender of a gift.
pub(super) fn sent_by(counted: &mut Counted<'_>, name: impl FnOnce(&Sender) -> SmolStr) -> usize {
    let SlimEvent { user: Some(user), details: Details::Gift(_), .. } = counted.event else { return 1 };
    let name = name(user);
    if let What::Gift(given) = &mut counted.added.what {
        given.sender = name;
    }
    1
}

/// Returns a text that stands for a name of any length; the truth leaves out long ones. Empty for an empty name.
pub(super) fn short(name: &str) -> SmolStr {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    if name.is_empty() { SmolStr::default() } else { format_smolstr!("{:x}", hasher.finish()) }
}

/// Rounds an id as JavaScript's `Number` does.
pub(super) fn rounded(id: i64) -> u64 {
    (id as f64).to_bits()
}
