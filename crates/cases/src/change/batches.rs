//! Reads, rewrites and makes the batches of items, and takes a show into pieces of one message each.

use std::{collections::HashSet, slice, time::Duration};

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
use smol_str::SmolStr;

use super::node::{Node, edit};

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

/// What longer comments become, with a number: equal comments may be a mistake of their own.
const SHORT_TEXT: &str = "hello";
/// Length of longer comments, in characters.
const SHORT_TEXT_CHARS: usize = SHORT_TEXT.len() + 6;
/// What longer nicknames become.
const SHORT_NAME: &str = "Ann";

/// An item with at most one message.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) item: Item,
    /// The kind of its message; `None` if it has none.
    pub(crate) method: Option<SmolStr>,
    pub(crate) streak: Option<StreakKey>,
    /// The user of its message; 0 if it has none.
    pub(crate) user_id: i64,
    /// Whether its comment can become shorter.
    pub(crate) is_long: bool,
    /// Whether the nickname of its user can become shorter.
    pub(crate) has_long_name: bool,
}

/// Who takes the place of other users.
#[derive(Debug)]
pub(crate) struct Person(Node);

/// Returns the pieces of a show. What counts or ends its records is left out: it would be wrong.
pub(crate) fn pieces(items: Vec<Item>) -> Vec<Piece> {
    let mut batches = Batches::default();
    let items = items.into_iter().filter(|item| !matches!(item.what, What::Checkpoint(_) | What::End(_)));
    items.flat_map(|item| batches.split(item)).map(|(item, message)| Piece::new(item, message)).collect()
}

impl Piece {
    fn new(item: Item, message: Option<Message>) -> Self {
        let node = message.as_ref().and_then(Node::of);
        let user = node.as_ref().and_then(|node| node.child("user"));
        let is_long = |text: &str, short: usize| text.chars().count() > short;
        Self {
            item,
            streak: message.as_ref().and_then(streak_of).map(|(streak, _)| streak),
            method: message.map(|message| message.method),
            user_id: user.as_ref().map_or(0, |user| user.number("id")),
            is_long: node
                .is_some_and(|node| is_comment(&node) && is_long(node.text("content"), SHORT_TEXT_CHARS)),
            has_long_name: user.is_some_and(|user| is_long(user.text("nickname"), SHORT_NAME.len())),
        }
    }

    pub(crate) fn person(&self) -> Option<Person> {
        let messages = Batches::default().messages(&self.item)?;
        Node::of(messages.first()?)?.child("user").map(Person)
    }

    /// Returns its item with a short comment with this number, with short nicknames for some users, and with a person in the
    /// place of others.
    pub(crate) fn simplified<'a>(
        &self,
        short: Option<usize>,
        has_short_name: impl Fn(i64) -> bool,
        person_for: impl Fn(i64) -> Option<&'a Person>,
    ) -> Item {
        let mut item = self.item.clone();
        Batches::default().edit_each(slice::from_mut(&mut item), |message| {
            edit(message, |node| {
                if let Some(number) = short.filter(|_| is_comment(node)) {
                    node.set_text("content", &format!("{SHORT_TEXT} {number}"));
                }
                if node.schema.name != "User" {
                    return;
                }
                if let Some(Person(person)) = person_for(node.number("id")) {
                    node.copy(person);
                }
                if has_short_name(node.number("id")) {
                    node.set_text("nickname", SHORT_NAME);
                }
            })
        });
        item
    }
}

fn is_comment(node: &Node) -> bool {
    node.schema.name == "Chat"
}
