//! How something goes wrong.

use serde::{Deserialize, Serialize};

use super::Endpoint;

/// How something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// HTTP: this status, with the body that real servers send (docs/protocol.md §1.6).
    Status,
    /// HTTP: 200 without a body.
    Empty,
    /// HTTP: a page of HTML.
    Html,
    /// HTTP: a captcha page.
    Captcha,
    /// HTTP: a body that never ends.
    Endless,
    /// HTTP: half of the body that was announced, then the end of the connection.
    CutBody,
    /// Look-ups: no such user, 19881007.
    NotFound,
    /// Look-ups: the user is offline.
    Offline,
    /// Sign: the fallback stub of 2026-09 (docs/protocol.md §1.6), whose socket refuses to open.
    Stub,
    /// Sign, cookie, profile: an answer without the cookie.
    MissingCookie,
    /// Sign: an answer without a cursor.
    MissingCursor,
    /// Sign: bytes that are no protobuf.
    BadProtobuf,
    /// Socket: no upgrade, but a status, `handshake-status` and `handshake-msg`.
    Refuse,
    /// HTTP: no answer. Socket: not one more byte. The connection stays open.
    Stall,
    /// The connection is reset.
    Reset,
    /// All bytes go out slowly.
    Dribble,
    /// Socket: the connection ends without a close frame.
    Drop,
    /// Socket: a close frame, with any code.
    Close,
    /// Socket: a push frame of type `close`.
    CloseFrame,
    /// Socket: half of a frame, then the end of the connection.
    Cut,
    /// Socket: frames say that they are gzip, and break off.
    BadGzip,
    /// Socket: frames whose protobuf breaks off.
    Truncated,
    /// Socket: frames more, with a message of a method that nobody knows.
    UnknownMethod,
    /// Socket: frames come twice.
    Duplicate,
    /// Socket: so many frames come in reverse.
    Reorder,
    /// Socket: the last chats come again, as history.
    RepeatHistory,
    /// Socket: heartbeats are not answered.
    NoHeartbeat,
}

impl FaultKind {
    /// Its name in scenarios.
    #[must_use]
    pub fn name(self) -> String {
        serde_json::to_value(self).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

impl FaultKind {
    /// Whether it can happen there.
    pub(super) fn fits(self, at: Endpoint) -> bool {
        let lookup = matches!(at, Endpoint::Lookup | Endpoint::Page | Endpoint::RoomId);
        match self {
            Self::Stall | Self::Reset | Self::Dribble => true,
            Self::Status | Self::Empty | Self::Html | Self::Captcha | Self::Endless | Self::CutBody => {
                at != Endpoint::Socket
            }
            Self::NotFound => lookup || at == Endpoint::Profile,
            Self::Offline => lookup,
            Self::Stub | Self::MissingCursor | Self::BadProtobuf => at == Endpoint::Sign,
            Self::MissingCookie => matches!(at, Endpoint::Sign | Endpoint::Cookie | Endpoint::Profile),
            _ => at == Endpoint::Socket,
        }
    }

    /// Whether it concerns frames, one by one.
    pub(in super::super) fn is_in_frames(self) -> bool {
        matches!(
            self,
            Self::BadGzip | Self::Truncated | Self::UnknownMethod | Self::Duplicate | Self::Reorder
        )
    }
}
