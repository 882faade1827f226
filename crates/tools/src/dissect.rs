//! Dissects messages into trees of fields: number, name, wire type and value. What a field without a name
//! holds is guessed.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use livetape_core::{
    event,
    recording::{Record, What},
    wire::{Field, FieldKind, MESSAGE_BYTES_MAX, Message, RawField, RawFields, RawValue, Schema},
};
use serde_json::{Map, Value as Json, json};

use super::{
    payload::{DEPTH_MAX, as_text, batch, has_control, is_fields, numbers},
    text::{COLUMNS_MAX, clock, count, printable, thousands},
};

/// Highest field number of a guessed message. Bytes that are no message usually have higher ones.
const GUESSED_NUMBER_MAX: u32 = 20_000;
/// Maximum number of levels to indent, so that values stay within the line.
const INDENT_LEVELS_MAX: usize = 16;
/// Number of bytes to print of a value that is not text.
const HEX_BYTES_MAX: usize = 16;

/// The fields of a message, in the order sent.
#[derive(Debug)]
pub struct Tree<'a> {
    pub nodes: Vec<Node<'a>>,
    /// Malformed bytes after the last field.
    pub rest: &'a [u8],
}

/// A field.
#[derive(Debug)]
pub struct Node<'a> {
    pub raw: RawField<'a>,
    /// Its description in the schema.
    pub field: Option<&'static Field>,
    pub value: Value<'a>,
}

