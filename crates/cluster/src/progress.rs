//! What a successor must know besides the events: what the owner is doing, and its position.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use livetape_feed::hub::{EVENT_BYTES_MAX, Encoding, Mark, Unpublished};

use crate::ownership::{Encoded, record::CONTENT_BYTES_MAX};

/// What the owner is doing, as of an event.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub(crate) struct Progress {
    /// In the words of its channel.
    pub(crate) intent: Option<Arc<str>>,
    /// Number of events since its source started or started over, without injected ones.
    pub(crate) passed: u64,
    /// What readers of the stream know of the losses of each process, the last one at the end.
    #[serde(default)]
    told: Vec<Told>,
    /// Number of the last event that the webhook does not need any more, if there is a webhook.
    #[serde(default)]
    pub(crate) posted: Option<u64>,
}

/// Number of events that readers know a process has lost.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub(crate) struct Told {
    node: Arc<str>,
    lost: u64,
}

/// How an event changes the progress. Nearly every event is only counted, and then the change is empty.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Change {
    intent: Option<Arc<str>>,
    passed: Option<u64>,
    injected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    told: Option<Told>,
}

/// Size that is left for the change of an event, in bytes. It contains the text of a mark.
const CHANGE_BYTES: usize = 64 << 10;
const _: () = assert!(EVENT_BYTES_MAX + CHANGE_BYTES <= CONTENT_BYTES_MAX, "does not fit into a record");
/// Maximum number of processes whose losses are remembered.
const TOLD_MAX: usize = 64;

impl Told {
    pub(crate) fn new(node: &str, lost: u64) -> Self {
        Self { node: node.into(), lost }
    }

    /// Returns the note of the event that reports it.
    pub(crate) fn to_note(&self) -> Arc<str> {
        serde_json::to_string(self).unwrap_or_default().into()
    }
}

impl Progress {
    /// Applies the change that came with an event.
    pub(crate) fn take(&mut self, change: &[u8]) {
        // Another version's unknown change counts as a plain event.
        let Change { intent, passed, injected, told } = serde_json::from_slice(change).unwrap_or_default();
        self.intent = intent.or(self.intent.take());
        self.passed = passed.unwrap_or(self.passed) + u64::from(!injected);
        if let Some(told) = told {
            self.tell(told);
        }
    }

    /// Returns what holds at the start of a stream that continues this one.
    pub(crate) fn untold(&self) -> Self {
        Self { told: Vec::new(), posted: None, ..self.clone() }
    }

    pub(crate) fn tell(&mut self, told: Told) {
        self.told.retain(|known| known.node != told.node);
        self.told.push(told);
        self.told.drain(..self.told.len().saturating_sub(TOLD_MAX));
    }

    /// Returns the number of lost events of a process that readers know of.
    pub(crate) fn told(&self, node: &str) -> u64 {
        self.told.iter().find(|told| *told.node == *node).map_or(0, |told| told.lost)
    }

    /// Applies a mark that has no event yet.
    pub(crate) fn mark(&mut self, mark: &Mark) {
        self.intent = Some(Arc::clone(&mark.text));
        self.passed = mark.passed.unwrap_or(self.passed);
    }

    pub(crate) fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }
}

/// Encodes unpublished events for the log. Returns the last mark, if no event follows it.
pub(crate) fn encode(before: Option<Mark>, unpublished: Vec<Unpublished>) -> (Vec<Encoded>, Option<Mark>) {
    let (mut events, mut last) = (Vec::new(), before);
    for unpublished in unpublished {
        match unpublished {
            Unpublished::Mark(mark) => {
                let passed = mark.passed.or(last.as_ref().and_then(|last| last.passed));
                last = Some(Mark { passed, ..mark });
            }
            Unpublished::Event { encoding: Encoding { json, json_of_final, audience }, injected, note } => {
                let mark = last.take();
                let change = if mark.is_none() && !injected {
                    Bytes::new()
                } else {
                    let (intent, passed) = mark.map_or((None, None), |mark| (Some(mark.text), mark.passed));
                    let told = note.and_then(|note| serde_json::from_str(&note).ok());
                    serde_json::to_vec(&Change { intent, passed, injected, told }).unwrap_or_default().into()
                };
                events.push(Encoded { json, json_of_final, audience, change });
            }
        }
    }
    (events, last)
}

/// Returns events of the log as the hub takes them.
pub(crate) fn decode(events: Vec<Encoded>) -> Vec<Encoding> {
    let encoding = |Encoded { json, json_of_final, audience, .. }| Encoding { json, json_of_final, audience };
    events.into_iter().map(encoding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(injected: bool) -> Unpublished {
        Unpublished::Event { encoding: Encoding::default(), injected, note: None }
    }

    fn mark(text: &str, passed: Option<u64>) -> Unpublished {
        Unpublished::Mark(Mark { text: text.into(), passed })
    }

    #[test]
    fn a_successor_counts_the_events_of_the_source() {
        let unpublished = vec![
            mark("a", Some(0)),
            event(false),
            event(true),
            event(false),
            mark("paused", None),
            event(false),
            mark("b", Some(7)),
            mark("c", None),
            event(false),
            mark("d", None),
        ];
        let (events, last) = encode(None, unpublished);
        let mut progress = Progress::default();
        let seen: Vec<_> = events
            .iter()
            .map(|event| {
                progress.take(&event.change);
                (progress.intent.clone().unwrap().to_string(), progress.passed)
            })
            .collect();
        let expected = [("a", 1), ("a", 1), ("a", 2), ("paused", 3), ("c", 8)];
        assert_eq!(seen, expected.map(|(text, passed)| (text.to_owned(), passed)));
        assert_eq!(last, Some(Mark { text: "d".into(), passed: None }));
        assert_eq!(Progress::from_bytes(&progress.to_bytes()), progress);
    }

    #[test]
    fn losses_that_readers_know_are_part_of_the_progress() {
        let mut progress = Progress::default();
        let told = |node: &str, lost| Unpublished::Event {
            encoding: Encoding::default(),
            injected: true,
            note: Some(Told::new(node, lost).to_note()),
        };
        let (events, _) = encode(None, vec![told("a", 5), event(false), told("b", 1), told("a", 7)]);
        events.iter().for_each(|event| progress.take(&event.change));
        assert_eq!((progress.told("a"), progress.told("b"), progress.told("c")), (7, 1, 0));
        assert_eq!(progress.passed, 1, "the source did not send it");
        assert_eq!(Progress::from_bytes(&progress.to_bytes()), progress);
        (0..TOLD_MAX).for_each(|node| progress.tell(Told::new(&node.to_string(), 1)));
        assert_eq!((progress.told("a"), progress.told("0")), (0, 1));
        let previous = Progress::from_bytes(br#"{"intent":"x","passed":3}"#);
        assert_eq!((previous.passed, previous.told("a")), (3, 0));
    }
}
