//! The JSON of events, and a fast serialiser for it, with the same output as `serde_json` after [`json::escape`]: most of an
//! event is text that needs no escaping, so each string is scanned in a vectorisable loop and copied in one go.

use std::sync::LazyLock;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer, ser};
use serde_json::{Error, Value, json};

use super::{Event, Millis, User};
use crate::json;

/// Placeholder for a user that is missing from the message.
static UNKNOWN_USER: LazyLock<User> = LazyLock::new(User::default);

// This and the next two are only the schema: `write_json` writes their fields, because serde would write those of `data` as
// keys that are not known in advance.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read by the macro")]
struct EventJson<'a, D> {
    r#type: &'static str,
    /// Username of the host; empty if unknown.
    username: &'a str,
    data: D,
    /// Opaque id of the message; absent for events without a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    /// Time of receipt.
    ts: Millis,
    /// Whether the event comes from a recording.
    replay: bool,
    /// `true` if the event was created by `/inject`, now or while recording; otherwise absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    injected: bool,
    /// Id of the channel that `seq` counts in; new with each start of the server unless `server.seed` is set.
    stream: &'a str,
}

#[derive(JsonSchema)]
#[schemars(rename = "{D}Data")]
#[expect(dead_code, reason = "read by the macro")]
pub(super) struct DataJson<'a, D> {
    /// `uniqueId` of the acting user.
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<&'a str>,
    #[serde(flatten)]
    data: &'a D,
    /// The acting user.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a User>,
    /// Creation time on TikTok, or `ts`.
    timestamp: Millis,
}

/// Data of an event that a user always causes.
#[derive(JsonSchema)]
#[schemars(rename = "{D}Data")]
#[expect(dead_code, reason = "read by the macro")]
pub(super) struct UserDataJson<'a, D> {
    /// `uniqueId` of the acting user; empty if unknown.
    sender: &'a str,
    #[serde(flatten)]
    data: &'a D,
    /// The acting user.
    user: &'a User,
    /// Creation time on TikTok, or `ts`.
    timestamp: Millis,
}

impl Event {
    /// Appends the JSON of the event on channel `stream`, without `seq` and the closing brace.
    /// [`finish_json`] appends these once the hub has assigned the number.
    pub fn begin_json(&self, stream: &str, out: &mut Vec<u8>) {
        self.write_json(stream, out).expect("events have string keys and a vector takes every byte");
        assert_eq!(out.pop(), Some(b'}'));
    }

    fn write_json(&self, stream: &str, out: &mut Vec<u8>) -> Result<(), Error> {
        let unknown = || self.data.has_user().then(|| &*UNKNOWN_USER);
        let user = self.user.as_ref().or_else(unknown);
        let mut event = Writer { out }.open(OBJECT)?;
        event.field("type", self.kind())?;
        event.field("username", &*self.username)?;
        event.key("data");
        let mut data = Writer { out: event.out }.open(OBJECT)?;
        if let Some(user) = user {
            data.field("sender", &user.unique_id)?;
        }
        data.flatten(&self.data)?;
        if let Some(user) = user {
            data.field("user", user)?;
        }
        data.field("timestamp", &self.timestamp)?;
        data.close()?;
        if let Some(id) = &self.id {
            event.field("id", id)?;
        }
        event.field("ts", &self.ts)?;
        event.field("replay", &self.replay)?;
        if self.injected {
            event.field("injected", &true)?;
        }
        event.field("stream", stream)?;
        event.close()
    }

