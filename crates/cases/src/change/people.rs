//! Changes of people and texts.

use std::collections::BTreeMap;

use livetape_core::{
    event::Data,
    recording::Item,
    wire::{Field, FieldKind, Message},
};

use super::{
    batches::{Batches, known},
    node::{Node, edit, edit_top},
};

/// Names, and ends of texts, that people have in turns, by their ids; followed by a long one, an empty one, and
/// no picture.
const UNUSUAL: [&str; 4] = [
    "<img src=x onerror=alert(1)>",
    "\u{202e}nnA \u{645}\u{631}\u{62d}\u{628}\u{627}",
    "Z\u{351}\u{36b}\u{343}\u{489}a\u{321}\u{34a}\u{35d}l\u{334}\u{33f}g\u{335}\u{361}o\u{337}\u{30d}",
    "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466} \u{1f3f3}\u{fe0f}\u{200d}\u{1f308}",
];
const LONG_CHARS: usize = 1_000;
/// Fields with the picture of a person.
const PICTURES: [&str; 3] = ["avatar", "avatar_medium", "avatar_large"];

/// Returns the unusual name of a person; `None` for one without a picture.
fn unusual(user_id: i64) -> Option<String> {
    let turn = user_id.rem_euclid(UNUSUAL.len() as i64 + 3) as usize;
    match turn.checked_sub(UNUSUAL.len()) {
        None => Some(UNUSUAL[turn].to_owned()),
        Some(0) => Some("W".repeat(LONG_CHARS)),
        Some(1) => Some(String::new()),
        Some(_) => None,
    }
}

/// Of so many people, by their ids, one is a moderator and one a subscriber, with badges.
const ROLES: i64 = 3;
/// What badges are for, as in `Badge` of webcast.proto.
const MODERATOR: i64 = 1;
const SUBSCRIBER: i64 = 4;
/// A badge that shows a text.
const TEXT: i64 = 2;
pub(super) const EMOTE_ID: &str = "7100000000000000001";
/// One red pixel.
pub(super) const EMOTE_URL: &str = "data:image/gif;base64,R0lGODlhAQABAIAAAP8AAP///ywAAAAAAQABAAACAkQBADs=";

/// Gives a person a role, and the badge that says so.
fn promote(user: &mut Node) {
    let (scene, text) = match user.number("id").rem_euclid(ROLES) {
        0 => (MODERATOR, "Moderator"),
        1 => (SUBSCRIBER, "Subscriber"),
        _ => return,
    };
    if scene == MODERATOR {
        user.push("attributes", |attributes| attributes.set_number("is_admin", 1));
    }
    user.push("badges", |badge| {
        badge.set_number("display_type", TEXT);
        badge.set_number("scene_type", scene);
        badge.push("text", |part| part.set_text("default_pattern", text));
    });
}

/// Gives people unusual names and texts, roles, and emotes. Each always has the same, and keeps the `uniqueId`.
pub(crate) fn names(mut items: Vec<Item>) -> Vec<Item> {
    Batches::default().edit_each(&mut items, |message| {
        edit(message, |node| {
            if node.schema.name == "User" {
                promote(node);
            }
            if node.has("nickname") {
                let id = if node.has("id") { "id" } else { "user_id" };
                match unusual(node.number(id)) {
                    Some(name) => node.set_text("nickname", &name),
                    None => PICTURES.into_iter().for_each(|picture| node.remove(picture)),
                }
            } else if node.schema.name == "Chat"
                && let Some(end) = unusual(node.child("user").map_or(0, |user| user.number("id")))
            {
                // The beginning may be a command, and two texts must not become the same.
                let text = format!("{} {end}", node.text("content"));
                let text: String = text.chars().take(LONG_CHARS).collect();
                node.set_text("content", text.trim_end());
                // Before the text: its index is 0, which protobuf does not send.
                node.push("emotes", |at| {
                    at.push("emote", |emote| {
                        emote.set_text("emote_id", EMOTE_ID);
                        emote.push("image", |image| image.set_text("urls", EMOTE_URL));
                    });
                });
            }
        })
    });
    items
}

/// Number of groups that people belong to in turns, in order of appearance: without user, without content,
/// without the fields that all messages share, and unchanged.
const GROUPS: usize = 4;
/// Fields that messages without content lack.
pub(super) const CONTENTS: [(&str, &str); 4] =
    [("Chat", "content"), ("EmoteChat", "emotes"), ("Member", "member_count"), ("SubNotify", "sub_month")];

/// Removes fields from the messages of three [`GROUPS`] of people.
pub(crate) fn missing(mut items: Vec<Item>) -> Vec<Item> {
    let mut people = BTreeMap::new();
    Batches::default().edit_each(&mut items, |message| {
        let Some(known) = known(message) else { return false };
        let Some(user) = &known.user else { return false };
        let number = people.len();
        match people.entry(user.user_id.0).or_insert(number).rem_euclid(GROUPS) {
            // Without user and group, streaks could not be told apart.
            0 if matches!(&known.data, Data::Gift(gift) if gift.group_id.0 == 0) => false,
            0 => edit_top(message, |node| node.remove("user")),
            1 => remove_content(message),
            2 => edit_top(message, |node| match node.child("common") {
                // Client libraries tell follows and shares by its text.
                Some(mut common) if node.schema.name == "Social" => {
                    common.remove_all_but("display_text");
                    node.set_child("common", &common);
                }
                _ => node.remove("common"),
            }),
            _ => false,
        }
    });
    items
}

fn remove_content(message: &mut Message) -> bool {
    edit_top(message, |node| {
        for (_, field) in CONTENTS.iter().filter(|(schema, _)| *schema == node.schema.name) {
            node.remove(field);
        }
        // The type still says whether the gift can be sent in streaks.
        if node.schema.name == "Gift"
            && let Some(mut gift) = node.child("gift")
        {
            gift.remove_all_but("type");
            node.set_child("gift", &gift);
        }
    })
}

/// Largest integer up to which a JavaScript number is exact.
const EXACT_MAX: i64 = 1 << 53;
/// What is added to smaller ids: more than [`EXACT_MAX`], and less than TikTok's ids of today.
const ADDED_TO_IDS: i64 = 1 << 62;
/// Ends of the names of fields with ids of people, messages and streaks.
const IDS: [&str; 4] = ["user_id", "_member_id", "msg_id", "group_id"];

/// Adds to the ids of people, messages and streaks that are still small.
pub(crate) fn big_ids(mut items: Vec<Item>) -> Vec<Item> {
    Batches::default().edit_each(&mut items, |message| {
        let before = message.msg_id;
        message.msg_id = big_id(before);
        edit(message, |node| {
            for Field { name, .. } in
                node.schema.fields.iter().filter(|field| field.kind == FieldKind::Number)
            {
                let is_id =
                    node.schema.name == "User" && *name == "id" || IDS.iter().any(|end| name.ends_with(end));
                let id = node.number(name);
                if is_id && big_id(id) != id {
                    node.set_number(name, big_id(id));
                }
            }
        }) | (message.msg_id != before)
    });
    items
}

fn big_id(id: i64) -> i64 {
    if (1..=EXACT_MAX).contains(&id) { id + ADDED_TO_IDS } else { id }
}
