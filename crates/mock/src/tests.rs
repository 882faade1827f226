//! Drives bounds over their edges. The numbers are repeated here, so that nobody changes one by accident.

use livetape_io::clock;

use super::{
    Happened, LogEntry, Scenario,
    state::{journal::Journal, windows::Windows},
};

/// A bound: what it limits, the largest number that fits, and whether so many fit.
type Row = (&'static str, usize, fn(usize) -> bool);

const ROWS: &[Row] = &[
    ("chats of the history", 100, |chats| is_valid(&format!("history = {chats}"))),
    ("milliseconds before a close", 366 * 24 * 3_600_000, |ms| is_valid(&format!("close_after_ms = {ms}"))),
    ("seconds of a window", 366 * 24 * 3_600, |seconds| {
        is_valid(&format!("[[limit]]\nmax = 1\nseconds = {seconds}"))
    }),
    ("seconds of a stated wait", 366 * 24 * 3_600, |seconds| {
        is_valid(&format!(
            "[[fault]]\nat = \"sign\"\nkind = \"status\"\nstatus = 429\nretry_after = {seconds}"
        ))
    }),
    ("milliseconds until a fault", 366 * 24 * 3_600_000, |ms| {
        is_valid(&format!("[[fault]]\nat = \"socket\"\nkind = \"drop\"\nafter_ms = {ms}"))
    }),
    ("bytes of a close reason", 123, |bytes| {
        let reason = "x".repeat(bytes);
        is_valid(&format!("[[fault]]\nat = \"socket\"\nkind = \"close\"\nreason = \"{reason}\""))
    }),
    ("frames of a fault", 1_000, |frames| {
        is_valid(&format!("[[fault]]\nat = \"socket\"\nkind = \"duplicate\"\ncount = {frames}"))
    }),
    ("milliseconds of a delay", 600_000, |ms| is_valid(&format!("[[network]]\nlatency_ms = {ms}"))),
    ("networks", 1_000, |networks| {
        let network = |attempt: usize| format!("[[network]]\nattempt = {attempt}\nlatency_ms = 1\n");
        is_valid(&(1..=networks).map(network).collect::<String>())
    }),
    ("changes of a user", 1_000, |changes| {
        let change = |second: usize| format!("[[user.change]]\nat = {second}\nstate = \"paused\"\n");
        is_valid(&format!("[[user]]\nname = \"ann\"\n{}", (1..=changes).map(change).collect::<String>()))
    }),
    ("entries of the log", 50_000, |entries| {
        let mut journal = Journal::default();
        for connection in 1..=entries as u64 {
            journal.add(LogEntry { at_ms: 0, connection, what: Happened::Heartbeat });
        }
        journal.dropped == 0
    }),
    ("clients that are counted separately", 10_000, |clients| {
        let limit = &Scenario::parse("[[limit]]\nmax = 1\nseconds = 60").unwrap().limits[0];
        let (mut windows, now) = (Windows::default(), clock::now());
        let mut hit = |client: usize| windows.hit(limit, &format!("{client:05}"), "", now).is_some();
        (1..=clients).for_each(|client| assert!(!hit(client)));
        hit(1)
    }),
];

fn is_valid(scenario: &str) -> bool {
    Scenario::parse(scenario).is_ok()
}

#[test]
fn each_bound_holds_at_its_edge() {
    let moved = ROWS.iter().filter(|(_, bound, fits)| !fits(*bound) || fits(bound + 1));
    assert_eq!(moved.map(|(name, ..)| name).collect::<Vec<_>>(), [&""; 0]);
}
