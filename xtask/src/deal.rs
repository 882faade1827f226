//! Builds the demo and its variant without finals: spreads the messages of a session over its frames, so that
//! something happens all the time.
//!
//! The session combines many rooms, and most activity is in three bursts. This spreads each kind of message
//! over the whole length, keeping its order; gift streaks stay together.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    error::Error,
    time::Duration,
};

use livetape::{
    hub::Filter,
    sans_io::{
        decoder::{Decoder, DecoderOptions},
        recording::{Item, What},
        wire::{
            Batch, Message, Push,
            compose::{Stamp, control},
            read_batch, read_push, unzip, write_batch, write_push, zip,
        },
    },
    tools::scrub::phrases,
};
use serde_json::Value;

/// Visible kinds of messages, each with an offset in hundredths of its interval, which interleaves the kinds.
const VISIBLE: [(&str, usize); 6] =
    [("gift", 0), ("chat", 20), ("follow", 40), ("like", 50), ("member", 80), ("share", 90)];
const VIEWERS: &str = "room_user";
/// Maximum number of messages of a streak in one frame.
const STREAK_PER_FRAME: usize = 2;
/// Minimum number of messages in the streak that opens the demo.
const OPENING_STREAK: usize = 5;
/// Maximum deviation of a frame from an even interval, in ms.
const JITTER_MS: u64 = 1_200;
/// Number of messages between the host's pause and return.
const RESUMED_AFTER: usize = 6;
/// Resolution of positions, as parts of the whole length.
const PLACES: usize = 1_000_000;
const RESUMED: i32 = 2;
/// Step between the [`phrases`] of consecutive chats. It is coprime to their number, and alternates between
/// languages.
const PHRASE_STEP: usize = 7;
/// Field numbers of a chat: text, mentioned user, language.
const CONTENT: u64 = 3;
const MENTIONED: u64 = 12;
const LANGUAGE: u64 = 14;

/// A frame with a batch.
pub(super) struct Dealt {
    item: usize,
    push: Push,
    pub(super) batch: Batch,
}

/// Replaces the text of every chat with a readable phrase.
pub(crate) fn replace_chats(items: &mut [Item]) -> Result<(), Box<dyn Error>> {
    let phrases: Vec<_> = phrases().collect();
    let mut said = HashMap::new();
    for mut frame in batches(items) {
        for message in frame.batch.messages.iter_mut().filter(|m| m.method == "WebcastChatMessage") {
            let number = said.len();
            let at = *said.entry(message.msg_id).or_insert(number) * PHRASE_STEP % phrases.len();
            message.payload = with_phrase(&message.payload, phrases[at]).ok_or("a chat is broken")?.into();
        }
        frame.write(items);
    }
    Ok(())
}

/// Spreads the messages over the frames. Frames keep their number, IDs and compression; frames with batches
/// get even intervals. `only_for_overlays` leaves out the kinds of messages that overlays do not show.
pub(crate) fn deal(items: &mut [Item], room_id: i64, only_for_overlays: bool) {
    let mut frames = batches(items);
    let kinds = decoded(items);
    let (mut seen, mut repeats, mut tracks) = (HashSet::new(), Vec::new(), BTreeMap::new());
    for message in frames.iter_mut().flat_map(|frame| std::mem::take(&mut frame.batch.messages)) {
        if !seen.insert((message.method.clone(), message.msg_id)) {
            repeats.push(message);
            continue;
        }
        let kind = if message.is_history {
            "history"
        } else {
            kinds.get(&message.msg_id).map_or("", |seen| &seen.kind)
        };
        tracks.entry(kind).or_insert_with(Vec::new).push(message);
    }
    frames[0].batch.messages = tracks.remove("history").unwrap_or_default();
    let mut visible = Vec::new();
    for (kind, start) in VISIBLE {
        let units = units(tracks.remove(kind).unwrap_or_default(), &kinds);
        let count = units.len();
        let place = |number| (number * 100 + start) * PLACES / (count * 100);
        visible.extend(units.into_iter().enumerate().map(|(number, unit)| (place(number), unit)));
    }
    visible.sort_by_key(|(place, _)| *place);
    spread(&mut frames, visible.into_iter().map(|(_, unit)| unit));
    let viewers = tracks.remove(VIEWERS).unwrap_or_default();
    spread(&mut frames, viewers.into_iter().map(|message| vec![message]));
    if !only_for_overlays {
        let mut others: Vec<Message> = tracks.into_values().flatten().collect();
        others.sort_by_key(|message| kinds.get(&message.msg_id).map(|seen| seen.place));
        pause(&mut others, room_id);
        spread(&mut frames, others.into_iter().map(|message| vec![message]));
    }
    for (number, message) in repeats.into_iter().enumerate() {
        let is_it = |m: &Message| (&m.method, m.msg_id) == (&message.method, message.msg_id);
        let Some(first) = frames.iter().position(|frame| frame.batch.messages.iter().any(is_it)) else {
            continue;
        };
        let at = (first + 1 + number % 3).min(frames.len() - 1);
        frames[at].batch.messages.push(message);
    }
    beat(&mut frames, items);
    items.sort_by_key(|item| item.offset);
}

