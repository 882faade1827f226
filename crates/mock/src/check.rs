//! Expectations of tests about their clients: verified on demand, and at the latest when the mock is
//! dropped. The report when one fails.

use std::{
    fmt, mem,
    ops::{Bound, Range, RangeBounds, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive},
    panic::Location,
    thread,
    time::Duration,
};

use livetape_core::redact::redact_url;
use livetape_io::clock;
use tokio::time::timeout_at;

use crate::{
    MockTikTok,
    state::journal::{Happened, Journal, LogEntry},
};

/// Maximum number of lines of the log in a report.
const LISTED_MAX: usize = 20;

/// A kind of client activity to expect.
///
/// ```
/// use livetape_mock::Seen;
///
/// assert_eq!(Seen::request("/webcast/fetch").to_string(), "requests of /webcast/fetch");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seen {
    /// A request for this path. A trailing slash makes no difference.
    Request(String),
    /// An opened WebSocket.
    Connection,
    /// A client that enters a room.
    Enter,
    /// A heartbeat.
    Heartbeat,
    /// An ack.
    Ack,
    /// A WebSocket that ends with this close code.
    Close(u16),
}

impl Seen {
    /// Returns [`Seen::Request`] for this path.
    ///
    /// ```
    /// # use livetape_mock::Seen;
    /// assert_eq!(Seen::request("/live"), Seen::Request("/live".into()));
    /// ```
    #[must_use]
    pub fn request(path: impl Into<String>) -> Self {
        Self::Request(path.into())
    }

    fn is(&self, happened: &Happened) -> bool {
        match self {
            Self::Request(wanted) => path(happened).is_some_and(|path| bare(path) == bare(wanted)),
            Self::Connection => matches!(happened, Happened::Upgrade { .. }),
            Self::Enter => *happened == Happened::Enter,
            Self::Heartbeat => *happened == Happened::Heartbeat,
            Self::Ack => matches!(happened, Happened::Ack { .. }),
            Self::Close(wanted) => matches!(happened, Happened::Closed { code, .. } if code == wanted),
        }
    }

    /// Names this activity, in the singular or the plural.
    fn noun(&self, is_one: bool) -> String {
        let s = if is_one { "" } else { "s" };
        match self {
            Self::Request(path) => format!("request{s} of {path}"),
            Self::Connection => format!("connection{s}"),
            Self::Enter => (if is_one { "client that enters" } else { "clients that enter" }).into(),
            Self::Heartbeat => format!("heartbeat{s}"),
            Self::Ack => format!("ack{s}"),
            Self::Close(code) => format!("close{s} with {code}"),
        }
    }

    /// Returns how far a log entry is from the expected one, if both are of the same kind.
    fn distance(&self, happened: &Happened) -> Option<usize> {
        match (self, happened) {
            (Self::Request(wanted), Happened::Request { path, .. }) => {
                Some(strsim::damerau_levenshtein(bare(wanted), bare(path)))
            }
            (Self::Close(wanted), Happened::Closed { code, .. }) => Some(wanted.abs_diff(*code).into()),
            _ => None,
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.noun(false))
    }
}

fn path(happened: &Happened) -> Option<&str> {
    if let Happened::Request { path, .. } = happened { Some(path) } else { None }
}

fn bare(path: &str) -> &str {
    path.trim_end_matches('/')
}

/// Number of times: `5`, `1..`, `..3` or `2..=4`.
///
/// ```
/// use livetape_mock::Times;
///
/// assert_eq!(Times::from(5).to_string(), "5");
/// assert_eq!(Times::from(1..).to_string(), "1 or more");
/// assert_eq!(Times::from(..3).to_string(), "at most 2");
/// assert_eq!(Times::from(2..=4).to_string(), "2 to 4");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    least: usize,
    most: usize,
}

impl From<usize> for Times {
    fn from(times: usize) -> Self {
        Self { least: times, most: times }
    }
}

impl Times {
    /// The range without numbers.
    const EMPTY: Self = Self { least: 1, most: 0 };

    fn within(start: Bound<&usize>, end: Bound<&usize>) -> Self {
        let least = match start {
            Bound::Included(least) => *least,
            Bound::Excluded(below) => below.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let most = match end {
            Bound::Included(most) => *most,
            Bound::Excluded(0) => return Self::EMPTY,
            Bound::Excluded(above) => above - 1,
            Bound::Unbounded => usize::MAX,
        };
        if least > most { Self::EMPTY } else { Self { least, most } }
    }

    /// Whether the last number, before the noun, is 1.
    fn is_one(self) -> bool {
        self.most == 1 && self.least <= 1
    }
}

macro_rules! from_ranges {
    ($($range:ty),*) => {
        $(impl From<$range> for Times {
            fn from(range: $range) -> Self {
                Self::within(range.start_bound(), range.end_bound())
            }
        })*
    };
}
from_ranges!(
    Range<usize>,
    RangeFrom<usize>,
    RangeTo<usize>,
    RangeInclusive<usize>,
    RangeToInclusive<usize>,
    RangeFull
);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::EMPTY => f.write_str("an empty range"),
            Self { least, most } if least == most => write!(f, "{least}"),
            Self { least, most: usize::MAX } => write!(f, "{least} or more"),
            Self { least: 0, most } => write!(f, "at most {most}"),
            Self { least, most } => write!(f, "{least} to {most}"),
        }
    }
}

