//! Rewrites encoded messages leaf by leaf. All fields, known or not, keep their numbers, types and nesting.

use livetape_core::{
    event,
    wire::{
        Field, FieldKind, Member, RawField, RawFields, RawValue, Schema, UNZIPPED_BYTES_MAX, gzip_member,
        write_bytes, write_number, zip,
    },
};
use prost::encoding::{WireType, encode_key, encode_varint};

use super::class::{self, Class};
use crate::payload::{DEPTH_MAX, as_text, has_control, is_fields, numbers};

/// Maximum length of an encoded number, in bytes.
pub(super) const VARINT_BYTES_MAX: usize = 10;
/// Replacement for malformed bytes, which no parser accepts as a field.
const BROKEN: u8 = 0x07;
/// First bytes of gzip data.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Visits the leaves of a message, and may replace them.
pub(super) trait Leaves {
    /// Visits a number. Returns the same number to keep it.
    fn number(&mut self, place: &Place, number: u64) -> u64;
    /// Visits a text. Returns `None` to keep it.
    fn text(&mut self, place: &Place, text: &str) -> Option<String>;
    /// Visits bytes of unknown meaning. Returns `None` to keep them.
    fn opaque(&mut self, _: &Place, _: &[u8]) -> Option<Vec<u8>> {
        None
    }
    /// Visits a list of numbers, whose bytes can also be those of others, before and after its numbers were replaced.
    fn list(&mut self, _: &Place, _: &[u8], _: &[u8]) -> Option<Vec<u8>> {
        None
    }
    /// Reports malformed bytes, which are dropped.
    fn broken(&mut self, _: usize) {}
    /// Reports gzip data that is malformed or followed by other bytes, which are dropped.
    fn bad_gzip(&mut self) {}
    /// Reports a name, a comment or another field in the header of gzip data, which is dropped.
    fn gzip_header(&mut self, _: &[u8]) {}
}

/// Location of a leaf.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) class: Class,
    /// Names of the message and the field; empty if unknown.
    pub(super) message: &'static str,
    pub(super) field: &'static str,
    /// Whether pictures here belong to the app.
    pub(super) artwork: bool,
    /// Whether the number is a field of a fixed length, which can also hold a floating-point number.
    pub(super) fixed: bool,
    /// Id of the person who is in a picture.
    pub(super) person: Option<u64>,
    /// Number of JSON texts around it, each within another.
    pub(super) nested: usize,
}

impl Place {
    pub(super) fn unnamed(class: Class) -> Self {
        Self { class, message: "", field: "", artwork: false, fixed: false, person: None, nested: 0 }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Context {
    schema: Option<&'static Schema>,
    artwork: bool,
    person: Option<u64>,
    depth: usize,
}

impl Context {
    /// Creates the context of the message with this name, or of an unknown one if the name is not in the
    /// schema.
    pub(super) fn named(name: &str) -> Self {
        Self { schema: Schema::named(name), artwork: false, person: None, depth: 0 }
    }

    fn inner(self, schema: Option<&'static Schema>) -> Self {
        let is_gift = schema.is_some_and(|schema| class::is_gift(schema.name));
        Self { schema, artwork: self.artwork || is_gift, person: None, depth: self.depth + 1 }
    }

    fn place(self, field: Option<&'static Field>, keyed: bool) -> Place {
        let artwork = self.artwork;
        let Some((schema, field)) = self.schema.zip(field) else {
            return Place { artwork, ..Place::unnamed(Class::Unknown) };
        };
        let (message, person) = (schema.name, self.person);
        let unnamed = Place::unnamed(class::of(schema, field, keyed));
        Place { message, field: field.name, artwork, person, ..unnamed }
    }
}

/// Rewrites a message.
pub(super) fn message(bytes: &[u8], context: Context, leaves: &mut impl Leaves) -> Vec<u8> {
    let mut walk = Walk { bytes, context, out: Vec::with_capacity(bytes.len()) };
    let mut fields = RawFields::of(bytes);
    for field in fields.by_ref() {
        walk.field(field, leaves);
    }
    if !fields.rest().is_empty() {
        leaves.broken(fields.rest().len());
        walk.out.push(BROKEN);
    }
    walk.out
}

struct Walk<'a> {
    bytes: &'a [u8],
    context: Context,
    out: Vec<u8>,
}

impl<'a> Walk<'a> {
    /// Rewrites a field.
    fn field(&mut self, raw: RawField<'_>, leaves: &mut impl Leaves) {
        let field = self.context.schema.and_then(|schema| schema.field(raw.number));
        let place = self.context.place(field, self.is_keyed(field));
        // A number in a field for something else is of unknown meaning.
        let place = match raw.value {
            RawValue::Varint(_) | RawValue::Fixed64(_) | RawValue::Fixed32(_)
                if place.class != Class::Id && field.is_some_and(|field| field.kind != FieldKind::Number) =>
            {
                Place { class: Class::Unknown, ..place }
            }
            _ => place,
        };
        match raw.value {
            RawValue::Varint(value) => match leaves.number(&place, value) {
                // Possibly written in more bytes than needed.
                same if same == value => self.out.extend_from_slice(raw.whole),
                new => write_number(raw.number, new, &mut self.out),
            },
            RawValue::Fixed64(value) => {
                let new = leaves.number(&Place { fixed: true, ..place }, u64::from_le_bytes(value));
                self.out.extend_from_slice(&raw.whole[..raw.whole.len() - value.len()]);
                self.out.extend_from_slice(&new.to_le_bytes());
            }
            RawValue::Fixed32(value) => {
                let new = leaves.number(&Place { fixed: true, ..place }, u32::from_le_bytes(value).into());
                self.out.extend_from_slice(&raw.whole[..raw.whole.len() - value.len()]);
                // A longer one is cut off, and then is another one as well.
                self.out.extend_from_slice(&(new as u32).to_le_bytes());
            }
            RawValue::Bytes(value) => {
                let new = self.value(field, &place, value, leaves);
                write_bytes(raw.number, new.as_deref().unwrap_or(value), &mut self.out);
            }
            // Its contents have no schema.
            RawValue::Group(inner) => {
                let new = bounded(inner, self.context.inner(None), &place, leaves);
                encode_key(raw.number, WireType::StartGroup, &mut self.out);
                self.out.extend_from_slice(&new);
                encode_key(raw.number, WireType::EndGroup, &mut self.out);
            }
        }
    }

