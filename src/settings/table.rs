//! Every setting: its key, type, default, flag and name in the environment. All that sets or shows one is made of this.

#![allow(rustdoc::bare_urls, rustdoc::invalid_html_tags, reason = "these are the texts of --help")]

use std::{path::PathBuf, time::Duration};

use super::{
    key::Key,
    listen::Listen,
    recording::{Rotate, SYNC_EVERY, Sync},
    tokens::Token,
    value::{Address, Bytes, Level, LogFormat, SignForm, Value},
};
use crate::{
    sans_io::{pace::Speed, retry},
    secret::Secret,
};

/// Rows: documentation, key, type, default, flag (empty for none), name in the environment.
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

        /// All settings, in effect.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Settings {
            $( $(#[doc = $about])* pub $section: $Section, )*
            /// The tokens of `/ws/{token}`.
            pub tokens: Vec<Token>,
        }

        /// The sections, with what each is about.
        pub const SECTIONS: &[(&str, &str)] = &[$((stringify!($section), concat!($($about),*)),)*];

        /// Every key, section by section.
        pub const KEYS: &[Key] = &[$($(Key {
            section: stringify!($section),
            raw_name: stringify!($key),
            doc: concat!($($doc),*),
            flag: $flag,
            env: $env,
            form: <$type as Value>::FORM,
            is_secret: <$type as Value>::SECRET,
            set: |settings, text| { settings.$section.$key = Value::read_os(text)?; Ok(()) },
            get: |settings| settings.$section.$key.show(),
        },)*)*];
    };
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

