//! Rewrites encoded messages field by field. Unknown fields are kept.

use bytes::Bytes;
use livetape_core::{
    event,
    wire::{Field, MESSAGE_BYTES_MAX, Message, RawFields, RawValue, Schema, write_bytes, write_number},
};

/// Maximum nesting that [`edit`] follows. Deeper messages stay unchanged.
const DEPTH_MAX: u32 = 32;

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
    /// A text or a message.
    Bytes(Bytes),
    /// Anything else: the field with its key.
    Other(Bytes),
}

/// Rewrites a message and all messages in it, innermost first. Returns whether anything changed. A message
/// that would become too long stays as it is.
pub(super) fn edit(message: &mut Message, mut visit: impl FnMut(&mut Node)) -> bool {
    let Some(schema) = event::schema(&message.method) else { return false };
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
        if let Value::Bytes(bytes) = value
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
    pub(super) fn of(message: &Message) -> Option<Self> {
        Self::read(event::schema(&message.method)?, &message.payload)
    }

    fn read(schema: &'static Schema, bytes: &Bytes) -> Option<Self> {
        let mut left = RawFields::of(bytes);
        let fields = left.by_ref().map(|field| {
            let value = match field.value {
                RawValue::Varint(number) => Value::Number(number),
                RawValue::Bytes(value) => Value::Bytes(bytes.slice_ref(value)),
                _ => Value::Other(bytes.slice_ref(field.whole)),
            };
            (field.number, value)
        });
        let fields = fields.collect();
        left.rest().is_empty().then_some(Self { schema, fields, is_changed: false })
    }

    fn write(&self) -> Bytes {
        let mut out = Vec::new();
        for (number, value) in &self.fields {
            match value {
                Value::Number(value) => write_number(*number, *value, &mut out),
                Value::Bytes(bytes) => write_bytes(*number, bytes, &mut out),
                Value::Other(whole) => out.extend_from_slice(whole),
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
        let Some(Value::Bytes(bytes)) = self.value(name) else { return "" };
        str::from_utf8(bytes).unwrap_or_default()
    }

    pub(super) fn child(&self, name: &str) -> Option<Self> {
        let schema = self.field(name)?.kind.schema()?;
        let Some(Value::Bytes(bytes)) = self.value(name) else { return None };
        Self::read(schema, bytes)
    }

    pub(super) fn set_number(&mut self, name: &str, number: i64) {
        self.set(name, Value::Number(number as u64));
    }

    pub(super) fn set_text(&mut self, name: &str, text: &str) {
        self.set(name, Value::Bytes(Bytes::copy_from_slice(text.as_bytes())));
    }

    pub(super) fn set_child(&mut self, name: &str, child: &Self) {
        self.set(name, Value::Bytes(child.write()));
    }

    /// Adds a message at the end of a repeated field, or sets a field that is one message. `fill` gets it empty.
    pub(super) fn push(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        let Some((number, schema)) =
            self.field(name).and_then(|field| Some((field.number, field.kind.schema()?)))
        else {
            return;
        };
        let mut child = Self { schema, fields: Vec::new(), is_changed: false };
        fill(&mut child);
        self.fields.push((number, Value::Bytes(child.write())));
        self.is_changed = true;
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

#[cfg(test)]
mod tests {
    use livetape_core::{
        event::compose::{self, Stamp},
        event::{Id, Person},
    };

    use super::*;

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
        write_number(999, u64::MAX, &mut payload);
        payload.extend(*b"\xb5\x3eabcd");
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
        let mut group = Message { payload: Bytes::from_static(b"\x0b"), ..whole.clone() };
        let mut unknown = Message { method: "WebcastNewMessage".into(), ..whole.clone() };
        let mut long = whole;
        assert!(!edit(&mut group, |node| node.set_text("content", "")));
        assert!(!edit(&mut unknown, |node| node.set_text("content", "")));
        assert!(!edit(&mut long, |node| node.set_text("content", &"a".repeat(MESSAGE_BYTES_MAX))));
    }
}
