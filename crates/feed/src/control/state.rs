//! State of a source, and counters since the start of the process, as reported to clients.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use livetape_core::{decoder::Counts, error::Code, pace::Speed};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use tokio::sync::watch;

/// What a replay is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayPhase {
    /// Waiting for subscribers before the first frame.
    #[default]
    Waiting,
    /// Playing.
    Playing,
    /// Paused.
    Paused,
    /// At the end; a seek starts it again.
    Ended,
}

/// Response of `GET /replay` and of every replay order.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplayState {
    /// Name of the recording.
    pub recording: String,
    /// What the replay is doing.
    pub state: ReplayPhase,
    /// Current offset, in milliseconds since the start of the recording.
    pub offset_ms: u64,
    /// Duration of the recording in milliseconds, if known.
    pub duration_ms: Option<u64>,
    /// Playback speed.
    pub speed: Speed,
    /// Current lap, from 1.
    pub lap: u32,
    /// Total number of laps; `null` for endless.
    pub laps: Option<u32>,
    /// Start of each lap, in milliseconds since the start of the recording.
    pub from_ms: u64,
    /// End of each lap, in milliseconds; `null` for the end of the recording.
    pub to_ms: Option<u64>,
    /// Number of the generation, from 1: increases with each lap, seek and load.
    pub generation: u32,
    /// Name of the case that changes the recording or breaks its connections; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// Name under which the show of a case can be read, downloaded and loaded, like a recording; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show: Option<String>,
    /// Number of attempts to connect, up to 1,000, in a case that lets nobody in; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<usize>,
    /// Number of breaks and attempts to connect in a case, up to 200, which `GET /replay/case` lists; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub happened: Option<usize>,
}

impl ReplayState {
    /// Returns the state after this time, in which nothing but the time went on.
    pub(super) fn after(self, passed: Duration) -> Self {
        let Speed::Times(times) = self.speed else { return self };
        if self.state != ReplayPhase::Playing {
            return self;
        }
        let passed = u64::try_from(passed.mul_f64(times).as_millis()).unwrap_or(u64::MAX);
        let now = self.offset_ms.saturating_add(passed);
        let end = self.to_ms.or(self.duration_ms).unwrap_or(u64::MAX);
        Self { offset_ms: now.min(end.max(self.offset_ms)), ..self }
    }
}

/// Lateness of a replay's frames since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// Number of frames.
    pub frames: u64,
    /// Sum of all frames.
    pub sum: Duration,
    pub median: Duration,
    pub p99: Duration,
    pub max: Duration,
}

/// Name of a kind of source. Serde would demand that a plain reference lives as long as the text that it
/// reads.
type SourceName = &'static str;

/// State of the source, in the response of `GET /status`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// What runs on the main channel. Determines whether a user can be connected or a recording loaded.
    pub mode: Mode,
    /// What the source is doing.
    pub state: SourceState,
    /// `live`, `tab`, `replay` or `null`.
    #[serde(deserialize_with = "source_name")]
    pub source: Option<SourceName>,
    /// Current user. A room that has ended or failed has none.
    pub username: Option<String>,
    /// Id of the current room.
    pub room_id: Option<String>,
    /// Number of the connection attempt, from 1; 0 before the first.
    pub attempt: u32,
    /// Time until the next attempt, in milliseconds from now.
    pub next_retry_ms: Option<u64>,
    /// Counters of the source.
    pub counts: Counts,
}

/// What runs on the main channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nothing: a user can be connected, or a recording loaded.
    #[default]
    Idle,
    /// A room: another user can be connected.
    Live,
    /// A recording: another one can be loaded.
    Replay,
}

impl Status {
    /// Derives the mode from the other fields. An ended room counts as idle; an ended recording can be played
    /// again.
    pub(super) fn mode(&self) -> Mode {
        match (self.source, self.state) {
            (Some("replay"), _) => Mode::Replay,
            (Some(_), SourceState::Connecting | SourceState::Connected | SourceState::Retrying) => Mode::Live,
            _ => Mode::Idle,
        }
    }

    /// Ends the room for good. Its user is no longer the current one, because nothing is left to disconnect or
    /// to join.
    pub fn end(&mut self) {
        self.state = SourceState::Ended;
        (self.username, self.room_id, self.next_retry_ms) = (None, None, None);
    }

    /// Whether `user` is the current user, ignoring case and a leading `@`.
    #[must_use]
    pub fn is_of(&self, user: &str) -> bool {
        let name = user.trim().trim_start_matches('@');
        self.username.as_ref().is_some_and(|current| current.eq_ignore_ascii_case(name))
    }
}

/// What a source is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// Nothing is connected.
    #[default]
    Idle,
    /// Connecting.
    Connecting,
    /// Connected and receiving frames.
    Connected,
    /// Waiting for the next attempt.
    Retrying,
    /// Ended.
    Ended,
}

impl SourceState {
    pub const ALL: [Self; 5] = [Self::Idle, Self::Connecting, Self::Connected, Self::Retrying, Self::Ended];

