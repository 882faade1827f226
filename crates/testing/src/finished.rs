//! Counts the events of a tape.

use std::{collections::BTreeMap, fmt};

use livetape_core::{counts::Counts, recording::Loss};
use livetape_feed::hub::{Filter, Gifts, Hub, Join, Next, Reader, Since};
use serde::Deserialize;
use tokio::sync::watch;

/// Summary of a finished replay, returned by [`Tape::finished`](crate::Tape::finished).
///
/// ```
/// # #[tokio::main] async fn main() {
/// # use livetape_testing::{Speed, Tape};
/// # let tape = Tape::replay("demo").wait_clients(0).speed(Speed::Max).start().await;
/// let finished = tape.finished().await;
/// assert_eq!(finished.events["chat"], 63);
/// assert_eq!(finished.diamonds, 114);
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finished {
    /// Number of events of each type, such as `chat` or `gift`.
    pub events: BTreeMap<String, u64>,
    /// Total value of all gifts since the last lap or seek, in diamonds, as in
    /// [`Tape::truth`](crate::Tape::truth).
    pub diamonds: i64,
    loss: Loss,
}

impl Finished {
    /// Returns the number of events of this type, or 0 if there were none.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # use livetape_testing::{Speed, Tape};
    /// # let tape = Tape::replay("demo").wait_clients(0).speed(Speed::Max).start().await;
    /// let finished = tape.finished().await;
    /// assert_eq!(finished.count("chat"), 63);
    /// assert_eq!(finished.count("no_such_type"), 0);
    /// # }
    /// ```
    #[must_use]
    pub fn count(&self, kind: &str) -> u64 {
        self.events.get(kind).copied().unwrap_or_default()
    }

    /// Returns whether part of the recording is missing or unreadable.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # use livetape_testing::{Speed, Tape};
    /// # let tape = Tape::replay("demo").wait_clients(0).speed(Speed::Max).start().await;
    /// let finished = tape.finished().await;
    /// assert!(!finished.is_lossy());
    /// # }
    /// ```
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.loss.is_some()
    }

    /// Describes the missing data in one line.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # use livetape_testing::{Speed, Tape};
    /// # let tape = Tape::replay("demo").wait_clients(0).speed(Speed::Max).start().await;
    /// let finished = tape.finished().await;
    /// assert!(!finished.is_lossy(), "{}", finished.lost());
    /// # }
    /// ```
    #[must_use]
    pub fn lost(&self) -> impl fmt::Display + use<> {
        self.loss
    }
}

/// Counts events while they are broadcast.
#[derive(Clone, Debug)]
pub(crate) struct Tally(watch::Receiver<Counted>);

#[derive(Clone, Debug, Default)]
struct Counted {
    finished: Finished,
    has_ended: bool,
}

/// The field of an event that is needed for counting.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
}

impl Tally {
    pub(crate) fn of(hub: &Hub) -> Self {
        let filter = Filter { gifts: Gifts::Delta, ..Filter::default() };
        let join = Join { since: Some(Since::Start), filter, reader: Reader::Display, ..Join::default() };
        let mut reader = hub.join(&join).expect("a new channel has room");
        let (sender, receiver) = watch::channel(Counted::default());
        tokio::spawn(async move {
            let mut events = Vec::new();
            while reader.next(&mut events).await == Next::Events {
                sender.send_modify(|counted| events.iter().for_each(|json| counted.count(json)));
            }
        });
        Self(receiver)
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.borrow_and_update().has_ended
    }

    /// Waits for the next event.
    pub(crate) async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    pub(crate) fn finished(&self, counts: &Counts, diamonds: i64) -> Finished {
        Finished { loss: counts.loss(), diamonds, ..self.0.borrow().finished.clone() }
    }
}

impl Counted {
    fn count(&mut self, json: &[u8]) {
        let event: Event<'_> = serde_json::from_slice(json).expect("events are JSON");
        match event.kind {
            "disconnected" => self.has_ended = true,
            // A seek after the end resumes the replay. Messages that a test sends then do not.
            "connection_created" => self.has_ended = false,
            _ => {}
        }
        *self.finished.events.entry(event.kind.into()).or_default() += 1;
    }
}
