//! One table of all failures that users can see: from code to HTTP status, close code, exit code and hint.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A failure as users see it: in a terminal, in REST answers and in `error` events.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// Stable code that programs can rely on.
    pub code: Code,
    /// Description of the failure, in one line.
    pub message: String,
    /// Advice on what to do, in one line; may be empty in a terminal.
    pub hint: String,
    /// Why there was no capacity, for metrics and the log.
    #[serde(skip)]
    pub cause: Option<Cause>,
}

/// Rows: variant and name.
macro_rules! causes {
    ($($(#[$doc:meta])* $Cause:ident = $name:literal,)*) => {
        /// The limit that was reached, for [`Code::Capacity`], or what was not read or handled in time, for
        /// [`Code::SlowConsumer`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Cause { $($(#[$doc])* $Cause,)* }

        impl Cause {
            /// Returns the name in metrics and in the log.
            #[must_use]
            pub fn name(self) -> &'static str { match self { $(Self::$Cause => $name,)* } }

            /// Returns the cause with this name, if this version knows it.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> { match name { $($name => Some(Self::$Cause),)* _ => None } }
        }
    };
}

causes! {
    /// Sockets on `/ws/echo`. Closes these.
    EchoSockets = "echo_sockets",
    /// The look-up of another order, of which the channel does one at a time. Only refuses orders.
    LookupRunning = "lookup_running",
    /// Live rooms of this process (`server.max_live`). Closes sockets of tokens.
    LiveRooms = "live_rooms",
    /// Live rooms of the cluster. Closes sockets of tokens.
    LiveRoomsOfCluster = "live_rooms_of_cluster",
    /// Look-ups over time. Closes sockets of tokens.
    Lookups = "lookups",
    /// Private replays. Closes sockets of `/ws/play` and `/ws/test`.
    Replays = "replays",
    /// Sockets of `/ws` and its routes. Closes any of them.
    Sockets = "sockets",
    /// Subscribers of feeds (five of six `limits.connections`). Closes sockets that read one.
    Subscribers = "subscribers",
    /// The program that handles messages of `/ws` did not. Closes a slow socket.
    UnhandledMessages = "unhandled_messages",
    /// Echoes of `/ws/echo` that the client did not read. Closes a slow socket.
    UnreadEchoes = "unread_echoes",
    /// Events that the client did not read. Closes a slow socket.
    UnreadEvents = "unread_events",
    /// Messages of `/ws` that the client did not read. Closes a slow socket.
    UnreadMessages = "unread_messages",
    /// Another node of the cluster is connected to the user. Closes sockets of tokens.
    UserElsewhere = "user_elsewhere",
}

impl Problem {
    /// Creates a failure with the default hint of its code.
    pub fn new(code: Code, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string(), hint: code.hint().to_owned(), cause: None }
    }

    /// Creates a [`Code::Capacity`] failure: this limit was reached.
    pub fn capacity(cause: Cause, message: impl fmt::Display) -> Self {
        Self { cause: Some(cause), ..Self::new(Code::Capacity, message) }
    }

    /// Returns the cause for metrics and the log: the limit that was reached, or else the code.
    #[must_use]
    pub fn cause(&self) -> &'static str {
        self.cause.map_or(self.code.name(), Cause::name)
    }

    /// Replaces the hint.
    #[must_use]
    pub fn hint(self, hint: impl fmt::Display) -> Self {
        Self { hint: hint.to_string(), ..self }
    }
}

/// The command that starts Chrome for `--cdp`: of Windows for both of its shells.
#[cfg(windows)]
macro_rules! start_chrome {
    () => {
        r"cmd /c start chrome --remote-debugging-port=9222 --user-data-dir=%TEMP%\livetape-chrome"
    };
}
#[cfg(target_os = "macos")]
macro_rules! start_chrome {
    () => {
        r#"open -na "Google Chrome" --args --remote-debugging-port=9222 --user-data-dir=/tmp/livetape-chrome"#
    };
}
#[cfg(not(any(windows, target_os = "macos")))]
macro_rules! start_chrome {
    () => {
        "google-chrome --remote-debugging-port=9222 --user-data-dir=/tmp/livetape-chrome"
    };
}