    /// Returns the name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Retrying => "retrying",
            Self::Ended => "ended",
        }
    }
}

/// Counters of all rooms of a server, including those of tokens.
#[derive(Clone, Debug, Default)]
pub struct Upstream {
    pub reconnects: u64,
    pub failures: BTreeMap<Code, u64>,
    /// Number of rooms that were refused before they were connected, by code and cause.
    pub refused: BTreeMap<[&'static str; 2], u64>,
    /// Queue of the current or last recorder.
    pub recorder: Option<Arc<dyn RecorderQueue>>,
    /// Number of items that earlier recorders lost.
    pub recorder_lost: u64,
    pub recorder_failures: u64,
    pub webhook: Option<Arc<WebhookState>>,
    /// Number of differences from the baseline of `--drift`.
    pub drift: Option<Arc<AtomicU64>>,
}

impl Upstream {
    pub fn begin_recording(&mut self, recorder: Arc<dyn RecorderQueue>) {
        let before = self.recorder.replace(recorder);
        self.recorder_lost += before.map_or(0, |before| before.lost());
    }
}

/// What waits for a recorder's disk. It can be read even after the recorder has ended.
pub trait RecorderQueue: Debug + Send + Sync {
    /// Number of items that wait for the disk, and their size in bytes.
    fn waiting(&self) -> (usize, usize);

    fn lost(&self) -> u64;

    /// Ends the recording and waits until it is sealed or has failed, for processes that are about to exit.
    fn seal(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// State of the webhook: the number of its events by outcome, and which of them this process delivers.
#[derive(Debug, Default)]
pub struct WebhookState {
    /// Accepted with a status of 200 to 299.
    pub delivered: AtomicU64,
    /// Given up after the last attempt.
    pub failed: AtomicU64,
    /// Left out because the webhook lagged too far, the server shut down, or the stream of a cluster ended.
    pub skipped: AtomicU64,
    posting: watch::Sender<Option<Posting>>,
}

/// The events that the webhook of this process delivers: those of a stream after a number.
#[derive(Clone, Debug)]
pub struct Posting {
    pub stream: Arc<str>,
    /// Number of the last event that was delivered or given up.
    pub posted: Arc<AtomicU64>,
}

impl WebhookState {
    /// Lets this process deliver the events after `posted`.
    pub fn begin(&self, stream: Arc<str>, posted: u64) -> Posting {
        let posting = Posting { stream, posted: Arc::new(posted.into()) };
        self.posting.send_replace(Some(posting.clone()));
        posting
    }

    /// Leaves all events to another process.
    pub fn end(&self) {
        self.posting.send_replace(None);
    }

    /// Returns the events that this process delivers, or `None`, now and after each change.
    #[must_use]
    pub fn postings(&self) -> watch::Receiver<Option<Posting>> {
        self.posting.subscribe()
    }

    #[must_use]
    pub fn by_outcome(&self) -> [(&'static str, u64); 3] {
        let counts = [("delivered", &self.delivered), ("failed", &self.failed), ("skipped", &self.skipped)];
        counts.map(|(outcome, count)| (outcome, count.load(Ordering::Relaxed)))
    }

    #[must_use]
    pub fn lost(&self) -> u64 {
        self.failed.load(Ordering::Relaxed) + self.skipped.load(Ordering::Relaxed)
    }
}

/// The counters of a server, across all channels. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct UpstreamCounters(pub(super) Arc<Mutex<Upstream>>);

impl UpstreamCounters {
    pub fn update(&self, change: impl FnOnce(&mut Upstream)) {
        change(&mut self.0.lock());
    }
}

fn source_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'static str>, D::Error> {
    let name = Option::<String>::deserialize(deserializer)?;
    Ok(name.and_then(|name| ["live", "tab", "replay"].into_iter().find(|known| *known == name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Between two events, the playhead moves on, but not beyond the end of a lap, and not while it is paused.
    #[test]
    fn the_offset_goes_on_between_events() {
        let playing = ReplayState {
            recording: "demo".to_owned(),
            state: ReplayPhase::Playing,
            offset_ms: 1500,
            duration_ms: Some(60_000),
            speed: Speed::Times(2.0),
            lap: 1,
            laps: Some(1),
            from_ms: 0,
            to_ms: None,
            generation: 1,
            case: None,
            show: None,
            refused: None,
            happened: None,
        };
        let after = |state: ReplayState, secs| state.after(Duration::from_secs(secs)).offset_ms;
        assert_eq!(after(playing.clone(), 3), 7500);
        assert_eq!(after(playing.clone(), 3600), 60_000);
        assert_eq!(after(ReplayState { to_ms: Some(5000), ..playing.clone() }, 3), 5000);
        assert_eq!(after(ReplayState { state: ReplayPhase::Paused, ..playing.clone() }, 3), 1500);
        assert_eq!(after(ReplayState { speed: Speed::Max, ..playing }, 3), 1500);
    }
}
