//! Table of settings: key, type, default, flag and environment variable. Everything that sets or shows a setting is
//! generated from it.

#![allow(rustdoc::bare_urls, rustdoc::invalid_html_tags, reason = "these are the texts of --help")]

use std::{ffi::OsStr, path::PathBuf, time::Duration};

use livetape_core::{host::HostPort, pace::Speed, retry, secret::Secret};
use livetape_engine::{
    recorder::Rotate,
    source::{
        browser::Address as Cdp,
        live::{Pairs, Way},
    },
};
use tracing::level_filters::LevelFilter;

use crate::mask;

use super::value::{
    Address, Bytes, Form, Laps, Listen, LogFormat, NatsUrls, Session, Tikfinity, Token, Value,
};

/// Rows: documentation, key, type, default, flag (empty for none), environment variable. The first line of documentation
/// appears in `-h`; `--help`, the example and the documents show the rest as well.
macro_rules! settings {
    ($(
        $(#[doc = $about:literal])*
        $section:ident: $Section:ident {
            $( $(#[doc = $doc:literal])* $key:ident: $type:ty = $default:expr, $flag:literal, $env:literal; )*
        }
    )*) => {
        $(
            $(#[doc = $about])*
            #[derive(Clone, Debug, PartialEq)]
            pub struct $Section { $( $(#[doc = $doc])* pub $key: $type, )* }

            impl Default for $Section {
                fn default() -> Self {
                    Self { $($key: $default,)* }
                }
            }
        )*

        /// Values of all settings.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Settings {
            $( $(#[doc = $about])* pub $section: $Section, )*
            /// Clients of `/ws/{token}`.
            pub tokens: Vec<Token>,
        }

        /// Sections, each with its description.
        pub const SECTIONS: &[(&str, &str)] = &[$((name_of(stringify!($section)), concat!($($about),*)),)*];

        /// Every key, in the order of sections.
        pub const KEYS: &[Key] = &[$($(Key {
            section: name_of(stringify!($section)),
            raw_name: stringify!($key),
            docs: &[$($doc),*],
            flag: $flag,
            env: $env,
            form: <$type as Value>::FORM,
            is_secret: <$type as Value>::SECRET,
            set: |settings, text| {
                let value = Value::read_os(text).map_err(|why| mask::repeated(&why, &text.to_string_lossy()));
                settings.$section.$key = value?;
                Ok(())
            },
            get: |settings| settings.$section.$key.show(),
        },)*)*];
    };
}

/// Returns the name of a section in the file: that of its field, unless it is part of another section.
const fn name_of(section: &'static str) -> &'static str {
    match section.as_bytes() {
        b"request" => "live.request",
        _ => section,
    }
}

settings! {
    /// Addresses of the server, and access to it.
    server: Server {
        /// Listen on a port or ADDR:PORT
        ///
        /// A port alone listens on loopback.
        listen: Listen = Listen::loopback(3000), "--listen ADDR", "LIVETAPE_LISTEN";
        /// Override the port of --listen [0: any free port]
        port: Option<u16> = None, "--port N", "LIVETAPE_PORT";
        /// Accept requests for these hosts besides loopback, on any port
        hosts: Vec<String> = Vec::new(), "", "LIVETAPE_HOSTS";
        /// Accept requests from pages and apps of these origins
        ///
        /// E.g. https://overlay.example or tauri://localhost. Pages of other servers on this machine can read without. `null` lets pages from disk and sandboxed frames of any site read the feed.
        origins: Vec<String> = Vec::new(), "", "LIVETAPE_ORIGINS";
        /// Require this bearer token for requests and sockets
        ///
        /// Several with commas. One behind `read:` only reads: it cannot control the server, send messages or look up users at TikTok.
        token: Option<Secret> = None, "", "LIVETAPE_TOKEN";
        /// Use the bearer tokens in this file, one per line
        ///
        /// Servers accept any; `livetape watch` and `livetape trigger` send the first.
        token_file: Option<PathBuf> = None, "--token-file FILE", "LIVETAPE_TOKEN_FILE";
        /// Serve https:// and wss:// with this certificate chain (PEM)
        tls_cert: Option<PathBuf> = None, "--tls-cert FILE", "LIVETAPE_TLS_CERT";
        /// Read the private key of the certificate from this file (PEM)
        tls_key: Option<PathBuf> = None, "--tls-key FILE", "LIVETAPE_TLS_KEY";
        /// Look up and store recordings in this directory [default: recordings]
        ///
        /// If that is missing: a folder of the user.
        recordings: Option<PathBuf> = None, "--recordings DIR", "LIVETAPE_RECORDINGS";
        /// Connect to at most N rooms at once
        max_live: usize = 1, "--max-live N", "LIVETAPE_MAX_LIVE";
        /// Send a heartbeat to sockets on /ws at this interval
        heartbeat: Duration = Duration::from_secs(30), "", "LIVETAPE_HEARTBEAT";
        /// Hold the first frame until N subscribers are connected
        ///
        /// `live` connects to the room only then. [default: 0; 1 with --speed max]
        wait_clients: Option<usize> = None, "--wait-clients N", "LIVETAPE_WAIT_CLIENTS";
        /// Also serve the feed in TikFinity's format, on ws://127.0.0.1:21213/
        ///
        /// Or on ADDR: a port or ADDR:PORT. No token is required.
        tikfinity: Tikfinity = Tikfinity(None), "--tikfinity[=ADDR]", "LIVETAPE_TIKFINITY";
        /// Do not print events
        quiet: bool = false, "-q, --quiet", "LIVETAPE_QUIET";
        /// Seed the stream name and retry delays, for reproducible output
        seed: Option<u64> = None, "--seed N", "LIVETAPE_SEED";
    }

    /// HTTP requests that send events to another program.
    webhook: Webhook {
        /// POST each event to this URL
        ///
        /// Each is sent at most --max-attempts times.
        url: Option<Address> = None, "--webhook URL", "LIVETAPE_WEBHOOK_URL";
        /// Sign requests with this secret
        ///
        /// The header X-Livetape-Signature is `sha256=` and the HMAC-SHA256 of the body, in hex.
        secret: Option<Secret> = None, "", "LIVETAPE_WEBHOOK_SECRET";
        /// Send only these types of event [default: all]
        types: Vec<String> = Vec::new(), "", "LIVETAPE_WEBHOOK_TYPES";
    }

    /// Several machines that share one feed over NATS, with `livetape serve`.
    cluster: Cluster {
        /// Share the feed with other machines over NATS
        ///
        /// E.g. nats://127.0.0.1:4222, with JetStream; several servers with commas. Log in with --nats-creds, or with nats://USER:PASSWORD@HOST or nats://TOKEN@HOST in LIVETAPE_NATS.
        nats: Option<NatsUrls> = None, "--nats URL", "LIVETAPE_NATS";
        /// Name the cluster: letters, digits and dashes
        name: String = "livetape".to_owned(), "--cluster NAME", "LIVETAPE_CLUSTER";
        /// Log in to NATS with the credentials or the seed of an NKey in this file
        creds: Option<PathBuf> = None, "--nats-creds FILE", "LIVETAPE_NATS_CREDS";
        /// Let another machine take over after this time without a sign of life [500ms to 1m]
        ///
        /// All machines need the same value.
        lease: Duration = Duration::from_secs(5), "", "LIVETAPE_CLUSTER_LEASE";
        /// Store each message on this many NATS servers [1 to 5]
        replicas: usize = 1, "", "LIVETAPE_CLUSTER_REPLICAS";
    }

    /// Limits of the server.
    limits: Limits {
        /// Accept at most this many connections
        ///
        /// Five of six may be subscribers, observers included.
        connections: usize = 12_000, "", "LIVETAPE_MAX_CONNECTIONS";
        /// Keep this many events per channel for clients that resume [64 to 4194304]
        ///
        /// Their JSON may have 512 bytes each: 8 MiB by default, at least 256 KiB, at most 1 GiB. A subscriber more than half
        /// of either behind is disconnected (4101).
        backlog_events: usize = 16_384, "", "LIVETAPE_BACKLOG_EVENTS";
        /// Force the exit if a graceful shutdown takes longer than this
        ///
        /// Open sockets are dropped up to half a second earlier.
        shutdown_time: Duration = Duration::from_secs(5), "", "LIVETAPE_SHUTDOWN_TIME";
    }

    /// Log of the server.
    log: Log {
        /// Write log lines as text or as json
        format: LogFormat = LogFormat::Text, "--log-format FORMAT", "LIVETAPE_LOG_FORMAT";
        /// Set the log level: off, error, warn, info, debug or trace
        ///
        /// [default: info with --log-file; else warn. If events are printed: error, but info for clients and rooms of tokens. With --nats: info for the cluster]
        level: Option<LevelFilter> = None, "--log-level LEVEL", "LIVETAPE_LOG_LEVEL";
        /// Write the log to this file instead of the terminal
        ///
        /// At 10MiB it becomes FILE.1; five old files are kept.
        file: Option<PathBuf> = None, "--log-file FILE", "LIVETAPE_LOG_FILE";
    }

    /// Connections to live rooms.
    live: Live {
        /// Connect to this server instead of TikTok
        ///
        /// E.g. http://127.0.0.1:3100 for `livetape mock`.
        upstream: Option<Address> = None, "--upstream URL", "LIVETAPE_UPSTREAM";
        /// Enter rooms by direct, sign, sign-connect or tab [repeat the flag]
        ///
        /// They are tried in the order of the flags: one that fails for good hands over to the next. `sign` sends the room's id and the user agent to a sign server at /webcast/fetch, `sign-connect` at /webcast/rooms/ID/connect; `tab` needs --cdp. Without any, it is `direct`, and `sign` before it if there is --sign-url or --sign-key.
        ways: Vec<Way> = Vec::new(), "--way WAY", "LIVETAPE_WAYS";
        /// Follow a tab of Chrome through its debugging port
        ///
        /// Start Chrome with --remote-debugging-port=9222 --user-data-dir=NEW_FOLDER first. It is the only way unless `tab` is one of several. Servers other than `live` follow it at POST /connect.
        cdp: Option<Cdp> = None, "--cdp ADDR", "LIVETAPE_CDP";
        /// Connect through this sign server
        sign_url: Option<Address> = None, "--sign-url URL", "LIVETAPE_SIGN_URL";
        /// Use this API key of the sign server
        ///
        /// Prefer the variable: other users see command lines.
        sign_key: Option<Secret> = None, "--sign-key KEY", "LIVETAPE_SIGN_KEY";
        /// Log in with these TikTok cookies, or those in this file
        ///
        /// `name=value; name=value`, or a file in this or Netscape's format, which only its owner may read. Prefer a file or the variable: other users see command lines. They only go to TikTok's hosts over TLS and to --upstream, and the session's id to --sign-url; through --proxy, only over TLS.
        session_cookie: Option<Session> = None, "--session-cookie COOKIE", "LIVETAPE_SESSION_COOKIE";
        /// Give up after N failed attempts in a row
        max_attempts: u32 = retry::ATTEMPTS, "--max-attempts N", "LIVETAPE_MAX_ATTEMPTS";
        /// Wait until the user goes live, the first time
        wait_live: bool = false, "--wait-live", "LIVETAPE_WAIT_LIVE";
        /// Send all upstream traffic through this proxy
        ///
        /// E.g. http://127.0.0.1:8888 or socks5://127.0.0.1:1080; with socks5h://, it also looks up names.
        proxy: Option<Address> = None, "--proxy URL", "LIVETAPE_PROXY";
        /// Contact only loopback addresses, as `livetape run` does by default
        offline: bool = false, "--offline", "LIVETAPE_OFFLINE";
        /// Let POST /inject add events to a live room; they are not recorded
        allow_inject: bool = false, "--allow-inject", "LIVETAPE_ALLOW_INJECT";
        /// Keep serving when the room ends or cannot be reached
        stay: bool = false, "--stay", "LIVETAPE_STAY";
        /// Record the first room (or replay) to this file
        ///
        /// `livetape record` writes to it, too, without -o.
        record: Option<PathBuf> = None, "--record FILE", "LIVETAPE_RECORD";
    }

    /// Requests to TikTok and sign servers. Values replace or add to the defaults in livetape.example.toml; empty ones remove them.
    request: Request {
        /// Send this user agent, with which the parameters that repeat it agree
        user_agent: Option<String> = None, "", "LIVETAPE_REQUEST_USER_AGENT";
        /// Send requests to these hosts, unless --upstream or --sign-url is set
        hosts: Pairs = Pairs::default(), "", "LIVETAPE_REQUEST_HOSTS";
        /// Request these paths
        paths: Pairs = Pairs::default(), "", "LIVETAPE_REQUEST_PATHS";
        /// Headers of look-ups and of the request for a cookie
        headers: Pairs = Pairs::default(), "", "LIVETAPE_REQUEST_HEADERS";
        /// Headers that open a WebSocket
        socket_headers: Pairs = Pairs::default(), "", "LIVETAPE_REQUEST_SOCKET_HEADERS";
        /// Parameters of look-ups
        lookup: Pairs = Pairs::default(), "", "LIVETAPE_REQUEST_LOOKUP";
        /// Parameters of the request for an age limit
        room_info: Pairs = Pairs::default(), "", "LIVETAPE_REQUEST_ROOM_INFO";
        /// Parameters of a WebSocket
        socket: Pairs = Pairs::default(), "", "LIVETAPE_REQUEST_SOCKET";
        /// Parameters at the end of a signed WebSocket
        signed: Pairs = Pairs::default(), "", "LIVETAPE_REQUEST_SIGNED";
        /// Parameters for a sign server, of the way `sign`
        sign_fetch: Pairs = Pairs::default(), "", "LIVETAPE_REQUEST_SIGN_FETCH";
        /// Parameters for a sign server, of the way `sign-connect`
        sign_connect: Pairs = Pairs::default(), "", "LIVETAPE_REQUEST_SIGN_CONNECT";
    }

    /// Replays of recordings.
    replay: Replay {
        /// Play at this speed: 0.1 to 1000, or max
        ///
        /// `max` plays as fast as the slowest subscriber reads.
        speed: Speed = Speed::Times(1.0), "--speed N|max", "LIVETAPE_SPEED";
        /// Play N times in total, or until stopped
        ///
        /// Without N, or with `endless`: until stopped. Only for the first recording.
        r#loop: Option<Laps> = None, "--loop [N]", "LIVETAPE_LOOP";
        /// Start at this offset, e.g. 90s, 1m30s or 00:01:30
        ///
        /// Only for the first recording.
        start: Duration = Duration::ZERO, "--start OFFSET", "LIVETAPE_START";
        /// End at this offset
        ///
        /// Only for the first recording.
        end: Option<Duration> = None, "--end OFFSET", "LIVETAPE_END";
        /// Shorten silences to at most this, e.g. 2s
        idle_limit: Option<Duration> = None, "--idle-limit D", "LIVETAPE_IDLE_LIMIT";
        /// Close the sockets (1000) and exit at the end
        ///
        /// Exits with 3 if a client did not read to the end, or was dropped before.
        exit_when_done: bool = false, "--exit-when-done", "LIVETAPE_EXIT_WHEN_DONE";
    }

    /// Recordings of live rooms.
    record: Record {
        /// Start a new file after this size or time
        ///
        /// E.g. 100MB or 30m. The files are show.000.bin, show.001.bin, …
        rotate: Option<Rotate> = None, "--rotate SIZE|TIME", "LIVETAPE_ROTATE";
        /// Stop and seal the recording at this size, e.g. 2GiB
        ///
        /// With --rotate: of all files together.
        max_size: Option<Bytes> = None, "--max-size SIZE", "LIVETAPE_MAX_SIZE";
    }

    /// Mock TikTok server.
    mock: Mock {
        /// Play this recording in every room
        ///
        /// A file or a name. [default: the scenario's recording, or demo]
        play: Option<String> = None, "--play FILE", "LIVETAPE_MOCK_PLAY";
        /// Script users, rooms and failures with this TOML file
        ///
        /// Or the name of one of fixtures/scenarios, such as `rate-limited-twice`.
        scenario: Option<PathBuf> = None, "--scenario FILE", "LIVETAPE_MOCK_SCENARIO";
        /// Listen on this loopback port [0: any free port]
        port: u16 = 3100, "--port N", "LIVETAPE_MOCK_PORT";
        /// Play rooms at this speed: 0.1 to 1000, or max
        ///
        /// Overrides the scenario.
        speed: Option<Speed> = None, "--speed N|max", "LIVETAPE_MOCK_SPEED";
        /// Seed for reproducible output [default: the scenario's seed, or 0]
        seed: Option<u64> = None, "--seed N", "LIVETAPE_MOCK_SEED";
        /// Also answer as an HTTP proxy on a port or ADDR:PORT
        ///
        /// For clients with fixed hosts. Answers only for TikTok and sign servers.
        proxy_listen: Option<Listen> = None, "--proxy-listen ADDR", "LIVETAPE_MOCK_PROXY_LISTEN";
        /// Also answer with TLS on a port or ADDR:PORT
        ///
        /// For clients whose hosts are redirected to this machine, e.g. in /etc/hosts.
        tls: Option<Listen> = None, "--tls ADDR", "LIVETAPE_MOCK_TLS";
        /// Let clients of the proxy reach HOST or HOST:PORT
        ///
        /// Requests pass unchanged and leave this machine. Without a port: 80 and 443. Repeat the flag for several hosts.
        pass: Vec<HostPort> = Vec::new(), "--pass HOST", "LIVETAPE_MOCK_PASS";
        /// Keep the CA of the proxy in this folder
        ///
        /// [default: ca in the user's folder for data]
        ca_dir: Option<PathBuf> = None, "--ca-dir DIR", "LIVETAPE_MOCK_CA_DIR";
    }
}

/// A setting: its key in the file, flag and environment variable, and how it is parsed and shown.
#[derive(Debug)]
pub struct Key {
    pub section: &'static str,
    pub(in crate::settings) raw_name: &'static str,
    pub(in crate::settings) docs: &'static [&'static str],
    pub(in crate::settings) flag: &'static str,
    pub env: &'static str,
    pub form: Form,
    /// Whether its value is masked when shown.
    pub is_secret: bool,
    pub(in crate::settings) set: fn(&mut Settings, &OsStr) -> Result<(), String>,
    pub(in crate::settings) get: fn(&Settings) -> Option<String>,
}

/// Parts of a flag such as `-o, --output FILE` or `--loop [N]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Letter after a single dash.
    pub short: Option<char>,
    /// Name after two dashes.
    pub long: &'static str,
    /// Placeholder of the value; `None` for a switch.
    pub value: Option<&'static str>,
    /// Whether the value may be omitted.
    pub is_optional: bool,
}

impl Key {
    /// Name within the section.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.raw_name.strip_prefix("r#").unwrap_or(self.raw_name)
    }

    /// `section.name`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name())
    }

    /// Summary: an imperative phrase without a full stop.
    #[must_use]
    pub fn summary(&self) -> &'static str {
        self.docs.first().copied().unwrap_or_default().trim()
    }

    /// Sentences beyond the summary, and defaults in brackets; empty for most keys.
    #[must_use]
    pub fn details(&self) -> String {
        self.docs.iter().skip(1).copied().collect::<String>().trim().to_owned()
    }

    #[must_use]
    pub fn flag(&self) -> Option<Flag> {
        let (short, rest) = match self.flag.split_once(", ") {
            Some((short, rest)) => (short.chars().nth(1), rest),
            None => (None, self.flag),
        };
        let (long, value) = match rest.find([' ', '[']) {
            Some(end) => (&rest[..end], Some(rest[end..].trim_start())),
            None => (rest, None),
        };
        let bare = value.map(|value| value.trim_matches(['[', ']', '=']));
        let long = long.strip_prefix("--")?;
        Some(Flag { short, long, value: bare, is_optional: bare != value })
    }

    /// Checks that `text` is a valid value.
    ///
    /// # Errors
    /// Returns the reason if it is not.
    pub fn check(&self, text: &OsStr) -> Result<(), String> {
        (self.set)(&mut Settings::default(), text)
    }

    /// Default value as TOML, if there is one.
    #[must_use]
    pub fn default_text(&self) -> Option<String> {
        (self.get)(&Settings::default())
    }
}
