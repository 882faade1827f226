//! Composes messages for tests, synthetic recordings and injection. They are real protobuf, which
//! [`super::read_message`] decodes.

mod battle;
mod host;
mod rare;

pub use battle::{Battle, Side, armies, battle};
use bytes::Bytes;
pub use host::{Goal, question_hidden, question_selected, subscription_goal, super_fan};
pub use rare::{PollStage, emote, envelope, poll, poll_stage, super_fan_box};

use super::{
    Message,
    webcast::{self, Common, Image, Text, TextPiece, User, text_piece},
};
use crate::event::Person;

const CHAT: &str = "WebcastChatMessage";
const GIFT: &str = "WebcastGiftMessage";
const LIKE: &str = "WebcastLikeMessage";
const MEMBER: &str = "WebcastMemberMessage";
const SOCIAL: &str = "WebcastSocialMessage";
const SUBSCRIBE: &str = "WebcastSubNotifyMessage";
const QUESTION: &str = "WebcastQuestionNewMessage";
const ROOM_USER: &str = "WebcastRoomUserSeqMessage";
const CONTROL: &str = "WebcastControlMessage";

/// The fields that all messages share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Id of the message and its envelope.
    pub msg_id: i64,
    /// Id of the room.
    pub room_id: i64,
    /// Creation time, in Unix milliseconds; 0 omits it.
    pub create_time: i64,
}

/// The gift in a gift message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gift {
    /// Id of the gift.
    pub gift_id: i64,
    /// English name of the gift.
    pub name: String,
    /// 1 if the gift can be sent in streaks.
    pub gift_type: i32,
    /// Price of a single gift, in diamonds.
    pub diamond_count: i32,
    /// Running total of the streak.
    pub repeat_count: i32,
    /// Whether this ends the streak.
    pub repeat_end: bool,
    /// Id of the streak; 0 outside a streak.
    pub group_id: i64,
    /// URL of the gift's picture; may be empty.
    pub picture_url: String,
    /// Id of the recipient; 0 omits it.
    pub receiver_id: i64,
}

impl Default for Gift {
    /// A single rose, outside a streak.
    fn default() -> Self {
        Self {
            gift_id: 5655,
            name: "Rose".into(),
            gift_type: 1,
            diamond_count: 1,
            repeat_count: 1,
            repeat_end: false,
            group_id: 0,
            picture_url: String::new(),
            receiver_id: 0,
        }
    }
}

/// A comment in English.
#[must_use]
pub fn chat(stamp: Stamp, person: &Person, comment: &str) -> Message {
    chat_in("en", stamp, person, comment)
}

/// A comment in the language with this code.
#[must_use]
pub fn chat_in(language: &str, stamp: Stamp, person: &Person, comment: &str) -> Message {
    let common = common(stamp, CHAT, None);
    let content = comment.to_owned();
    let language = language.to_owned();
    message(
        stamp,
        CHAT,
        &webcast::Chat { common, user: user(person), content, language, ..Default::default() },
    )
}

