//! Terminal display: lines with timestamps on stdout.
//!
//! While events are displayed, only one task writes. Lines of other tasks go through a queue, each with the
//! number of the event that it follows, so that their order never depends on which task is faster.

use std::{
    collections::VecDeque,
    future::ready,
    io::{self, Write as _},
    sync::{LazyLock, OnceLock},
};

use anstream::adapter::strip_str;
use anstyle::AnsiColor;
use bytes::Bytes;
use livetape_core::{
    error::{Code, Problem},
    event::Millis,
    terminal::{Bracket, Lines},
};
use livetape_feed::{
    control::Control,
    hub::{Hub, Join, Next, Reader, Subscriber},
};
use livetape_io::clock;
use parking_lot::Mutex;
use serde_json::Value;
use terminal_size::terminal_size_of;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use super::output::{cannot_write, fitted};
use crate::{cli::usage::has_flag, log};

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

/// The display that is running.
static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

/// Where other tasks send their lines while events are displayed.
struct Running {
    hub: Hub,
    reports: UnboundedSender<TaskLine>,
}

/// A line of another task.
struct TaskLine {
    /// Number of the last event before it.
    after: u64,
    line: String,
}

/// Prints a line, preceded by the current time, after the events that were published before.
pub(crate) fn say(text: &str) {
    let line = line_at(&now(), text);
    match &*RUNNING.lock() {
        Some(Running { hub, reports }) => drop(reports.send(TaskLine { after: hub.head(), line })),
        // If stdout is closed, the server ends; other failures are reported at the end.
        None => drop(print(&[line])),
    }
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
    event_line(lines, &serde_json::from_slice(json).ok()?)
}

fn event_line(lines: &mut Lines, event: &Value) -> Option<String> {
    let text = lines.next(event)?;
    let time = event["ts"].as_str().map_or_else(now, str::to_owned);
    Some(text.lines().map(|line| line_at(&time, line)).collect())
}

fn line_at(time: &str, text: &str) -> String {
    if log::is_json() {
        return log::line(time, strip_str(text).to_string().trim_end(), &[]) + "\n";
    }
    fitted(&format!("{TIME}[{time}]{TIME:#} {text}"), terminal_size_of(io::stdout())) + "\n"
}

/// Cancelled when a write finds stdout closed.
static WITHOUT_READER: LazyLock<CancellationToken> = LazyLock::new(CancellationToken::new);
/// First failure to write to stdout for another reason, for example because the disk is full.
static FAILURE: OnceLock<Problem> = OnceLock::new();

/// Writes and flushes lines, without colour unless stdout supports it.
pub(crate) fn print(lines: &[String]) -> io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    let text = lines.concat();
    // A line of JSON has none left.
    let text = log::for_runner(&text, Bracket::Apart);
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
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

/// Prints new events of `hub`, and what other tasks report, until it closes or stdout fails.
pub(crate) fn show(hub: Hub, style: Style) -> impl Future<Output = ()> + Send + use<> {
    // Join before anything starts, so that the first events are shown too.
    let joined = join(&hub);
    let (reports, incoming) = unbounded_channel();
    *RUNNING.lock() = Some(Running { hub: hub.clone(), reports });
    let mut display = Display::new(style, incoming);
    async move {
        let Some(mut events) = joined else { return };
        loop {
            let (mut lines, next) = display.next(&mut events).await;
            let lost = match &next {
                Next::Slow => Some("⚠️ This terminal was too slow: some events were not shown"),
                Next::Closed(reason) if reason.code == Code::UnknownPosition.close_code() => {
                    Some("⚠️ The stream of events is lost: another one begins")
                }
                Next::Events | Next::Closed(_) => None,
            };
            lines.extend(lost.map(|lost| line_at(&now(), lost)));
            if !write(lines).await {
                return;
            }
            if next != Next::Events {
                let Some(again) = lost.and_then(|_| join(&hub)) else { return };
                events = again;
            }
        }
    }
}

fn join(hub: &Hub) -> Option<Subscriber> {
    hub.join(&Join { reader: Reader::Display, ..Join::default() }).ok()
}

/// Puts the lines of events and reports in order.
struct Display {
    style: Style,
    lines: Lines,
    /// Whether the line that a room is connected was printed.
    is_ready: bool,
    incoming: UnboundedReceiver<TaskLine>,
    /// Reports that are not printed yet.
    reports: VecDeque<TaskLine>,
    batch: Vec<Bytes>,
}

impl Display {
    fn new(style: Style, incoming: UnboundedReceiver<TaskLine>) -> Self {
        Self {
            style,
            lines: Lines::new(has_flag),
            is_ready: style == Style::Plain,
            incoming,
            reports: VecDeque::new(),
            batch: Vec::new(),
        }
    }

    /// Waits for the next lines.
    async fn next(&mut self, events: &mut Subscriber) -> (Vec<String>, Next) {
        let mut lines = Vec::new();
        loop {
            tokio::select! { biased;
                next = events.next(&mut self.batch) => {
                    // A report that was made before an event was published is here when the event is.
                    self.reports.extend(std::iter::from_fn(|| self.incoming.try_recv().ok()));
                    for json in std::mem::take(&mut self.batch) {
                        self.event(&json, &mut lines);
                    }
                    if next != Next::Events {
                        lines.extend(self.reports.drain(..).map(|report| report.line));
                    }
                    return (lines, next);
                }
                // The events before these reports have been read.
                () = ready(()), if !self.reports.is_empty() => {
                    lines.extend(self.reports.drain(..).map(|report| report.line));
                    return (lines, Next::Events);
                }
                Some(report) = self.incoming.recv() => self.reports.push_back(report),
            }
        }
    }

