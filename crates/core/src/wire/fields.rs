//! The schema as a table of messages and their fields, by number and name, for code that edits encoded
//! messages.

use super::schema::SCHEMAS;

/// A message of `proto/webcast.proto`.
#[derive(Debug)]
pub struct Schema {
    /// Qualified name: `User`, `Gift.Monitor`.
    pub name: &'static str,
    /// Fields in order of their numbers.
    pub fields: &'static [Field],
}

/// A field of a message.
#[derive(Debug)]
pub struct Field {
    /// Number of the field.
    pub number: u32,
    /// Name of the field in `proto/webcast.proto`.
    pub name: &'static str,
    /// Type of the field.
    pub kind: FieldKind,
    /// Whether it can occur several times.
    pub repeated: bool,
}

/// Type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A number, Boolean or enumeration. Repeated ones may be packed.
    Number,
    /// A string.
    Text,
    /// Bytes.
    Bytes,
    /// A message, by its index in the table.
    Message(usize),
    /// A list of messages, by their index in the table.
    Messages(usize),
}

/// Row of the table, for a message.
pub(super) const fn schema(name: &'static str, fields: &'static [Field]) -> Schema {
    Schema { name, fields }
}

/// Part of a row, for a field.
pub(super) const fn field(number: u32, name: &'static str, kind: FieldKind) -> Field {
    Field { number, name, kind, repeated: matches!(kind, FieldKind::Messages(_)) }
}

/// Part of a row, for a list of numbers, texts or bytes.
pub(super) const fn list(number: u32, name: &'static str, kind: FieldKind) -> Field {
    Field { number, name, kind, repeated: true }
}

impl FieldKind {
    /// Returns the schema of the messages in a field.
    #[must_use]
    pub fn schema(self) -> Option<&'static Schema> {
        match self {
            Self::Message(at) | Self::Messages(at) => SCHEMAS.get(at),
            Self::Number | Self::Text | Self::Bytes => None,
        }
    }
}

impl Schema {
    /// Returns the schema with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        SCHEMAS.iter().find(|schema| schema.name == name)
    }

    /// Returns all schemas.
    #[must_use]
    pub fn all() -> &'static [Self] {
        SCHEMAS
    }

    /// Returns the field with this number.
    #[must_use]
    pub fn field(&self, number: u32) -> Option<&'static Field> {
        let at = self.fields.binary_search_by_key(&number, |field| field.number).ok()?;
        self.fields.get(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_in_order() {
        assert!(SCHEMAS.iter().all(|schema| schema.fields.is_sorted_by_key(|field| field.number)));
    }
}
