//! Rewrites encoded messages field by field. Unknown fields are kept.

use bytes::Bytes;

use crate::sans_io::wire::{Field, MESSAGE_BYTES_MAX, Message, Schema};

/// Maximum nesting that [`edit`] follows. Deeper messages stay unchanged.
const DEPTH_MAX: u32 = 32;
/// Wire type of texts and messages.
const LENGTH_DELIMITED: u8 = 2;

/// A message with its fields in the order sent.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) schema: &'static Schema,
    fields: Vec<(u32, Value)>,
    is_changed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Number(u64),
    /// Anything else: its wire type and bytes.
    Bytes(u8, Bytes),
}

/// Rewrites a message and all messages in it, innermost first. Returns whether anything changed. A message
/// that would become too long stays as it is.
pub(super) fn edit(message: &mut Message, mut visit: impl FnMut(&mut Node)) -> bool {
    let Some(schema) = Schema::of_method(&message.method) else { return false };
    let payload = edit_bytes(schema, &message.payload, 0, &mut visit);
    put(message, payload)
}

/// Rewrites a message, but not the messages in it. Returns whether anything changed.
pub(super) fn edit_top(message: &mut Message, visit: impl FnOnce(&mut Node)) -> bool {
    let Some(mut node) = Node::of(message) else { return false };
    visit(&mut node);
    let payload = node.is_changed.then(|| node.write());
    put(message, payload)
}

fn put(message: &mut Message, payload: Option<Bytes>) -> bool {
    let Some(payload) = payload.filter(|payload| payload.len() <= MESSAGE_BYTES_MAX) else { return false };
    message.payload = payload;
    true
}

fn edit_bytes(
    schema: &'static Schema,
    bytes: &Bytes,
    depth: u32,
    visit: &mut dyn FnMut(&mut Node),
) -> Option<Bytes> {
    let mut node = Node::read(schema, bytes).filter(|_| depth < DEPTH_MAX)?;
    for (number, value) in &mut node.fields {
        if let Value::Bytes(LENGTH_DELIMITED, bytes) = value
            && let Some(inner) = schema.field(*number).and_then(|field| field.kind.schema())
            && let Some(edited) = edit_bytes(inner, bytes, depth + 1, visit)
        {
            *bytes = edited;
            node.is_changed = true;
        }
    }
    visit(&mut node);
    node.is_changed.then(|| node.write())
}

impl Node {
    /// Returns the fields of a message's payload.
    pub(super) fn of(message: &Message) -> Option<Self> {
        Self::read(Schema::of_method(&message.method)?, &message.payload)
    }

    fn read(schema: &'static Schema, bytes: &Bytes) -> Option<Self> {
        let (mut fields, mut rest) = (Vec::new(), bytes.clone());
        while !rest.is_empty() {
            let key = take_varint(&mut rest)?;
            let value = match key & 7 {
                0 => Value::Number(take_varint(&mut rest)?),
                1 => Value::Bytes(1, take(&mut rest, 8)?),
                2 => {
                    let length = take_varint(&mut rest)?;
                    Value::Bytes(LENGTH_DELIMITED, take(&mut rest, length)?)
                }
                5 => Value::Bytes(5, take(&mut rest, 4)?),
                _ => return None,
            };
            fields.push((u32::try_from(key >> 3).ok().filter(|number| *number > 0)?, value));
        }
        Some(Self { schema, fields, is_changed: false })
    }

    fn write(&self) -> Bytes {
        let mut out = Vec::new();
        for (number, value) in &self.fields {
            let key = u64::from(*number) << 3;
            match value {
                Value::Number(value) => {
                    put_varint(key, &mut out);
                    put_varint(*value, &mut out);
                }
                Value::Bytes(wire_type, bytes) => {
                    put_varint(key | u64::from(*wire_type), &mut out);
                    if *wire_type == LENGTH_DELIMITED {
                        put_varint(bytes.len() as u64, &mut out);
                    }
                    out.extend_from_slice(bytes);
                }
            }
        }
        out.into()
    }

