//! What a field says of people: by its name, so that a new field of the schema has its class as soon as it is named.

use crate::wire::{Field, Kind, Schema};

/// What stands in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Nobody knows: texts are replaced unless they are on a list, numbers if they are shaped like an id.
    Unknown,
    /// Nothing of people: counts, times, message ids, methods, text keys, gifts.
    Keep,
    /// A word of the protocol, such as where somebody came from.
    Word,
    /// The id of a person, a room or a channel.
    Id,
    /// The name in a profile's address.
    Handle,
    /// The name that is shown.
    Nickname,
    /// The id that TikTok's own site uses.
    SecUid,
    /// What somebody wrote.
    Text,
    /// A text of the app with places for names; only if it comes with a key.
    Pattern,
    /// The address of a picture.
    Picture,
    /// An address.
    Link,
    /// Cursors and ack tokens: numbers, and the protocol's words.
    Token,
}

/// The class of a field; `keyed` says whether the message names the text that its pattern is of.
pub(super) fn of(schema: &Schema, field: &Field, keyed: bool) -> Class {
    match field.kind {
        Kind::Number if is_id(schema.name, field.name) => Class::Id,
        Kind::Number | Kind::Message(_) | Kind::Bytes => Class::Keep,
        Kind::Text => match text(schema.name, field.name) {
            Class::Pattern if keyed => Class::Keep,
            Class::Pattern => Class::Text,
            class => class,
        },
    }
}

fn is_id(message: &str, field: &str) -> bool {
    const ENDS: [&str; 7] =
        ["user_id", "user_ids", "room_id", "channel_id", "contributor_id", "member_id", "sender_id"];
    ENDS.iter().any(|end| field.ends_with(end))
        || field.ends_with("link_mic_id")
        || matches!((message, field), ("User", "id") | ("EnterRoom", "live_id" | "enter_uniq_id"))
}

fn text(message: &str, field: &str) -> Class {
    let is_gift = is_gift(message);
    match field {
        _ if is_id(message, field) => Class::Id,
        _ if field.ends_with("unique_id") => Class::Handle,
        "nickname" | "sender_name" => Class::Nickname,
        _ if field.ends_with("_nickname") => Class::Nickname,
        "sec_uid" => Class::SecUid,
        "urls" | "uri" | "image_url" => Class::Picture,
        "link" | "url" => Class::Link,
        _ if field.ends_with("_url") => Class::Link,
        "cursor" | "internal_ext" => Class::Token,
        "default_pattern" => Class::Pattern,
        "name" | "describe" if is_gift => Class::Keep,
        "method" | "key" | "name_key" | "payload_encoding" | "payload_type" | "emote_id" | "push_server"
        | "envelope_id" | "goody_bag_id" | "create_time" | "drops_id" | "task_id" | "event_id"
        | "game_id" | "resource_id" => Class::Keep,
        "id" if matches!(message, "EnvelopePortal.Info" | "Punishment") => Class::Keep,
        "scene" | "source" | "enter_source" | "language" | "live_region" | "from_region" | "tab" | "type"
        | "share_target" | "level" | "identity" | "reason" => Class::Word,
        "bio" | "content" | "text" | "title" | "description" | "message" | "tips" | "word" | "club_name"
        | "body" | "participate_text" | "shop_name" => Class::Text,
        _ => Class::Unknown,
    }
}

/// Messages whose names and pictures are those of gifts, which are the same for everybody.
pub(super) fn is_gift(message: &str) -> bool {
    matches!(
        message,
        "GiftKind" | "GiftCollectionUpdate.CollectionGift" | "GoalUpdate.SubGoalGift" | "TextPiece.GiftValue"
    )
}

/// The class of what stands under a name in JSON.
pub(super) fn of_json(key: &str, is_gift_list: bool) -> Class {
    let letters = key.chars().filter(|c| !matches!(c, '_' | '-'));
    let plain: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    match plain.as_str() {
        "uniqueid" | "displayid" | "username" | "owneruniqueid" | "anchoruniqueid" => Class::Handle,
        "nickname" | "displayname" | "ownernickname" => Class::Nickname,
        "secuid" | "secuserid" | "secanchorid" => Class::SecUid,
        "userid" | "uid" | "ownerid" | "owneruserid" | "anchorid" | "roomid" | "hostid" | "liveroomid"
        | "useridstr" | "roomidstr" | "owneruseridstr" | "touserid" | "fromuserid" | "channelid" => Class::Id,
        "signature" | "bio" | "biodescription" | "desc" | "title" | "content" | "comment" => Class::Text,
        "name" | "describe" if is_gift_list => Class::Keep,
        _ => Class::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(message: &str, number: u32) -> Class {
        let schema = Schema::named(message).unwrap();
        of(schema, schema.field(number).unwrap(), true)
    }

    #[test]
    fn people_are_known_by_the_names_of_their_fields() {
        let user = [1, 3, 5, 38, 46].map(|number| class("User", number));
        assert_eq!(user, [Class::Id, Class::Nickname, Class::Text, Class::Handle, Class::SecUid]);
        assert_eq!([2, 3, 4].map(|n| class("Common", n)), [Class::Keep, Class::Id, Class::Keep]);
        assert_eq!(class("Chat", 3), Class::Text);
        assert_eq!(class("GiftKind", 16), Class::Keep);
        assert_eq!(class("RoomSticker.Sticker", 2), Class::Unknown);
        assert_eq!(class("ImDelete", 3), Class::Id);
        assert_eq!(class("ImDelete", 2), Class::Keep);
    }

    /// A list to look through when the schema grows: whatever is here passes unchanged.
    #[test]
    fn the_texts_that_are_kept_are_known() {
        let mut kept = Vec::new();
        for schema in Schema::all() {
            for field in schema.fields {
                if field.kind == Kind::Text && matches!(of(schema, field, true), Class::Keep | Class::Word) {
                    kept.push(format!("{}.{}", schema.name, field.name));
                }
            }
        }
        insta::assert_snapshot!(kept.join("\n"));
    }
}
