//! One message: its method's name and protobuf → who, when and what.

mod battle;
mod battle_notices;
mod business;
mod chat;
mod common;
mod decor;
mod gift;
mod gift_notices;
mod goals;
mod hints;
mod links;
mod moderation;
mod notices;
mod partners;
mod pins;
mod questions;
mod ranks;
mod room;
mod subscriptions;
mod table;
mod text;
mod user;
mod viewers;

use super::{
    Fault, FaultKind, MESSAGE_BYTES_MAX, Message,
    merge::merge,
    view::{Broken, View},
    views as webcast,
};
use crate::event;

/// What became of a message.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all messages are known, and none is kept")]
pub enum Reading {
    /// It was read.
    Known(Known),
    /// Its method has no schema.
    Unknown,
    /// Its method has a schema, but the bytes do not fit it; a fault says more.
    Broken(FaultKind),
}

/// What a message says: what every payload comes down to.
#[derive(Clone, Debug)]
pub struct Known {
    common: Option<webcast::Stamp>,
    /// Who did it, where a person did.
    pub user: Option<event::User>,
    /// The rest, by type.
    pub data: event::Data,
}

impl Known {
    /// The room; 0 if the message does not tell.
    #[must_use]
    pub fn room_id(&self) -> i64 {
        self.common.map_or(0, |common| common.room_id)
    }

    /// When it was made, as sent: see [`millis`].
    #[must_use]
    pub fn create_time(&self) -> i64 {
        self.common.map_or(0, |common| common.create_time)
    }
}

/// A payload with a schema.
trait Kind<'a>: View<'a> {
    /// What it says; `message` is what it came in.
    fn parts(self, message: &Message) -> Known;
}

/// How the payloads of a method are read.
type Reader = fn(&[u8], &Message) -> Result<Known, Broken>;

/// Reads the payload of a message. Never fails: what cannot be read is [`Reading::Unknown`] or [`Reading::Broken`].
pub fn read_message(message: &Message, faults: &mut Vec<Fault>) -> Reading {
    match table::reader(&message.method) {
        None => Reading::Unknown,
        Some(_) if message.payload.len() > MESSAGE_BYTES_MAX => {
            let detail = format!("{} bytes, more than {MESSAGE_BYTES_MAX}", message.payload.len());
            let method = Some(message.method.clone());
            faults.push(Fault { method, ..Fault::new(FaultKind::TooLarge, detail) });
            Reading::Broken(FaultKind::TooLarge)
        }
        Some(reader) => read(reader, message, faults),
    }
}

/// Whether messages of this method have a schema.
#[must_use]
pub fn is_known(method: &str) -> bool {
    table::reader(method).is_some()
}

/// The name of the message that a method's payloads are, if it has a schema.
pub(super) fn schema_name(method: &str) -> Option<&'static str> {
    table::schema_name(method)
}

/// The methods that have a schema, in alphabetical order.
pub fn known_methods() -> impl ExactSizeIterator<Item = &'static str> {
    table::READERS.iter().map(|row| row.method)
}

fn read(read: Reader, message: &Message, faults: &mut Vec<Fault>) -> Reading {
    read(&message.payload, message).map_or_else(|_| mend(read, message, faults), Reading::Known)
}

/// Reads a payload that cannot be read as it is. Faults are given the method's name.
#[cold]
fn mend(read: Reader, message: &Message, faults: &mut Vec<Fault>) -> Reading {
    let before = faults.len();
    let (known, _) =
        merge(&message.payload, &message.payload, &[], FaultKind::BadMessage, faults, |_, bytes| {
            read(bytes, message).map_or_else(|broken| (None, Err(broken)), |known| (Some(known), Ok(())))
        });
    for fault in &mut faults[before..] {
        fault.method = Some(message.method.clone());
    }
    known.map_or(Reading::Broken(FaultKind::BadMessage), Reading::Known)
}

/// Seconds before this are milliseconds: as seconds it is the year 5138, as milliseconds March 1973.
const SECONDS_END: i64 = 100_000_000_000;

/// A time as sent, in Unix milliseconds: some kinds send seconds, some 0. `None` if nothing was sent.
#[must_use]
pub fn millis(create_time: i64) -> Option<i64> {
    match create_time {
        ..=0 => None,
        1..SECONDS_END => Some(create_time * 1000),
        SECONDS_END.. => Some(create_time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_milliseconds_or_nothing() {
        assert_eq!(millis(0), None);
        assert_eq!(millis(-1), None);
        assert_eq!(millis(i64::MIN), None);
        assert_eq!(millis(1), Some(1000));
        assert_eq!(millis(1_696_447_179), Some(1_696_447_179_000));
        assert_eq!(millis(99_999_999_999), Some(99_999_999_999_000));
        assert_eq!(millis(100_000_000_000), Some(100_000_000_000));
        assert_eq!(millis(1_696_447_179_123), Some(1_696_447_179_123));
        assert_eq!(millis(i64::MAX), Some(i64::MAX));
    }

    #[test]
    fn a_text_that_no_event_shows_is_no_fault() {
        use prost::Message as _;

        use crate::wire::webcast;
        let common = webcast::Common { method: "#".into(), create_time: 7, ..Default::default() };
        let ids = vec![237_114_751_545_296_087; 3];
        let payload = webcast::ImDelete { common: Some(common), msg_ids: vec![], user_ids: ids };
        let mut payload = payload.encode_to_vec();
        let at = payload.iter().position(|byte| *byte == b'#').unwrap();
        payload[at] = 0xff;
        let method = "WebcastImDeleteMessage".into();
        let (message, mut faults) =
            (Message { method, payload: payload.into(), ..Default::default() }, vec![]);
        let Reading::Known(known) = read_message(&message, &mut faults) else { panic!("{faults:?}") };
        let created = known.create_time();
        let event::Data::Delete(delete) = known.data else { panic!("{:?}", known.data) };
        assert_eq!((created, delete.user_ids), (7, vec![event::Id(237_114_751_545_296_087); 3]));
        assert_eq!(faults, []);
    }
}