    /// Returns the JSON of an event that is not part of a channel: without `stream` and `seq`.
    #[must_use]
    pub fn to_json_alone(&self) -> Vec<u8> {
        let mut json = Vec::new();
        self.begin_json("", &mut json);
        // The stream is the last key.
        json.truncate(json.len().saturating_sub(br#","stream":"""#.len()));
        json.push(b'}');
        json
    }
}

/// Completes the JSON that [`Event::begin_json`] started.
pub fn finish_json(seq: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"seq\":");
    out.extend_from_slice(itoa::Buffer::new().format(seq).as_bytes());
    out.push(b'}');
}

/// Returns the schema of an event with this data, including the fields that are written by hand.
pub(super) fn of_kind(
    generator: &mut SchemaGenerator,
    data: Schema,
    kind: &'static str,
    doc: &str,
) -> Schema {
    // Not of the type of `data`: the function for each type would take 0.4 MB of the program together.
    let mut schema = EventJson::<'static, ()>::json_schema(generator);
    schema.insert("description".into(), doc.trim().into());
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("type".into(), json!({ "const": kind }));
        properties.insert("data".into(), data.into());
        // `finish_json` appends this field.
        let seq = json!({
            "description": "Sequence number, from 1. Gaps belong to events that were filtered out.",
            "type": "integer",
            "minimum": 1,
        });
        properties.insert("seq".into(), seq);
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.push("seq".into());
    }
    schema
}

const LIST: Brackets = (b'[', b"]");
const OBJECT: Brackets = (b'{', b"}");
/// Field names up to this length, in bytes, are written in a single copy with the punctuation around them.
const NAME_BYTES_MAX: usize = 60;

struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

/// A list or object being written. A comma precedes each part; the first comma later becomes the opening
/// bracket.
struct Parts<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    brackets: Brackets,
}

/// The opening bracket, and the closing one.
type Brackets = (u8, &'static [u8]);

impl<'a> Writer<'a> {
    fn raw(self, text: &str) -> Result<(), Error> {
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn number(self, number: impl itoa::Integer + Copy + TryInto<u8>) -> Result<(), Error> {
        // Most numbers have one digit.
        if let Ok(digit @ 0..=9) = number.try_into() {
            self.out.push(b'0' + digit);
            return Ok(());
        }
        self.raw(itoa::Buffer::new().format(number))
    }

    fn open(self, brackets: Brackets) -> Result<Parts<'a>, Error> {
        Ok(Parts { start: self.out.len(), out: self.out, brackets })
    }

    /// Starts an object with the single field `variant`, up to its value.
    fn variant(&mut self, variant: &str) {
        self.out.push(b'{');
        text(variant, self.out);
        self.out.push(b':');
    }
}

impl Parts<'_> {
    fn item(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.out.push(b',');
        value.serialize(Writer { out: self.out })
    }

    /// Appends a field. Names are identifiers and need no escaping. Inlined, so that the length of each name
    /// is a constant.
    #[inline(always)]
    fn field(&mut self, name: &'static str, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.key(name);
        value.serialize(Writer { out: self.out })
    }

    /// Appends the name of a field.
    #[inline(always)]
    fn key(&mut self, name: &'static str) {
        let mut head = [b','; NAME_BYTES_MAX + 4];
        if let Some(head) = head.get_mut(..name.len() + 4) {
            head[1] = b'"';
            head[2..name.len() + 2].copy_from_slice(name.as_bytes());
            head[name.len() + 2..].copy_from_slice(b"\":");
            self.out.extend_from_slice(head);
        } else {
            self.out.push(b',');
            text(name, self.out);
            self.out.push(b':');
        }
    }

    /// Appends the fields of an object.
    fn flatten(&mut self, object: &impl Serialize) -> Result<(), Error> {
        let start = self.out.len();
        object.serialize(Writer { out: self.out })?;
        self.out.pop();
        match &mut self.out[start..] {
            [_] => self.out.truncate(start),
            fields => fields[0] = b',',
        }
        Ok(())
    }

    fn close(self) -> Result<(), Error> {
        let (open, close) = self.brackets;
        match self.out.get_mut(self.start) {
            Some(comma) => *comma = open,
            None => self.out.push(open),
        }
        self.out.extend_from_slice(close);
        Ok(())
    }
}