/// Command that starts Chrome on this system so that livetape can follow a tab.
pub const START_CHROME: &str = start_chrome!();

/// Rows: variant, stable name, HTTP status, WebSocket close code, exit code and hint. Two more are optional:
/// a title for `error` events, which defaults to the name with spaces instead of underscores, and hints for
/// terminals, which may name flags: the first is shown whose flags the command has, or else the plain hint.
macro_rules! codes {
    ($(
        $(#[$doc:meta])*
        $code:ident = $name:literal, $http:literal, $close:literal, $exit:literal, $hint:literal $(, title $title:literal)? $(, terminal $($terminal:tt)|+)?;
    )*) => {
        /// The stable code of a failure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $code,)* }

        impl Code {
            /// All codes.
            pub const ALL: &[Self] = &[$(Self::$code),*];

            /// Returns the name in JSON.
            #[must_use]
            pub fn name(self) -> &'static str { match self { $(Self::$code => $name,)* } }
            /// Returns the HTTP status.
            #[must_use]
            pub fn http_status(self) -> u16 { match self { $(Self::$code => $http,)* } }
            /// Returns the close code of a WebSocket.
            #[must_use]
            pub fn close_code(self) -> u16 { match self { $(Self::$code => $close,)* } }
            /// Returns the exit code if the failure ends the process.
            #[must_use]
            pub fn exit_code(self) -> u8 { match self { $(Self::$code => $exit,)* } }
            /// Returns the default hint.
            #[must_use]
            pub fn hint(self) -> &'static str { match self { $(Self::$code => $hint,)* } }
            /// Returns the hints for terminals.
            fn terminal_hints(self) -> &'static [&'static str] {
                match self { $(Self::$code => &[$($($terminal),+)?],)* }
            }
            /// Returns a short headline.
            #[must_use]
            pub fn title(self) -> String {
                let given: &[&str] = match self { $(Self::$code => &[$($title)?],)* };
                given.first().map_or_else(|| self.name().replace('_', " "), |title| (*title).to_owned())
            }
            /// Returns the code with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$code),)* _ => None }
            }
        }
    };
}

impl Code {
    /// Returns what to show in a terminal instead of `hint`, if that is the default or names flags that the command does
    /// not have.
    #[must_use]
    pub fn terminal_hint(self, hint: &str, has_flag: impl Fn(&str) -> bool) -> &str {
        let is_usable = |hint: &&str| flags_of(hint).all(&has_flag);
        let forms = [(false, false), (false, true), (true, true)];
        let mut forms = forms.into_iter().filter(|_| hint != RETRIES);
        let form = forms.find(|(retrying, is_told)| hint == fitting(self.hint(), *retrying, *is_told));
        if form.is_none() && is_usable(&hint) {
            return hint;
        }
        let own = self.terminal_hints().iter().copied().find(is_usable).unwrap_or(self.hint());
        let (retrying, is_told) = form.unwrap_or((false, true));
        fitting(own, retrying, is_told)
    }
}

/// Returns the flags that a hint tells to use, as in `--proxy`: not those of commands in backticks.
pub fn flags_of(hint: &str) -> impl Iterator<Item = &str> {
    let words = hint.split('`').step_by(2).flat_map(|text| {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| word.starts_with('-'))
    });
    words.filter(|word| word.contains(|c: char| c.is_ascii_alphabetic()))
}

