//! Terminal display: lines with timestamps on stdout.

use std::{
    io::{self, Write as _},
    sync::{LazyLock, OnceLock},
};

use anstyle::AnsiColor;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::output::cannot_write;
use crate::{
    clock,
    control::Control,
    hub::{Hub, Join, Next, Reader, Subscriber},
    sans_io::{
        error::{Code, Problem},
        event::Millis,
    },
    terminal::Lines,
};

const TIME: anstyle::Style = AnsiColor::BrightBlack.on_default();

/// Lines to print in addition to events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// No lines: everything was printed at the start.
    Plain,
    /// Once a room is connected: a line that it is ready, and one on how to stop.
    Live,
    /// Once a room is connected: a line that it is ready. How to stop was printed at the start.
    Recording,
}

/// Prints a line, preceded by the current time.
pub(crate) fn say(text: &str) {
    // If stdout is closed, the server ends; other failures are reported at the end.
    drop(print(&[line_at(&now(), text)]));
}

fn now() -> String {
    Millis::from(clock::wall()).to_string()
}

/// Returns the line that says how many subscribers the server waits for.
pub(crate) fn waiting(count: usize) -> String {
    format!("⏳ Waiting for {count} subscriber{}", if count == 1 { "" } else { "s" })
}

/// Returns the line of an event with its time, or the current one if it has none; `None` if it is not shown.
pub(crate) fn line(lines: &mut Lines, json: &[u8]) -> Option<String> {
    let event: Value = serde_json::from_slice(json).ok()?;
    let text = lines.next(&event)?;
    let time = event["ts"].as_str().map_or_else(now, str::to_owned);
    Some(text.lines().map(|line| line_at(&time, line)).collect())
}

fn line_at(time: &str, text: &str) -> String {
    format!("{TIME}[{time}]{TIME:#} {text}\n")
}

/// Cancelled when a write finds stdout closed.
static WITHOUT_READER: LazyLock<CancellationToken> = LazyLock::new(CancellationToken::new);
/// First failure to write to stdout for another reason, for example because the disk is full.
static FAILURE: OnceLock<Problem> = OnceLock::new();

/// Writes and flushes lines, without colour unless stdout supports it.
pub(crate) fn print(lines: &[String]) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    let written = stdout.write_all(lines.concat().as_bytes()).and_then(|()| stdout.flush());
    match &written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => WITHOUT_READER.cancel(),
        Err(error) => drop(FAILURE.set(cannot_write(error))),
        Ok(()) => {}
    }
    written
}

/// Checks at the end of a command that all lines were written. Until then, a full disk does not stop a
/// server.
pub(crate) fn check() -> Result<(), Problem> {
    FAILURE.get().map_or(Ok(()), |problem| Err(problem.clone()))
}

/// Shuts a server down when its stdout is closed, as in `livetape … | head`.
pub(crate) fn end_without_reader(control: Control) {
    tokio::spawn(async move {
        WITHOUT_READER.cancelled().await;
        control.shut_down();
    });
}

/// Prints new events of `hub` until it closes or stdout fails.
pub(crate) fn show(hub: Hub, style: Style) -> impl Future<Output = ()> + Send + use<> {
    // Join before anything starts, so that the first events are shown too.
    let joined = join(&hub);
    async move {
        let Some(mut events) = joined else { return };
        let mut shown = Shown { lines: Lines::default(), is_ready: style == Style::Plain };
        while let Some(next) = show_batch(&mut events, &mut shown, style).await {
            match next {
                Next::Events => continue,
                Next::Closed(reason) if reason.code == Code::UnknownPosition.close_code() => {
                    say("⚠️ The stream of events is lost: another one begins");
                }
                Next::Closed(_) => return,
                Next::Slow => say("⚠️ This terminal was too slow: some events were not shown"),
            }
            let Some(again) = join(&hub) else { return };
            events = again;
        }
    }
}

fn join(hub: &Hub) -> Option<Subscriber> {
    hub.join(&Join { reader: Reader::Display, ..Join::default() }).ok()
}

/// State between batches.
struct Shown {
    lines: Lines,
    /// Whether the line that a room is connected was printed.
    is_ready: bool,
}

/// Prints the next batch; `None` if stdout fails.
async fn show_batch(events: &mut Subscriber, shown: &mut Shown, style: Style) -> Option<Next> {
    let mut batch = Vec::new();
    let next = events.next(&mut batch).await;
    let connects = !shown.is_ready && batch.iter().any(|json| is_connection(json));
    let lines = batch.iter().filter_map(|json| line(&mut shown.lines, json)).collect();
    if !write(lines).await {
        return None;
    }
    if connects {
        shown.is_ready = true;
        say("🎉 Ready to receive TikTok Live events!");
        if style == Style::Live {
            say("📺 Press Ctrl+C to stop");
        }
    }
    Some(next)
}

fn is_connection(json: &[u8]) -> bool {
    json.starts_with(br#"{"type":"connection_created""#)
}

/// Writes outside of the runtime's threads, and returns whether that succeeded: a terminal blocks while text
/// in it is selected.
pub(crate) async fn write(lines: Vec<String>) -> bool {
    let write = move || lines.is_empty() || print(&lines).is_ok();
    tokio::task::spawn_blocking(write).await.unwrap_or(false)
}
