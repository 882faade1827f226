//! Reduces a protobuf schema to what livetape reads, the fields that events use, or to what it writes: prost skips all other
//! fields. And writes it as a table, which maps field numbers to names for code that walks encoded messages.
//!
//! Words behind messages and fields say what is used; the head of `proto/webcast.proto` explains them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    mem,
};

use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

const PACKAGE: &str = ".livetape.webcast.";

/// `Common` without its text, for payloads whose text no event uses.
const STAMP: &str = "Stamp";

/// `Common` with the key and pattern of its text, but without the pieces, which can contain a whole user.
const LABELLED: &str = "Labelled";

/// The text of [`LABELLED`].
const LABEL: &str = "Label";

/// The fields of `User` that the short form of a user has.
const PERSON: &str = "Person";

/// Size of a field, in bytes, from which it is boxed.
const LARGE: usize = 200;

/// The numbers in the path of a definition: messages, messages within messages, and fields.
const MESSAGE: i32 = 4;
const NESTED: i32 = 3;
const FIELD: i32 = 2;

/// The word behind a message or field, by the path of its definition.
type Words = BTreeMap<Vec<i32>, String>;

/// Removes the comments of a file, because reducing it shifts their positions. Returns those at the end of lines.
fn take_words(file: &mut FileDescriptorProto) -> Words {
    let places = file.source_code_info.take().into_iter().flat_map(|info| info.location);
    let word = |comment: &str| comment.trim().to_owned();
    places.filter_map(|place| Some((place.path, word(place.trailing_comments.as_deref()?)))).collect()
}

/// Returns the part of a schema that events use.
pub(crate) fn used(set: &FileDescriptorSet) -> FileDescriptorSet {
    let mut set = set.clone();
    for file in &mut set.file {
        let words = take_words(file);
        let messages = mem::take(&mut file.message_type);
        for (mut message, at) in messages.into_iter().zip(0..) {
            let place = [MESSAGE, at];
            match words.get(&place[..]).map(String::as_str) {
                Some("only written") => continue,
                None | Some("also written") => {}
                Some(other) => panic!("{}: unknown word `{other}`", message.name()),
            }
            keep_used(&mut message, &place, &words);
            file.message_type.push(message);
        }
        let stamp = short(file, "Common", STAMP, |field| field != "display_text");
        let mut labelled = short(file, "Common", LABELLED, |_| true);
        for field in labelled.field.iter_mut().filter(|field| field.name() == "display_text") {
            field.type_name = Some(format!("{PACKAGE}{LABEL}"));
        }
        let label = short(file, "Text", LABEL, |field| ["key", "default_pattern"].contains(&field));
        let is_kept = |field: &str| ["id", "nickname", "avatar", "unique_id"].contains(&field);
        let person = short(file, "User", PERSON, is_kept);
        file.message_type.splice(..0, [stamp, labelled, label, person]);
    }
    set
}

fn keep_used(message: &mut DescriptorProto, place: &[i32], words: &Words) {
    let fields = mem::take(&mut message.field);
    for (mut field, at) in fields.into_iter().zip(0..) {
        let word = words.get(&[place, &[FIELD, at]].concat()).map(String::as_str);
        let short = match (word, field.type_name().strip_prefix(PACKAGE)) {
            (Some("unused"), _) => continue,
            (None, Some("Common")) => Some(STAMP),
            (Some("label"), Some("Common")) => Some(LABELLED),
            (Some("short"), Some("User")) => Some(PERSON),
            (None, _) | (Some("text"), Some("Common")) => None,
            // Decoding a list as a single field keeps exactly its last element.
            (Some("last"), _) if is_list(&field) => {
                field.set_label(Label::Optional);
                None
            }
            (Some(other), _) => panic!("{}.{}: unknown word `{other}`", message.name(), field.name()),
        };
        if let Some(short) = short {
            field.type_name = Some(format!("{PACKAGE}{short}"));
        }
        message.field.push(field);
    }
    for (nested, at) in message.nested_type.iter_mut().zip(0..) {
        keep_used(nested, &[place, &[NESTED, at]].concat(), words);
    }
}

/// Returns the part of a schema with the messages that livetape writes, and what they contain.
pub(crate) fn written(set: &FileDescriptorSet) -> FileDescriptorSet {
    let mut set = set.clone();
    for file in &mut set.file {
        let words = take_words(file);
        let is_written = |at| words.get(&[MESSAGE, at][..]).is_some_and(|word| word.ends_with("written"));
        let wanted = file.message_type.iter().zip(0..).filter(|(_, at)| is_written(*at));
        let mut kept = wanted.map(|(message, _)| message.name().to_owned()).collect::<Vec<_>>();
        let mut read = 0;
        while let Some(name) = kept.get(read) {
            let message = file.message_type.iter().find(|message| message.name() == name);
            let message = message.expect("the schema has this message");
            let inner = contained(message).filter(|name| !kept.contains(name)).collect::<BTreeSet<_>>();
            kept.extend(inner);
            read += 1;
        }
        file.message_type.retain(|message| kept.iter().any(|kept| kept == message.name()));
    }
    set
}