codes! {
    /// A user name is empty or malformed.
    InvalidUsername = "invalid_username", 400, 1008, 2, "use the name in the profile's address, with or without @";
    /// A command line, query or body is invalid.
    BadRequest = "bad_request", 400, 1008, 2, "see GET /openapi.json for valid requests", terminal "run the command with `--help` for valid arguments";
    /// A setting in the file or the environment is invalid.
    BadConfig = "bad_config", 500, 1011, 2, "run `livetape config check` to list every error";
    /// The address or connection does not exist, or the user is not the current one.
    NotFound = "not_found", 404, 1008, 1, "send GET / for the list of addresses";
    /// The path does not support this method.
    MethodNotAllowed = "method_not_allowed", 405, 1008, 1, "send GET / for the list of addresses";
    /// The body, a message or metadata is too large, or an event for a cluster.
    TooLarge = "too_large", 413, 1009, 1, "send less data";
    /// A WebSocket path was requested without an upgrade.
    UpgradeRequired = "upgrade_required", 400, 1008, 1, "connect with a WebSocket client";
    /// The requested WebSocket version is not 13.
    WebsocketVersion = "websocket_version", 426, 1002, 1, "send `Sec-WebSocket-Version: 13`";
    /// The `Host` header is not on the list of allowed hosts.
    ForbiddenHost = "forbidden_host", 403, 1008, 1, "use localhost or a loopback address, or add the host to `server.hosts` (LIVETAPE_HOSTS)";
    /// The `Origin` header is not on the list of allowed origins, or may only read.
    ForbiddenOrigin = "forbidden_origin", 403, 1008, 1, "serve the page from a loopback address, or add its origin to `server.origins` (LIVETAPE_ORIGINS)";
    /// The position belongs to another stream, or is no longer in the backlog.
    UnknownPosition = "unknown_position", 410, 4001, 1, "connect again without `since`";
    /// The subscriber fell behind.
    SlowConsumer = "slow_consumer", 503, 4101, 1, "read faster, or resume with `since`";
    /// A limit of connections, subscribers, rooms, replays or look-ups is reached, or another user is being
    /// looked up.
    Capacity = "capacity", 503, 4102, 1, "try again later";
    /// The request needs a replay, and none is loaded.
    NoReplay = "no_replay", 409, 1008, 1, "load a recording first: POST /replay/load {\"recording\":\"demo\"}";
    /// The event is not one of the current generation.
    OtherGeneration = "other_generation", 409, 1008, 1, "choose an event since the last lap, seek or load";
    /// A room cannot be connected while a recording is replayed.
    ReplayRunning = "replay_running", 409, 1008, 1, "end the replay first: DELETE /connect/RECORDING";
    /// A room is connected, so a recording cannot be loaded; or a later request replaced this one.
    RoomRunning = "room_running", 409, 1008, 1, "disconnect the room first: DELETE /connect/USER";
    /// The port is in use.
    PortInUse = "port_in_use", 500, 1011, 1, "choose another port, or 0 for any free port", terminal "choose another port with --port N, or any free port with --port 0";
    /// The server cannot listen on the address.
    CannotListen = "cannot_listen", 500, 1011, 1, "choose another address or port";
    /// The recording does not exist.
    RecordingNotFound = "recording_not_found", 404, 1011, 1, "check the name, or use `demo` for the built-in recording";
    /// The file is not a recording, or nothing in it is readable.
    BadRecording = "bad_recording", 422, 1011, 1, "use a livetape recording; to convert a capture, run `livetape import FILE`";
    /// A newer version of livetape wrote the recording.
    NewerRecording = "newer_recording", 422, 1011, 1, "update livetape";
    /// The capture cannot be imported.
    BadCapture = "bad_capture", 422, 1011, 1, "run `livetape import --help` for the formats";
    /// The output file already exists.
    OutputExists = "output_exists", 409, 1011, 1, "choose another name", terminal "choose another name with -o FILE, or overwrite the file with --force" | "choose another name with -o FILE";
    /// The recording is being replayed, written or changed; or a later request replaced this one.
    RecordingBusy = "recording_busy", 409, 1011, 1, "stop replaying or recording it first, or load another recording";
    /// The recording is built in.
    ReadOnlyRecording = "read_only_recording", 403, 1008, 1, "choose another name: the built-in recording cannot be changed";
    /// The recording reached its maximum size and was sealed.
    RecordingFull = "recording_full", 507, 1011, 3, "raise the maximum size", terminal "raise the limit with --max-size";
    /// The output is incomplete, for example because the disk is full.
    OutputIncomplete = "output_incomplete", 507, 1011, 3, "check that the disk is not full; the part written so far is kept";
    /// Another overlay is saved under this name, or other settings than those that the request replaces.
    OverlayConflict = "overlay_conflict", 409, 1008, 1, "choose another name, or send the settings that it has as `replaces`";
    /// The file of saved overlays cannot be read.
    OverlaysDamaged = "overlays_damaged", 500, 1011, 1, "repair overlays.json in the folder of recordings, or save an overlay: the damaged file is then kept under another name";
    /// A file could not be read or written.
    Io = "io", 500, 1011, 1, "check the path and the permissions of the file, and that the disk is not full";
    /// The sign server or TikTok reported too many requests.
    RateLimited = "rate_limited", 429, 1008, 1, "wait 5-10 minutes, up to an hour; try another user; or use a sign API key such as EulerStream's", title "Rate limited", terminal "wait 5-10 minutes, up to an hour; try another user; or use a sign API key such as EulerStream's (--sign-url, --sign-key)";
    /// TikTok has no user with this name.
    UserNotFound = "user_not_found", 404, 1011, 1, "check the spelling: use the name in the profile's address", title "User not found";
    /// The user exists but is not live.
    UserOffline = "user_offline", 409, 1011, 1, "try again when the user is live", title "User offline", terminal "try again when the user is live, or wait with --wait-live";
    /// The room is for adults and requires a login.
    AgeRestricted = "age_restricted", 403, 1011, 1, "use the session cookie of an adult account", title "Age restricted", terminal "use the session cookies of an adult account (--session-cookie)";
    /// TikTok answered with a captcha or an anti-bot page, or rejected the device.
    Blocked = "blocked", 502, 1011, 1, "wait a while, or connect through a proxy", title "Blocked by TikTok", terminal "wait a while, or connect through a proxy (--proxy)";
    /// The sign server rejected the key, or requires payment.
    SignUnauthorized = "sign_unauthorized", 502, 1011, 1, "check the API key of the sign server and its plan", title "Sign server rejected the key", terminal "check the API key of the sign server (--sign-key) and its plan";
    /// The sign server failed or is unreachable.
    SignFailed = "sign_failed", 502, 1011, 1, "try again later", title "Sign server failed";
    /// The sign server's answer is a stub or incomplete.
    SignEmpty = "sign_empty", 502, 1011, 1, "try again later", title "Empty response from the sign server";
    /// TikTok rejected the WebSocket for a reason other than a blocked device.
    HandshakeRefused = "handshake_refused", 502, 1011, 1, "try again later", title "Handshake rejected";
    /// The bearer token is missing or wrong, or the token in `/ws/{token}` is unknown.
    Unauthorized = "unauthorized", 401, 1008, 1, "send `Authorization: Bearer TOKEN`, or `?token=TOKEN`";
    /// The token can read, but not control the server.
    ReadOnlyToken = "read_only_token", 403, 1008, 1, "send a token that is written without `read:` in `server.token` or `server.token_file`";
    /// The room is live, and the setting `live.allow_inject` is off.
    InjectRefused = "inject_refused", 409, 1008, 1, "inject into a replay, or set `live.allow_inject` and restart the server";
    /// The expected clients did not connect in time.
    TooFewClients = "too_few_clients", 409, 1008, 1, "connect the clients first, or omit `wait_clients`";
    /// The command of `livetape run` used neither the feed nor the mock.
    TooFewRequests = "too_few_requests", 409, 1008, 1, "let the command read `LIVETAPE_URL` or `LIVETAPE_MOCK_URL`, or send its requests through the proxy of the mock";
    /// The command of `livetape run`, `test` or `shrink` does not exist.
    CommandNotFound = "command_not_found", 400, 1008, 127, "check the spelling and PATH, or use the path of the program";
    /// The command of `livetape run`, `test` or `shrink` cannot be executed.
    CommandNotExecutable = "command_not_executable", 400, 1008, 126, "check that it is an executable program";
    /// Clients did not read to the end of a recording before the server exited.
    UnreadClients = "unread_clients", 503, 4101, 3, "read until the close frame (1000); to keep the server running at the end, do not set `exit_when_done`", terminal "let the clients read until the close frame (1000), or omit --exit-when-done to keep the server running";
    /// The connection to the room was closed, reset or silent.
    ConnectionLost = "connection_lost", 502, 1011, 1, "check that the upstream server is running and reachable", terminal "check that the upstream server is running and reachable: --upstream, --proxy, the network";
    /// No browser responds at the debugging port.
    BrowserUnreachable = "browser_unreachable", 502, 1011, 1, "start Chrome with a fixed debugging port and a profile of its own", title "No browser", terminal (concat!("start Chrome with `", start_chrome!(), "`; with port 0, TikTok does not enter rooms"));
    /// What listens at the debugging port is not a browser.
    NotABrowser = "not_a_browser", 502, 1011, 1, "use the debugging port of Chrome", title "Not a browser", terminal "use the port of `--remote-debugging-port` that Chrome was started with";
    /// No tab of the browser shows the LIVE.
    TabNotFound = "tab_not_found", 404, 1011, 1, "open the LIVE in the browser with the debugging port", title "No tab shows the LIVE", terminal "open https://www.tiktok.com/@USER/live in that browser; to wait without limit, add --wait-live" | "open https://www.tiktok.com/@USER/live in that browser";
    /// Several tabs of the browser show the LIVE.
    TabAmbiguous = "tab_ambiguous", 409, 1011, 1, "close the other tabs, or choose one by its number", title "Several tabs show the LIVE", terminal "close the other tabs, or choose one with --tab N";
    /// The tab was closed, has crashed, or shows something else; or its browser has ended.
    TabLost = "tab_lost", 502, 1011, 1, "open the LIVE in the browser again", title "Tab lost";
    /// The tab opens no connection to a LIVE.
    TabSilent = "tab_silent", 502, 1011, 1, "check in the tab that the LIVE plays and that you are logged in, then reload it", title "The tab receives nothing";
    /// The host name of the upstream, the sign server or the proxy could not be resolved.
    DnsFailed = "dns_failed", 502, 1011, 1, "check the network's DNS, and the addresses of the upstream, sign server and proxy", title "Name not resolved", terminal "check the network's DNS, and the spelling of --upstream, --sign-url and --proxy";
    /// The setting `offline` rejects addresses other than loopback.
    OfflineMode = "offline_mode", 403, 1008, 1, "use a mock as the upstream, or turn the setting `offline` off", title "Offline", terminal "use a mock with --upstream, or leave out --offline (setting `live.offline`); in `livetape run`: LIVETAPE_OFFLINE=false";
    /// The upstream sends more data than any real room.
    UpstreamFlood = "upstream_flood", 502, 1011, 1, "check the address of the upstream server: rooms do not send this much", title "Too much data from the upstream", terminal "check --upstream: rooms do not send this much";
    /// `livetape watch` or `livetape trigger` cannot reach the server, or the server closed the connection.
    ServerUnreachable = "server_unreachable", 502, 1011, 1, "check the address, or start a server with `livetape replay demo`";
    /// A message on `/ws` is invalid.
    BadMessage = "bad_message", 400, 1008, 1, "send JSON as described by ClientMessage in GET /openapi.json";
    /// The room does not exist.
    UnknownRoom = "unknown_room", 404, 1008, 1, "see GET /rooms for the list; `join_room` creates a room if its id does not start with `user:`";
    /// The room has the maximum number of connections.
    RoomFull = "room_full", 409, 1008, 1, "try again later";
    /// The room id is taken.
    RoomExists = "room_exists", 409, 1008, 1, "choose another id, or omit it";
    /// The connection is not in the room, so it cannot send messages there.
    NotInRoom = "not_in_room", 409, 1008, 1, "send `join_room` first";
    /// Only the feed can send messages in a user's room.
    ReadOnlyRoom = "read_only_room", 403, 1008, 1, "send messages to another room; `join_room` creates it";
    /// The connection sends too many messages per second.
    RateExceeded = "rate_exceeded", 429, 1008, 1, "send messages less often";
    /// Another connection uses this client id.
    ClientIdTaken = "client_id_taken", 409, 1008, 1, "choose another `client_id`, or omit it";
    /// The program that embeds the server refused the connection or request.
    Refused = "refused", 403, 1008, 1, "see the documentation of the program that runs this server";
    /// A handler of the program that embeds the server failed, so the connection or request is refused.
    HandlerFailed = "handler_failed", 500, 1008, 1, "report this to the operator of the server, whose log has the cause";
    /// Another version of livetape wrote to the channel of the cluster.
    ClusterVersion = "cluster_version", 502, 1011, 1, "update livetape on all nodes of the cluster, one after the other";
    /// A message on the channel of the cluster is not from livetape, or not from its owner. It is skipped.
    ClusterMessage = "cluster_message", 502, 1011, 1, "let only livetape publish on the subjects of the cluster: check the permissions in NATS";
    /// The nodes of the cluster cannot reach NATS or their common channel.
    ClusterUnreachable = "cluster_unreachable", 503, 1011, 1, "check that NATS runs, has JetStream and can be reached from every node";
    /// No node of the cluster owns the channel.
    ClusterUnowned = "cluster_unowned", 503, 1011, 1, "check the storage and the log of NATS, and the logs of all nodes; after a full disk, start NATS again";
    /// The cluster may or may not have executed the order.
    Unconfirmed = "unconfirmed", 504, 1011, 1, "look at GET /status before you send the order again";
    /// The server is shutting down.
    ShuttingDown = "shutting_down", 503, 1001, 1, "try again after the server has restarted";
}

