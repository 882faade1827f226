//! A show in pieces of one message each, and what makes a piece simpler.

use std::slice;

use livetape_core::{
    dedup::StreakKey,
    recording::{Item, What},
    wire::Message,
};
use smol_str::SmolStr;

use super::{
    batches::{Batches, streak_of},
    node::{Node, edit},
};

/// What longer comments become.
const SHORT_TEXT: &str = "hello";
/// What longer nicknames become.
const SHORT_NAME: &str = "Ann";

/// An item with at most one message.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) item: Item,
    /// The kind of its message; `None` if it has none.
    pub(crate) method: Option<SmolStr>,
    pub(crate) streak: Option<StreakKey>,
    /// The user of its message; 0 if it has none.
    pub(crate) user_id: i64,
    /// Whether its comment can become shorter.
    pub(crate) is_long: bool,
    /// Whether the nickname of its user can become shorter.
    pub(crate) has_long_name: bool,
}

/// Who takes the place of other users.
#[derive(Debug)]
pub(crate) struct Person(Node);

/// Returns the pieces of a show. What counts or ends its records is left out: it would be wrong.
pub(crate) fn pieces(items: Vec<Item>) -> Vec<Piece> {
    let mut batches = Batches::default();
    let items = items.into_iter().filter(|item| !matches!(item.what, What::Checkpoint(_) | What::End(_)));
    items.flat_map(|item| batches.split(item)).map(|(item, message)| Piece::new(item, message)).collect()
}

impl Piece {
    fn new(item: Item, message: Option<Message>) -> Self {
        let node = message.as_ref().and_then(Node::of);
        let user = node.as_ref().and_then(|node| node.child("user"));
        let is_long = |text: &str, short: &str| text.chars().count() > short.len();
        Self {
            item,
            streak: message.as_ref().and_then(streak_of).map(|(streak, _)| streak),
            method: message.map(|message| message.method),
            user_id: user.as_ref().map_or(0, |user| user.number("id")),
            is_long: node.is_some_and(|node| is_comment(&node) && is_long(node.text("content"), SHORT_TEXT)),
            has_long_name: user.is_some_and(|user| is_long(user.text("nickname"), SHORT_NAME)),
        }
    }

    pub(crate) fn person(&self) -> Option<Person> {
        let messages = Batches::default().messages(&self.item)?;
        Node::of(messages.first()?)?.child("user").map(Person)
    }

    /// Returns its item with a short comment, with short nicknames for some users, and with a person in the
    /// place of others.
    pub(crate) fn simplified<'a>(
        &self,
        is_short: bool,
        has_short_name: impl Fn(i64) -> bool,
        person_for: impl Fn(i64) -> Option<&'a Person>,
    ) -> Item {
        let mut item = self.item.clone();
        Batches::default().edit_each(slice::from_mut(&mut item), |message| {
            edit(message, |node| {
                if is_short && is_comment(node) {
                    node.set_text("content", SHORT_TEXT);
                }
                if node.schema.name != "User" {
                    return;
                }
                if let Some(Person(person)) = person_for(node.number("id")) {
                    node.copy(person);
                }
                if has_short_name(node.number("id")) {
                    node.set_text("nickname", SHORT_NAME);
                }
            })
        });
        item
    }
}

fn is_comment(node: &Node) -> bool {
    node.schema.name == "Chat"
}
