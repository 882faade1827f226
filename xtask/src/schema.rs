//! Reduces a protobuf schema to what livetape reads, the fields that events use, or to what it writes: prost skips all other
//! fields. And writes it as a table, which maps field numbers to names for code that walks encoded messages.

use std::{collections::BTreeSet, fmt::Write as _};

use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

const PACKAGE: &str = ".livetape.webcast.";

/// Messages that livetape only sends.
const WRITTEN: [&str; 2] = ["EnterRoom", "HeartBeat"];

/// `Common` without its text, for payloads whose text no event uses.
const STAMP: &str = "Stamp";

/// Payloads whose events use the text in `Common` or a user that it names.
const WITH_TEXT: [&str; 6] = ["Envelope", "EnvelopePortal", "Room", "RoomNotify", "Speaker", "Toast"];

/// `Common` with the key and pattern of its text, but without the pieces, which can contain a whole user.
const LABELLED: &str = "Labelled";

/// The text of [`LABELLED`].
const LABEL: &str = "Label";

/// Payloads whose events use the key and pattern of the text in `Common`.
const WITH_LABEL: [&str; 4] = ["Gift", "Like", "Member", "Social"];

/// The fields of `User` that the short form of a user has.
const PERSON: &str = "Person";

/// Fields of the type `User` of which events use the short form.
const PEOPLE: [&str; 6] = [
    "Chat.mentioned_user",
    "Chat.mentioned_users",
    "Gift.receiver",
    "GiftGallery.receiver",
    "Link.Guest.user",
    "RoomUserSeq.Viewer.user",
];

/// Fields that no event uses.
const UNUSED: &[&str] = &[
    "AccessRecall.duration",
    "Badge.BadgeText.key",
    "Batch.fetch_interval_ms",
    "Batch.fetch_type",
    "Batch.history_comment_cursor",
    "Batch.history_no_more",
    "BattleSettings.battle_id",
    "BattleSettings.end_time_ms",
    "Common.method",
    "Common.msg_id",
    "Envelope.Info.create_time",
    "Envelope.Info.room_id",
    "FansEvent.Level.host_user_id",
    "FansEvent.Level.is_sleeping",
    "FansEvent.Level.user_id",
    "FansEvent.Upgrade.host_user_id",
    "FansEvent.Upgrade.user_id",
    "GiftKind.combo",
    "GiftKind.icon",
    "GoalUpdate.Indicator.operation",
    "Image.uri",
    "Labelled.method",
    "Labelled.msg_id",
    "Link.Leave.reason",
    "LinkLayer.Player.room_id",
    "LinkLayer.source",
    "LinkMicArmies.gift_count",
    "LinkMicArmies.repeat_count",
    "LinkMicArmies.total_diamond_count",
    "LinkMicBattle.ResultEntry.user_id",
    "LinkMicBattleTask.Settle.reward_start_time",
    "LinkMicFanTicket.Notice.event_time",
    "LinkScreenChange.State.enlarged_link_mic_id",
    "Message.msg_type",
    "Message.offset",
    "PictionaryStart.Round.status",
    "Poll.message_type",
    "Punishment.duration",
    // Read one by one, because a list of empty ones would take much more memory than the frame.
    "PushFrame.headers",
    "PushFrame.method",
    "PushFrame.service",
    "Question.answer_status",
    "RankUpdate.priority",
    "Social.share_target",
    "Social.share_type",
    "Stamp.method",
    "Stamp.msg_id",
    "TextPiece.GiftValue.gift_id",
    "TextPiece.PatternValue.key",
    "TextPiece.type",
    "User.Attributes.is_muted",
    "UserIdentity.is_follower",
    "UserIdentity.is_gift_giver",
    "UserIdentity.is_mutual_follow",
];

/// Lists of which only the last element is used. Decoding them as a single field keeps exactly that one.
const LAST: [&str; 1] = ["Image.urls"];

/// Returns the part of a schema that events use.
pub(crate) fn used(set: &FileDescriptorSet) -> FileDescriptorSet {
    let mut set = set.clone();
    for file in &mut set.file {
        // Comments refer to positions that are no longer valid.
        file.source_code_info = None;
        file.message_type.retain(|message| !WRITTEN.contains(&message.name()));
        let stamp = short(file, "Common", STAMP, |field| field != "display_text");
        let mut labelled = short(file, "Common", LABELLED, |_| true);
        for field in labelled.field.iter_mut().filter(|field| field.name() == "display_text") {
            field.type_name = Some(format!("{PACKAGE}{LABEL}"));
        }
        let label = short(file, "Text", LABEL, |field| ["key", "default_pattern"].contains(&field));
        let is_kept = |field: &str| ["id", "nickname", "avatar", "unique_id"].contains(&field);
        let person = short(file, "User", PERSON, is_kept);
        file.message_type.splice(..0, [stamp, labelled, label, person]);
        file.message_type.iter_mut().for_each(|message| keep_used("", message));
    }
    set
}

/// Returns the part of a schema with these messages and what they contain.
pub(crate) fn with(set: &FileDescriptorSet, wanted: &[&str]) -> FileDescriptorSet {
    let mut set = set.clone();
    for file in &mut set.file {
        // Comments refer to positions that are no longer valid.
        file.source_code_info = None;
        let mut kept = wanted.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
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

/// Returns those of the paths of large fields that are also large in the used part.
pub(crate) fn still_large<'a>(boxed: &[&'a str]) -> Vec<&'a str> {
    let is_short = |path: &str| path.strip_prefix(PACKAGE).is_some_and(|field| PEOPLE.contains(&field));
    boxed.iter().copied().filter(|path| !is_short(path)).collect()
}

fn keep_used(parent: &str, message: &mut DescriptorProto) {
    let path = format!("{parent}{}", message.name());
    let named = |names: &[&str], field: &FieldDescriptorProto| {
        let name = format!("{path}.{}", field.name());
        names.contains(&name.as_str())
    };
    message.field.retain(|field| !named(UNUSED, field));
    for field in &mut message.field {
        if named(&LAST, field) {
            field.set_label(Label::Optional);
        }
        if field.type_name() == format!("{PACKAGE}Common") && !WITH_TEXT.contains(&path.as_str()) {
            let common = if WITH_LABEL.contains(&path.as_str()) { LABELLED } else { STAMP };
            field.type_name = Some(format!("{PACKAGE}{common}"));
        }
        if named(&PEOPLE, field) {
            field.type_name = Some(format!("{PACKAGE}{PERSON}"));
        }
    }
    message.nested_type.iter_mut().for_each(|nested| keep_used(&format!("{path}."), nested));
}

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