/// Starts of hints that advise to wait: for a time, which is the usual one of rate limits, or until later.
const USUAL_WAIT: &str = "wait 5-10 minutes, up to an hour";
const WAITS: [&str; 5] = [
    USUAL_WAIT,
    "wait a while",
    "try again later",
    "try again when the user is live",
    "connect again when the user is live",
];
/// Hint for a failure after which livetape tries again, if there is no other advice.
pub const RETRIES: &str = "nothing to do: livetape tries again by itself";

/// Returns the part of a hint that applies: without a wait that livetape observes itself (`retrying`), and without the usual
/// wait if the actual one `is_told`.
#[must_use]
pub fn fitting(hint: &str, retrying: bool, is_told: bool) -> &str {
    let waits = match (retrying, is_told) {
        (true, _) => &WAITS[..],
        (false, true) => &[USUAL_WAIT],
        (false, false) => &[],
    };
    let Some(rest) = waits.iter().find_map(|wait| hint.strip_prefix(wait)) else { return hint };
    let rest = rest.trim_start_matches([',', ';', ' ']);
    match rest.strip_prefix("or ").unwrap_or(rest) {
        "" if retrying => RETRIES,
        "" => hint,
        rest => rest,
    }
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

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| serde::de::Error::custom(format!("unknown code `{name}`")))
    }
}