#[derive(Debug)]
pub enum Value<'a> {
    /// A number of variable or fixed length.
    Number,
    Text(&'a str),
    /// A packed list.
    Numbers(Vec<u64>),
    /// A message or group.
    Fields(Tree<'a>),
    Bytes(&'a [u8]),
    /// A message nested more than `DEPTH_MAX` levels deep.
    Deep(&'a [u8]),
}

impl<'a> Tree<'a> {
    /// Dissects the payload of a method.
    #[must_use]
    pub fn of(method: &str, payload: &'a [u8]) -> Self {
        // Of unknown methods, only the first field is known: all have it in common.
        Self::read(event::schema(method).or_else(|| Schema::named("Speaker")), payload, 0)
    }

    fn read(schema: Option<&'static Schema>, bytes: &'a [u8], depth: usize) -> Self {
        let mut fields = RawFields::of(bytes);
        let nodes = fields.by_ref().map(|raw| {
            let field = schema.and_then(|schema| schema.field(raw.number));
            Node { raw, field, value: Value::of(&raw, field, depth + 1) }
        });
        Self { nodes: nodes.collect(), rest: fields.rest() }
    }
}

impl<'a> Value<'a> {
    fn of(raw: &RawField<'a>, field: Option<&'static Field>, depth: usize) -> Self {
        let bytes = match raw.value {
            RawValue::Varint(_) | RawValue::Fixed64(_) | RawValue::Fixed32(_) => return Self::Number,
            RawValue::Group(bytes) => return Self::fields(None, bytes, depth),
            RawValue::Bytes(bytes) => bytes,
        };
        match field.map(|field| field.kind) {
            Some(kind @ (FieldKind::Message(_) | FieldKind::Messages(_))) if is_fields(bytes) => {
                Self::fields(kind.schema(), bytes, depth)
            }
            Some(FieldKind::Text) if !(has_control(bytes) && is_fields(bytes)) => {
                str::from_utf8(bytes).map_or(Self::Bytes(bytes), Self::Text)
            }
            Some(FieldKind::Number) => {
                numbers(bytes).map_or_else(|| Self::guess(bytes, depth), Self::Numbers)
            }
            Some(FieldKind::Bytes) => Self::Bytes(bytes),
            _ => Self::guess(bytes, depth),
        }
    }

    fn fields(schema: Option<&'static Schema>, bytes: &'a [u8], depth: usize) -> Self {
        if depth > DEPTH_MAX { Self::Deep(bytes) } else { Self::Fields(Tree::read(schema, bytes, depth)) }
    }

    fn guess(bytes: &'a [u8], depth: usize) -> Self {
        let text = as_text(bytes);
        if bytes.is_empty() {
            return Self::Bytes(bytes);
        }
        // Short texts can also be parsed as fields.
        if (has_control(bytes) || text.is_none()) && may_be_fields(bytes) {
            return Self::fields(None, bytes, depth);
        }
        match (text, numbers(bytes)) {
            (Some(text), _) => Self::Text(text),
            (None, Some(numbers)) => Self::Numbers(numbers),
            (None, None) => Self::Bytes(bytes),
        }
    }
}

/// Whether bytes without a schema are plausible as a message.
pub(crate) fn may_be_fields(bytes: &[u8]) -> bool {
    let is_plausible = |field: RawField<'_>| {
        field.number <= GUESSED_NUMBER_MAX && !matches!(field.value, RawValue::Group(_))
    };
    is_fields(bytes) && RawFields::of(bytes).all(is_plausible)
}

impl Node<'_> {
    /// Whether the schema names the field, and its value is of the type there.
    fn is_known(&self) -> bool {
        let Some(field) = self.field else { return false };
        match (field.kind, &self.value) {
            (FieldKind::Number, Value::Number) => matches!(self.raw.value, RawValue::Varint(_)),
            (FieldKind::Message(_) | FieldKind::Messages(_), Value::Bytes(bytes)) => bytes.is_empty(),
            (FieldKind::Number, Value::Numbers(_))
            | (FieldKind::Text, Value::Text(_))
            | (FieldKind::Bytes, Value::Bytes(_))
            | (FieldKind::Message(_) | FieldKind::Messages(_), Value::Fields(_) | Value::Deep(_)) => {
                matches!(self.raw.value, RawValue::Bytes(_))
            }
            _ => false,
        }
    }

    /// Whether this is a user.
    pub(crate) fn is_person(&self) -> bool {
        self.field.and_then(|field| field.kind.schema()).is_some_and(|schema| schema.name == "User")
    }

    /// Whether this field, or one in it, is not in the schema.
    fn has_unknown(&self) -> bool {
        !self.is_known() || matches!(&self.value, Value::Fields(tree) if tree.has_unknown())
    }

    pub(crate) fn wire(&self) -> &'static str {
        wire_name(&self.raw.value)
    }

    /// Describes the value in a line.
    fn words(&self) -> String {
        match (&self.value, &self.raw.value) {
            (Value::Text(text), _) => format!("{text:?}"),
            (Value::Numbers(numbers), _) => {
                let list = numbers.iter().map(|&number| (number as i64).to_string());
                format!("{}: {}", count(numbers.len() as u64, "number"), Vec::from_iter(list).join(", "))
            }
            (Value::Fields(_), RawValue::Group(bytes)) => count(bytes.len() as u64, "byte"),
            (Value::Fields(_), _) => {
                let schema = self.field.and_then(|field| field.kind.schema());
                let bytes = count(self.raw.bytes().unwrap_or_default().len() as u64, "byte");
                format!("{}, {bytes}", schema.map_or("message", |schema| schema.name))
            }
            (Value::Bytes(b""), _) => "empty".into(),
            (Value::Bytes(bytes), _) => hex(bytes),
            (Value::Deep(bytes), _) => {
                format!("deeper than {DEPTH_MAX} levels, {}", count(bytes.len() as u64, "byte"))
            }
            (Value::Number, RawValue::Fixed64(bytes)) => {
                format!("{} or {:?}", u64::from_le_bytes(*bytes), f64::from_le_bytes(*bytes))
            }
            (Value::Number, RawValue::Fixed32(bytes)) => {
                format!("{} or {:?}", u32::from_le_bytes(*bytes), f32::from_le_bytes(*bytes))
            }
            (Value::Number, RawValue::Varint(number)) => (*number as i64).to_string(),
            (Value::Number, _) => String::new(),
        }
    }

    fn json(&self, only_unknown: bool) -> Json {
        let mut line = Map::new();
        line.insert("number".into(), self.raw.number.into());
        if let Some(field) = self.field {
            line.insert("name".into(), field.name.into());
        }
        if !self.is_known() {
            line.insert(if self.field.is_some() { "mismatch" } else { "unknown" }.into(), true.into());
        }
        line.insert("wire".into(), self.wire().into());
        let (key, value) = match (&self.value, &self.raw.value) {
            (Value::Text(text), _) => ("text", json!(text)),
            (Value::Numbers(numbers), _) => {
                let list = numbers.iter().map(|&number| (number as i64).to_string());
                ("numbers", list.collect())
            }
            (Value::Fields(tree), _) => ("fields", tree.json(only_unknown && self.is_known())),
            (Value::Bytes(bytes), _) => ("bytes", STANDARD.encode(bytes).into()),
            (Value::Deep(bytes), _) => ("tooDeep", STANDARD.encode(bytes).into()),
            (Value::Number, RawValue::Fixed64(bytes)) => {
                ("value", u64::from_le_bytes(*bytes).to_string().into())
            }
            (Value::Number, RawValue::Fixed32(bytes)) => {
                ("value", u32::from_le_bytes(*bytes).to_string().into())
            }
            (Value::Number, RawValue::Varint(number)) => ("value", (*number as i64).to_string().into()),
            (Value::Number, _) => ("value", Json::Null),
        };
        line.insert(key.into(), value);
        line.into()
    }
}

