//! Reads, rewrites and makes the batches of items.

use std::{collections::HashSet, time::Duration};

use bytes::Bytes;
use livetape_core::{
    dedup::StreakKey,
    event::{self, Data, Known, Reading},
    recording::{Flags, Frame, Item, Opcode, What, records::http::Role},
    wire::{
        self, Batch, BatchInfo, Message, Push, UNZIPPED_BYTES_MAX, Unzipper, unzip_batch, write_batch,
        write_push, zip,
    },
};

/// Maximum number of messages in a frame that a change adds.
const FRAME_MESSAGES_MAX: usize = 100;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// `gift.type` of gifts that can be sent in streaks.
const STREAKABLE: i32 = 1;

/// Reads and rewrites batches. Items without a batch, and broken ones, stay unchanged.
#[derive(Debug, Default)]
pub(super) struct Batches {
    unzipper: Unzipper,
}

impl Batches {
    pub(super) fn messages(&mut self, item: &Item) -> Option<Vec<Message>> {
        self.open(item).map(|(.., batch)| batch.messages)
    }

    /// Rewrites the messages of an item, if `edit` returns that it changed them.
    pub(super) fn edit(&mut self, item: &mut Item, edit: impl FnOnce(&mut Vec<Message>) -> bool) {
        let Some((push, old, mut batch)) = self.open(item) else { return };
        if edit(&mut batch.messages) {
            put(item, push, &old, &batch);
        }
    }

    /// Splits an item into one for each of its messages. Items without messages stay whole.
    pub(super) fn split(&mut self, item: Item) -> Vec<(Item, Option<Message>)> {
        let Some((push, old, batch)) = self.open(&item) else { return vec![(item, None)] };
        match &batch.messages[..] {
            [] => vec![(item, None)],
            [message] => vec![(item, Some(message.clone()))],
            messages => {
                let part = |message: &Message| {
                    let mut part = item.clone();
                    let messages = vec![message.clone()];
                    put(&mut part, push.clone(), &old, &Batch { messages, info: batch.info.clone() });
                    (part, Some(message.clone()))
                };
                messages.iter().map(part).collect()
            }
        }
    }

    pub(super) fn extract(
        &mut self,
        item: &mut Item,
        mut is_extracted: impl FnMut(&Message) -> bool,
    ) -> Vec<Message> {
        let mut extracted = Vec::new();
        self.edit(item, |messages| {
            extracted = messages.extract_if(.., |message| is_extracted(message)).collect();
            !extracted.is_empty()
        });
        extracted
    }

    /// Rewrites each message of all items on its own; `edit` returns whether it changed it.
    pub(super) fn edit_each(&mut self, items: &mut [Item], mut edit: impl FnMut(&mut Message) -> bool) {
        for item in items {
            self.edit(item, |messages| messages.iter_mut().fold(false, |any, message| edit(message) | any));
        }
    }

    /// Returns the batch of an item, its bytes, and the push frame around it unless it came over HTTP.
    fn open(&mut self, item: &Item) -> Option<(Option<Push>, Bytes, Batch)> {
        let mut faults = Vec::new();
        let (push, payload) = match &item.what {
            What::Frame(frame) if frame.opcode == Opcode::BINARY && !item.flags.is_sent() => {
                let push = wire::read_push(&frame.bytes, &mut faults);
                let payload = push.holds_batch().then(|| push.payload.clone())?;
                (Some(push), payload)
            }
            What::Http(http) if http.role() == Role::InitialBatch => (None, http.body.clone()),
            _ => return None,
        };
        let batch = unzip_batch(payload.clone(), &mut self.unzipper, &mut faults);
        faults.is_empty().then_some((push, payload, batch))
    }
}

/// Replaces the batch of an item, which had the bytes `old`.
fn put(item: &mut Item, push: Option<Push>, old: &Bytes, batch: &Batch) {
    let plain = write_batch(batch);
    let is_zipped = old.starts_with(&GZIP_MAGIC);
    // Readers would cut it off.
    if is_zipped && plain.len() > UNZIPPED_BYTES_MAX {
        return;
    }
    let payload = if is_zipped { zip(&plain) } else { plain };
    match (&mut item.what, push) {
        (What::Frame(frame), Some(push)) => frame.bytes = write_push(&Push { payload, ..push }),
        (What::Http(http), _) => http.body = payload,
        _ => {}
    }
    item.flags.0 |= Flags::EDITED;
}

/// Returns frames with these messages, in this order. `now_ms` is the server's time; 0 omits it.
pub(super) fn frames(conn: u32, offset: Duration, now_ms: i64, messages: &[Message]) -> Vec<Item> {
    let frame = |messages: &[Message]| {
        let info = BatchInfo { now_ms, ..BatchInfo::default() };
        let push = Push {
            payload_type: "msg".into(),
            payload_encoding: "pb".into(),
            compress_type: "gzip".into(),
            payload: zip(&write_batch(&Batch { messages: messages.to_vec(), info })),
            ..Push::default()
        };
        let what = What::Frame(Frame { opcode: Opcode::BINARY, bytes: write_push(&push) });
        Item { offset, conn, flags: Flags(Flags::EDITED), what }
    };
    messages.chunks(FRAME_MESSAGES_MAX).map(frame).collect()
}

/// Returns a decoded message, if its schema is known and it is not broken.
pub(super) fn known(message: &Message) -> Option<Known> {
    match event::read_message(message, &mut Vec::new()) {
        Reading::Known(known) => Some(known),
        Reading::Unknown | Reading::Broken(_) => None,
    }
}

#[derive(Debug, Default)]
pub(super) struct Streaks(HashSet<StreakKey>);

impl Streaks {
    /// Adds a message. Returns whether it ends a streak with earlier messages.
    pub(super) fn ends(&mut self, message: &Message) -> bool {
        let Some((streak, is_final)) = streak_of(message) else { return false };
        !self.0.insert(streak) && is_final
    }
}

/// Returns the streak of a gift, and whether the message ends it. Gifts without a group are single ones.
pub(super) fn streak_of(message: &Message) -> Option<(StreakKey, bool)> {
    if message.method != "WebcastGiftMessage" {
        return None;
    }
    let known = known(message)?;
    let Data::Gift(gift) = &known.data else { return None };
    let user_id = known.user.as_ref().map_or(0, |user| user.user_id.0);
    let streak = StreakKey { user_id, gift_id: gift.gift_id, group_id: gift.group_id.0 };
    (gift.gift_type == STREAKABLE && streak.group_id != 0).then_some((streak, gift.repeat_end))
}
