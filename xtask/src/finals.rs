//! Adds the finals that streaks of a session lack. The data set is a sample of the messages, so many of its
//! streaks have no end. In a LIVE, nearly every streak has one, and overlays that only count a streak then
//! would seem to lose gifts.

use std::{
    collections::{BTreeMap, HashSet},
    error::Error,
};

use livetape::sans_io::{recording::Item, wire::Message};

use super::deal::{batches, decoded, fields, without};

/// Time between the last message of a streak and its final. In the session, it is 1 to 4 s.
const FINAL_AFTER_MS: u64 = 3_000;
/// Field numbers of a gift.
const COMMON: u64 = 1;
const REPEAT_END: u64 = 9;
/// Field numbers of the part that all messages share.
const MSG_ID: u64 = 2;
const CREATE_TIME: u64 = 4;

/// Appends a final to each streak without one: its last message with another id and a later time.
pub(crate) fn add_finals(items: &mut [Item]) -> Result<(), Box<dyn Error>> {
    let (mut frames, seen) = (batches(items), decoded(items));
    let (mut ids, mut open) = (HashSet::new(), BTreeMap::new());
    for (at, frame) in frames.iter().enumerate() {
        for message in &frame.batch.messages {
            let is_repeated = !ids.insert(message.msg_id);
            match seen.get(&message.msg_id).filter(|seen| !is_repeated && !seen.streak.is_empty()) {
                Some(last) if last.is_final => _ = open.remove(&last.streak),
                Some(last) => _ = open.insert(&last.streak, (at, message.clone())),
                None => {}
            }
        }
    }
    for (at, last) in open.into_values() {
        let msg_id = (last.msg_id + 1..).find(|id| ids.insert(*id)).ok_or("no id is free")?;
        let message = as_final(&last, msg_id).ok_or("a gift is broken")?;
        frames[at].batch.messages.push(message);
    }
    frames.iter().for_each(|frame| frame.write(items));
    Ok(())
}

fn as_final(last: &Message, msg_id: i64) -> Option<Message> {
    let common = fields(&last.payload)?.into_iter().find(|field| field.number == COMMON)?.content;
    let create_time = fields(common)?.into_iter().find(|field| field.number == CREATE_TIME)?.value;
    let mut new_common = without(common, &[MSG_ID, CREATE_TIME])?;
    put(MSG_ID, msg_id.cast_unsigned(), &mut new_common);
    put(CREATE_TIME, create_time + FINAL_AFTER_MS, &mut new_common);
    let mut payload = Vec::new();
    put_varint(COMMON << 3 | 2, &mut payload);
    put_varint(new_common.len() as u64, &mut payload);
    payload.extend(new_common);
    payload.extend(without(&last.payload, &[COMMON, REPEAT_END])?);
    put(REPEAT_END, 1, &mut payload);
    Some(Message { msg_id, payload: payload.into(), ..last.clone() })
}

fn put(field: u64, number: u64, out: &mut Vec<u8>) {
    put_varint(field << 3, out);
    put_varint(number, out);
}

fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