    /// Appends the lines of an event, and those of reports before it.
    fn event(&mut self, json: &[u8], lines: &mut Vec<String>) {
        let Ok(event) = serde_json::from_slice::<Value>(json) else { return };
        let seq = event["seq"].as_u64().unwrap_or_default();
        while let Some(report) = self.reports.pop_front_if(|report| report.after < seq) {
            lines.push(report.line);
        }
        lines.extend(event_line(&mut self.lines, &event));
        if !self.is_ready && event["type"] == "connection_created" {
            self.is_ready = true;
            lines.push(line_at(&now(), "🎉 Ready to receive TikTok Live events!"));
            if self.style == Style::Live {
                lines.push(line_at(&now(), "📺 Press Ctrl+C to stop"));
            }
        }
    }
}

impl Drop for Display {
    /// Prints the last reports. Later ones are printed at once.
    fn drop(&mut self) {
        let mut running = RUNNING.lock();
        *running = None;
        let incoming = std::iter::from_fn(|| self.incoming.try_recv().ok());
        let lines = Vec::from_iter(self.reports.drain(..).chain(incoming).map(|report| report.line));
        if !lines.is_empty() {
            drop(print(&lines));
        }
    }
}

/// Writes outside of the runtime's threads, and returns whether that succeeded: a terminal blocks while text
/// in it is selected.
pub(crate) async fn write(lines: Vec<String>) -> bool {
    let write = move || lines.is_empty() || print(&lines).is_ok();
    tokio::task::spawn_blocking(write).await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use livetape_core::event::{Chat, ConnectionCreated, Data, Event};
    use livetape_feed::hub::{CloseReason, Limits};

    use super::*;

    fn event(data: Data) -> Event {
        Event {
            username: "ann".into(),
            user: None,
            timestamp: Millis(0),
            ts: Millis(0),
            id: None,
            replay: true,
            injected: false,
            data,
        }
    }

    fn chat(comment: &str) -> Event {
        event(Data::Chat(Chat { comment: comment.into(), ..Chat::default() }))
    }

    /// What the display of a channel prints, without times.
    struct Shown {
        hub: Hub,
        events: Subscriber,
        reports: UnboundedSender<TaskLine>,
        display: Display,
    }

    impl Shown {
        fn new(style: Style) -> Self {
            let hub = Hub::new("s".to_owned(), Limits::default());
            let (reports, incoming) = unbounded_channel();
            let events = join(&hub).unwrap();
            Self { hub, events, reports, display: Display::new(style, incoming) }
        }

        fn report(&self, line: &str) {
            let report = TaskLine { after: self.hub.head(), line: line_at("now", line) };
            self.reports.send(report).unwrap_or_else(|_| panic!("the display has ended"));
        }

        /// Closes the channel, and returns all lines.
        async fn all(mut self) -> Vec<String> {
            self.hub.close(CloseReason::new(1000, "done"));
            let mut shown = Vec::new();
            loop {
                let (lines, next) = self.display.next(&mut self.events).await;
                let end_of_time = format!("]{TIME:#} ");
                shown.extend(
                    lines.iter().map(|line| line.split_once(&end_of_time).unwrap().1.trim().to_owned()),
                );
                if next != Next::Events {
                    return shown;
                }
            }
        }
    }

    #[tokio::test]
    async fn the_room_is_ready_before_its_events() {
        let ready = "🎉 Ready to receive TikTok Live events!";
        let stop = "📺 Press Ctrl+C to stop";
        for (style, more) in
            [(Style::Live, &[ready, stop][..]), (Style::Recording, &[ready]), (Style::Plain, &[])]
        {
            let shown = Shown::new(style);
            let connected = || event(Data::ConnectionCreated(ConnectionCreated::default()));
            shown.hub.publish(&[connected(), chat("one"), connected(), chat("two")]);
            let lines = shown.all().await;
            let connected = "✅ Connected to ann (Room ID: 0)";
            let first = [&[connected], more, &["💬 : one", connected, "💬 : two"]].concat();
            assert_eq!(lines, first, "{style:?}");
        }
    }

    #[tokio::test]
    async fn lines_of_other_tasks_stand_between_the_events() {
        let shown = Shown::new(Style::Plain);
        shown.report("before");
        for number in 0..600 {
            shown.hub.publish(&[chat(&number.to_string())]);
            shown.report(&format!("after {number}"));
        }
        let between = (0..600).flat_map(|number| [format!("💬 : {number}"), format!("after {number}")]);
        let expected = Vec::from_iter(std::iter::once("before".to_owned()).chain(between));
        assert_eq!(shown.all().await, expected);
    }

    #[tokio::test]
    async fn a_line_waits_for_no_event() {
        let mut shown = Shown::new(Style::Plain);
        shown.hub.publish(&[chat("one")]);
        shown.report("two");
        let (lines, _) = shown.display.next(&mut shown.events).await;
        assert_eq!(lines.len(), 1);
        let (lines, next) = shown.display.next(&mut shown.events).await;
        assert!(lines[0].contains("two") && next == Next::Events, "{lines:?}");
    }
}
