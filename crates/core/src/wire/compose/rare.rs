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
    let info = webcast::envelope::Info {
        envelope_id: stamp.msg_id.to_string(),
        sender_name: person.nickname.to_string(),
        diamond_count: diamonds,
        people_count: people,
        opens_at: stamp.create_time / 1000 + OPENS_AFTER_SECS,
        sender_id: person.user_id.0.to_string(),
        create_time: stamp.create_time.to_string(),
        room_id: stamp.room_id.to_string(),
        ..Default::default()
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