fn put_line(depth: usize, text: &str, out: &mut String) {
    let indent = "  ".repeat(depth.min(INDENT_LEVELS_MAX));
    out.push_str(&printable(&format!("{indent}{text}"), COLUMNS_MAX));
    out.push('\n');
}

/// Returns the short name of a wire type, as in the documentation of protobuf.
pub(crate) fn wire_name(value: &RawValue<'_>) -> &'static str {
    match value {
        RawValue::Varint(_) => "varint",
        RawValue::Fixed64(_) => "i64",
        RawValue::Fixed32(_) => "i32",
        RawValue::Bytes(_) => "len",
        RawValue::Group(_) => "group",
    }
}

/// Returns the name of a type in the schema.
pub(crate) fn kind_name(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Number => "number",
        FieldKind::Text => "text",
        FieldKind::Bytes => "bytes",
        FieldKind::Message(_) | FieldKind::Messages(_) => "message",
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut words = count(bytes.len() as u64, "byte") + ": ";
    for byte in bytes.iter().take(HEX_BYTES_MAX) {
        // Writing to a string cannot fail.
        let _ = write!(words, "{byte:02x}");
    }
    if bytes.len() > HEX_BYTES_MAX { words + "…" } else { words }
}

impl Tree<'_> {
    fn has_unknown(&self) -> bool {
        !self.rest.is_empty() || self.nodes.iter().any(Node::has_unknown)
    }

    fn lines(&self, depth: usize, only_unknown: bool, out: &mut String) {
        for node in self.nodes.iter().filter(|node| !only_unknown || node.has_unknown()) {
            let name = node.field.map_or("?", |field| field.name);
            let kind = node.field.filter(|_| !node.is_known()).map(|field| kind_name(field.kind));
            let mismatch = kind.map(|kind| format!(" (schema: {kind})")).unwrap_or_default();
            let text = format!("{} {name}: {} {}{mismatch}", node.raw.number, node.wire(), node.words());
            put_line(depth, &text, out);
            if let Value::Fields(tree) = &node.value {
                tree.lines(depth + 1, only_unknown && node.is_known(), out);
            }
        }
        if !self.rest.is_empty() {
            put_line(depth, &format!("malformed: {}", hex(self.rest)), out);
        }
    }

    fn json(&self, only_unknown: bool) -> Json {
        let nodes = self.nodes.iter().filter(|node| !only_unknown || node.has_unknown());
        let mut fields = Vec::from_iter(nodes.map(|node| node.json(only_unknown)));
        if !self.rest.is_empty() {
            fields.push(json!({"malformed": STANDARD.encode(self.rest)}));
        }
        fields.into()
    }
}

/// Returns the messages of a record.
fn messages(record: &Record) -> Vec<Message> {
    let What::Frame(frame) = &record.item.what else { return Vec::new() };
    batch(&frame.bytes, &mut Vec::new()).map(|batch| batch.messages).unwrap_or_default()
}

/// Returns the methods of a record's messages.
pub fn methods(record: &Record) -> impl Iterator<Item = String> {
    messages(record).into_iter().map(|message| message.method.to_string())
}

/// The messages to dissect.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only messages of this method: its full name, or the short one that [`super::cat::text`] shows.
    pub method: Option<String>,
    /// Only messages with this id.
    pub msg_id: Option<i64>,
    /// Only fields that are not as in the schema, and messages that have some.
    pub only_unknown: bool,
}

impl Selection {
    fn messages(&self, record: &Record) -> Vec<Message> {
        let mut messages = messages(record);
        messages.retain(|message| {
            self.has_method(&message.method) && self.msg_id.is_none_or(|id| id == message.msg_id)
        });
        messages
    }

    /// Whether messages of this method are selected.
    #[must_use]
    pub fn has_method(&self, method: &str) -> bool {
        let is_named = |name: &String| {
            name.eq_ignore_ascii_case(method) || name.eq_ignore_ascii_case(short_name(method))
        };
        self.method.as_ref().is_none_or(is_named)
    }