macro_rules! numbers {
    ($($serialize:ident: $type:ty),*) => {
        $(fn $serialize(self, number: $type) -> Result<(), Error> {
            self.number(number)
        })*
    };
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

    numbers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128
    }

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        // Both texts have five bytes: a copy of constant length needs no call.
        self.out.extend_from_slice(if value { b"true " } else { b"false" });
        self.out.truncate(self.out.len() - usize::from(value));
        Ok(())
    }

    fn serialize_f32(self, number: f32) -> Result<(), Error> {
        serde_json::to_writer(self.out, &number)
    }

    fn serialize_f64(self, number: f64) -> Result<(), Error> {
        serde_json::to_writer(self.out, &number)
    }

    fn serialize_char(self, char: char) -> Result<(), Error> {
        self.serialize_str(char.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        text(value, self.out);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Error> {
        self.collect_seq(bytes)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.raw("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.raw("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.raw("null")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.variant(variant);
        value.serialize(Writer { out: self.out })?;
        self.raw("}")
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'a>, Error> {
        self.open(LIST)
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts<'a>, Error> {
        self.open(LIST)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, Error> {
        self.open(LIST)
    }

    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, Error> {
        self.variant(variant);
        self.open((b'[', b"]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts<'a>, Error> {
        self.open(OBJECT)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, Error> {
        self.open(OBJECT)
    }

    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, Error> {
        self.variant(variant);
        self.open((b'{', b"}}"))
    }
}

macro_rules! lists {
    ($($trait:ident $item:ident),*) => {
        $(impl ser::$trait for Parts<'_> {
            type Ok = ();
            type Error = Error;

            fn $item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close()
            }
        })*
    };
}

lists! {
    SerializeSeq serialize_element, SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field
}

macro_rules! objects {
    ($($trait:ident),*) => {
        $(impl ser::$trait for Parts<'_> {
            type Ok = ();
            type Error = Error;

            #[inline(always)]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), Error> {
                self.close()
            }
        })*
    };
}

objects! { SerializeStruct, SerializeStructVariant }

impl ser::SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = Error;

    /// Keys that are not strings are quoted, because JSON keys must be strings. Inlined, because nearly every
    /// key is a constant.
    #[inline(always)]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.out.push(b',');
        let start = self.out.len();
        key.serialize(Writer { out: self.out })?;
        if self.out.get(start) != Some(&b'"') {
            self.out.insert(start, b'"');
            self.out.push(b'"');
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.out.push(b':');
        value.serialize(Writer { out: self.out })
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

/// Appends a quoted string.
fn text(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return out.extend_from_slice(b"\"\"");
    }
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    if has_special(bytes) {
        escape(bytes, out);
    } else {
        out.extend_from_slice(bytes);
    }
    out.push(b'"');
}

/// Scans 16 or 8 bytes at a time. The last chunk may overlap the one before it.
fn has_special(bytes: &[u8]) -> bool {
    if let Some(last) = bytes.last_chunk::<16>() {
        let mut found = last.map(is_special);
        for chunk in bytes.as_chunks::<16>().0 {
            for (found, &byte) in found.iter_mut().zip(chunk) {
                *found |= is_special(byte);
            }
        }
        return found.iter().fold(false, |any, found| any | found);
    }
    match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => is_any_special(first) | is_any_special(last),
        _ => bytes.iter().any(|&byte| is_special(byte)),
    }
}

/// Without early exits or branches, so that the compiler vectorises the loop.
fn is_any_special<const N: usize>(bytes: &[u8; N]) -> bool {
    bytes.iter().fold(false, |found, &byte| found | is_special(byte))
}

fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\') | json::is_lead(byte)
}

