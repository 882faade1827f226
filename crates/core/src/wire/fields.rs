//! The schema as a table: what rewrites messages on the wire knows the fields of each by number and by name.

use super::{kinds::schema_name, schema::SCHEMAS};

/// A message of `proto/webcast.proto`.
#[derive(Debug)]
pub struct Schema {
    /// Its name, with those of the messages that it is declared in: `User`, `Gift.Monitor`.
    pub name: &'static str,
    /// In the order of their numbers.
    pub fields: &'static [Field],
}

/// A field that has a name.
#[derive(Debug)]
pub struct Field {
    /// Its number on the wire.
    pub number: u32,
    /// Its name in `proto/webcast.proto`.
    pub name: &'static str,
    /// What stands in it.
    pub kind: Kind,
}

/// What stands in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number, a truth value or an enumeration; repeated ones may be packed.
    Number,
    /// A text.
    Text,
    /// Bytes.
    Bytes,
    /// A message: its place among all.
    Message(usize),
}

impl Kind {
    /// The schema of the message that stands in the field.
    #[must_use]
    pub fn schema(self) -> Option<&'static Schema> {
        let Self::Message(at) = self else { return None };
        SCHEMAS.get(at)
    }
}

impl Schema {
    /// The schema of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        SCHEMAS.iter().find(|schema| schema.name == name)
    }

    /// The schema of a method's payloads.
    #[must_use]
    pub fn of_method(method: &str) -> Option<&'static Self> {
        Self::named(schema_name(method)?)
    }

    /// Every schema.
    #[must_use]
    pub fn all() -> &'static [Self] {
        SCHEMAS
    }

    /// The field of this number.
    #[must_use]
    pub fn field(&self, number: u32) -> Option<&'static Field> {
        let at = self.fields.binary_search_by_key(&number, |field| field.number).ok()?;
        self.fields.get(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::known_methods;

    #[test]
    fn every_method_has_a_schema() {
        for method in known_methods() {
            assert!(Schema::of_method(method).is_some(), "{method}");
        }
        let chat = Schema::of_method("WebcastChatMessage").unwrap();
        let user = chat.field(2).unwrap().kind.schema().unwrap();
        assert_eq!((chat.name, user.name), ("Chat", "User"));
        assert_eq!(user.field(38).unwrap().name, "unique_id");
    }

    #[test]
    fn fields_are_in_order() {
        assert!(SCHEMAS.iter().all(|schema| schema.fields.is_sorted_by_key(|field| field.number)));
    }
}