/// Returns the names of the messages outside of `message` that its fields contain.
fn contained(message: &DescriptorProto) -> impl Iterator<Item = String> {
    let own = message.field.iter().filter_map(|field| field.type_name().strip_prefix(PACKAGE));
    let own = own.filter_map(|path| path.split('.').next()).map(str::to_owned);
    let nested = message.nested_type.iter().flat_map(|nested| contained(nested).collect::<Vec<_>>());
    own.chain(nested)
}

/// Returns a copy of a message with some of its fields, under another name.
fn short(
    file: &FileDescriptorProto,
    of: &str,
    name: &str,
    is_kept: impl Fn(&str) -> bool,
) -> DescriptorProto {
    let message = file.message_type.iter().find(|message| message.name() == of).cloned();
    let mut message = message.expect("the schema has this message");
    message.name = Some(name.to_owned());
    message.field.retain(|field| is_kept(field.name()));
    message.nested_type.clear();
    message
}

/// Returns the paths of large fields of messages in lists. An empty one takes two bytes on the wire but, unless boxed, hundreds
/// of bytes in memory, so a small payload could allocate a lot.
pub(crate) fn large_in_lists(set: &FileDescriptorSet) -> Vec<String> {
    let messages = messages(set).into_iter().collect::<BTreeMap<_, _>>();
    let fields = messages.values().flat_map(|message| &message.field);
    let lists =
        fields.filter(|field| is_list(field)).map(FieldDescriptorProto::type_name).collect::<BTreeSet<_>>();
    let mut large = Vec::new();
    for (path, message) in messages.iter().filter(|(path, _)| lists.contains(path.as_str())) {
        let fields = message.field.iter().filter(|field| !is_list(field) && size(field, &messages) >= LARGE);
        large.extend(fields.map(|field| format!("{path}.{}", field.name())));
    }
    large
}

fn is_list(field: &FieldDescriptorProto) -> bool {
    field.label() == Label::Repeated
}

/// Returns the size of a field in memory, in bytes, without what it points to.
fn size(field: &FieldDescriptorProto, messages: &BTreeMap<String, &DescriptorProto>) -> usize {
    match field.r#type() {
        Type::Message if !is_list(field) => {
            messages[field.type_name()].field.iter().map(|inner| size(inner, messages)).sum()
        }
        Type::Message | Type::String | Type::Bytes => 24,
        _ => 8,
    }
}

/// Writes all messages of a set.
pub(crate) fn write(set: &FileDescriptorSet) -> String {
    let messages = messages(set);
    let mut text = String::from("use super::fields::{FieldKind::*, Schema, field, list, schema};\n\n");
    text.push_str("#[rustfmt::skip]\npub(super) const SCHEMAS: &[Schema] = &[\n");
    for (path, message) in &messages {
        let name = path.rsplit_once("webcast.").map_or(path.as_str(), |(_, name)| name);
        write!(text, "    schema({name:?}, &[").expect("a string takes all");
        let mut fields: Vec<_> = message.field.iter().collect();
        fields.sort_by_key(|field| field.number());
        for field in fields {
            let kind = match field.r#type() {
                Type::Message => {
                    let at = messages.iter().position(|(path, _)| path == field.type_name());
                    let kind = if is_list(field) { "Messages" } else { "Message" };
                    format!("{kind}({})", at.expect("every type is in the set"))
                }
                Type::String => "Text".to_owned(),
                Type::Bytes => "Bytes".to_owned(),
                _ => "Number".to_owned(),
            };
            let (number, name) = (field.number(), field.name());
            let is_values = is_list(field) && field.r#type() != Type::Message;
            let function = if is_values { "list" } else { "field" };
            write!(text, "{function}({number}, {name:?}, {kind}), ").expect("a string takes all");
        }
        text = text.trim_end_matches(", ").to_owned() + "]),\n";
    }
    text + "];\n"
}

/// Returns all messages with their paths; each comes before the messages nested in it.
fn messages(set: &FileDescriptorSet) -> Vec<(String, &DescriptorProto)> {
    let mut messages = Vec::new();
    for file in &set.file {
        let package = format!(".{}", file.package());
        file.message_type.iter().for_each(|message| list(&package, message, &mut messages));
    }
    messages
}

fn list<'a>(parent: &str, message: &'a DescriptorProto, messages: &mut Vec<(String, &'a DescriptorProto)>) {
    let path = format!("{parent}.{}", message.name());
    messages.push((path.clone(), message));
    message.nested_type.iter().for_each(|nested| list(&path, nested, messages));
}
