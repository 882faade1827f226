//! The terminal display: lines behind time stamps, on stdout.

use std::io::{self, Write as _};

use anstyle::AnsiColor;
use bytes::Bytes;
use serde_json::Value;

use crate::{
    clock,
    hub::{Hub, Join, Next, Subscriber},
    sans_io::event::Millis,
    terminal,
};

const TIME: anstyle::Style = AnsiColor::BrightBlack.on_default();

/// What is shown beside the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Nothing: all was said before.
    Plain,
    /// That it is ready, once a room is connected.
    Live,
}

/// Prints a line behind the present time, as the programs before us do.
pub(super) fn say(text: &str) {
    let now = Millis(i64::try_from(clock::wall().as_millis()).unwrap_or_default());
    // A terminal that is gone cannot be told anything, and the server goes on.
    drop(print(&[line_at(&now.to_string(), text)]));
}

/// Prints a warning to stderr: stdout may be data.
pub(super) fn warn(text: &str) {
    // A terminal that is gone cannot be warned.
    drop(writeln!(io::stderr(), "⚠️ {}", terminal::printable(text)));
}

/// The line of an event, behind its time; `None` if it is not shown.
pub(super) fn line(json: &[u8]) -> Option<String> {
    let event: Value = serde_json::from_slice(json).ok()?;
    let text = terminal::line(&event)?;
    let time = event["ts"].as_str().unwrap_or("-");
    Some(text.lines().map(|line| line_at(time, line)).collect())
}

fn line_at(time: &str, text: &str) -> String {
    format!("{TIME}[{time}]{TIME:#} {text}\n")
}

/// Writes lines at once, without colour where none is wanted.
pub(super) fn print(lines: &[String]) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(lines.concat().as_bytes())?;
    stdout.flush()
}

/// Shows the events of `hub`, from now on, until it closes or the terminal goes away.
pub(super) fn show(hub: Hub, style: Style) -> impl Future<Output = ()> + Send + use<> {
    // Joined before anything starts: what is broadcast first is shown as well.
    let joined = join(&hub);
    async move {
        let Some(mut events) = joined else { return };
        let mut is_ready = style == Style::Plain;
        while let Some(next) = show_batch(&mut events, &mut is_ready).await {
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
    hub.join(&Join { observer: true, ..Join::default() }).ok()
}

/// `None` if the terminal is gone.
async fn show_batch(events: &mut Subscriber, is_ready: &mut bool) -> Option<Next> {
    let mut batch = Vec::new();
    let next = events.next(&mut batch).await;
    let connects = !*is_ready && batch.iter().any(|json| is_connection(json));
    if !write(batch).await {
        return None;
    }
    if connects {
        *is_ready = true;
        say("🎉 Ready to receive TikTok Live events!");
        say("📺 Press Ctrl+C to stop");
    }
    Some(next)
}

fn is_connection(json: &[u8]) -> bool {
    json.starts_with(br#"{"type":"connection_created""#)
}

/// Writes off the runtime's threads: a terminal may stand still for as long as somebody selects text in it.
async fn write(batch: Vec<Bytes>) -> bool {
    let write = move || {
        let lines: Vec<String> = batch.iter().filter_map(|json| line(json)).collect();
        lines.is_empty() || print(&lines).is_ok()
    };
    tokio::task::spawn_blocking(write).await.unwrap_or(false)
}
