//! Decodes one message: method and protobuf to user, time and data.

use std::{error::Error, slice, sync::LazyLock};

use prost::{DecodeError, Message as _};

use super::{Data, User};
use crate::{
    event_types,
    wire::{
        EntriesLeft, Fault, FaultKind, MESSAGE_BYTES_MAX, Message, Schema, merge::merge, used as webcast,
    },
};

/// Result of decoding a message.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all messages are known, and none is kept")]
pub enum Reading {
    /// The message was decoded.
    Known(Known),
    /// The method has no schema.
    Unknown,
    /// The method has a schema, but the payload does not match it. A fault has the details.
    Broken(FaultKind),
}

/// A decoded message.
#[derive(Clone, Debug)]
pub struct Known {
    pub(super) common: Option<webcast::Stamp>,
    /// The acting user, if there is one.
    pub user: Option<User>,
    /// The type-specific data.
    pub data: Data,
}

impl Known {
    /// Returns the room id; 0 if unknown.
    #[must_use]
    pub fn room_id(&self) -> i64 {
        self.common.map_or(0, |common| common.room_id)
    }

    /// Returns the creation time as sent; see [`millis`].
    #[must_use]
    pub fn create_time(&self) -> i64 {
        self.common.map_or(0, |common| common.create_time)
    }
}

/// A payload with a schema.
pub(super) trait Kind {
    /// Converts the payload of `message`.
    fn parts(self, message: &Message) -> Known;
}

/// Decodes a message on its own. Never fails: other results are [`Reading::Unknown`] and [`Reading::Broken`].
pub fn read_message(message: &Message, faults: &mut Vec<Fault>) -> Reading {
    read_in_batch(message, &mut EntriesLeft::of(slice::from_ref(message)), faults)
}

/// Decodes one of the messages of a batch, which together have a limit; see [`read_message`].
pub fn read_in_batch(message: &Message, left: &mut EntriesLeft, faults: &mut Vec<Fault>) -> Reading {
    match find(&message.method) {
        None => Reading::Unknown,
        Some(_) if message.payload.len() > MESSAGE_BYTES_MAX => {
            let detail = format!("{} bytes, more than {MESSAGE_BYTES_MAX}", message.payload.len());
            let method = Some(message.method.clone());
            faults.push(Fault { method, ..Fault::new(FaultKind::TooLarge, detail) });
            Reading::Broken(FaultKind::TooLarge)
        }
        Some(row) => match row.read(&message.payload, message, left) {
            Ok(known) => Reading::Known(known),
            Err(_) => mend(row, message, left, faults),
        },
    }
}

/// Whether messages of this method have a schema.
#[must_use]
pub fn is_known(method: &str) -> bool {
    find(method).is_some()
}

/// Returns the schema of a method's payload.
#[must_use]
pub fn schema(method: &str) -> Option<&'static Schema> {
    Schema::named(find(method)?.schema)
}

/// Returns the methods with a schema, in alphabetical order.
pub fn known_methods() -> impl ExactSizeIterator<Item = &'static str> {
    ROWS.iter().map(|row| row.method)
}

/// Decodes a malformed payload as far as possible. Faults contain the method.
#[cold]
fn mend(row: &Row, message: &Message, left: &mut EntriesLeft, faults: &mut Vec<Fault>) -> Reading {
    let before = faults.len();
    let (known, _) = merge(&message.payload, &[], FaultKind::BadMessage, faults, |payload| {
        let read = row.read(payload, message, left);
        read.map_or_else(|error| (None, Err(error)), |known| (Some(known), Ok(())))
    });
    for fault in &mut faults[before..] {
        fault.method = Some(message.method.clone());
    }
    known.map_or(Reading::Broken(FaultKind::BadMessage), Reading::Known)
}

/// Numbers below are seconds, above milliseconds. As seconds it is the year 5138, as milliseconds March 1973.
const SECONDS_END: i64 = 100_000_000_000;

/// Converts a time to Unix milliseconds: some messages contain seconds, some 0. Returns `None` if there is
/// none.
#[must_use]
pub fn millis(create_time: i64) -> Option<i64> {
    match create_time {
        ..=0 => None,
        1..SECONDS_END => Some(create_time * 1000),
        SECONDS_END.. => Some(create_time),
    }
}

/// The table entry of a method.
struct Row {
    method: &'static str,
    /// Decodes the payload.
    convert: fn(&[u8], &Message) -> Result<Known, DecodeError>,
    /// Name of the payload in `proto/webcast.proto`.
    schema: &'static str,
}

impl Row {
    fn read(
        &self,
        payload: &[u8],
        message: &Message,
        left: &mut EntriesLeft,
    ) -> Result<Known, Box<dyn Error>> {
        left.take(payload, self.schema)?;
        Ok((self.convert)(payload, message)?)
    }
}