/// Looks for something in the log. Returns the entries that meet an expectation.
type Look = dyn Fn(&[LogEntry]) -> Result<Vec<LogEntry>, Unmet> + Send;

/// An expectation, and its location in the test.
pub(crate) struct Expectation {
    look: Box<Look>,
    at: &'static Location<'static>,
}

/// An expectation that is not met.
struct Unmet {
    report: String,
    /// Whether waiting longer cannot help.
    is_final: bool,
}

impl Expectation {
    #[track_caller]
    fn new(look: impl Fn(&[LogEntry]) -> Result<Vec<LogEntry>, Unmet> + Send + 'static) -> Self {
        Self { look: Box::new(look), at: Location::caller() }
    }

    /// Expects an activity this often.
    ///
    /// # Panics
    /// If the range is empty: nothing could meet it.
    #[track_caller]
    fn count(seen: Seen, times: Times) -> Self {
        assert!(times != Times::EMPTY, "the number of {seen} is an empty range: use 0 to expect none");
        Self::new(move |entries| {
            let found = Vec::from_iter(entries.iter().filter(|entry| seen.is(&entry.what)).cloned());
            if (times.least..=times.most).contains(&found.len()) {
                return Ok(found);
            }
            let mut report = format!("expected {times} {}, got {}", seen.noun(times.is_one()), found.len());
            let near = entries.iter().filter(|_| found.is_empty());
            let near = near.filter_map(|entry| Some((seen.distance(&entry.what)?, entry)));
            if let Some((_, nearest)) = near.min_by_key(|(distance, _)| *distance) {
                report.push_str(&format!("\n  nearest: {}", shown(nearest)));
            }
            Err(Unmet { report, is_final: found.len() > times.most })
        })
    }

    /// Expects no request for this long after each failure.
    #[track_caller]
    fn pause(wait: Duration) -> Self {
        Self::new(move |entries| {
            let Some((end, pause)) = early(entries, wait) else { return Ok(Vec::new()) };
            let wait = wait.as_millis();
            let expected = format!("expected no request for {wait} ms after the failure at {end} ms");
            Err(Unmet { report: format!("{expected}; one came after {pause} ms"), is_final: true })
        })
    }

    fn check(&self, journal: &Journal) -> Result<Vec<LogEntry>, Unmet> {
        let checked = match journal.dropped {
            0 => (self.look)(&journal.entries),
            dropped => Err(Unmet {
                report: format!("the log is full; dropped entries: {dropped}; reset it between tests"),
                is_final: true,
            }),
        };
        checked.map_err(|unmet| Unmet { report: format!("{}\n  at {}", unmet.report, self.at), ..unmet })
    }
}

/// Lists the unmet expectations, followed by the end of the log.
fn report(expectations: &[Expectation], journal: &Journal) -> Option<String> {
    let unmet = expectations.iter().filter_map(|expectation| expectation.check(journal).err());
    let unmet: Vec<String> = unmet.map(|unmet| unmet.report).collect();
    (!unmet.is_empty()).then(|| format!("{}\n{}", unmet.join("\n"), listed(&journal.entries)))
}

/// Finds the first request within `wait` of a failure. Returns the time of the failure and the pause, in
/// milliseconds.
fn early(entries: &[LogEntry], wait: Duration) -> Option<(u64, u64)> {
    let mut ended = None;
    for entry in entries {
        if let Some(end) = ended.filter(|_| path(&entry.what).is_some())
            && u128::from(entry.at_ms - end) < wait.as_millis()
        {
            return Some((end, entry.at_ms - end));
        }
        if entry.what.is_end() {
            ended = Some(entry.at_ms);
        }
    }
    None
}

fn listed(entries: &[LogEntry]) -> String {
    let is_ack = |entry: &LogEntry| matches!(entry.what, Happened::Ack { .. });
    let runs = entries.chunk_by(|one, next| one.connection == next.connection && is_ack(one) && is_ack(next));
    let lines: Vec<String> = runs.map(run).collect();
    let skipped = lines.len().saturating_sub(LISTED_MAX);
    match (lines.is_empty(), skipped) {
        (true, _) => "received nothing".into(),
        (_, 0) => format!("received:\n{}", lines.join("\n")),
        _ => format!("received, at the end:\n{}", lines[skipped..].join("\n")),
    }
}

/// Shows successive acks in one line: a client sends hundreds, which would hide everything else.
fn run(entries: &[LogEntry]) -> String {
    match entries {
        [first, .., last] => format!("{}{} acks until {} ms", when(first), entries.len(), last.at_ms),
        one => one.iter().map(shown).collect(),
    }
}