/// Returns the frames with batches.
pub(super) fn batches(items: &[Item]) -> Vec<Dealt> {
    let frames = items.iter().enumerate().filter_map(|(item, it)| {
        let What::Frame(frame) = &it.what else { return None };
        let push = read_push(&frame.bytes, &mut Vec::new());
        let payload = unzip(push.payload.clone(), &mut Vec::new());
        let is_batch = push.payload_type == "msg";
        is_batch.then(|| Dealt { item, push, batch: read_batch(&payload, &mut Vec::new()) })
    });
    frames.collect()
}

impl Dealt {
    pub(super) fn write(&self, items: &mut [Item]) {
        let payload = write_batch(&self.batch);
        let payload = if self.push.compress_type == "gzip" { zip(&payload) } else { payload };
        let What::Frame(frame) = &mut items[self.item].what else { return };
        frame.bytes = write_push(&Push { payload, ..self.push.clone() });
    }
}

/// Facts that the decoder finds out about a message.
pub(super) struct Seen {
    kind: String,
    /// Key of its streak; empty if it is not part of one.
    pub(super) streak: String,
    pub(super) is_final: bool,
    /// Position in the session.
    place: usize,
}

/// Decodes all messages, by ID.
pub(super) fn decoded(items: &[Item]) -> HashMap<i64, Seen> {
    let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup: true });
    items.iter().for_each(|item| decoder.handle(item));
    let (filter, mut all) = (Filter::default(), HashMap::new());
    for (place, event) in decoder.take_events().enumerate() {
        let mut json = Vec::new();
        filter.encode("", 1, &event, &mut json);
        let event: Value = serde_json::from_slice(&json).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let data = &event["data"];
        let kind = if event["type"] == "social" { &data["action"] } else { &event["type"] };
        let group = text(&data["groupId"]);
        let streak = if matches!(&*group, "" | "0") { String::new() } else { text(&data["sender"]) + &group };
        let is_final = data["repeatEnd"] == true;
        if let Ok(id) = text(&event["id"]).parse() {
            all.insert(id, Seen { kind: text(kind), streak, is_final, place });
        }
    }
    all
}

/// Groups messages that stay together. A long, complete streak comes first.
fn units(messages: Vec<Message>, kinds: &HashMap<i64, Seen>) -> Vec<Vec<Message>> {
    let mut units: Vec<(String, Vec<Message>)> = Vec::new();
    for message in messages {
        let streak = kinds.get(&message.msg_id).map_or("", |seen| &seen.streak);
        match units.iter_mut().find(|(known, _)| !streak.is_empty() && known == streak) {
            Some((_, unit)) => unit.push(message),
            None => units.push((streak.to_owned(), vec![message])),
        }
    }
    let mut units: Vec<_> = units.into_iter().map(|(_, unit)| unit).collect();
    let is_final = |message: &Message| kinds.get(&message.msg_id).is_some_and(|seen| seen.is_final);
    let opens = |unit: &Vec<Message>| unit.len() >= OPENING_STREAK && unit.last().is_some_and(is_final);
    if let Some(opening) = units.iter().position(opens) {
        units[..=opening].rotate_right(1);
    }
    units
}