/// A gift.
#[must_use]
pub fn gift(stamp: Stamp, person: &Person, gift: &Gift) -> Message {
    let name = text_piece::PatternValue { key: gift.name.clone(), default_pattern: gift.name.clone() };
    let gift_value = Some(text_piece::GiftValue { gift_id: gift.gift_id, name: Some(name) });
    let pieces = vec![
        user_piece(person),
        TextPiece { r#type: 12, gift_value, ..Default::default() },
        TextPiece { r#type: 1, string_value: format!("x{}", gift.repeat_count), ..Default::default() },
    ];
    let text = text("webcast_aweme_gift_send_message", "{0:user} sent {1:gift} {2:string}", pieces);
    let receiver_user_id = gift.receiver_id;
    let payload = webcast::Gift {
        common: common(stamp, GIFT, Some(text)),
        gift_id: gift.gift_id,
        repeat_count: gift.repeat_count,
        user: user(person),
        repeat_end: gift.repeat_end.into(),
        group_id: gift.group_id,
        gift: Some(gift_kind(gift)),
        monitor: (receiver_user_id != 0).then_some(webcast::gift::Monitor { receiver_user_id }),
        ..Default::default()
    };
    message(stamp, GIFT, &payload)
}

fn gift_kind(gift: &Gift) -> webcast::GiftKind {
    webcast::GiftKind {
        image: image(&gift.picture_url),
        describe: format!("Sent {}", gift.name),
        id: gift.gift_id,
        combo: gift.gift_type == 1,
        r#type: gift.gift_type,
        diamond_count: gift.diamond_count,
        name: gift.name.clone(),
        icon: image(&gift.picture_url),
    }
}

/// `count` likes, after which the room has `total`.
#[must_use]
pub fn like(stamp: Stamp, person: &Person, count: i32, total: i64) -> Message {
    let text = text("pm_mt_msg_viewer", "{0:user} liked the LIVE", vec![user_piece(person)]);
    let common = common(stamp, LIKE, Some(text));
    message(stamp, LIKE, &webcast::Like { common, count, total, user: user(person) })
}

/// A viewer who joins, after which the room has `member_count`.
#[must_use]
pub fn member(stamp: Stamp, person: &Person, member_count: i32) -> Message {
    let text = text("live_room_enter_toast", "{0:user} joined", vec![user_piece(person)]);
    let payload = webcast::Member {
        common: common(stamp, MEMBER, Some(text)),
        user: user(person),
        member_count,
        action: 1,
        ..Default::default()
    };
    message(stamp, MEMBER, &payload)
}

/// A follow, after which the host has `follow_count` followers.
#[must_use]
pub fn follow(stamp: Stamp, person: &Person, follow_count: i64) -> Message {
    let pattern = "{0:user} followed the LIVE creator";
    let text = text("pm_main_follow_message_viewer_2", pattern, vec![user_piece(person)]);
    let payload = webcast::Social {
        common: common(stamp, SOCIAL, Some(text)),
        user: user(person),
        action: 1,
        follow_count,
        ..Default::default()
    };
    message(stamp, SOCIAL, &payload)
}

/// A share, after which the room has been shared `share_count` times.
#[must_use]
pub fn share(stamp: Stamp, person: &Person, share_count: i32) -> Message {
    let text = text("pm_mt_guidance_share", "{0:user} shared the LIVE", vec![user_piece(person)]);
    let payload = webcast::Social {
        common: common(stamp, SOCIAL, Some(text)),
        user: user(person),
        share_type: 1,
        action: 3,
        share_target: "-1".into(),
        share_count,
        ..Default::default()
    };
    message(stamp, SOCIAL, &payload)
}

/// A subscription with this number of months.
#[must_use]
pub fn subscribe(stamp: Stamp, person: &Person, months: i64) -> Message {
    let payload = webcast::SubNotify {
        common: common(stamp, SUBSCRIBE, None),
        user: user(person),
        sub_month: months,
        subscribe_type: 1,
        subscribing_status: 1,
        ..Default::default()
    };
    message(stamp, SUBSCRIBE, &payload)
}

/// A question to the host.
#[must_use]
pub fn question(stamp: Stamp, person: &Person, text: &str) -> Message {
    let question = webcast::Question {
        question_id: stamp.msg_id,
        text: text.to_owned(),
        create_time: stamp.create_time / 1000,
        user: user(person),
        ..Default::default()
    };
    let common = common(stamp, QUESTION, None);
    message(stamp, QUESTION, &webcast::QuestionNew { common, question: Some(question) })
}

/// The current and total number of viewers, and the top gifters with their coins, in order of rank.
#[must_use]
pub fn room_user(
    stamp: Stamp,
    viewer_count: i64,
    total_user_count: i64,
    top_viewers: &[(Person, i64)],
) -> Message {
    let viewers = top_viewers.iter().zip(1..).map(|((person, coin_count), rank)| {
        let user = user(person).map(Box::new);
        webcast::room_user_seq::Viewer { coin_count: *coin_count, user, rank, delta: 0 }
    });
    let payload = webcast::RoomUserSeq {
        common: common(stamp, ROOM_USER, None),
        viewers: viewers.collect(),
        viewer_count,
        total_user_count,
        ..Default::default()
    };
    message(stamp, ROOM_USER, &payload)
}

/// Action of [`control`] that ends the room.
pub const ENDED: i32 = 3;

/// A change of the room's state: paused (1), resumed (2), ended (3) or suspended (4).
#[must_use]
pub fn control(stamp: Stamp, action: i32) -> Message {
    let common = common(stamp, CONTROL, None);
    message(stamp, CONTROL, &webcast::Control { common, action, tips: String::new() })
}

fn message(stamp: Stamp, method: &str, payload: &impl prost::Message) -> Message {
    Message {
        method: method.into(),
        payload: Bytes::from(payload.encode_to_vec()),
        msg_id: stamp.msg_id,
        is_history: false,
    }
}

fn common(stamp: Stamp, method: &str, display_text: Option<Text>) -> Option<Common> {
    let Stamp { msg_id, room_id, create_time } = stamp;
    Some(Common { method: method.to_owned(), msg_id, room_id, create_time, display_text })
}

fn text(key: &str, default_pattern: &str, pieces: Vec<TextPiece>) -> Text {
    Text { key: key.to_owned(), default_pattern: default_pattern.to_owned(), pieces }
}

fn user_piece(person: &Person) -> TextPiece {
    let user_value = Some(Box::new(text_piece::UserValue { user: user(person) }));
    TextPiece { r#type: 11, user_value, ..Default::default() }
}

fn user(person: &Person) -> Option<User> {
    Some(User {
        id: person.user_id.0,
        nickname: person.nickname.to_string(),
        avatar: image(&person.avatar),
        unique_id: person.unique_id.to_string(),
        ..Default::default()
    })
}

fn image(url: &str) -> Option<Image> {
    (!url.is_empty()).then(|| Image { urls: vec![url.to_owned()], uri: String::new() })
}
