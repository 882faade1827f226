//! A random scenario of the mock.

use std::fmt::Write as _;

use super::Random;

/// Maximum numbers of faults of sockets, of requests, and of networks.
const SOCKET_FAULTS_MAX: u64 = 4;
const REQUEST_FAULTS_MAX: u64 = 2;
const NETWORKS_MAX: u64 = 2;

const SOCKET: [&str; 16] = [
    "kind = \"drop\"",
    "kind = \"cut\"",
    "kind = \"reset\"",
    "kind = \"stall\"",
    "kind = \"close_frame\"",
    "kind = \"no_heartbeat\"",
    "kind = \"repeat_history\"",
    "kind = \"close\"\ncode = 1000",
    "kind = \"close\"\ncode = 1005",
    "kind = \"close\"\ncode = 4404\nreason = \"Streamer is not live\"",
    "kind = \"dribble\"\nbytes_per_ms = 50",
    "kind = \"bad_gzip\"\ncount = 2",
    "kind = \"truncated\"\ncount = 3",
    "kind = \"unknown_method\"",
    "kind = \"duplicate\"\ncount = 10",
    "kind = \"reorder\"\ncount = 4",
];
const REQUEST: [&str; 8] = [
    "kind = \"stall\"",
    "kind = \"reset\"",
    "kind = \"html\"",
    "kind = \"cut_body\"",
    "kind = \"empty\"",
    "kind = \"endless\"",
    "kind = \"status\"\nstatus = 503",
    "kind = \"status\"\nstatus = 429\nretry_after = 3",
];

/// Writes a scenario as TOML.
pub(super) fn scenario(random: &mut Random, seed: u64) -> String {
    let (seed, speed) = (seed % 1_000_000, random.of(&["1", "7", "60", "\"max\""]));
    let (end, wait) = (random.of(&["close", "control"]), random.up_to(5_000));
    let mut toml = format!("seed = {seed}\nspeed = {speed}\nend = \"{end}\"\nclose_after_ms = {wait}\n");
    for _ in 0..random.up_to(SOCKET_FAULTS_MAX) {
        let (kind, which) = (random.of(&SOCKET), random.of(&["times", "attempt"]));
        let (number, when) = (1 + random.up_to(3), random.of(&["after_frames", "after_events"]));
        let after = random.up_to(150);
        let _ = writeln!(toml, "[[fault]]\nat = \"socket\"\n{kind}\n{which} = {number}\n{when} = {after}");
    }
    for _ in 0..random.up_to(REQUEST_FAULTS_MAX) {
        let (at, kind, attempt) =
            (random.of(&["lookup", "cookie"]), random.of(&REQUEST), 1 + random.up_to(3));
        let _ = writeln!(toml, "[[fault]]\nat = \"{at}\"\n{kind}\nattempt = {attempt}");
    }
    for number in 0..random.up_to(NETWORKS_MAX) {
        let (latency, jitter, late) = (random.up_to(2_000), random.up_to(2_000), random.up_to(30_000));
        let (attempt, what) = (1 + 3 * number + random.up_to(2), random.up_to(3));
        let _ = writeln!(toml, "[[network]]\nat = \"socket\"\nattempt = {attempt}");
        let _ = writeln!(toml, "latency_ms = {latency}\njitter_ms = {jitter}");
        let _ = match what {
            0 => writeln!(toml, "close_ms = {late}"),
            1 => writeln!(toml, "cut_after_ms = {late}"),
            2 => writeln!(toml, "cut_after_bytes = {late}"),
            _ => writeln!(toml, "bytes_per_ms = {}", 1 + late / 100),
        };
    }
    toml
}