    /// Whether the schema has a field with this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.field(name).is_some()
    }

    fn field(&self, name: &str) -> Option<&'static Field> {
        self.schema.fields.iter().find(|field| field.name == name)
    }

    fn value(&self, name: &str) -> Option<&Value> {
        let number = self.field(name)?.number;
        self.fields.iter().rev().find(|(at, _)| *at == number).map(|(_, value)| value)
    }

    /// Returns a number; 0 if it is missing.
    pub(super) fn number(&self, name: &str) -> i64 {
        if let Some(Value::Number(number)) = self.value(name) { *number as i64 } else { 0 }
    }

    /// Returns a text; empty if it is missing or invalid.
    pub(super) fn text(&self, name: &str) -> &str {
        let Some(Value::Bytes(_, bytes)) = self.value(name) else { return "" };
        str::from_utf8(bytes).unwrap_or_default()
    }

    /// Returns a message in this one.
    pub(super) fn child(&self, name: &str) -> Option<Self> {
        let schema = self.field(name)?.kind.schema()?;
        let Some(Value::Bytes(_, bytes)) = self.value(name) else { return None };
        Self::read(schema, bytes)
    }

    pub(super) fn set_number(&mut self, name: &str, number: i64) {
        self.set(name, Value::Number(number as u64));
    }

    pub(super) fn set_text(&mut self, name: &str, text: &str) {
        self.set(name, Value::Bytes(LENGTH_DELIMITED, Bytes::copy_from_slice(text.as_bytes())));
    }

    pub(super) fn set_child(&mut self, name: &str, child: &Self) {
        self.set(name, Value::Bytes(LENGTH_DELIMITED, child.write()));
    }

    /// Takes the fields of another message with the same schema.
    pub(super) fn copy(&mut self, other: &Self) {
        self.is_changed |= self.fields != other.fields;
        self.fields.clone_from(&other.fields);
    }

    fn set(&mut self, name: &str, value: Value) {
        let Some(field) = self.field(name).filter(|_| self.value(name) != Some(&value)) else { return };
        self.remove(name);
        self.fields.push((field.number, value));
        self.is_changed = true;
    }

    pub(super) fn remove(&mut self, name: &str) {
        let Some(field) = self.field(name) else { return };
        self.keep(|number| number != field.number);
    }

    /// Removes all fields but one.
    pub(super) fn remove_all_but(&mut self, name: &str) {
        let kept = self.field(name).map(|field| field.number);
        self.keep(|number| Some(number) == kept);
    }

    fn keep(&mut self, is_kept: impl Fn(u32) -> bool) {
        let before = self.fields.len();
        self.fields.retain(|(number, _)| is_kept(*number));
        self.is_changed |= self.fields.len() < before;
    }
}

fn take(rest: &mut Bytes, length: u64) -> Option<Bytes> {
    let length = usize::try_from(length).ok().filter(|length| *length <= rest.len())?;
    Some(rest.split_to(length))
}

fn take_varint(rest: &mut Bytes) -> Option<u64> {
    let mut number = 0;
    for (at, &byte) in rest.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            // The tenth byte can only hold one bit.
            let is_valid = at < 9 || byte < 2;
            drop(rest.split_to(at + 1));
            return is_valid.then_some(number);
        }
    }
    None
}

fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sans_io::{
        event::{Id, Person},
        wire::compose::{self, Stamp},
    };

    fn chat() -> Message {
        let person = Person { user_id: Id(5), nickname: "Ann".into(), ..Person::default() };
        let stamp = Stamp { msg_id: 1, room_id: 2, create_time: 3 };
        compose::chat(stamp, &person, "hello")
    }

    #[test]
    fn unchanged_and_unknown_fields_are_kept() {
        let mut message = chat();
        // Fields 999 and 998: a number of the maximum length, and four fixed bytes.
        let mut payload = message.payload.to_vec();
        put_varint(999 << 3, &mut payload);
        put_varint(u64::MAX, &mut payload);
        put_varint(998 << 3 | 5, &mut payload);
        payload.extend(*b"abcd");
        message.payload = payload.into();
        let before = message.clone();
        assert!(
            !edit(&mut message, |node| node.set_text("nickname", node.text("nickname").to_owned().as_str()))
        );
        assert_eq!(Node::of(&message).unwrap().write(), before.payload);
        assert!(edit(&mut message, |node| node.set_text("nickname", "Zoë")));
        let node = Node::of(&message).unwrap();
        assert_eq!((node.text("content"), node.child("user").unwrap().text("nickname")), ("hello", "Zoë"));
        assert!(message.payload.windows(4).any(|at| at == b"abcd"));
    }

    #[test]
    fn broken_and_unknown_messages_stay_unchanged() {
        let whole = chat();
        for length in 0..whole.payload.len() {
            let mut cut = Message { payload: whole.payload.slice(..length), ..whole.clone() };
            let before = cut.clone();
            edit_top(&mut cut, |node| node.set_number("unheard_of", 1));
            assert_eq!(cut, before);
        }
        let mut group = Message { payload: Bytes::from_static(b"\x0b\x0c"), ..whole.clone() };
        let mut unknown = Message { method: "WebcastNewMessage".into(), ..whole.clone() };
        let mut long = whole;
        assert!(!edit(&mut group, |node| node.set_text("content", "")));
        assert!(!edit(&mut unknown, |node| node.set_text("content", "")));
        assert!(!edit(&mut long, |node| node.set_text("content", &"a".repeat(MESSAGE_BYTES_MAX))));
    }
}
