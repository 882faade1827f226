//! Composes messages for tests, synthetic recordings and injection. They are real protobuf, which
//! [`read_message`](super::read_message) decodes.

mod author;

use bytes::Bytes;
use prost::Message as _;

use super::{EmoteAt, Person, keys};
use crate::wire::{
    Message,
    webcast::{
        self, BattleArmy, BattleSettings, Common, Image, Text, TextPiece, battle_army::Giver, goal_update,
        link_mic_armies, link_mic_battle, text_piece,
    },
    write_bytes, write_number,
};

pub use author::Author;

const CHAT: &str = "WebcastChatMessage";
const GIFT: &str = "WebcastGiftMessage";
const LIKE: &str = "WebcastLikeMessage";
const MEMBER: &str = "WebcastMemberMessage";
const SOCIAL: &str = "WebcastSocialMessage";
const SUBSCRIBE: &str = "WebcastSubNotifyMessage";
const QUESTION: &str = "WebcastQuestionNewMessage";
const ROOM_USER: &str = "WebcastRoomUserSeqMessage";
const CONTROL: &str = "WebcastControlMessage";
/// Action of [`control`] that ends the room.
pub const ENDED: i32 = 3;
const BATTLE: &str = "WebcastLinkMicBattle";
const ARMIES: &str = "WebcastLinkMicArmies";
/// [`webcast::LinkMicBattle::action`]
const OPEN: i32 = 4;
const FINISH: i32 = 5;
const GOAL: &str = "WebcastGoalUpdateMessage";
const QUESTION_SELECTED: &str = "WebcastQuestionSelectedMessage";
const QUESTION_SLIDE_DOWN: &str = "WebcastQuestionSlideDownMessage";
const BARRAGE: &str = "WebcastBarrageMessage";
/// A goal of subscriptions, in the fields `type`.
const SUBSCRIPTIONS: i32 = 2;
/// [`webcast::Barrage::msg_type`]: none of the others.
const OTHER: i32 = 100;
/// Time that a barrage is displayed, in milliseconds.
const BARRAGE_MS: i64 = 5_000;
const EMOTE: &str = "WebcastEmoteChatMessage";
const ENVELOPE: &str = "WebcastEnvelopeMessage";
const POLL: &str = "WebcastPollMessage";
/// [`webcast::Envelope::display`]: a new envelope.
const NEW: i32 = 1;
/// [`webcast::Envelope::display`]: it has disappeared.
const GONE: i32 = 2;
const LAYOUT: &str = "WebcastLinkMicLayoutStateMessage";
/// Scene of a room with guests (2026).
const SCENE_OF_GUESTS: u64 = 4;
/// Time until an envelope opens, in seconds.
const OPENS_AFTER_SECS: i64 = 60;
/// Key of the text about a treasure box (data).
const TREASURE_BOX: &str = "pm_mt_treasure_box_sender_comment";
/// [`webcast::envelope::Info::business_type`]: the diamonds of a user.
const DIAMONDS: i32 = 1;
/// [`webcast::envelope::Info::business_type`]: a box for super fans.
const SUPER_FANS: i32 = 19;
/// [`webcast::Poll::message_type`] of votes.
pub(crate) const VOTES: i32 = 2;
/// Length of a poll, in milliseconds.
const POLL_MS: i64 = 60_000;

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
    /// The guest who receives it, with id and name; `None` for the host.
    pub guest: Option<Person>,
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
            guest: None,
        }
    }
}

/// A battle.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Battle {
    /// Id of the battle.
    pub battle_id: i64,
    /// Start time, in Unix milliseconds.
    pub started_ms: i64,
    /// Duration, in seconds.
    pub duration_s: i64,
    /// The hosts.
    pub sides: Vec<Side>,
}

/// A host in a battle.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Side {
    /// The host.
    pub host: Person,
    /// Score of the host.
    pub points: i64,
    /// Contributors and their points, in order of rank.
    pub givers: Vec<(Person, i64)>,
}

