//! Classifies fields by the personal data in them, based on their names, so that new fields of the schema are
//! covered.

use livetape_core::wire::{Field, FieldKind, Schema};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Unknown. Texts are replaced unless they are on the allow list, and numbers if they look like an id.
    Unknown,
    /// Not personal: counts, times and short ids. Numbers that look like an id are replaced.
    Count,
    /// Id of a thing: a message, an emote, a battle. Kept, unless it is also that of a person, a room or a link.
    Thing,
    /// A word of the protocol: a method, a text key, a level, or how a viewer found the room. Kept in this form only.
    Word,
    /// A text of the app: the name of a gift, or a pattern next to its text key. Kept if it has the form of one.
    Label,
    /// URL of the WebSocket.
    Address,
    /// Id of a user, a room or a channel.
    Id,
    /// Name in a profile's URL.
    Handle,
    /// Displayed name.
    Nickname,
    /// Id used by TikTok's own site.
    SecUid,
    /// Text written by a user.
    Text,
    /// Text of the app with placeholders for names. Only trusted next to a text key.
    Pattern,
    /// URL of a picture.
    Picture,
    /// Any other URL.
    Link,
    /// Cursor or ack token: numbers, and words of the protocol.
    Token,
}

/// Returns the class of a field. Set `keyed` if the message has the text key of its pattern.
pub(super) fn of(schema: &Schema, field: &Field, keyed: bool) -> Class {
    match field.kind {
        FieldKind::Number if is_id(schema.name, field.name) => Class::Id,
        FieldKind::Number if is_thing(field.name) => Class::Thing,
        FieldKind::Number => Class::Count,
        FieldKind::Message(_) | FieldKind::Messages(_) | FieldKind::Bytes => Class::Unknown,
        FieldKind::Text => match text(schema.name, field.name) {
            Class::Pattern if keyed => Class::Label,
            Class::Pattern => Class::Text,
            class => class,
        },
    }
}

fn is_id(message: &str, field: &str) -> bool {
    const ENDS: [&str; 8] = [
        "user_id",
        "user_ids",
        "room_id",
        "channel_id",
        "contributor_id",
        "member_id",
        "sender_id",
        "link_mic_id",
    ];
    ENDS.iter().any(|end| field.ends_with(end))
        || matches!(
            (message, field),
            ("User", "id")
                | ("EnterRoom", "live_id" | "enter_uniq_id")
                | ("OecLiveShopping.Product", "product_id")
        )
}

/// Whether a field that holds no id of someone holds that of a thing.
fn is_thing(field: &str) -> bool {
    field == "id" || field.ends_with("_id") || field.ends_with("_ids")
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
        "cursor" | "internal_ext" | "history_comment_cursor" => Class::Token,
        "default_pattern" => Class::Pattern,
        "name" | "describe" if is_gift => Class::Label,
        "push_server" => Class::Address,
        "emote_id" | "envelope_id" | "goody_bag_id" | "drops_id" | "task_id" | "event_id" | "game_id"
        | "resource_id" | "star_comment_id" => Class::Thing,
        "id" if matches!(message, "EnvelopePortal.Info" | "Punishment" | "Badge.Privilege") => Class::Thing,
        "method" | "key" | "name_key" | "gift_name_key" | "payload_encoding" | "payload_type"
        | "create_time" | "scene" | "sub_type" | "source" | "enter_source" | "language" | "live_region"
        | "from_region" | "tab" | "type" | "share_target" | "level" | "identity" | "reason" => Class::Word,
        "bio" | "content" | "text" | "title" | "description" | "message" | "tips" | "word" | "club_name"
        | "body" | "participate_text" | "shop_name" => Class::Text,
        _ => Class::Unknown,
    }
}

/// Whether names and pictures in this message belong to gifts, which are the same for everyone.
pub(super) fn is_gift(message: &str) -> bool {
    matches!(
        message,
        "GiftKind" | "GiftCollectionUpdate.CollectionGift" | "GoalUpdate.SubGoalGift" | "TextPiece.GiftValue"
    )
}

/// Whether a field holds a picture of the person whose id is in the same message.
pub(super) fn is_face(field: &Field) -> bool {
    field.name.contains("avatar")
}

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
        "name" | "describe" if is_gift_list => Class::Label,
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
    fn personal_data_is_recognised_by_field_names() {
        let user = [1, 3, 5, 38, 46].map(|number| class("User", number));
        assert_eq!(user, [Class::Id, Class::Nickname, Class::Text, Class::Handle, Class::SecUid]);
        assert_eq!([2, 3, 4].map(|n| class("Common", n)), [Class::Thing, Class::Id, Class::Count]);
        assert_eq!(class("Chat", 3), Class::Text);
        assert_eq!(class("GiftKind", 16), Class::Label);
        assert_eq!(class("RoomSticker.Sticker", 2), Class::Unknown);
        assert_eq!(class("ImDelete", 3), Class::Id);
        assert_eq!(class("ImDelete", 2), Class::Thing);
    }

    /// A list to review when the schema grows: texts in these fields stay if they have the form of the app's, and so do
    /// ids of things.
    #[test]
    fn kept_fields_match_the_reviewed_list() {
        let mut kept = Vec::new();
        for schema in Schema::all() {
            for field in schema.fields {
                let class = of(schema, field, true);
                if matches!(class, Class::Thing | Class::Word | Class::Label | Class::Address) {
                    kept.push(format!("{}.{}: {class:?}", schema.name, field.name));
                }
            }
        }
        insta::assert_snapshot!(kept.join("\n"));
    }
}