    fn shows(&self, tree: &Tree<'_>) -> bool {
        !self.only_unknown || tree.has_unknown()
    }

    /// Returns the selected messages of a record as lines of at most 80 columns.
    #[must_use]
    pub fn text(&self, record: &Record) -> String {
        let (mut out, item) = (String::new(), &record.item);
        let conn = if item.conn == 0 { String::new() } else { format!("{} ", item.conn) };
        for Message { method, payload, is_history, .. } in self.messages(record) {
            let history = if is_history { ", history" } else { "" };
            let bytes = count(payload.len() as u64, "byte");
            let head = format!("{} {conn}{method}, {bytes}{history}", clock(item.offset));
            if payload.len() > MESSAGE_BYTES_MAX {
                put_line(0, &head, &mut out);
                put_line(1, &format!("longer than {} bytes", thousands(MESSAGE_BYTES_MAX as u64)), &mut out);
                continue;
            }
            let tree = Tree::of(&method, &payload);
            if self.shows(&tree) {
                put_line(0, &head, &mut out);
                tree.lines(1, self.only_unknown, &mut out);
            }
        }
        out
    }

    /// Returns the selected messages of a record.
    #[must_use]
    pub fn json(&self, record: &Record) -> Vec<Json> {
        let mut lines = Vec::new();
        for message in self.messages(record) {
            let mut line = json!({
                "type": "message", "record": record.rec_no,
                "offsetMs": record.item.offset.as_nanos() as f64 / 1e6, "conn": record.item.conn,
                "method": message.method, "id": message.msg_id.to_string(), "history": message.is_history,
                "bytes": message.payload.len(),
            });
            if message.payload.len() > MESSAGE_BYTES_MAX {
                line["tooLong"] = true.into();
                lines.push(line);
                continue;
            }
            let tree = Tree::of(&message.method, &message.payload);
            if self.shows(&tree) {
                line["fields"] = tree.json(self.only_unknown);
                lines.push(line);
            }
        }
        lines
    }
}