    /// Whether this message has the text key of a pattern.
    fn is_keyed(&self, field: Option<&Field>) -> bool {
        field.is_some_and(|field| field.name == "default_pattern")
            && self.sibling("key").is_some_and(|key| !key.is_empty())
    }

    /// Returns the id of the person whose picture is in this field.
    fn person(&self, field: Option<&Field>) -> Option<u64> {
        let schema = self.context.schema.filter(|_| field.is_some_and(class::is_face))?;
        let id = schema.fields.iter().find(|other| class::of(schema, other, false) == Class::Id)?;
        let ids = RawFields::of(self.bytes).filter(|field| field.number == id.number);
        let ids =
            ids.filter_map(|field| if let RawValue::Varint(id) = field.value { Some(id) } else { None });
        ids.last()
    }

    /// Returns the content of another field of this message.
    fn sibling(&self, name: &str) -> Option<&'a [u8]> {
        let number = self.context.schema?.fields.iter().find(|field| field.name == name)?.number;
        RawFields::of(self.bytes)
            .filter(|field| field.number == number)
            .filter_map(|field| field.bytes())
            .last()
    }

    fn value(
        &self,
        field: Option<&'static Field>,
        place: &Place,
        value: &[u8],
        leaves: &mut impl Leaves,
    ) -> Option<Vec<u8>> {
        if value.is_empty() {
            return None;
        }
        let inner = |schema| self.context.inner(schema);
        match field.map(|field| field.kind) {
            Some(kind @ (FieldKind::Message(_) | FieldKind::Messages(_)))
                if is_fields(value) || as_text(value).is_none() =>
            {
                let context = Context { person: self.person(field), ..inner(kind.schema()) };
                Some(bounded(value, context, place, leaves))
            }
            // Text can be read as numbers, too. In a field for one number, anything is of unknown meaning.
            Some(FieldKind::Number)
                if field.is_some_and(|field| field.repeated)
                    && !is_fields(value)
                    && as_text(value).is_none() =>
            {
                packed(value, place, leaves)
            }
            Some(FieldKind::Text) if !(is_fields(value) && has_control(value)) => {
                leaves.text(place, &String::from_utf8_lossy(value)).map(String::into_bytes)
            }
            Some(FieldKind::Bytes) => Some(self.payload(place, value, leaves)),
            _ => guess(value, inner(None), place, leaves),
        }
    }