settings! {
    /// Where the server listens, and who may ask it.
    server: Server {
        /// Where to listen: a port on loopback, or an address and a port
        listen: Listen = Listen::loopback(3000), "--listen ADDR", "LIVETAPE_LISTEN";
        /// The port, instead of that of --listen; 0 takes any that is free
        port: Option<u16> = None, "--port N", "LIVETAPE_PORT";
        /// Hosts that the server may be called by beside loopback, without a port
        hosts: Vec<String> = Vec::new(), "", "LIVETAPE_HOSTS";
        /// Origins of web pages that may ask beside loopback's, e.g. https://overlay.example; null lets pages from disk, and any sandboxed frame, read the feed
        origins: Vec<String> = Vec::new(), "", "LIVETAPE_ORIGINS";
        /// A bearer token that requests and sockets must show
        token: Option<Secret> = None, "", "LIVETAPE_TOKEN";
        /// A file with bearer tokens that requests and sockets must show, one a line
        token_file: Option<PathBuf> = None, "--token-file FILE", "LIVETAPE_TOKEN_FILE";
        /// Listen beyond loopback without a token: anybody who reaches the port may steer and stop the server
        insecure: bool = false, "--insecure", "LIVETAPE_INSECURE";
        /// The certificates for https:// and wss://, in PEM
        tls_cert: Option<PathBuf> = None, "--tls-cert FILE", "LIVETAPE_TLS_CERT";
        /// The private key of the first certificate, in PEM
        tls_key: Option<PathBuf> = None, "--tls-key FILE", "LIVETAPE_TLS_KEY";
        /// The folder of recordings that are called by name, and to which they go [default: recordings]
        recordings: Option<PathBuf> = None, "--recordings DIR", "LIVETAPE_RECORDINGS";
        /// Rooms at a time
        max_live: usize = 1, "--max-live N", "LIVETAPE_MAX_LIVE";
        /// Private replays at a time (/ws/play/RECORDING, /ws/test/TOKEN)
        max_replays: usize = 16, "--max-replays N", "LIVETAPE_MAX_REPLAYS";
        /// How often those on /ws are told how the server is
        heartbeat: Duration = secs(30), "", "LIVETAPE_HEARTBEAT";
        /// Show no events in the terminal
        quiet: bool = false, "-q, --quiet", "LIVETAPE_QUIET";
        /// Leave nothing to chance: the same number, the same stream name and waiting times
        seed: Option<u64> = None, "--seed N", "LIVETAPE_SEED";
    }

    /// What a server takes at most.
    limits: Limits {
        /// Connections at a time
        connections: usize = 12_000, "", "LIVETAPE_MAX_CONNECTIONS";
        /// Connections at a time from one address beyond loopback (an IPv6 network of 64 bits counts as one)
        connections_per_address: usize = 256, "", "LIVETAPE_MAX_CONNECTIONS_PER_ADDRESS";
        /// Readers of the feed at a time
        subscribers: usize = 10_000, "", "LIVETAPE_MAX_SUBSCRIBERS";
        /// How long a TLS handshake may take
        handshake_time: Duration = secs(10), "", "LIVETAPE_HANDSHAKE_TIME";
        /// How long the head of a request may take, from its first byte on
        head_time: Duration = secs(10), "", "LIVETAPE_HEAD_TIME";
        /// How long the head of a request may be; 8KiB at least
        head_bytes: Bytes = Bytes(16 << 10), "", "LIVETAPE_HEAD_BYTES";
        /// How long the body of a request may be
        body_bytes: Bytes = Bytes(64 << 10), "", "LIVETAPE_BODY_BYTES";
        /// How long a connection may wait for its next request
        idle_time: Duration = secs(30), "", "LIVETAPE_IDLE_TIME";
        /// How long a message of a socket may be
        message_bytes: Bytes = Bytes(16 << 10), "", "LIVETAPE_MESSAGE_BYTES";
        /// What may wait for one socket, events aside, before it is closed (4101)
        waiting_bytes: Bytes = Bytes(1 << 20), "", "LIVETAPE_WAITING_BYTES";
        /// Events that a channel keeps, for who comes back; a reader half of them behind is closed (4101)
        backlog_events: usize = 16_384, "", "LIVETAPE_BACKLOG_EVENTS";
        /// The same in bytes of JSON; a private replay keeps 2MiB at most
        backlog_bytes: Bytes = Bytes(8 << 20), "", "LIVETAPE_BACKLOG_BYTES";
        /// Messages of one socket a second
        messages_per_second: u32 = 50, "", "LIVETAPE_MESSAGES_PER_SECOND";
        /// Messages of one socket at once, after a silence
        message_burst: u32 = 100, "", "LIVETAPE_MESSAGE_BURST";
        /// Rooms at a time, feeds aside
        rooms: usize = 1_000, "", "LIVETAPE_MAX_ROOMS";
        /// Rooms that one socket may be in, feeds aside
        rooms_per_connection: usize = 32, "", "LIVETAPE_MAX_ROOMS_PER_CONNECTION";
        /// How long the metadata of a socket or a room may be, as JSON
        metadata_bytes: Bytes = Bytes(8 << 10), "", "LIVETAPE_METADATA_BYTES";
        /// How long an uploaded recording may be
        upload_bytes: Bytes = Bytes(2 << 30), "", "LIVETAPE_UPLOAD_BYTES";
        /// How often a socket is asked whether it is there; silent for two such intervals, it is dead
        ping_interval: Duration = secs(30), "", "LIVETAPE_PING_INTERVAL";
        /// How long the process may take to end in order; sockets are dropped half a second before
        shutdown_time: Duration = secs(5), "", "LIVETAPE_SHUTDOWN_TIME";
    }

    /// What is written down about the server itself.
    log: Log {
        /// Lines for people, or an object of JSON a line: text or json
        format: LogFormat = LogFormat::Text, "--log-format FORMAT", "LIVETAPE_LOG_FORMAT";
        /// What is logged: off, error, warn, info, debug or trace; [default: info into a file, else warn, or error beside the display]
        level: Option<Level> = None, "--log-level LEVEL", "LIVETAPE_LOG_LEVEL";
        /// Log into this file instead of the terminal
        file: Option<PathBuf> = None, "--log-file FILE", "LIVETAPE_LOG_FILE";
        /// How long the file may become before a new one is begun
        file_bytes: Bytes = Bytes(10 << 20), "", "LIVETAPE_LOG_FILE_BYTES";
        /// How many older files are kept: FILE.1 is the youngest
        files: usize = 5, "", "LIVETAPE_LOG_FILES";
        /// How often the statistics of the broadcast are logged; 0 for never
        statistics: Duration = secs(60), "", "LIVETAPE_LOG_STATISTICS";
    }

    /// How rooms are connected to.
    live: Live {
        /// Whose room, where the command line does not say
        user: Option<String> = None, "", "LIVETAPE_USER";
        /// Another upstream instead of TikTok, e.g. `livetape mock`
        upstream: Option<Address> = None, "--upstream URL", "LIVETAPE_UPSTREAM";
        /// Connect through this sign server instead of directly
        sign_url: Option<Address> = None, "--sign-url URL", "LIVETAPE_SIGN_URL";
        /// How the sign server is asked: fetch (/webcast/fetch) or connect (/webcast/rooms/ID/connect)
        sign_form: SignForm = SignForm::Fetch, "--sign-form FORM", "LIVETAPE_SIGN_FORM";
        /// Its API key; rather set it in the environment, where nobody sees it
        sign_key: Option<Secret> = None, "--sign-key KEY", "LIVETAPE_SIGN_KEY";
        /// A TikTok session cookie, for rooms that need a login; rather set it in the environment
        session_cookie: Option<Secret> = None, "--session-cookie COOKIE", "LIVETAPE_SESSION_COOKIE";
        /// Attempts in a row before it gives up
        max_attempts: u32 = retry::ATTEMPTS, "--max-attempts N", "LIVETAPE_MAX_ATTEMPTS";
        /// Wait until the user goes live
        wait_live: bool = false, "--wait-live", "LIVETAPE_WAIT_LIVE";
        /// A proxy for everything, e.g. http://127.0.0.1:8888 or socks5://127.0.0.1:1080
        proxy: Option<Address> = None, "--proxy URL", "LIVETAPE_PROXY";
        /// Contact only loopback addresses, e.g. `livetape mock`; `livetape run` does so by default
        offline: bool = false, "--offline", "LIVETAPE_OFFLINE";
        /// Let POST /inject add events to a live room; they are never recorded
        allow_inject: bool = false, "--allow-inject", "LIVETAPE_ALLOW_INJECT";
        /// Before the first attempt of `live`, wait until N subscribers are connected
        wait_clients: usize = 0, "--wait-clients N", "LIVETAPE_WAIT_CLIENTS";
        /// Keep serving, like `serve`, when the room of `live` ends or cannot be connected
        stay: bool = false, "--stay", "LIVETAPE_STAY";
        /// Write every frame of the first room or replay to this recording
        record: Option<PathBuf> = None, "--record FILE", "LIVETAPE_RECORD";
    }

    /// How recordings are replayed.
    replay: Replay {
        /// The recording, where the command line does not say [default: demo]
        recording: Option<String> = None, "", "LIVETAPE_RECORDING";
        /// How fast: 0.1 to 1000 times the original, or max (as fast as the slowest subscriber takes it)
        speed: Speed = Speed::Times(1.0), "--speed N|max", "LIVETAPE_SPEED";
        /// Play the first recording again and again; with N, so many times in all
        r#loop: Option<u32> = None, "--loop [N]", "LIVETAPE_LOOP";
        /// Where to begin in the first recording, e.g. 90s, 1m30s or 00:01:30
        start: Duration = Duration::ZERO, "--start OFFSET", "LIVETAPE_START";
        /// Where to end in the first recording
        end: Option<Duration> = None, "--end OFFSET", "LIVETAPE_END";
        /// Shorten silences to this, e.g. 2s
        idle_limit: Option<Duration> = None, "--idle-limit D", "LIVETAPE_IDLE_LIMIT";
        /// Be awake when a frame is due (Linux): hundredths of a millisecond late instead of tenths
        precise: bool = false, "--precise", "LIVETAPE_PRECISE";
        /// Hold the first frame until N subscribers are there [default: 0; 1 with --speed max]
        wait_clients: Option<usize> = None, "--wait-clients N", "LIVETAPE_WAIT_CLIENTS";
        /// At the end close the sockets (1000) and exit
        exit_when_done: bool = false, "--exit-when-done", "LIVETAPE_EXIT_WHEN_DONE";
    }

    /// `livetape record`.
    record: Record {
        /// The recording to write [default: <user>-<utc>.bin under --recordings]
        output: Option<PathBuf> = None, "-o, --output FILE", "LIVETAPE_OUTPUT";
        /// Go on in the next file after so much or so long, e.g. 100MB or 30m: show.000.bin, show.001.bin, …
        rotate: Option<Rotate> = None, "--rotate SIZE|TIME", "LIVETAPE_ROTATE";
        /// How often the disk is synced, and so what a power cut may cost: a time, each (after every record) or off; of live --record too
        sync: Sync = Sync::Every(SYNC_EVERY), "--sync TIME|each|off", "LIVETAPE_SYNC";
        /// Stop once the recording, all of its files together, has reached this size, e.g. 2GiB; it is sealed
        max_size: Option<Bytes> = None, "--max-size SIZE", "LIVETAPE_MAX_SIZE";
    }

    /// `livetape mock`.
    mock: Mock {
        /// The recording that every room plays: a file, or `demo` [default: that of the scenario, or demo]
        play: Option<PathBuf> = None, "--play FILE", "LIVETAPE_MOCK_PLAY";
        /// Who exists and what goes wrong: a file in TOML
        scenario: Option<PathBuf> = None, "--scenario FILE", "LIVETAPE_MOCK_SCENARIO";
        /// The port on loopback; 0 takes any that is free
        port: u16 = 3100, "--port N", "LIVETAPE_MOCK_PORT";
        /// How fast rooms play, whatever the scenario says: 0.1 to 1000 times the original, or max
        speed: Option<Speed> = None, "--speed N|max", "LIVETAPE_MOCK_SPEED";
        /// The same seed gives the same bytes [default: that of the scenario, or 0]
        seed: Option<u64> = None, "--seed N", "LIVETAPE_MOCK_SEED";
    }

    /// `livetape watch`.
    watch: Watch {
        /// The server, where the command line does not say
        url: String = "ws://127.0.0.1:3000/".into(), "", "LIVETAPE_URL";
        /// Trust the certificates in this file (PEM) instead of the web's, for a wss:// server of your own: its own certificate, as `openssl req -x509` makes it, or the authority's
        ca: Option<PathBuf> = None, "--ca FILE", "LIVETAPE_CA";
    }
}
