//! The state of the room and of the connection to it, and moderation by TikTok.

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Data, Id, Kind, Known, Millis, Text,
    common::{id, labelled_user, text, time},
};
use crate::{
    error::Problem,
    wire::{Message, used as webcast},
};

/// Data of a `control` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Control {
    /// TikTok's code for the action; 3 and 4 end the live connection.
    pub action: i32,
    /// Meaning of the code; `null` if unknown.
    pub state: Option<RoomState>,
    /// Text displayed to viewers; may be empty.
    pub tips: String,
    /// The sanction that caused it; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub punishment: Option<Punishment>,
}

/// Change to the state of the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomState {
    /// The host paused the LIVE.
    Paused,
    /// The host resumed the LIVE.
    Resumed,
    /// The host ended the LIVE.
    Ended,
    /// TikTok ended the LIVE.
    Suspended,
}

impl RoomState {
    /// Returns the meaning of a control message's code.
    #[must_use]
    pub fn of_action(action: i32) -> Option<Self> {
        match action {
            1 => Some(Self::Paused),
            2 => Some(Self::Resumed),
            3 => Some(Self::Ended),
            4 => Some(Self::Suspended),
            _ => None,
        }
    }
}

/// Data of a `live_intro` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveIntro {
    /// Id of the intro.
    pub intro_id: Id,
    /// The host's description of the LIVE.
    pub description: String,
    /// Language as detected by TikTok.
    pub language: String,
    /// TikTok's code for the result of moderation.
    pub audit_status: i32,
}

/// Data of a `banner` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Banner {
    /// JSON in a string, as sent. Its structure depends on the campaign.
    pub data: String,
}

/// Data of an `unknown` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unknown {
    /// The method; empty if it could not be decoded.
    pub method: String,
    /// The raw bytes, in base64.
    pub payload: String,
    /// Kind of fault, if the method has a schema but the message could not be decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    /// Whether `payload` holds only the beginning.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// Data of a `connection_created` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionCreated {
    /// Id of the room.
    pub room_id: Id,
    /// `live` or `replay`.
    pub source: &'static str,
    /// Generation of the replay, which begins with this event or goes on; absent in the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
}

/// Data of a `connection_closed` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionClosed {
    /// WebSocket close code; 1006 if there was no close frame.
    pub code: u32,
    /// Close reason, from the side that closed the connection.
    pub reason: String,
    /// Whether another attempt follows.
    pub will_retry: bool,
}

/// Data of a `disconnected` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Disconnected {
    /// `recording_ended`, `stream_ended`, `deleted`, `replaced`, …
    pub reason: String,
}

/// Data of an `error` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Stable code.
    pub code: String,
    /// Short title.
    pub title: String,
    /// Description of the failure.
    pub message: String,
    /// Advice on what to do.
    pub hint: String,
    /// Number of the failed attempt, from 1; 0 if the failure is not about an attempt.
    pub attempt: u32,
    /// Whether another attempt follows, or the feed continues.
    pub retrying: bool,
    /// Delay before the next attempt, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

impl From<&Problem> for Failure {
    /// A failure that is not about an attempt.
    fn from(Problem { code, message, hint, .. }: &Problem) -> Self {
        let (title, name) = (code.title(), code.name().to_owned());
        Self { code: name, title, message: message.clone(), hint: hint.clone(), ..Self::default() }
    }
}

/// A sanction by TikTok's moderation.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Punishment {
    /// Id of the sanction.
    pub punish_id: Id,
    /// TikTok's name for the sanction, e.g. `muting_cancel`.
    pub punish_type: String,
    /// TikTok's name for the reason; usually empty.
    pub punish_reason: String,
    /// Id of the sanctioned user; 0 if unknown.
    pub user_id: Id,
}

/// Data of a `bottom` event: a warning below the video.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bottom {
    /// Displayed text; may be empty.
    pub content: String,
    /// Topic: 3 this room, 4 a co-host's room, 6 moderation, …
    pub biz_type: i32,
    /// Display time, in seconds.
    pub duration_seconds: i64,
    /// Id of the warned user.
    pub user_id: Id,
    /// URL of further information; may be empty.
    pub detail_url: String,
    /// The sanction; `null` if there is none.
    pub punishment: Option<Punishment>,
}

/// Data of a `perception` event: moderation notifies a user.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Perception {
    /// Displayed text; `null` if there is none.
    pub text: Option<Text>,
    /// End of the sanction; `null` if unknown.
    pub ends_at: Option<Millis>,
    /// The sanction; `null` if there is none.
    pub punishment: Option<Punishment>,
}

