//! Changes of gifts and their streaks.

use std::time::Duration;

use livetape_core::{
    event::compose::{self, Gift},
    recording::Item,
};

use super::{
    batches::{Batches, Streaks, frames, streak_of},
    stage::{Stage, person, spots},
};

/// Time by which the last message of a streak is late: more than the decoder waits for it.
const LATE_BY: Duration = Duration::from_secs(90);

/// Id, name and price of a gift.
type GiftKind = (i64, &'static str, i32);

const ROSE: GiftKind = (5655, "Rose", 1);
const FINGER_HEART: GiftKind = (5487, "Finger Heart", 5);
/// The most expensive gift. TikTok does not offer it in streaks.
const UNIVERSE: GiftKind = (9072, "TikTok Universe", 44_999);

/// An added message: number of the person, gift, number of the streak, its running total, and whether it ends
/// the streak.
type Sent = (i64, GiftKind, i64, i32, bool);

/// Three people: two with the same gift and the same `groupId`, and one with two gifts.
const INTERLEAVED: &[Sent] = &[
    (1, ROSE, 1, 1, false),
    (2, ROSE, 1, 1, false),
    (1, ROSE, 1, 3, false),
    (2, ROSE, 1, 2, false),
    (3, ROSE, 3, 1, false),
    (3, FINGER_HEART, 4, 1, false),
    (1, ROSE, 1, 5, false),
    (2, ROSE, 1, 4, false),
    (3, ROSE, 3, 2, false),
    (3, FINGER_HEART, 4, 3, false),
    (1, ROSE, 1, 5, true),
    (2, ROSE, 1, 4, true),
    (3, FINGER_HEART, 4, 3, true),
    (3, ROSE, 3, 2, true),
];
const AGAIN: &[Sent] = &[
    (1, ROSE, 1, 1, false),
    (1, ROSE, 1, 4, false),
    (1, ROSE, 1, 7, false),
    (1, ROSE, 1, 7, true),
    (1, ROSE, 2, 1, false),
    (1, ROSE, 2, 2, false),
    (1, ROSE, 2, 3, false),
    (1, ROSE, 2, 3, true),
];
/// Two streaks at once for the guests [`GUEST_IDS`], and one for the host.
const GUESTS: &[Sent] = &[
    (1, ROSE, 1, 1, false),
    (1, ROSE, 2, 1, false),
    (1, ROSE, 1, 3, false),
    (1, ROSE, 2, 2, false),
    (2, ROSE, 3, 1, false),
    (1, ROSE, 1, 3, true),
    (1, ROSE, 2, 2, true),
    (2, ROSE, 3, 4, false),
    (2, ROSE, 3, 4, true),
];
/// User ids of those who receive the first and the second streak. The host has none here, as in most messages.
const GUEST_IDS: [i64; 2] = [9_200_000_000_000_000_001, 9_200_000_000_000_000_002];
/// Together more than 2^31 diamonds.
const BIG: &[Sent] = &[
    (1, UNIVERSE, 1, 1, false),
    (1, UNIVERSE, 1, 5_000, false),
    (1, UNIVERSE, 1, 9_999, false),
    (1, UNIVERSE, 1, 9_999, true),
    (2, UNIVERSE, 2, 9_998, false),
    (2, UNIVERSE, 2, 9_998, true),
    (3, UNIVERSE, 3, 9_998, false),
    (3, UNIVERSE, 3, 9_998, true),
    (4, UNIVERSE, 4, 9_998, false),
    (4, UNIVERSE, 4, 9_998, true),
    (5, UNIVERSE, 5, 9_998, false),
    (5, UNIVERSE, 5, 9_998, true),
];

/// Adds streaks that alternate message by message.
pub(crate) fn interleaved(items: Vec<Item>) -> Vec<Item> {
    add(items, INTERLEAVED, &[])
}

/// Adds two streaks of one person and gift, of which the second is shorter.
pub(crate) fn again(items: Vec<Item>) -> Vec<Item> {
    add(items, AGAIN, &[])
}

/// Adds the largest gifts.
pub(crate) fn big(items: Vec<Item>) -> Vec<Item> {
    add(items, BIG, &[])
}

/// Adds gifts to guests.
pub(crate) fn guests(items: Vec<Item>) -> Vec<Item> {
    add(items, GUESTS, &GUEST_IDS)
}

/// Adds gifts. The first streaks are for these users.
fn add(items: Vec<Item>, all: &[Sent], receivers: &[i64]) -> Vec<Item> {
    let Some(mut stage) = Stage::find(&items) else { return items };
    for (step, &(who, (gift_id, name, diamond_count), group, repeat_count, repeat_end)) in
        all.iter().enumerate()
    {
        let gift = Gift {
            gift_id,
            name: name.into(),
            diamond_count,
            repeat_count,
            repeat_end,
            group_id: stage.group_id(group),
            receiver_id: (1..).zip(receivers).find(|(number, _)| *number == group).map_or(0, |(_, id)| *id),
            ..Gift::default()
        };
        let message = compose::gift(stage.stamp(step), &person(who), &gift);
        stage.send(step, &[message]);
    }
    stage.into_items(items)
}

/// Removes the last message of each streak that has earlier ones.
pub(crate) fn no_final(mut items: Vec<Item>) -> Vec<Item> {
    let (mut batches, mut streaks) = (Batches::default(), Streaks::default());
    for item in &mut items {
        batches.extract(item, |message| streaks.ends(message));
    }
    items
}

/// Delays the last message of each streak that has earlier ones: until the first batch of the room after
/// [`LATE_BY`]. The end of the show waits for them.
pub(crate) fn late_final(mut items: Vec<Item>) -> Vec<Item> {
    let spots = spots(&items);
    let Some(last) = spots.last() else { return items };
    let (mut batches, mut streaks, mut late) = (Batches::default(), Streaks::default(), Vec::new());
    for spot in &spots {
        let finals = batches.extract(&mut items[spot.at], |message| streaks.ends(message));
        let due = spot.offset.saturating_add(LATE_BY);
        let after = &spots[spots.partition_point(|later| later.offset < due)..];
        let place = after.iter().find(|later| later.room_id == spot.room_id);
        let (conn, offset) = place.map_or((last.conn, due), |place| (place.conn, place.offset));
        late.extend(frames(conn, offset, 0, &finals));
    }
    // The last batch ends the show, unless it has gifts.
    let has_gifts =
        batches.messages(&items[last.at]).is_none_or(|all| all.iter().any(|one| streak_of(one).is_some()));
    let end = items.split_off(last.at + usize::from(has_gifts));
    items.append(&mut late);
    items.sort_by_key(|item| item.offset);
    items.extend(end);
    items
}