/// Returns a method without the words that most of them have in common: `Chat`.
#[must_use]
pub fn short_name(method: &str) -> &str {
    let name = method.strip_prefix("Webcast").unwrap_or(method);
    name.strip_suffix("Message").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use livetape_core::{
        recording::{Frame, Opcode},
        wire::{Batch, Push, write_batch, write_bytes, write_number, write_push},
    };
    use livetape_samples::{item, payloads};
    use prost::encoding::{WireType, encode_key, encode_varint};

    use super::*;

    /// Encodes a tree from its values, not from the bytes that were read.
    fn encode(tree: &Tree<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        for node in &tree.nodes {
            let number = node.raw.number;
            match (&node.value, &node.raw.value) {
                (Value::Text(text), _) => write_bytes(number, text.as_bytes(), &mut out),
                (Value::Numbers(numbers), _) => {
                    let mut list = Vec::new();
                    numbers.iter().for_each(|&number| encode_varint(number, &mut list));
                    write_bytes(number, &list, &mut out);
                }
                (Value::Fields(tree), RawValue::Group(_)) => {
                    encode_key(number, WireType::StartGroup, &mut out);
                    out.extend(encode(tree));
                    encode_key(number, WireType::EndGroup, &mut out);
                }
                (Value::Fields(tree), _) => write_bytes(number, &encode(tree), &mut out),
                (Value::Bytes(bytes) | Value::Deep(bytes), _) => write_bytes(number, bytes, &mut out),
                (Value::Number, RawValue::Varint(value)) => write_number(number, *value, &mut out),
                (Value::Number, RawValue::Fixed64(bytes)) => {
                    encode_key(number, WireType::SixtyFourBit, &mut out);
                    out.extend(bytes);
                }
                (Value::Number, RawValue::Fixed32(bytes)) => {
                    encode_key(number, WireType::ThirtyTwoBit, &mut out);
                    out.extend(bytes);
                }
                (Value::Number, _) => unreachable!(),
            }
        }
        out.extend(tree.rest);
        out
    }

    #[test]
    fn every_recorded_payload_is_encoded_again_from_its_tree() {
        let payloads = payloads();
        assert!(payloads.len() > 1400);
        for Message { method, payload, .. } in payloads {
            assert_eq!(encode(&Tree::of(&method, &payload)), payload, "{method}");
        }
    }

    fn record(method: &str, payload: Vec<u8>) -> Record {
        let messages = vec![Message { method: method.into(), payload: payload.into(), ..Default::default() }];
        let payload = write_batch(&Batch { messages, ..Default::default() });
        let push = Push { payload_type: "msg".into(), payload, ..Default::default() };
        let bytes = write_push(&push);
        Record { rec_no: 3, item: item(350, What::Frame(Frame { opcode: Opcode::BINARY, bytes })) }
    }

    /// A chat whose language is a number, with fields that have no name.
    fn odd_chat() -> Record {
        let mut payload = b"\x0a\x04\x10\x96\x01\x50\x1a\x02hi".to_vec();
        payload[1] = 3;
        payload.remove(5);
        write_number(14, u64::MAX, &mut payload);
        write_bytes(900, b"\x08\x01\x12\x03abc", &mut payload);
        write_bytes(901, b"\x01\x02\x80\x01", &mut payload);
        write_bytes(902, &[0xff; 20], &mut payload);
        write_bytes(903, b"\x1b[2J", &mut payload);
        write_bytes(904, b"", &mut payload);
        payload.extend(b"\xd1\x38\0\0\0\0\0\0\xf8\x3f\xff");
        record("WebcastChatMessage", payload)
    }

    #[test]
    fn fields_without_a_name_are_guessed() {
        let shown = Selection::default().text(&odd_chat());
        insta::assert_snapshot!(shown, @r#"
        00:00:00.350 1 WebcastChatMessage, 81 bytes
          1 common: len Common, 3 bytes
            2 msg_id: varint 150
          3 content: len "hi"
          14 language: varint -1 (schema: text)
          900 ?: len message, 7 bytes
            1 ?: varint 1
            2 ?: len "abc"
          901 ?: len 3 numbers: 1, 2, 128
          902 ?: len 20 bytes: ffffffffffffffffffffffffffffffff…
          903 ?: len 4 numbers: 27, 91, 50, 74
          904 ?: len empty
          906 ?: i64 4609434218613702656 or 1.5
          malformed: 1 byte: ff
        "#);
        let only_unknown = Selection { only_unknown: true, ..Selection::default() };
        let names = only_unknown.text(&odd_chat());
        assert!(!names.contains("content") && !names.contains("common") && names.contains("900 ?"));
        let json = only_unknown.json(&odd_chat());
        assert_eq!(json[0]["fields"][0]["mismatch"], true);
        assert_eq!(json[0]["fields"][1]["fields"][1]["text"], "abc");
    }

    #[test]
    fn methods_are_selected_by_their_full_or_short_name() {
        for (name, is_selected) in
            [("chat", true), ("WebcastChatMessage", true), ("Gift", false), ("ChatMessage", false)]
        {
            let selection = Selection { method: Some(name.into()), ..Selection::default() };
            assert_eq!(!selection.text(&odd_chat()).is_empty(), is_selected, "{name}");
        }
    }

    #[test]
    fn what_is_nested_too_deeply_is_not_followed() {
        let mut payload = b"\x08\x01".to_vec();
        for _ in 0..1000 {
            let inner = std::mem::take(&mut payload);
            write_bytes(2, &inner, &mut payload);
        }
        let tree = Tree::of("WebcastNewMessage", &payload);
        assert_eq!(encode(&tree), payload);
        let shown = Selection::default().text(&record("WebcastNewMessage", payload.clone()));
        assert_eq!(shown.lines().count(), DEPTH_MAX + 2);
        assert!(shown.ends_with(" ?: len deeper than 64 levels, 2,744 bytes\n"), "{shown}");
        let groups = [vec![0x0b; 1000], vec![0x0c; 1000]].concat();
        assert_eq!(encode(&Tree::of("WebcastNewMessage", &groups)), groups);
    }

    #[test]
    fn a_payload_that_is_too_long_is_not_followed() {
        let record = record("WebcastChatMessage", vec![0; MESSAGE_BYTES_MAX + 1]);
        let shown = Selection::default().text(&record);
        assert!(shown.ends_with("  longer than 262,144 bytes\n"), "{shown}");
        assert_eq!(Selection::default().json(&record)[0]["tooLong"], true);
    }

    #[test]
    fn any_bytes_can_be_dissected() {
        for Message { method, payload, .. } in payloads() {
            let mut damaged = payload.to_vec();
            damaged.iter_mut().skip(payload.len() / 3).step_by(37).for_each(|byte| *byte ^= 0x85);
            let tree = Tree::of(&method, &damaged);
            let _ = (tree.lines(0, false, &mut String::new()), tree.json(true));
        }
    }
}
