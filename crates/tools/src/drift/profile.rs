//! What the messages of a capture consist of, in bounded memory.

use std::{
    collections::{BTreeMap, HashSet, btree_map::Entry},
    hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher},
    time::Duration,
};

use livetape_core::{
    event::Millis,
    recording::{Item, What},
    wire::{FaultKind, MESSAGE_BYTES_MAX, Message, RawValue, common},
};
use serde::{Serialize, Serializer};

use super::{BLOCK_MESSAGES, Observations, VALUES_MIN};
use crate::{
    dissect::{Node, Tree, Value, may_be_fields},
    payload::{as_text, batch},
    text::clock,
};

/// Maximum number of fields of all messages together. Those of a real capture have 3,000.
const FIELDS_MAX: usize = 50_000;
/// Maximum number of methods. TikTok has a few hundred.
const METHODS_MAX: usize = 2_000;
/// Number of different contents of a message in which to search for an equal one.
const CONTENTS_MAX: usize = 256;

/// Location in a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    pub record: u64,
    #[serde(serialize_with = "in_ms", rename = "offsetMs")]
    pub offset: Duration,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", clock(self.offset))
    }
}

fn in_ms<S: Serializer>(offset: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(offset.as_nanos() as f64 / 1e6)
}

#[derive(Clone, Debug, Default)]
pub struct Profile {
    pub(super) methods: BTreeMap<String, Method>,
    /// Start of the capture, if it is known.
    pub started: Option<Millis>,
    /// Number of messages.
    pub messages: u64,
    /// Number of fields, over all methods.
    pub fields: usize,
    /// Number of messages, or fields of one, that exceeded a limit and were not looked at.
    pub skipped: u64,
    /// Number of frames and messages that are malformed, and were not looked at.
    pub malformed: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Method {
    pub(super) first: Place,
    pub(super) messages: u64,
    /// Blocks with at least one message.
    pub(super) blocks: Observations,
    pub(super) shape: Shape,
}

/// The fields of the messages in one place.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    /// Number of messages. Equal ones in short succession are one, also of users in a message.
    pub(super) messages: u64,
    contents: HashSet<u64>,
    pub(super) fields: BTreeMap<u32, Stats>,
}

/// A field of a [`Shape`].
#[derive(Clone, Debug, Default)]
pub(super) struct Stats {
    pub(super) first: Place,
    /// Messages with the field, with a value other than 0 or nothing, and with several values.
    pub(super) present: Observations,
    pub(super) filled: Observations,
    pub(super) repeated: u64,
    pub(super) first_repeated: Place,
    /// Number of values by wire type, and the first of each.
    pub(super) wires: BTreeMap<&'static str, (u64, Place)>,
    /// Number of values with a length that are not empty; of these, how many can be text, and a message.
    pub(super) lengths: u64,
    pub(super) texts: u64,
    pub(super) messages: u64,
    /// Number of values that follow another one in the same room, and of those that differ from it.
    pub(super) steps: u64,
    pub(super) changes: Observations,
    pub(super) values: HashSet<u64>,
    last: Option<(i64, u64)>,
    pub(super) shape: Shape,
}

impl Profile {
    /// Adds the messages of an item.
    pub fn take(&mut self, item: &Item, record: u64) {
        if let What::Header(header) = &item.what {
            self.started = header.wall_anchor_ns.map(|ns| Millis(ns / 1_000_000));
        }
        let What::Frame(frame) = &item.what else { return };
        let place = Place { record, offset: item.offset };
        let mut faults = Vec::new();
        for message in batch(&frame.bytes, &mut faults).into_iter().flat_map(|batch| batch.messages) {
            self.take_message(&message, place);
        }
        self.malformed += u64::from(faults.iter().any(|fault| fault.kind != FaultKind::BadUtf8));
    }

