//! Every failure that a user can cause or meet: one table from code to HTTP status, close code and exit code.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

/// A failure, as users see it: in a terminal, in REST answers and in `error` events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// Stable; programs may rely on it.
    pub code: Code,
    /// What happened, in one line.
    pub message: String,
    /// What to do, in one line; may be empty.
    pub hint: String,
}

impl Problem {
    /// A failure with the hint of its code.
    pub fn new(code: Code, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string(), hint: code.hint().to_owned() }
    }

    /// The same failure with a better hint.
    #[must_use]
    pub fn hint(self, hint: impl fmt::Display) -> Self {
        Self { hint: hint.to_string(), ..self }
    }
}

/// Rows: variant, stable name, HTTP status, WebSocket close code, exit code, hint, and for what is an `error` event a
/// title, where the name with spaces would not do.
macro_rules! codes {
    ($(
        $(#[$doc:meta])*
        $code:ident = $name:literal, $http:literal, $close:literal, $exit:literal, $hint:literal $(, $title:literal)?;
    )*) => {
        /// The stable code of a failure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $code,)* }

        impl Code {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$code),*];

            /// The name that goes over the wire.
            #[must_use]
            pub fn name(self) -> &'static str { match self { $(Self::$code => $name,)* } }
            /// The status of a REST answer.
            #[must_use]
            pub fn http_status(self) -> u16 { match self { $(Self::$code => $http,)* } }
            /// The code that a socket is closed with.
            #[must_use]
            pub fn close_code(self) -> u16 { match self { $(Self::$code => $close,)* } }
            /// What the process exits with, if the failure ends it.
            #[must_use]
            pub fn exit_code(self) -> u8 { match self { $(Self::$code => $exit,)* } }
            /// What to do about it, unless a place knows better.
            #[must_use]
            pub fn hint(self) -> &'static str { match self { $(Self::$code => $hint,)* } }
            /// A few words for a headline.
            #[must_use]
            pub fn title(self) -> String {
                let given: &[&str] = match self { $(Self::$code => &[$($title)?],)* };
                given.first().map_or_else(|| self.name().replace('_', " "), |title| (*title).to_owned())
            }
            /// The code of this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$code),)* _ => None }
            }
        }
    };
}

