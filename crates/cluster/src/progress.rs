//! Between the hub and the log: what the source has published, with the progress of the owner after each event.

use std::sync::Arc;

use bytes::Bytes;
use livetape_feed::hub::{EVENT_BYTES_MAX, Encoding, Unpublished};

use crate::ownership::{
    Encoded, KnownLoss, Offered, Progress,
    record::{CONTENT_BYTES_MAX, PROGRESS_BYTES_MAX},
};

const _: () =
    assert!(EVENT_BYTES_MAX + PROGRESS_BYTES_MAX <= CONTENT_BYTES_MAX, "does not fit into a record");
/// Maximum number of nodes whose losses are remembered.
const KNOWN_LOSSES_MAX: usize = 64;

impl KnownLoss {
    /// Returns the note of the event that reports it.
    pub(crate) fn to_note(&self) -> Arc<str> {
        format!("{} {}", self.lost, self.node).into()
    }

    fn from_note(note: &str) -> Option<Self> {
        let (lost, node) = note.split_once(' ')?;
        Some(Self { node: node.to_owned(), lost: lost.parse().ok()? })
    }
}

impl Progress {
    pub(crate) fn intent(&self) -> Option<&str> {
        str::from_utf8(&self.intent).ok().filter(|intent| !intent.is_empty())
    }

    pub(crate) fn note_loss(&mut self, loss: KnownLoss) {
        self.known_losses.retain(|known| known.node != loss.node);
        self.known_losses.push(loss);
        self.known_losses.drain(..self.known_losses.len().saturating_sub(KNOWN_LOSSES_MAX));
    }

    /// Returns the number of lost events of a node that readers know of.
    pub(crate) fn known_loss(&self, node: &str) -> u64 {
        self.known_losses.iter().find(|loss| *loss.node == *node).map_or(0, |loss| loss.lost)
    }
}

/// Encodes what the source has published for the log, and updates the progress.
pub(crate) fn encode(progress: &mut Progress, unpublished: Vec<Unpublished>) -> Vec<Offered> {
    let mut offer = |unpublished| {
        let event = match unpublished {
            Unpublished::Mark(mark) => {
                progress.intent = Bytes::copy_from_slice(mark.text.as_bytes());
                progress.passed = mark.passed.unwrap_or(progress.passed);
                None
            }
            Unpublished::Event { encoding: Encoding { json, json_of_final, audience }, injected, note } => {
                progress.passed += u64::from(!injected);
                note.and_then(|note| KnownLoss::from_note(&note))
                    .into_iter()
                    .for_each(|loss| progress.note_loss(loss));
                Some(Encoded { json, json_of_final, audience })
            }
        };
        Offered { event, progress: progress.clone() }
    };
    unpublished.into_iter().map(&mut offer).collect()
}

/// Returns events of the log as the hub takes them.
pub(crate) fn decode(events: Vec<Encoded>) -> Vec<Encoding> {
    let encoding = |Encoded { json, json_of_final, audience }| Encoding { json, json_of_final, audience };
    events.into_iter().map(encoding).collect()
}

#[cfg(test)]
mod tests {
    use livetape_feed::hub::Mark;

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
        let mut progress = Progress::default();
        let offered = encode(&mut progress, unpublished);
        let after = |it: &Offered| format!("{} {}", it.progress.intent().unwrap(), it.progress.passed);
        let (events, marks): (Vec<_>, Vec<_>) = offered.iter().partition(|it| it.event.is_some());
        assert_eq!(
            events.into_iter().map(after).collect::<Vec<_>>(),
            ["a 1", "a 1", "a 2", "paused 3", "c 8"]
        );
        assert_eq!(
            marks.into_iter().map(after).collect::<Vec<_>>(),
            ["a 0", "paused 2", "b 7", "c 7", "d 8"]
        );
        assert_eq!(Some(&progress), offered.last().map(|it| &it.progress));
    }

    #[test]
    fn losses_that_readers_know_are_part_of_the_progress() {
        let mut progress = Progress::default();
        let loss = |node: &str, lost| KnownLoss { node: node.into(), lost };
        let tells = |node: &str, lost| Unpublished::Event {
            encoding: Encoding::default(),
            injected: true,
            note: Some(loss(node, lost).to_note()),
        };
        encode(&mut progress, vec![tells("a", 5), event(false), tells("b", 1), tells("a", 7)]);
        assert_eq!((progress.known_loss("a"), progress.known_loss("b"), progress.known_loss("c")), (7, 1, 0));
        assert_eq!(progress.passed, 1, "the source did not send it");
        (0..KNOWN_LOSSES_MAX).for_each(|node| progress.note_loss(loss(&node.to_string(), 1)));
        assert_eq!((progress.known_loss("a"), progress.known_loss("0")), (0, 1));
        assert_eq!(progress.continued().known_losses, []);
    }
}