    /// Adds a message.
    pub fn take_message(&mut self, message: &Message, place: Place) {
        self.messages += 1;
        let is_new = !self.methods.contains_key(message.method.as_str());
        if message.payload.len() > MESSAGE_BYTES_MAX || (is_new && self.methods.len() == METHODS_MAX) {
            self.skipped += 1;
            return;
        }
        let block = self.blocks();
        let method = self.methods.entry(message.method.to_string()).or_default();
        if is_new {
            method.first = place;
        }
        method.messages += 1;
        if method.blocks.last != block {
            method.blocks.add(block);
        }
        let tree = Tree::of(&message.method, &message.payload);
        if !tree.rest.is_empty() {
            self.malformed += 1;
            return;
        }
        let room = common(&message.payload).room_id;
        let mut walk = Walk { place, room, fields: self.fields, skipped: 0 };
        method.shape.take_new(&tree, &message.payload, &mut walk);
        self.fields = walk.fields;
        self.skipped += walk.skipped;
    }

    pub(super) fn blocks(&self) -> u64 {
        self.messages.div_ceil(BLOCK_MESSAGES)
    }

    /// Number of methods.
    #[must_use]
    pub fn methods(&self) -> usize {
        self.methods.len()
    }
}

struct Walk {
    place: Place,
    room: i64,
    fields: usize,
    skipped: u64,
}

impl Shape {
    /// Takes a message unless it equals a recent one.
    fn take_new(&mut self, tree: &Tree<'_>, bytes: &[u8], walk: &mut Walk) {
        if self.contents.len() == CONTENTS_MAX {
            self.contents.clear();
        }
        if self.contents.insert(hash(bytes)) {
            self.take(tree, walk);
        }
    }

    fn take(&mut self, tree: &Tree<'_>, walk: &mut Walk) {
        self.messages += 1;
        let mut numbers = BTreeMap::<u32, Vec<&Node<'_>>>::new();
        for node in &tree.nodes {
            numbers.entry(node.raw.number).or_default().push(node);
        }
        for (number, nodes) in numbers {
            let stats = match self.fields.entry(number) {
                Entry::Vacant(_) if walk.fields == FIELDS_MAX => {
                    walk.skipped += 1;
                    continue;
                }
                Entry::Vacant(place) => {
                    walk.fields += 1;
                    place.insert(Stats { first: walk.place, ..Stats::default() })
                }
                Entry::Occupied(stats) => stats.into_mut(),
            };
            stats.take(self.messages, &nodes, walk);
        }
    }
}

impl Stats {
    fn take(&mut self, message: u64, nodes: &[&Node<'_>], walk: &mut Walk) {
        self.present.add(message);
        if nodes.iter().any(|node| is_filled(&node.raw.value)) {
            self.filled.add(message);
        }
        if nodes.len() > 1 {
            self.repeated += 1;
            if self.repeated == 1 {
                self.first_repeated = walk.place;
            }
        }
        for node in nodes {
            self.wires.entry(node.wire()).or_insert((0, walk.place)).0 += 1;
            if let RawValue::Bytes(bytes) = node.raw.value
                && !bytes.is_empty()
            {
                self.lengths += 1;
                let may_be_fields = may_be_fields(bytes);
                // A line feed is also the key of field 1.
                let is_text = as_text(bytes).is_some() && !(may_be_fields && bytes.starts_with(b"\n"));
                self.texts += u64::from(is_text);
                self.messages += u64::from(may_be_fields);
            }
            match &node.value {
                Value::Fields(tree) if node.is_person() => self.shape.take_new(tree, node.raw.whole, walk),
                Value::Fields(tree) => self.shape.take(tree, walk),
                _ => self.step(node.raw.whole, walk.room),
            }
        }
    }

    fn step(&mut self, value: &[u8], room: i64) {
        let value = hash(value);
        if let Some((last_room, last)) = self.last.replace((room, value))
            && last_room == room
        {
            self.steps += 1;
            if last != value {
                self.changes.add(self.steps);
            }
        }
        if self.values.len() < VALUES_MIN {
            self.values.insert(value);
        }
    }
}

fn is_filled(value: &RawValue<'_>) -> bool {
    match value {
        RawValue::Varint(number) => *number != 0,
        RawValue::Fixed64(bytes) => *bytes != [0; 8],
        RawValue::Fixed32(bytes) => *bytes != [0; 4],
        RawValue::Bytes(bytes) | RawValue::Group(bytes) => !bytes.is_empty(),
    }
}

fn hash(bytes: &[u8]) -> u64 {
    BuildHasherDefault::<DefaultHasher>::new().hash_one(bytes)
}