impl Battle {
    fn settings(&self, is_over: bool) -> Option<BattleSettings> {
        Some(BattleSettings {
            battle_id: self.battle_id,
            start_time_ms: self.started_ms,
            duration_s: self.duration_s,
            status: if is_over { 3 } else { 1 },
            end_time_ms: 0,
        })
    }
}

/// A goal of subscriptions.
#[derive(Clone, Copy, Debug)]
pub struct Goal<'a> {
    /// Id of the goal.
    pub id: i64,
    /// Description written by the host.
    pub description: &'a str,
    /// Current number.
    pub progress: i64,
    /// Number that the host aims for.
    pub target: i64,
}

/// A later stage of a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollStage {
    /// Viewers voted.
    Votes,
    /// The poll ended.
    End,
}

/// A comment in English.
#[must_use]
pub fn chat(stamp: Stamp, person: &impl Author, comment: &str) -> Message {
    chat_in("en", stamp, person, comment)
}

/// A comment in the language with this code.
#[must_use]
pub fn chat_in(language: &str, stamp: Stamp, person: &impl Author, comment: &str) -> Message {
    let common = common(stamp, CHAT, None);
    let content = comment.to_owned();
    let language = language.to_owned();
    message(
        stamp,
        CHAT,
        &webcast::Chat {
            common,
            user: Some(person.user()),
            content,
            language,
            user_identity: person.identity(),
            ..Default::default()
        },
    )
}

/// A comment in the language with this code, with emotes.
#[must_use]
pub fn chat_with_emotes(
    language: &str,
    stamp: Stamp,
    person: &impl Author,
    comment: &str,
    emotes: &[EmoteAt],
) -> Message {
    let at = |at: &EmoteAt| webcast::chat::EmoteAt {
        index: at.index,
        emote: Some(picture(&at.emote.emote_id, &at.emote.image_url)),
    };
    edit(chat_in(language, stamp, person, comment), |chat: &mut webcast::Chat| {
        chat.emotes = emotes.iter().map(at).collect();
    })
}