/// Data of an `access_recall` event: a permission was withdrawn or restored.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessRecall {
    /// The permission, e.g. `GIFT`.
    pub scene: String,
    /// TikTok's code for the change.
    pub status: i32,
    /// End of the sanction; `null` if unknown.
    pub ends_at: Option<Millis>,
    /// Displayed title; `null` if there is none.
    pub notice: Option<Text>,
    /// Text displayed below the title; `null` if there is none.
    pub content: Option<Text>,
    /// The sanction; `null` if there is none.
    pub punishment: Option<Punishment>,
}

/// Data of an `access_control` event: TikTok demands a captcha.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessControl {
    /// Id of the captcha.
    pub record_id: Id,
    /// Time limit, in seconds.
    pub verify_seconds: i64,
}

/// Data of a `notice` event: TikTok notifies the host.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// TikTok's code for the kind of notice.
    pub notice_type: i32,
    /// Displayed text.
    pub content: String,
    /// Title; `null` if there is none.
    pub title: Option<Text>,
    /// Reason; `null` if there is none.
    pub violation_reason: Option<Text>,
}

/// Data of a `partnership_punish` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartnershipPunish {
    /// The sanction; `null` if unknown.
    pub punishment: Option<Punishment>,
}

/// Data of a `room_verify` event: the host has to verify their identity.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomVerify {
    /// TikTok's code for the demanded action.
    pub action: i32,
    /// Displayed text; may be empty.
    pub content: String,
    /// TikTok's code for the display.
    pub notice_type: i64,
    /// Whether the room is closed.
    pub close_room: bool,
}

impl Kind for webcast::Control {
    fn parts(self, _: &Message) -> Known {
        let (action, state) = (self.action, RoomState::of_action(self.action));
        let punishment = self.punishment.map(punishment);
        let data = Data::Control(Control { action, state, tips: self.tips, punishment });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::LiveIntro {
    fn parts(self, _: &Message) -> Known {
        let data = Data::LiveIntro(LiveIntro {
            intro_id: Id(self.id),
            description: self.content,
            language: self.language,
            audit_status: self.audit_status,
        });
        let host = self.user.map(|user| labelled_user(user, &self.labels));
        Known { common: self.common, user: host, data }
    }
}

impl Kind for webcast::InRoomBanner {
    fn parts(self, _: &Message) -> Known {
        let data = Data::Banner(Banner { data: self.json });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::Bottom {
    fn parts(self, _: &Message) -> Known {
        let data = Data::Bottom(Bottom {
            content: self.content,
            biz_type: self.biz_type,
            duration_seconds: self.duration_s,
            user_id: Id(self.violation_user_id),
            detail_url: self.detail_url,
            punishment: self.punishment.map(punishment),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::Perception {
    fn parts(self, _: &Message) -> Known {
        let data = Data::Perception(Perception {
            text: text(self.toast),
            ends_at: time(self.end_time),
            punishment: self.punishment.map(punishment),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::AccessRecall {
    fn parts(self, _: &Message) -> Known {
        let data = Data::AccessRecall(AccessRecall {
            scene: self.scene,
            status: self.status,
            ends_at: time(self.end_time),
            notice: text(self.notice),
            content: text(self.content),
            punishment: self.punishment.map(punishment),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::AccessControl {
    fn parts(self, _: &Message) -> Known {
        let captcha = self.captcha.unwrap_or_default();
        let data = Data::AccessControl(AccessControl {
            record_id: Id(captcha.record_id),
            verify_seconds: captcha.verify_seconds,
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::Notice {
    fn parts(self, _: &Message) -> Known {
        let data = Data::Notice(Notice {
            notice_type: self.notice_type,
            content: self.content,
            title: text(self.title),
            violation_reason: text(self.violation_reason),
        });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::PartnershipPunish {
    fn parts(self, _: &Message) -> Known {
        let data = Data::PartnershipPunish(PartnershipPunish { punishment: self.punishment.map(punishment) });
        Known { common: self.common, user: None, data }
    }
}

impl Kind for webcast::RoomVerify {
    fn parts(self, _: &Message) -> Known {
        let data = Data::RoomVerify(RoomVerify {
            action: self.action,
            content: self.content,
            notice_type: self.notice_type,
            close_room: self.close_room,
        });
        Known { common: self.common, user: None, data }
    }
}

fn punishment(punishment: webcast::Punishment) -> Punishment {
    Punishment {
        punish_id: id(&punishment.id),
        punish_type: punishment.r#type,
        punish_reason: punishment.reason,
        user_id: Id(punishment.user_id),
    }
}