macro_rules! rows {
    ($(
        #[doc = $doc:literal]
        $name:literal => $kind:ident($data:ident) $(by $user:ident)? $(of $payload:ident $($method:literal)+)?,
    )*) => {
        vec![$($($(Row {
            method: $method,
            convert: |bytes, message| Ok(webcast::$payload::decode(bytes)?.parts(message)),
            schema: stringify!($payload),
        },)+)?)*]
    };
}

/// All methods with a schema, in alphabetical order.
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let mut rows = event_types!(rows);
    rows.sort_unstable_by_key(|row| row.method);
    rows
});

fn find(method: &str) -> Option<&'static Row> {
    ROWS.binary_search_by_key(&method, |row| row.method).ok().map(|at| &ROWS[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{BATCH_ENTRIES_MAX, webcast};

    #[test]
    fn no_method_has_two_types() {
        assert!(ROWS.is_sorted_by(|a, b| a.method < b.method));
    }

    #[test]
    fn every_method_has_a_schema() {
        for method in known_methods() {
            assert!(schema(method).is_some(), "{method}");
        }
        let chat = schema("WebcastChatMessage").unwrap();
        let user = chat.field(2).unwrap().kind.schema().unwrap();
        assert_eq!((chat.name, user.name), ("Chat", "User"));
        assert_eq!(user.field(38).unwrap().name, "unique_id");
    }

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
    fn groups_are_skipped_and_their_nesting_is_bounded() {
        let read = |payload: &[u8]| {
            let payload = payload.to_vec().into();
            let message = Message { method: "WebcastLikeMessage".into(), payload, ..Default::default() };
            match read_message(&message, &mut vec![]) {
                Reading::Known(Known { data: Data::Like(like), .. }) => Some(like.like_count),
                _ => None,
            }
        };
        assert_eq!(read(&[0x33, 0x1b, 0x08, 0x01, 0x1c, 0x34, 0x10, 0x05]), Some(5));
        assert_eq!(read(&[0x33, 0x1b, 0x34, 0x1c]), None, "the inner group is closed last");
        assert_eq!(read(&[0x34]), None);
        let nested = |depth| read(&[vec![0x33; depth], vec![0x34; depth]].concat());
        assert_eq!((nested(90), nested(10_000)), (Some(0), None));
        assert_eq!(read(&vec![0x33; 10_000]), None);
    }

    #[test]
    fn invalid_utf8_in_an_unused_text_is_not_a_fault() {
        let common = webcast::Common { method: "#".into(), create_time: 7, ..Default::default() };
        let payload = webcast::Like { common: Some(common), count: 3, ..Default::default() };
        let mut payload = payload.encode_to_vec();
        let at = payload.iter().position(|byte| *byte == b'#').unwrap();
        payload[at] = 0xff;
        let method = "WebcastLikeMessage".into();
        let (message, mut faults) =
            (Message { method, payload: payload.into(), ..Default::default() }, vec![]);
        let Reading::Known(known) = read_message(&message, &mut faults) else { panic!("{faults:?}") };
        let created = known.create_time();
        let Data::Like(like) = known.data else { panic!("{:?}", known.data) };
        assert_eq!((created, like.like_count), (7, 3));
        assert_eq!(faults, []);
    }

    fn message_of(method: &str, payload: &[&[u8]]) -> Message {
        Message { method: method.into(), payload: payload.concat().into(), ..Default::default() }
    }

    /// Field 2 of a `RoomUserSeq`, empty.
    const VIEWER: [u8; 2] = [0x12, 0];

    fn viewers(count: usize) -> Vec<u8> {
        VIEWER.repeat(count)
    }

    fn is_read(message: &Message, left: &mut EntriesLeft) -> bool {
        matches!(read_in_batch(message, left, &mut vec![]), Reading::Known(_))
    }

    #[test]
    fn the_messages_of_a_batch_share_a_limit() {
        let method = "WebcastRoomUserSeqMessage";
        let messages = [BATCH_ENTRIES_MAX - 1, 2, 1, 1].map(|count| message_of(method, &[&viewers(count)]));
        let mut left = EntriesLeft::of(&messages);
        assert_eq!(messages.each_ref().map(|it| is_read(it, &mut left)), [true, false, true, false]);
        assert!(is_read(&messages[1], &mut EntriesLeft::of(&messages[1..])), "each batch has its own limit");
    }

    #[test]
    fn repairing_a_text_does_not_lift_the_limit() {
        // A viewer with a user with a nickname of one invalid byte.
        let viewer = [0x12, 5, 0x12, 3, 0x1a, 1, 0xff];
        let read = |count| {
            let message = message_of("WebcastRoomUserSeqMessage", &[&viewer, &viewers(count)]);
            let mut faults: Vec<Fault> = vec![];
            let is_known = matches!(read_message(&message, &mut faults), Reading::Known(_));
            (is_known, faults.iter().map(|fault| fault.kind).collect::<Vec<_>>())
        };
        assert_eq!(read(BATCH_ENTRIES_MAX / 3), (true, vec![FaultKind::BadUtf8]));
        assert_eq!(read(BATCH_ENTRIES_MAX + 1), (false, vec![FaultKind::BadMessage]));
    }
}