/// A gift.
#[must_use]
pub fn gift(stamp: Stamp, person: &impl Author, gift: &Gift) -> Message {
    let name = text_piece::PatternValue { key: gift.name.clone(), default_pattern: gift.name.clone() };
    let gift_value = Some(text_piece::GiftValue { gift_id: gift.gift_id, name: Some(name) });
    let pieces = vec![
        user_piece(person),
        TextPiece { r#type: 12, gift_value, ..Default::default() },
        TextPiece { r#type: 1, string_value: format!("x{}", gift.repeat_count), ..Default::default() },
    ];
    let text = text(keys::GIFT, "{0:user} sent {1:gift} {2:string}", pieces);
    let receiver_user_id = gift.receiver_id;
    let payload = webcast::Gift {
        common: common(stamp, GIFT, Some(text)),
        gift_id: gift.gift_id,
        repeat_count: gift.repeat_count,
        user: Some(person.user()),
        repeat_end: gift.repeat_end.into(),
        group_id: gift.group_id,
        gift: Some(gift_kind(gift)),
        user_identity: person.identity(),
        receiver_member_id: gift.guest.as_ref().map_or(0, |guest| guest.user_id.0),
        receiver_member_nickname: gift.guest.as_ref().map(|guest| guest.nickname.clone()).unwrap_or_default(),
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
pub fn like(stamp: Stamp, person: &impl Author, count: i32, total: i64) -> Message {
    let text = text("pm_mt_msg_viewer", "{0:user} liked the LIVE", vec![user_piece(person)]);
    let common = common(stamp, LIKE, Some(text));
    message(stamp, LIKE, &webcast::Like { common, count, total, user: Some(person.user()) })
}

/// A viewer who joins, after which the room has `member_count`.
#[must_use]
pub fn member(stamp: Stamp, person: &impl Author, member_count: i32) -> Message {
    let text = text("live_room_enter_toast", "{0:user} joined", vec![user_piece(person)]);
    let payload = webcast::Member {
        common: common(stamp, MEMBER, Some(text)),
        user: Some(person.user()),
        member_count,
        action: 1,
        ..Default::default()
    };
    message(stamp, MEMBER, &payload)
}

/// A follow, after which the host has `follow_count` followers.
#[must_use]
pub fn follow(stamp: Stamp, person: &impl Author, follow_count: i64) -> Message {
    let pattern = "{0:user} followed the LIVE creator";
    let text = text(keys::FOLLOWED, pattern, vec![user_piece(person)]);
    let payload = webcast::Social {
        common: common(stamp, SOCIAL, Some(text)),
        user: Some(person.user()),
        action: 1,
        follow_count,
        ..Default::default()
    };
    message(stamp, SOCIAL, &payload)
}

/// A share, after which the room has been shared `share_count` times.
#[must_use]
pub fn share(stamp: Stamp, person: &impl Author, share_count: i32) -> Message {
    let text = text(keys::SHARED, "{0:user} shared the LIVE", vec![user_piece(person)]);
    let payload = webcast::Social {
        common: common(stamp, SOCIAL, Some(text)),
        user: Some(person.user()),
        share_type: 1,
        action: 3,
        share_target: "-1".into(),
        share_count,
        ..Default::default()
    };
    message(stamp, SOCIAL, &payload)
}

/// A repost. The key of its text is not known.
#[must_use]
pub fn repost(stamp: Stamp, person: &impl Author) -> Message {
    let text = text("", "{0:user} reposted", vec![user_piece(person)]);
    let payload = webcast::Social {
        common: common(stamp, SOCIAL, Some(text)),
        user: Some(person.user()),
        action: 4,
        ..Default::default()
    };
    message(stamp, SOCIAL, &payload)
}

/// A subscription with this number of months.
#[must_use]
pub fn subscribe(stamp: Stamp, person: &impl Author, months: i64) -> Message {
    let payload = webcast::SubNotify {
        common: common(stamp, SUBSCRIBE, None),
        user: Some(person.user()),
        sub_month: months,
        subscribe_type: 1,
        subscribing_status: 1,
        ..Default::default()
    };
    message(stamp, SUBSCRIBE, &payload)
}

/// A question to the host.
#[must_use]
pub fn question(stamp: Stamp, person: &impl Author, text: &str) -> Message {
    let question = webcast::Question {
        question_id: stamp.msg_id,
        text: text.to_owned(),
        create_time: stamp.create_time / 1000,
        user: Some(person.user()),
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
        let user = Some(Box::new(person.user()));
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

/// A change of the room's state: paused (1), resumed (2), ended (3) or suspended (4).
#[must_use]
pub fn control(stamp: Stamp, action: i32) -> Message {
    let common = common(stamp, CONTROL, None);
    message(stamp, CONTROL, &webcast::Control { common, action, ..Default::default() })
}

fn message(stamp: Stamp, method: &str, payload: &impl prost::Message) -> Message {
    Message {
        method: method.into(),
        payload: Bytes::from(payload.encode_to_vec()),
        msg_id: stamp.msg_id,
        is_history: false,
    }
}

/// Changes the payload of a message.
pub(crate) fn edit<M: prost::Message + Default>(message: Message, change: impl FnOnce(&mut M)) -> Message {
    // The payload was composed as this message.
    let mut payload = M::decode(message.payload).unwrap_or_default();
    change(&mut payload);
    Message { payload: Bytes::from(payload.encode_to_vec()), ..message }
}

/// Sets the key and pattern of the text with which TikTok's clients display a message.
pub(crate) fn relabel(common: &mut Option<Common>, key: Option<&str>, pattern: Option<&str>) {
    if key.is_none() && pattern.is_none() {
        return;
    }
    let text = common.get_or_insert_default().display_text.get_or_insert_default();
    key.into_iter().for_each(|key| key.clone_into(&mut text.key));
    pattern.into_iter().for_each(|pattern| pattern.clone_into(&mut text.default_pattern));
}

fn common(stamp: Stamp, method: &str, display_text: Option<Text>) -> Option<Common> {
    let Stamp { msg_id, room_id, create_time } = stamp;
    Some(Common { method: method.to_owned(), msg_id, room_id, create_time, display_text })
}

fn text(key: &str, default_pattern: &str, pieces: Vec<TextPiece>) -> Text {
    Text { key: key.to_owned(), default_pattern: default_pattern.to_owned(), pieces }
}

fn user_piece(person: &impl Author) -> TextPiece {
    let user_value = Some(Box::new(text_piece::UserValue { user: Some(person.user()) }));
    TextPiece { r#type: 11, user_value, ..Default::default() }
}

fn image(url: &str) -> Option<Image> {
    (!url.is_empty()).then(|| Image { urls: vec![url.to_owned()], uri: String::new() })
}

/// The start of a battle, or its end with results.
#[must_use]
pub fn battle(stamp: Stamp, battle: &Battle, is_over: bool) -> Message {
    let most = battle.sides.iter().map(|side| side.points).max().unwrap_or_default();
    let result = |side: &Side| {
        let user_id = side.host.user_id.0;
        let result = i32::from(side.points < most);
        let result = link_mic_battle::Result { user_id, result, score: side.points };
        link_mic_battle::ResultEntry { user_id, result: Some(result) }
    };
    let army =
        |side: &Side| link_mic_battle::ArmyEntry { user_id: side.host.user_id.0, army: Some(army(side)) };
    let sides = battle.sides.iter().filter(|_| is_over);
    let payload = webcast::LinkMicBattle {
        common: common(stamp, BATTLE, None),
        battle_id: battle.battle_id,
        settings: battle.settings(is_over),
        action: if is_over { FINISH } else { OPEN },
        results: sides.clone().map(result).collect(),
        armies: sides.map(army).collect(),
        users: battle.sides.iter().map(|side| battle_user(&side.host)).collect(),
        ..Default::default()
    };
    message(stamp, BATTLE, &payload)
}

/// The scores of a battle, last changed by `from`.
#[must_use]
pub fn armies(stamp: Stamp, battle: &Battle, from: &Person, is_over: bool) -> Message {
    let entry =
        |side: &Side| link_mic_armies::Entry { host_user_id: side.host.user_id.0, army: Some(army(side)) };
    let payload = webcast::LinkMicArmies {
        common: common(stamp, ARMIES, None),
        battle_id: battle.battle_id,
        armies: battle.sides.iter().map(entry).collect(),
        trigger_reason: if is_over { 2 } else { 1 },
        from_user_id: from.user_id.0,
        settings: battle.settings(is_over),
        ..Default::default()
    };
    message(stamp, ARMIES, &payload)
}

fn army(side: &Side) -> BattleArmy {
    let giver = |(person, score): &(Person, i64)| Giver {
        user_id: person.user_id.0,
        score: *score,
        nickname: person.nickname.clone(),
        avatar: image(&person.avatar),
    };
    BattleArmy { givers: side.givers.iter().map(giver).collect(), score: side.points }
}

fn battle_user(host: &Person) -> link_mic_battle::UserEntry {
    let user = link_mic_battle::BaseUser {
        user_id: host.user_id.0,
        nickname: host.nickname.clone(),
        avatar: image(&host.avatar),
        unique_id: host.unique_id.clone(),
    };
    let info = link_mic_battle::UserInfo { user: Some(user) };
    link_mic_battle::UserEntry { user_id: host.user_id.0, info: Some(info) }
}

/// The state of a goal, after a subscription of `contributor`.
#[must_use]
pub fn subscription_goal(stamp: Stamp, goal: &Goal<'_>, contributor: Option<&Person>) -> Message {
    let Goal { id, description, progress, target } = *goal;
    let part = goal_update::SubGoal { r#type: SUBSCRIPTIONS, progress, target, ..Default::default() };
    let goal = goal_update::Goal {
        id,
        r#type: SUBSCRIPTIONS,
        status: 2,
        sub_goals: vec![part],
        description: description.to_owned(),
        contributor_count: i32::try_from(progress).unwrap_or(i32::MAX),
        ..Default::default()
    };
    let key = "live_goal_indicator_sub_goal".to_owned();
    let contributed = i64::from(contributor.is_some());
    let payload = webcast::GoalUpdate {
        common: common(stamp, GOAL, None),
        indicator: Some(goal_update::Indicator { key, operation: 3 }),
        goal: Some(goal),
        contributor_id: contributor.map_or(0, |person| person.user_id.0),
        contributor_unique_id: contributor.map(|person| person.unique_id.clone()).unwrap_or_default(),
        contribute_count: contributed,
        contribute_score: contributed,
        ..Default::default()
    };
    message(stamp, GOAL, &payload)
}

/// The host shows the question that `person` asked at `asked`.
#[must_use]
pub fn question_selected(stamp: Stamp, asked: Stamp, person: &impl Author, text: &str) -> Message {
    let question = webcast::Question {
        question_id: asked.msg_id,
        text: text.to_owned(),
        create_time: asked.create_time / 1000,
        user: Some(person.user()),
        ..Default::default()
    };
    let common = common(stamp, QUESTION_SELECTED, None);
    message(stamp, QUESTION_SELECTED, &webcast::QuestionSelected { common, question: Some(question) })
}

/// The host hides a question.
#[must_use]
pub fn question_hidden(stamp: Stamp, question_id: i64) -> Message {
    let common = common(stamp, QUESTION_SLIDE_DOWN, None);
    message(stamp, QUESTION_SLIDE_DOWN, &webcast::QuestionSlideDown { common, question_id })
}

/// A text about a super fan, who joins or is a new one, scrolls across the video. Only its text keys are known; the rest is
/// made up.
#[must_use]
pub fn super_fan(stamp: Stamp, person: &impl Author, has_joined: bool) -> Message {
    let (key, pattern) = if has_joined {
        (keys::SUPER_FAN_JOINED, "{0:user} joined")
    } else {
        (keys::SUPER_FAN_BECAME, "{0:user} became a Super Fan")
    };
    let payload = webcast::Barrage {
        common: common(stamp, BARRAGE, None),
        msg_type: OTHER,
        content: Some(text(key, pattern, vec![user_piece(person)])),
        duration_ms: BARRAGE_MS,
        ..Default::default()
    };
    message(stamp, BARRAGE, &payload)
}

/// A picture in a text.
pub(crate) fn picture(emote_id: &str, picture_url: &str) -> webcast::Emote {
    webcast::Emote { emote_id: emote_id.to_owned(), image: image(picture_url) }
}

/// A viewer sends an emote.
#[must_use]
pub fn emote(stamp: Stamp, person: &impl Author, emote_id: &str, picture_url: &str) -> Message {
    let payload = webcast::EmoteChat {
        common: common(stamp, EMOTE, None),
        user: Some(person.user()),
        emotes: vec![picture(emote_id, picture_url)],
        user_identity: person.identity(),
    };
    message(stamp, EMOTE, &payload)
}

/// A viewer sends an envelope of diamonds, which `people` may open.
#[must_use]
pub fn envelope(stamp: Stamp, person: &impl Author, diamonds: i32, people: i32) -> Message {
    let pieces = vec![
        user_piece(person),
        TextPiece { r#type: 15, ..Default::default() },
        TextPiece { r#type: 1, string_value: diamonds.to_string(), ..Default::default() },
    ];
    let text = text(TREASURE_BOX, "{0:user} sent a Treasure Box with {1:image} x {2:string}", pieces);
    envelope_of(DIAMONDS, stamp, person, (diamonds, people), Some(text))
}

/// Like [`envelope`], for super fans.
#[must_use]
pub fn super_fan_box(stamp: Stamp, person: &impl Author, diamonds: i32, people: i32) -> Message {
    envelope_of(SUPER_FANS, stamp, person, (diamonds, people), None)
}

/// An envelope disappears.
#[must_use]
pub fn envelope_gone(stamp: Stamp, envelope_id: i64) -> Message {
    let info = webcast::envelope::Info {
        envelope_id: envelope_id.to_string(),
        business_type: DIAMONDS,
        room_id: stamp.room_id.to_string(),
        ..Default::default()
    };
    let common = common(stamp, ENVELOPE, None);
    message(stamp, ENVELOPE, &webcast::Envelope { common, info: Some(info), display: GONE })
}

/// The guests of the room, by their places.
#[must_use]
pub fn guests(stamp: Stamp, places: &[i64]) -> Message {
    let common = common(stamp, LAYOUT, None).unwrap_or_default();
    let mut payload = vec![];
    write_bytes(1, &common.encode_to_vec(), &mut payload);
    write_number(2, stamp.room_id.unsigned_abs(), &mut payload);
    write_number(3, SCENE_OF_GUESTS, &mut payload);
    for place in places {
        let mut spot = vec![];
        write_number(1, place.unsigned_abs(), &mut spot);
        write_bytes(6, &spot, &mut payload);
    }
    Message { method: LAYOUT.into(), payload: payload.into(), msg_id: stamp.msg_id, is_history: false }
}

fn envelope_of(
    business_type: i32,
    stamp: Stamp,
    person: &impl Author,
    (diamonds, people): (i32, i32),
    text: Option<Text>,
) -> Message {
    let info = webcast::envelope::Info {
        envelope_id: stamp.msg_id.to_string(),
        sender_name: person.nickname().to_owned(),
        diamond_count: diamonds,
        people_count: people,
        opens_at: stamp.create_time / 1000 + OPENS_AFTER_SECS,
        sender_id: person.id().to_string(),
        create_time: stamp.create_time.to_string(),
        room_id: stamp.room_id.to_string(),
        business_type,
        super_fan_count: 0,
    };
    let common = common(stamp, ENVELOPE, text);
    message(stamp, ENVELOPE, &webcast::Envelope { common, info: Some(info), display: NEW })
}

/// The host starts a poll.
#[must_use]
pub fn poll(stamp: Stamp, host: &impl Author, question: &str, options: &[String]) -> Message {
    let option =
        |(index, text): (i32, &String)| webcast::poll::Option { votes: 0, text: text.clone(), index };
    let start = webcast::poll::Start {
        start_time: stamp.create_time,
        end_time: stamp.create_time + POLL_MS,
        options: (0..).zip(options).map(option).collect(),
        title: question.to_owned(),
        operator: Some(host.user()),
    };
    let payload = webcast::Poll {
        common: common(stamp, POLL, None),
        poll_id: stamp.msg_id,
        start: Some(start),
        ..Default::default()
    };
    message(stamp, POLL, &payload)
}

/// The state of a poll: each answer with its votes.
#[must_use]
pub fn poll_stage(stamp: Stamp, poll_id: i64, stage: PollStage, options: &[(String, i64)]) -> Message {
    let option = |(index, (text, votes)): (i32, &(String, i64))| webcast::poll::Option {
        votes: *votes,
        text: text.clone(),
        index,
    };
    let options = (0..).zip(options).map(option).collect();
    let payload = webcast::Poll { common: common(stamp, POLL, None), poll_id, ..Default::default() };
    let payload = match stage {
        PollStage::Votes => {
            let update = Some(webcast::poll::Update { options });
            webcast::Poll { message_type: VOTES, update, ..payload }
        }
        PollStage::End => webcast::Poll { end: Some(webcast::poll::End { end_type: 0, options }), ..payload },
    };
    message(stamp, POLL, &payload)
}