codes! {
    /// A user name that is empty or malformed.
    InvalidUsername = "invalid_username", 400, 1008, 2, "give the name in the profile's address, without @";
    /// A command line, query or body that means nothing.
    BadRequest = "bad_request", 400, 1008, 2, "";
    /// A setting, in the file or the environment, that means nothing.
    BadConfig = "bad_config", 500, 1011, 2, "`livetape config check` lists all that is wrong";
    /// No such address.
    NotFound = "not_found", 404, 1008, 1, "GET / lists what there is";
    /// The address does not take this method.
    MethodNotAllowed = "method_not_allowed", 405, 1008, 1, "GET / lists what there is";
    /// A body that is too long.
    TooLarge = "too_large", 413, 1009, 1, "send less";
    /// A WebSocket address was asked for without an upgrade.
    UpgradeRequired = "upgrade_required", 400, 1008, 1, "open it with a WebSocket client";
    /// A WebSocket of another version than 13 was asked for.
    WebsocketVersion = "websocket_version", 426, 1002, 1, "send `Sec-WebSocket-Version: 13`";
    /// The `Host` header is not on the list.
    ForbiddenHost = "forbidden_host", 403, 1008, 1, "use localhost or a loopback address, or add the host to `server.hosts` (LIVETAPE_HOSTS)";
    /// The `Origin` header is not on the list.
    ForbiddenOrigin = "forbidden_origin", 403, 1008, 1, "serve the page from a loopback address, or add its origin to `server.origins` (LIVETAPE_ORIGINS)";
    /// A position of another stream, or one that is gone from the backlog.
    UnknownPosition = "unknown_position", 410, 4001, 1, "connect again without `since`";
    /// A subscriber that fell behind.
    SlowConsumer = "slow_consumer", 503, 4101, 1, "read faster, or resume with `since`";
    /// No place for another socket now.
    Capacity = "capacity", 503, 4102, 1, "try again later";
    /// The command needs a replay and there is none.
    NoReplay = "no_replay", 409, 1008, 1, "load one: POST /replay/load {\"recording\":\"demo\"}, or `livetape replay demo`";
    /// A room cannot be connected to while a recording is replayed.
    ReplayRunning = "replay_running", 409, 1008, 1, "end it with DELETE /connect/NAME: its user's name, or the recording's";
    /// A recording cannot be loaded while a room is connected.
    RoomRunning = "room_running", 409, 1008, 1, "disconnect it with DELETE /connect/{user}";
    /// The port is taken.
    PortInUse = "port_in_use", 500, 1011, 1, "choose another with --port N, or --port 0 for any that is free";
    /// The address cannot be listened on.
    CannotListen = "cannot_listen", 500, 1011, 1, "choose another with --listen ADDR";
    /// There is no such recording.
    RecordingNotFound = "recording_not_found", 404, 1011, 1, "`livetape replay demo` plays the one that is built in";
    /// The file is no recording, or nothing in it can be read.
    BadRecording = "bad_recording", 422, 1011, 1, "`livetape import FILE` makes a recording of a capture";
    /// The recording was written by a newer livetape.
    NewerRecording = "newer_recording", 422, 1011, 1, "update livetape";
    /// A capture that cannot be imported.
    BadCapture = "bad_capture", 422, 1011, 1, "";
    /// The file is there already.
    OutputExists = "output_exists", 409, 1011, 1, "choose another with -o FILE, or give --force";
    /// The recording is being replayed, written or changed.
    RecordingBusy = "recording_busy", 409, 1011, 1, "end the replay or the recording first, or load another";
    /// The recording is built in.
    ReadOnlyRecording = "read_only_recording", 403, 1008, 1, "choose another name: the built-in recording cannot be changed";
    /// The recording has reached the size that was asked for; it is sealed.
    RecordingFull = "recording_full", 507, 1011, 3, "raise it with --max-size";
    /// The output could not be written to its end, e.g. because the disk is full.
    OutputIncomplete = "output_incomplete", 507, 1011, 3, "what was written until then is there; is the disk full?";
    /// A file could not be read or written.
    Io = "io", 500, 1011, 1, "";
    /// The sign server, or TikTok, says that there were too many requests.
    RateLimited = "rate_limited", 429, 1008, 1, "wait 5-10 minutes, up to an hour; try another user; or use a sign API key such as EulerStream's (--sign-url, --sign-key)", "Rate limited";
    /// TikTok knows no user of this name.
    UserNotFound = "user_not_found", 404, 1011, 1, "check the spelling: the name is the one in the profile's address", "User not found";
    /// The user exists, but is not live.
    UserOffline = "user_offline", 409, 1011, 1, "try again when they are live, or wait for it with --wait-live", "User offline";
    /// The room is for adults, and needs a login.
    AgeRestricted = "age_restricted", 403, 1011, 1, "give the session of a grown-up's account with --session-cookie", "Age restricted";
    /// TikTok answered with a captcha or an anti-bot page, or refused the device.
    Blocked = "blocked", 502, 1011, 1, "wait a while, or use another address: --proxy, or a sign server with --sign-url", "Blocked by TikTok";
    /// The sign server does not accept the key, or wants to be paid.
    SignUnauthorized = "sign_unauthorized", 502, 1011, 1, "check the sign server's key (--sign-key) and its plan", "Sign server refused the key";
    /// The sign server is broken or away.
    SignFailed = "sign_failed", 502, 1011, 1, "try again later, or without --sign-url", "Sign server failed";
    /// The sign server's answer is a stub, or lacks something.
    SignEmpty = "sign_empty", 502, 1011, 1, "try again later, or without --sign-url", "Empty answer from the sign server";
    /// TikTok refused the WebSocket, for another reason than a blocked device.
    HandshakeRefused = "handshake_refused", 502, 1011, 1, "try again later, or the other way to connect: with or without --sign-url", "Handshake refused";
    /// A bearer token is missing or wrong.
    Unauthorized = "unauthorized", 401, 1008, 1, "send `Authorization: Bearer TOKEN`, or `?token=TOKEN`";
    /// Nothing is injected into a live room.
    InjectRefused = "inject_refused", 409, 1008, 1, "inject into a replay, or start `live` with --allow-inject";
    /// The clients that were waited for did not come.
    TooFewClients = "too_few_clients", 409, 1008, 1, "connect them first, or leave `wait_clients` out";
    /// The connection to the room was closed, reset or silent.
    ConnectionLost = "connection_lost", 502, 1011, 1, "check that the upstream runs and can be reached: --upstream, --proxy, the network";
    /// The name of the upstream, the sign server or the proxy could not be resolved.
    DnsFailed = "dns_failed", 502, 1011, 1, "check the network's DNS, and the spelling of --upstream, --sign-url and --proxy", "Name not resolved";
    /// Another address than loopback, which the setting `offline` rejects.
    OfflineMode = "offline_mode", 403, 1008, 1, "use a mock with --upstream, or turn the setting `offline` off; in `livetape run`: LIVETAPE_OFFLINE=false", "Offline";
    /// The room sends more than any room does.
    UpstreamFlood = "upstream_flood", 502, 1011, 1, "check what --upstream leads to: no room sends this much", "Too much data from the upstream";
    /// `livetape watch` cannot reach the server, or was closed by it.
    ServerUnreachable = "server_unreachable", 502, 1011, 1, "is it running? start one with `livetape replay demo`";
    /// A message on `/ws` that means nothing.
    BadMessage = "bad_message", 400, 1008, 1, "send JSON as the documentation shows it";
    /// There is no such room.
    UnknownRoom = "unknown_room", 404, 1008, 1, "GET /rooms lists them; joining makes those whose name does not begin with `user:`";
    /// The room has as many connections as it may.
    RoomFull = "room_full", 409, 1008, 1, "try again later";
    /// The room's id is taken.
    RoomExists = "room_exists", 409, 1008, 1, "choose another id, or leave it out";
    /// Who is not in a room cannot talk there.
    NotInRoom = "not_in_room", 409, 1008, 1, "send `join_room` first";
    /// The room of a user, which only its feed speaks in.
    ReadOnlyRoom = "read_only_room", 403, 1008, 1, "join another room to talk: `join_room` makes it";
    /// Too many messages a second.
    RateExceeded = "rate_exceeded", 429, 1008, 1, "send less often";
    /// Another connection has this client id.
    ClientIdTaken = "client_id_taken", 409, 1008, 1, "choose another `client_id`, or leave it out";
    /// The server is shutting down.
    ShuttingDown = "shutting_down", 503, 1001, 1, "";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl JsonSchema for Code {
    fn schema_name() -> Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = Self::ALL.iter().map(|code| code.name()).collect();
        json_schema!({ "description": "What went wrong.", "type": "string", "enum": names })
    }
}