    /// Rewrites the payload of a push frame or of a message in a batch.
    fn payload(&self, place: &Place, value: &[u8], leaves: &mut impl Leaves) -> Vec<u8> {
        let name = |bytes: Option<&'a [u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let schema = if place.message == "PushFrame" {
            match name(self.sibling("payload_type")).as_str() {
                "msg" | "im_enter_room_resp" => Schema::named("Batch"),
                "hb" => Schema::named("HeartBeat"),
                "im_enter_room" => Schema::named("EnterRoom"),
                "ack" if as_text(value).is_some() => {
                    let place = Place { class: Class::Token, ..*place };
                    let text = String::from_utf8_lossy(value);
                    return leaves.text(&place, &text).map_or_else(|| value.to_vec(), String::into_bytes);
                }
                _ => None,
            }
        } else {
            // Of unknown messages, at least the beginning is known: they all share it.
            event::schema(&name(self.sibling("method"))).or_else(|| Schema::named("Speaker"))
        };
        let context = self.context.inner(schema);
        unpacked(value, leaves, |plain, leaves| match schema {
            Some(_) => bounded(plain, context, place, leaves),
            None => guess(plain, context, &Place { class: Class::Unknown, ..*place }, leaves)
                .unwrap_or_else(|| plain.to_vec()),
        })
    }
}

/// Applies `change` to decompressed gzip data and compresses the result, or applies it to other bytes
/// directly. Nothing but the data stays, up to the limit for a batch.
pub(super) fn unpacked<L: Leaves>(
    bytes: &[u8],
    leaves: &mut L,
    change: impl FnOnce(&[u8], &mut L) -> Vec<u8>,
) -> Vec<u8> {
    if !bytes.starts_with(&GZIP) {
        return change(bytes, leaves);
    }
    let Member { mut plain, header, length } = gzip_member(bytes, UNZIPPED_BYTES_MAX).unwrap_or(Member {
        plain: Vec::new(),
        header: Vec::new(),
        length: None,
    });
    let is_whole = length == Some(bytes.len());
    if !is_whole {
        leaves.bad_gzip();
    }
    if !header.is_empty() {
        leaves.gzip_header(&header);
    }
    if length.is_none() && plain.len() == UNZIPPED_BYTES_MAX {
        // Readers drop it as well.
        plain.clear();
    }
    let new = change(&plain, leaves);
    if new == plain && is_whole && header.is_empty() { bytes.to_vec() } else { zip(&new).to_vec() }
}

/// Rewrites a message unless it is nested too deeply.
fn bounded(value: &[u8], context: Context, place: &Place, leaves: &mut impl Leaves) -> Vec<u8> {
    if context.depth > DEPTH_MAX {
        return leaves.opaque(place, value).unwrap_or_default();
    }
    message(value, context, leaves)
}

/// Rewrites a value without a schema: compressed data, a message, a text, or bytes.
pub(super) fn guess(
    value: &[u8],
    context: Context,
    place: &Place,
    leaves: &mut impl Leaves,
) -> Option<Vec<u8>> {
    if value.starts_with(&GZIP) && context.depth <= DEPTH_MAX {
        let context = context.inner(None);
        let change = |plain: &[u8], leaves: &mut _| {
            // Data that decompresses to itself would otherwise cause endless recursion.
            let bounded = if plain.starts_with(&GZIP) { &[] } else { plain };
            guess_plain(bounded, context, place, leaves).unwrap_or_else(|| bounded.to_vec())
        };
        return Some(unpacked(value, leaves, change));
    }
    guess_plain(value, context, place, leaves)
}

fn guess_plain(value: &[u8], context: Context, place: &Place, leaves: &mut impl Leaves) -> Option<Vec<u8>> {
    // Two or three letters can also be parsed as a message, and are nobody's name.
    if is_fields(value) && (has_control(value) || as_text(value).is_none() || value.len() <= 3) {
        return Some(bounded(value, context, place, leaves));
    }
    match as_text(value) {
        Some(text) => leaves.text(&Place { class: Class::Unknown, ..*place }, text).map(String::into_bytes),
        None => leaves.opaque(place, value),
    }
}

/// Rewrites a packed list of numbers.
fn packed(value: &[u8], place: &Place, leaves: &mut impl Leaves) -> Option<Vec<u8>> {
    let Some(numbers) = numbers(value) else { return leaves.opaque(place, value) };
    let mut out = Vec::with_capacity(value.len());
    numbers.into_iter().for_each(|number| encode_varint(leaves.number(place, number), &mut out));
    leaves.list(place, value, &out).or(Some(out))
}

/// Whether the byte at this index of a packed list is the tenth of its number, and so holds its highest bit.
pub(super) fn is_tenth(list: &[u8], at: usize) -> bool {
    at.checked_sub(VARINT_BYTES_MAX - 1)
        .is_some_and(|start| list[start..at].iter().all(|byte| byte & 0x80 != 0))
}
