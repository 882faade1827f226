//! What settings have to be together.

use std::{ops::RangeInclusive, time::Duration};

use super::{Limits, Settings, table::Replay};
use crate::sans_io::{
    error::{Code, Problem},
    token::is_plain,
};

/// The shortest bearer token, in bytes.
const BEARER_BYTES_MIN: usize = 16;
/// The shortest head that hyper can be told.
const HEAD_BYTES_MIN: usize = 8 << 10;

/// How many events a channel may keep: half of the fewest is more than a frame brings.
const BACKLOG_EVENTS: RangeInclusive<usize> = 64..=1 << 22;
/// How many bytes of JSON a channel may keep, likewise.
const BACKLOG_BYTES: RangeInclusive<usize> = 256 << 10..=1 << 30;

/// All that does not fit.
pub(super) fn check(settings: &Settings) -> Vec<Problem> {
    let Settings { server, limits, replay, .. } = settings;
    let mut problems = Vec::new();
    let mut bad = |message: &str, hint: &str| {
        problems.push(Problem::new(Code::BadConfig, message).hint(hint));
    };
    if server.tls_cert.is_some() != server.tls_key.is_some() {
        bad("--tls-cert and --tls-key belong together", "give both, or neither");
    }
    let address = server.address().ip();
    let has_token = server.token.is_some() || server.token_file.is_some();
    if !address.is_loopback() && !has_token && !server.insecure {
        bad(
            &format!("{address} is not a loopback address: anybody who reaches it could stop this server"),
            "set a token: LIVETAPE_TOKEN, or LIVETAPE_TOKEN_FILE=FILE (`livetape token` makes one); or listen on 127.0.0.1",
        );
    }
    if server.token.as_ref().is_some_and(|token| !is_token(token.reveal())) {
        bad("the bearer token is too short, or has characters that no token has", TOKEN_HINT);
    }
    replay_problems(replay, &mut bad);
    limit_problems(limits, &mut bad);
    problems
}

/// What a bearer token has to be.
pub const TOKEN_HINT: &str =
    "16 to 256 letters, digits or -._~ are a token; `livetape token` makes one of 32 random bytes";

/// Whether it can stand in a header, a query and a WebSocket's subprotocol, and is more than a guess.
#[must_use]
pub fn is_token(token: &str) -> bool {
    token.len() >= BEARER_BYTES_MIN && is_plain(token)
}

fn replay_problems(replay: &Replay, bad: &mut impl FnMut(&str, &str)) {
    if replay.end.is_some_and(|end| end <= replay.start) {
        bad("--end is not after --start", "");
    }
    if replay.idle_limit == Some(Duration::ZERO) {
        bad("--idle-limit is 0", "--speed max leaves out all waiting");
    }
}

fn limit_problems(limits: &Limits, bad: &mut impl FnMut(&str, &str)) {
    if limits.head_bytes.0 < HEAD_BYTES_MIN {
        bad("limits.head_bytes is below 8KiB", "");
    }
    if !BACKLOG_EVENTS.contains(&limits.backlog_events) {
        bad("limits.backlog_events is not from 64 to 4194304", "");
    }
    if !BACKLOG_BYTES.contains(&limits.backlog_bytes.0) {
        bad("limits.backlog_bytes is not from 256KiB to 1GiB", "");
    }
    let counts = [
        ("connections", limits.connections),
        ("connections_per_address", limits.connections_per_address),
        ("subscribers", limits.subscribers),
        ("message_bytes", limits.message_bytes.0),
        ("messages_per_second", limits.messages_per_second as usize),
        ("message_burst", limits.message_burst as usize),
    ];
    for (name, count) in counts {
        if count == 0 {
            bad(&format!("limits.{name} is 0: nobody could connect or say anything"), "");
        }
    }
    let times = [
        ("handshake_time", limits.handshake_time),
        ("head_time", limits.head_time),
        ("idle_time", limits.idle_time),
        ("ping_interval", limits.ping_interval),
    ];
    for (name, time) in times {
        if time.is_zero() {
            bad(&format!("limits.{name} is 0: nobody could connect or say anything"), "");
        }
    }
}
