//! Writes a protobuf schema as a table, which maps field numbers to names for code that walks encoded
//! messages.

use std::fmt::Write as _;

use prost_types::{
    DescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

/// Writes all messages of a set; each comes before the messages nested in it.
pub(crate) fn write(set: &FileDescriptorSet) -> String {
    let mut messages = Vec::new();
    for file in &set.file {
        let package = format!(".{}", file.package());
        file.message_type.iter().for_each(|message| list(&package, message, &mut messages));
    }
    let mut text = String::from("use super::fields::{Kind::*, Schema, field, list, schema};\n\n");
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
                    let kind = if field.label() == Label::Repeated { "Messages" } else { "Message" };
                    format!("{kind}({})", at.expect("every type is in the set"))
                }
                Type::String => "Text".to_owned(),
                Type::Bytes => "Bytes".to_owned(),
                _ => "Number".to_owned(),
            };
            let (number, name) = (field.number(), field.name());
            let is_list = field.label() == Label::Repeated && field.r#type() != Type::Message;
            let function = if is_list { "list" } else { "field" };
            write!(text, "{function}({number}, {name:?}, {kind}), ").expect("a string takes all");
        }
        text = text.trim_end_matches(", ").to_owned() + "]),\n";
    }
    text + "];\n"
}

fn list<'a>(parent: &str, message: &'a DescriptorProto, messages: &mut Vec<(String, &'a DescriptorProto)>) {
    let path = format!("{parent}.{}", message.name());
    messages.push((path.clone(), message));
    message.nested_type.iter().for_each(|nested| list(&path, nested, messages));
}