/// Appends text with escapes.
fn escape(mut bytes: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = bytes.iter().position(|&byte| is_special(byte)) {
        out.extend_from_slice(&bytes[..at]);
        bytes = &bytes[at..];
        let short = match bytes[0] {
            byte @ (b'"' | b'\\') => byte,
            0x08 => b'b',
            0x09 => b't',
            0x0a => b'n',
            0x0c => b'f',
            0x0d => b'r',
            byte => {
                let control = (byte < 0x20).then_some((u16::from(byte), 1));
                let length = match control.or_else(|| json::hidden(bytes)) {
                    Some((code, length)) => {
                        json::put(code, out);
                        length
                    }
                    None => {
                        out.push(byte);
                        1
                    }
                };
                bytes = &bytes[length..];
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
        bytes = &bytes[1..];
    }
    out.extend_from_slice(bytes);
}

/// A layout other than livetape's own. It has no line for missing events.
pub trait Layout: Sync {
    /// Flag of events that the layout shows, between the processes of a cluster: one of the bits 4 to 15. Never reuse one.
    fn flag(&self) -> u32;

    /// Whether clients count the gifts of a streak when it ends: they get inferred finals, too, and a final counts since
    /// the previous one.
    fn counts_finals(&self) -> bool;

    /// Whether the layout has a form for the event.
    fn shows(&self, event: &Event) -> bool;

    /// Appends the form of an event, given its JSON, in which `username` is the host, and `data.sender` who acted. Nothing else
    /// of the event is needed, so clients of livetape's own layout cost no extra work.
    ///
    /// # Errors
    /// If `json` is not an event that the layout [shows](Self::shows). Nothing is appended then.
    fn convert(&self, json: &[u8], out: &mut Vec<u8>) -> Result<(), Error>;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::{
        super::{Caption, Chat, Data},
        *,
    };

    #[derive(Serialize)]
    enum Any {
        Unit,
        New(Option<i64>),
        Tuple(i8, char),
        Struct { text: String, map: BTreeMap<String, bool>, numbers: BTreeMap<i32, f64> },
    }

    #[derive(Serialize)]
    struct Flat {
        first: u64,
        #[serde(flatten)]
        rest: Inner,
        nothing: (),
    }

    #[derive(Serialize)]
    struct Inner {
        list: Vec<Any>,
        none: Option<Any>,
    }

    fn same(value: &impl Serialize) -> bool {
        let mut ours = b"before".to_vec();
        value.serialize(Writer { out: &mut ours }).unwrap();
        ours[6..] == *json::escaped(serde_json::to_string(value).unwrap()).as_bytes()
    }

    proptest! {
        #[test]
        fn strings_serialize_as_in_serde_json(text in "[\\x00-\\x7f\u{80}\u{61b}-\u{61d}\u{2020}-\u{2070}\u{1f600}]{0,80}", plain in ".{0,80}") {
            prop_assert!(same(&text) && same(&plain));
        }

        #[test]
        fn all_other_types_serialize_as_in_serde_json(
            number in any::<i64>(), fraction in any::<f64>(), char in any::<char>(), text in any::<String>()
        ) {
            let map = BTreeMap::from([(text.clone(), true), (String::new(), false)]);
            let numbers = BTreeMap::from([(-1, fraction), (i32::MAX, 0.0)]);
            let of_struct = Any::Struct { text, map, numbers };
            let list = vec![Any::Unit, Any::New(Some(number)), Any::New(None), Any::Tuple(-7, char), of_struct];
            let flat = Flat { first: u64::MAX, rest: Inner { list, none: None }, nothing: () };
            prop_assert!(same(&flat));
            let empty = (Vec::<u8>::new(), BTreeMap::<String, u8>::new());
            prop_assert!(same(&empty));
        }
    }

    fn json_of(data: Data) -> Value {
        let (timestamp, ts) = (Millis(5), Millis(5));
        let (replay, injected) = (false, false);
        let event =
            Event { username: "host".into(), user: None, timestamp, ts, id: None, replay, injected, data };
        let mut out = Vec::new();
        event.begin_json("s", &mut out);
        finish_json(1, &mut out);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn an_event_that_users_cause_has_a_user_even_if_the_message_names_none() {
        let chat = json_of(Data::Chat(Chat::default()));
        assert_eq!((&chat["data"]["sender"], &chat["data"]["user"]["userId"]), (&"".into(), &"0".into()));
        let caption = json_of(Data::Caption(Caption::default()));
        assert!(caption["data"].get("sender").is_none() && caption["data"].get("user").is_none());
    }
}