impl JsonSchema for Code {
    fn schema_name() -> Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<_> = Self::ALL.iter().map(|code| code.name()).collect();
        json_schema!({ "description": "Stable code of the failure.", "type": "string", "enum": names })
    }
}

/// Close codes that are used without a [`Code`].
pub mod close {
    /// The source ended, or the user was disconnected.
    pub const NORMAL: u16 = 1000;
    /// The server is shutting down.
    pub const GOING_AWAY: u16 = 1001;
    /// The close frame had no code. Never sent.
    pub const NO_CODE: u16 = 1005;
    /// The connection ended without a close frame. Never sent.
    pub const ABNORMAL: u16 = 1006;
    /// The peer violated the protocol.
    pub const PROTOCOL: u16 = 1002;
    /// A text message was not valid UTF-8.
    pub const NOT_TEXT: u16 = 1007;
    /// The peer repeatedly did something that is not allowed.
    pub const POLICY: u16 = 1008;
    /// The server failed.
    pub const INTERNAL: u16 = 1011;
}

/// Exit codes of the process.
pub mod exit {
    /// Done.
    pub const DONE: u8 = 0;
    /// Failed.
    pub const FAILED: u8 = 1;
    /// The command line or a setting is invalid.
    pub const USAGE: u8 = 2;
    /// Finished, but something was lost.
    pub const LOST: u8 = 3;
    /// Forced exit: a second interrupt, or the shutdown took too long.
    pub const INTERRUPTED: u8 = 130;
}