/// Spreads units evenly over the frames.
fn spread(frames: &mut [Dealt], units: impl ExactSizeIterator<Item = Vec<Message>>) {
    let (last, count) = (frames.len() - 1, units.len());
    for (number, unit) in units.enumerate() {
        let first = 1 + number * last / count;
        for (step, message) in unit.into_iter().enumerate() {
            frames[(first + step / STREAK_PER_FRAME).min(last)].batch.messages.push(message);
        }
    }
}

/// Moves the host's pause to the middle and adds its end.
fn pause(messages: &mut Vec<Message>, room_id: i64) {
    let Some(paused) = messages.iter().position(|m| m.method == "WebcastControlMessage") else { return };
    let paused = messages.remove(paused);
    let stamp = Stamp { msg_id: paused.msg_id + 1, room_id, create_time: 0 };
    let middle = messages.len() / 2;
    messages.insert(middle, paused);
    messages.insert(middle + RESUMED_AFTER, control(stamp, RESUMED));
}

/// Spaces the frames evenly between the first and the last.
fn beat(frames: &mut [Dealt], items: &mut [Item]) {
    let millis = |items: &[Item], frame: &Dealt| items[frame.item].offset.as_millis() as u64;
    let (first, end) = (millis(items, &frames[0]), millis(items, &frames[frames.len() - 1]));
    let last = frames.len() as u64 - 1;
    for (number, frame) in (0..).zip(frames) {
        let jitter = if number % last == 0 { 0 } else { number * 7919 % JITTER_MS };
        let offset_ms = first + (end - first) * number / last + jitter;
        let before = millis(items, frame);
        frame.batch.info.now_ms += offset_ms as i64 - before as i64;
        items[frame.item].offset = Duration::from_millis(offset_ms);
        frame.write(items);
    }
}

/// Replaces the text and language of a chat and removes its mention.
fn with_phrase(chat: &[u8], (language, text): (&str, &str)) -> Option<Vec<u8>> {
    let mut out = without(chat, &[CONTENT, MENTIONED, LANGUAGE])?;
    for (field, text) in [(CONTENT, text), (LANGUAGE, language)] {
        out.extend([(field << 3 | 2) as u8, u8::try_from(text.len()).ok().filter(|length| *length < 128)?]);
        out.extend_from_slice(text.as_bytes());
    }
    Some(out)
}

/// Returns the message without the fields that have these numbers.
pub(super) fn without(message: &[u8], numbers: &[u64]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(message.len());
    for field in fields(message)? {
        if !numbers.contains(&field.number) {
            out.extend_from_slice(field.whole);
        }
    }
    Some(out)
}

/// An encoded field.
pub(super) struct Field<'a> {
    pub(super) number: u64,
    /// The field with its key.
    whole: &'a [u8],
    /// The content of a length-delimited field.
    pub(super) content: &'a [u8],
    /// The value of a field with a varint.
    pub(super) value: u64,
}

/// Splits a message into its fields.
pub(super) fn fields(message: &[u8]) -> Option<Vec<Field<'_>>> {
    let (mut rest, mut all) = (message, Vec::new());
    while !rest.is_empty() {
        let before = rest;
        let (key, mut value) = (varint(&mut rest)?, 0);
        let length = match key & 7 {
            0 => {
                value = varint(&mut rest)?;
                0
            }
            1 => 8,
            2 => usize::try_from(varint(&mut rest)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(length)?;
        rest = after;
        all.push(Field { number: key >> 3, whole: &before[..before.len() - rest.len()], content, value });
    }
    Some(all)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}
