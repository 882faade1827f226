//! The middle of a show, where changes add what invented people do.

use std::{collections::BTreeMap, time::Duration};

use livetape_core::{
    event::{self, Id, Person, compose::Stamp},
    recording::{Item, What},
    wire::Message,
};

use super::{
    batches::{Batches, frames, known},
    node::Node,
};

/// First id of added messages, streaks and people, which TikTok will not reach before 2037. `/inject` uses
/// later ones.
const FIRST_ID: i64 = 9_100_000_000_000_000_000;
/// Number of new ids that a JavaScript number rounds alike, and how far the next are: who skips all but the first of these
/// counts another number than who skips large gifts.
const ROUNDED_ALIKE: i64 = 4;
const APART: i64 = 4096;
/// Time after the middle within which messages are added.
const WITHIN: Duration = Duration::from_secs(20);

/// Schemas and fields with a total of the room. Those in [`RESTARTING`] start over with each LIVE.
pub(super) const TOTALS: [(&str, &str); 4] = [
    ("Like", "total"),
    ("RoomUserSeq", "total_user_count"),
    ("Social", "share_count"),
    ("RoomUserSeq", "viewer_count"),
];
const RESTARTING: std::ops::Range<usize> = 0..3;
/// Index of the likes in [`TOTALS`].
pub(super) const LIKES: usize = 0;
/// Index of the present viewers in [`TOTALS`].
pub(super) const VIEWERS: usize = 3;

/// A received batch, and what was known after it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spot {
    /// Index of its item.
    pub(super) at: usize,
    pub(super) conn: u32,
    pub(super) room_id: i64,
    pub(super) offset: Duration,
    /// Time of its last message, in Unix milliseconds; 0 if no message had one.
    pub(super) time_ms: i64,
    /// How many of the ids from [`FIRST_ID`] on are taken by messages up to here: an earlier change made them.
    taken: i64,
    /// The last values of [`TOTALS`].
    pub(super) totals: [i64; TOTALS.len()],
}

/// The batches on one connection from the middle of a show on, and what is added after them.
#[derive(Debug)]
pub(super) struct Stage {
    /// At least one.
    spots: Vec<Spot>,
    /// Numbers of ids before this show's, and of those given out.
    taken: i64,
    made: i64,
    /// Each with the index of the item before it.
    added: Vec<(usize, Item)>,
}

impl Stage {
    /// Finds the middle by time; `None` if the show has no batch.
    pub(super) fn find(items: &[Item]) -> Option<Self> {
        let mut spots = spots(items);
        let Spot { offset: end, taken, .. } = *spots.last()?;
        let from = match spots.partition_point(|spot| spot.offset < end / 2) {
            // Without times.
            0 if end.is_zero() => spots.len() / 2,
            from => from,
        };
        spots.drain(..from);
        let Spot { conn, offset, .. } = *spots.first()?;
        spots.retain(|spot| spot.conn == conn && spot.offset <= offset.saturating_add(WITHIN));
        Some(Self { spots, taken, made: taken, added: Vec::new() })
    }

    pub(super) fn middle(&self) -> Spot {
        self.spot(0)
    }

    fn spot(&self, step: usize) -> Spot {
        self.spots.get(step).or(self.spots.last()).copied().unwrap_or_default()
    }

    /// Returns a new id for a message that is sent in this step.
    pub(super) fn stamp(&mut self, step: usize) -> Stamp {
        let Spot { room_id, time_ms, .. } = self.spot(step);
        let apart = (self.made - self.taken) / ROUNDED_ALIKE * APART;
        self.made += 1;
        Stamp { msg_id: FIRST_ID + self.made + apart, room_id, create_time: time_ms }
    }

    /// Returns the id of the invented streak with this number.
    pub(super) fn group_id(&self, number: i64) -> i64 {
        FIRST_ID + self.taken + number
    }

    /// Adds messages. Each step is after the next batch of the connection; steps beyond the last are together.
    pub(super) fn send(&mut self, step: usize, messages: &[Message]) {
        let Spot { at, conn, offset, time_ms, .. } = self.spot(step);
        self.added.extend(frames(conn, offset, time_ms, messages).into_iter().map(|item| (at, item)));
    }

    /// Returns the show with what was added.
    pub(super) fn into_items(self, mut items: Vec<Item>) -> Vec<Item> {
        items.reserve_exact(self.added.len());
        // A few, from the end, so that the indices before them stay right.
        for (at, item) in self.added.into_iter().rev() {
            items.insert(at + 1, item);
        }
        items
    }
}

impl Spot {
    fn learn(&mut self, message: &Message) {
        self.taken = self.taken.max(message.msg_id.saturating_sub(FIRST_ID));
        if !message.is_history
            && let Some(time_ms) = known(message).and_then(|known| event::millis(known.create_time()))
        {
            self.time_ms = time_ms;
        }
        let Some(node) = Node::of(message) else { return };
        for ((schema, field), total) in TOTALS.iter().zip(&mut self.totals) {
            if node.schema.name == *schema && node.number(field) > 0 {
                *total = node.number(field);
            }
        }
    }
}

/// Lets the totals of a message start over after `before`.
pub(super) fn restart_totals(node: &mut Node, before: &Spot) {
    for at in RESTARTING {
        add_to_total(node, at, before.totals[at].saturating_neg());
    }
}

/// Adds to the total with this index, if a message has it. Totals stay positive.
pub(super) fn add_to_total(node: &mut Node, at: usize, more: i64) {
    let (schema, field) = TOTALS[at];
    if node.schema.name == schema && node.number(field) > 0 {
        node.set_number(field, node.number(field).saturating_add(more).max(1));
    }
}

/// Returns the batches that were received on connections.
pub(super) fn spots(items: &[Item]) -> Vec<Spot> {
    let (mut batches, mut rooms) = (Batches::default(), BTreeMap::new());
    let (mut spot, mut spots) = (Spot::default(), Vec::new());
    for (at, item) in items.iter().enumerate() {
        if let What::ConnOpen(open) = &item.what {
            rooms.insert(item.conn, open.room_id);
        }
        let Some(messages) = batches.messages(item) else { continue };
        messages.iter().for_each(|message| spot.learn(message));
        if matches!(item.what, What::Frame(_)) {
            let (conn, room_id) = (item.conn, rooms.get(&item.conn).copied().unwrap_or(0));
            spot = Spot { at, conn, room_id, offset: item.offset, ..spot };
            spots.push(spot);
        }
    }
    spots
}

/// Returns the invented person with this number, who is always the same.
pub(super) fn person(number: i64) -> Person {
    Person {
        user_id: Id(FIRST_ID + number),
        unique_id: format!("livetape_viewer_{number}"),
        nickname: format!("Viewer {number}"),
        ..Person::default()
    }
}