fn shown(entry: &LogEntry) -> String {
    let what = if let Happened::Request { method, path, status, fault, .. } = &entry.what {
        let fault = fault.as_ref().map(|fault| format!(" ({fault})")).unwrap_or_default();
        format!("{method} {} → {status}{fault}", redact_url(path))
    } else {
        format!("{:?}", entry.what)
    };
    format!("{}{what}", when(entry))
}

fn when(entry: &LogEntry) -> String {
    format!("  {:>8} ms  connection {}: ", entry.at_ms, entry.connection)
}

/// Timeout of [`MockTikTok::wait_for`].
const WAIT_MAX: Duration = Duration::from_secs(60);

impl MockTikTok {
    /// Expects `seen` to happen this often, e.g. `5`, `1..`, `..3` or `2..=4`.
    ///
    /// [`MockTikTok::verify`] checks the number, and so does dropping the mock. Either panics if it does not
    /// match.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
    /// mock.expect(Seen::request("/api-live/user/room"), 1..);
    /// mock.expect(Seen::Ack, ..3);
    /// // A client would connect here.
    /// # mock.connector().unwrap().connect().await.unwrap();
    /// let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(mock)));
    /// assert!(failed.is_err());
    /// # }
    /// ```
    ///
    /// # Panics
    /// If the range is empty, e.g. `3..3`.
    #[track_caller]
    pub fn expect(&self, seen: Seen, times: impl Into<Times>) {
        let expectation = Expectation::count(seen, times.into());
        self.expectations.lock().push(expectation);
    }

    /// Expects the client to send no request for `wait` after each failure: an error, a fault, or the end of
    /// a socket.
    #[track_caller]
    pub fn expect_no_reconnect_before(&self, wait: Duration) {
        self.expectations.lock().push(Expectation::pause(wait));
    }

    /// Verifies all expectations and removes them.
    ///
    /// # Panics
    /// If an expectation is not met. The message lists the expectations and the client activity.
    #[track_caller]
    pub fn verify(&self) {
        if let Some(unmet) = self.unmet() {
            panic!("{unmet}");
        }
    }

    /// Like [`verify`](Self::verify), but returns the report.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
    /// mock.expect(Seen::Connection, 1);
    /// assert!(mock.unmet().unwrap().starts_with("expected 1 connection, got 0"));
    /// # }
    /// ```
    #[must_use]
    pub fn unmet(&self) -> Option<String> {
        let expectations = mem::take(&mut *self.expectations.lock());
        report(&expectations, &self.mock.memory.lock().journal)
    }

    /// Waits until `seen` has happened this often, and returns the log entries. Times out after a minute,
    /// which passes instantly under a paused clock.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # use tokio::io::AsyncWriteExt as _;
    /// let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
    /// let mut client = mock.connector().unwrap().connect().await.unwrap();
    /// client.write_all(b"GET /live HTTP/1.1\r\n\r\n").await.unwrap();
    /// let requests = mock.wait_for(Seen::request("/live"), 1).await;
    /// assert_eq!(requests[0].connection, 1);
    /// # }
    /// ```
    ///
    /// # Panics
    /// If it happens too often, or not in time, or if the range is empty. The message lists the client
    /// activity.
    #[track_caller]
    pub fn wait_for(&self, seen: Seen, times: impl Into<Times>) -> impl Future<Output = Vec<LogEntry>> {
        let expectation = Expectation::count(seen, times.into());
        async move {
            let (deadline, mut happened) = (clock::now() + WAIT_MAX, self.mock.happened());
            loop {
                let checked = expectation.check(&self.mock.memory.lock().journal);
                match checked {
                    Ok(found) => return found,
                    Err(unmet) if unmet.is_final => {}
                    Err(_) => {
                        if timeout_at(deadline, happened.changed()).await.is_ok() {
                            continue;
                        }
                    }
                }
                let unmet = report(&[expectation], &self.mock.memory.lock().journal);
                panic!("{}", unmet.unwrap_or_default());
            }
        }
    }
}

/// Verifies the expectations, unless the test is already failing.
impl Drop for MockTikTok {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.verify();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successive_acks_of_a_connection_are_one_line_of_the_report() {
        let ack = Happened::Ack { log_id: 7, internal_ext: String::new() };
        let entry = |at_ms, connection, what: &Happened| LogEntry { at_ms, connection, what: what.clone() };
        let acks = (0..40).map(|at_ms| entry(at_ms, 1, &ack));
        let others =
            [entry(50, 2, &ack), entry(60, 1, &ack), entry(61, 1, &ack), entry(70, 1, &Happened::Enter)];
        let entries: Vec<LogEntry> = acks.chain(others).collect();
        let expected = [
            "received:",
            "         0 ms  connection 1: 40 acks until 39 ms",
            "        50 ms  connection 2: {\"what\":\"ack\",\"log_id\":\"7\",\"internal_ext\":\"\"}",
            "        60 ms  connection 1: 2 acks until 61 ms",
            "        70 ms  connection 1: {\"what\":\"enter\"}",
        ];
        assert_eq!(listed(&entries), expected.join("\n"));
    }
}
