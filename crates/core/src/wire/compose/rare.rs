//! Emotes, envelopes and polls.

use super::{Stamp, common, image, message, user};
use crate::{
    event::Person,
    wire::{Message, webcast},
};

const EMOTE: &str = "WebcastEmoteChatMessage";
const ENVELOPE: &str = "WebcastEnvelopeMessage";
const POLL: &str = "WebcastPollMessage";
/// [`webcast::Envelope::display`]: a new envelope.
const NEW: i32 = 1;
/// Time until an envelope opens, in seconds.
const OPENS_AFTER_SECS: i64 = 60;
/// [`webcast::envelope::Info::business_type`]: a box for super fans.
const SUPER_FANS: i32 = 19;
/// [`webcast::Poll::message_type`] of votes.
const VOTES: i32 = 2;
/// Length of a poll, in milliseconds.
const POLL_MS: i64 = 60_000;

/// A viewer sends an emote.
#[must_use]
pub fn emote(stamp: Stamp, person: &Person, emote_id: &str, picture_url: &str) -> Message {
    let emote = webcast::Emote { emote_id: emote_id.to_owned(), image: image(picture_url) };
    let payload = webcast::EmoteChat {
        common: common(stamp, EMOTE, None),
        user: user(person),
        emotes: vec![emote],
        ..Default::default()
    };
    message(stamp, EMOTE, &payload)
}

/// A viewer sends an envelope of diamonds, which `people` may open.
#[must_use]
pub fn envelope(stamp: Stamp, person: &Person, diamonds: i32, people: i32) -> Message {
    envelope_of(0, stamp, person, (diamonds, people))
}

/// Like [`envelope`], for super fans.
#[must_use]
pub fn super_fan_box(stamp: Stamp, person: &Person, diamonds: i32, people: i32) -> Message {
    envelope_of(SUPER_FANS, stamp, person, (diamonds, people))
}

fn envelope_of(business_type: i32, stamp: Stamp, person: &Person, (diamonds, people): (i32, i32)) -> Message {
    let info = webcast::envelope::Info {
        envelope_id: stamp.msg_id.to_string(),
        sender_name: person.nickname.to_string(),
        diamond_count: diamonds,
        people_count: people,
        opens_at: stamp.create_time / 1000 + OPENS_AFTER_SECS,
        sender_id: person.user_id.0.to_string(),
        create_time: stamp.create_time.to_string(),
        room_id: stamp.room_id.to_string(),
        business_type,
    };
    let common = common(stamp, ENVELOPE, None);
    message(stamp, ENVELOPE, &webcast::Envelope { common, info: Some(info), display: NEW })
}

/// The host starts a poll.
#[must_use]
pub fn poll(stamp: Stamp, host: &Person, question: &str, options: &[String]) -> Message {
    let option =
        |(index, text): (i32, &String)| webcast::poll::Option { votes: 0, text: text.clone(), index };
    let start = webcast::poll::Start {
        start_time: stamp.create_time,
        end_time: stamp.create_time + POLL_MS,
        options: (0..).zip(options).map(option).collect(),
        title: question.to_owned(),
        operator: user(host),
    };
    let payload = webcast::Poll {
        common: common(stamp, POLL, None),
        poll_id: stamp.msg_id,
        start: Some(start),
        ..Default::default()
    };
    message(stamp, POLL, &payload)
}

/// A later stage of a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollStage {
    /// Viewers voted.
    Votes,
    /// The poll ended.
    End,
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