/// Returns what the JSON of an error says for people: `label: message`; empty if nothing.
#[must_use]
pub fn explanation(body: &[u8]) -> String {
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let texts = ["limit_label", "message", "error"].map(|name| json[name].as_str().unwrap_or_default());
    Vec::from_iter(texts.into_iter().filter(|text| !text.is_empty())).join(": ")
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
            // A shell exits with 126 or 127 for a command that it cannot run.
            assert!(matches!(code.exit_code(), 1..=3 | 126..=127), "{code}");
            assert_eq!(Code::from_name(code.name()), Some(*code));
            assert!(!code.title().contains('_') && !code.hint().is_empty(), "{code}");
        }
    }

    #[test]
    fn only_hints_for_terminals_name_flags() {
        for code in Code::ALL {
            assert_eq!(flags_of(code.hint()).next(), None, "{code}");
        }
        let code = Code::UserOffline;
        let longer = "try again when the user is live, or wait with --wait-live";
        assert_eq!(code.terminal_hint(code.hint(), |flag| flag == "--wait-live"), longer);
        assert_eq!(code.terminal_hint(code.hint(), |_| false), code.hint());
        assert_eq!(code.terminal_hint("a better hint", |_| false), "a better hint");
        let quoted = "run `livetape live ann --stay`";
        assert_eq!(code.terminal_hint(quoted, |_| false), quoted);
        assert_eq!(code.terminal_hint("wait with --other", |flag| flag == "--wait-live"), longer);
        let code = Code::OutputExists;
        let some = |flags: &'static [&str]| move |flag: &str| flags.contains(&flag);
        let hints = [&["-o", "--force"][..], &["-o"], &["--force"]].map(some);
        let hints = hints.map(|has| code.terminal_hint(code.hint(), has));
        assert!(hints[0].ends_with("--force") && hints[1].ends_with("-o FILE") && hints[2] == code.hint());
    }

    #[test]
    fn a_hint_advises_no_wait_that_is_told_or_observed() {
        let usual = Code::RateLimited.hint();
        let others = "try another user; or use a sign API key such as EulerStream's";
        let ways = "follow a tab of Chrome that shows the LIVE";
        // Hint, and what remains of it if the wait is told, and if livetape tries again.
        for (hint, told, retried) in [
            (usual, others, others),
            ("wait 5-10 minutes, up to an hour; or try another user", "try another user", "try another user"),
            ("try again later", "try again later", RETRIES),
            (&format!("try again later, or {ways}"), &format!("try again later, or {ways}"), ways),
            (
                "wait a while or connect through a proxy",
                "wait a while or connect through a proxy",
                "connect through a proxy",
            ),
            ("try again when the user is live", "try again when the user is live", RETRIES),
            ("check the key", "check the key", "check the key"),
            ("", "", ""),
        ] {
            assert_eq!(fitting(hint, false, false), hint);
            assert_eq!((fitting(hint, false, true), fitting(hint, true, true)), (told, retried), "{hint}");
            assert_eq!(fitting(hint, true, false), retried, "{hint}");
        }
        let shown = |code: Code, hint| code.terminal_hint(hint, |_| true);
        let key = "try another user; or use a sign API key such as EulerStream's (--sign-url, --sign-key)";
        assert_eq!(shown(Code::RateLimited, others), key);
        assert_eq!(shown(Code::Blocked, "connect through a proxy"), "connect through a proxy (--proxy)");
        assert_eq!(shown(Code::UserOffline, RETRIES), RETRIES);
    }
}
