//! The terminal display: lines behind time stamps, on stdout.

use std::{
    io::{self, Write as _},
    sync::LazyLock,
};

use anstyle::AnsiColor;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    control::Control,
    hub::{Hub, Join, Next, Reader, Subscriber},
    sans_io::event::Millis,
    terminal::Lines,
};

const TIME: anstyle::Style = AnsiColor::BrightBlack.on_default();

/// What is shown beside the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Nothing: all was said before.
    Plain,
    /// That it is ready and how to stop it, once a room is connected.
    Live,
    /// That it is ready, once a room is connected; how to stop it was said before.
    Recording,
}

/// Prints a line behind the present time, as the programs before us do.
pub(super) fn say(text: &str) {
    let now = Millis(i64::try_from(clock::wall().as_millis()).unwrap_or_default());
    // Without a reader of stdout the server ends; any other failure cannot be reported.
    drop(print(&[line_at(&now.to_string(), text)]));
}

/// The line that says how many subscribers are waited for.
pub(super) fn waiting(count: usize) -> String {
    format!("⏳ Waiting for {count} subscriber{}", if count == 1 { "" } else { "s" })
}

/// The line of an event, behind its time; `None` if it is not shown.
pub(super) fn line(lines: &mut Lines, json: &[u8]) -> Option<String> {
    let event: Value = serde_json::from_slice(json).ok()?;
    let text = lines.next(&event)?;
    let time = event["ts"].as_str().unwrap_or("-");
    Some(text.lines().map(|line| line_at(time, line)).collect())
}

fn line_at(time: &str, text: &str) -> String {
    format!("{TIME}[{time}]{TIME:#} {text}\n")
}

/// Cancelled once a write found that nobody reads stdout any more.
static WITHOUT_READER: LazyLock<CancellationToken> = LazyLock::new(CancellationToken::new);

/// Writes lines at once, without colour where none is wanted.
pub(super) fn print(lines: &[String]) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    let written = stdout.write_all(lines.concat().as_bytes()).and_then(|()| stdout.flush());
    if written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
        WITHOUT_READER.cancel();
    }
    written
}

/// Shuts a server down once nobody reads its stdout, as every command ends in `livetape … | head`.
pub(super) fn end_without_reader(control: Control) {
    tokio::spawn(async move {
        WITHOUT_READER.cancelled().await;
        control.shut_down();
    });
}

/// Shows the events of `hub`, from now on, until it closes or the terminal goes away.
pub(super) fn show(hub: Hub, style: Style) -> impl Future<Output = ()> + Send + use<> {
    // Joined before anything starts: what is broadcast first is shown as well.
    let joined = join(&hub);
    async move {
        let Some(mut events) = joined else { return };
        let mut shown = Shown { lines: Lines::default(), is_ready: style == Style::Plain };
        while let Some(next) = show_batch(&mut events, &mut shown, style).await {
            match next {
                Next::Events => {}
                Next::Closed(_) => return,
                Next::Slow => {
                    say("⚠️ This terminal fell behind: some events were not shown");
                    let Some(again) = join(&hub) else { return };
                    events = again;
                }
            }
        }
    }
}

fn join(hub: &Hub) -> Option<Subscriber> {
    hub.join(&Join { reader: Reader::Display, ..Join::default() }).ok()
}

/// What depends on what was shown before.
struct Shown {
    lines: Lines,
    /// Whether it was said that a room is connected.
    is_ready: bool,
}

/// `None` if the terminal is gone.
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

/// Writes off the runtime's threads: a terminal may stand still for as long as somebody selects text in it.
async fn write(lines: Vec<String>) -> bool {
    let write = move || lines.is_empty() || print(&lines).is_ok();
    tokio::task::spawn_blocking(write).await.unwrap_or(false)
}