/// The reasons a socket is closed for that are in no row above.
pub mod close {
    /// The source ended, or the user was disconnected.
    pub const NORMAL: u16 = 1000;
    /// The server is shutting down.
    pub const GOING_AWAY: u16 = 1001;
    /// The other side broke the protocol.
    pub const PROTOCOL: u16 = 1002;
    /// A text message was no text.
    pub const NOT_TEXT: u16 = 1007;
    /// The other side did too often what it may not.
    pub const POLICY: u16 = 1008;
    /// A message was too long.
    pub const TOO_LARGE: u16 = 1009;
}

/// What the process exits with.
pub mod exit {
    /// Done.
    pub const DONE: u8 = 0;
    /// Failed.
    pub const FAILED: u8 = 1;
    /// The command line means nothing.
    pub const USAGE: u8 = 2;
    /// Finished, but something was lost.
    pub const LOST: u8 = 3;
    /// Interrupted a second time.
    pub const INTERRUPTED: u8 = 130;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_numbers_are_in_range() {
        let names: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!((400..600).contains(&code.http_status()), "{code}");
            assert!(matches!(code.close_code(), 1001..=1011 | 4000..=4999), "{code}");
            assert!((1..=3).contains(&code.exit_code()), "{code}");
            assert_eq!(Code::from_name(code.name()), Some(*code));
            assert!(!code.title().contains('_'), "{code}");
        }
    }
}
