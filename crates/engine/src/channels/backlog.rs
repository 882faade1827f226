//! Frames that are still queued when the server shuts down. Processing all of them could take too long.

use std::time::Duration;

use livetape_core::recording::{Flags, Item, What, records::Gap};
use livetape_io::clock;
use tokio::time::Instant;

/// Maximum time for processing frames after the shutdown began; the rest becomes a Gap record.
const HANDLED_MAX: Duration = Duration::from_secs(1);

/// The deadline for frames, and the frames that missed it.
#[derive(Default)]
pub(super) struct Backlog {
    until: Option<Instant>,
    gap: Option<Gap>,
}

impl Backlog {
    /// Starts the deadline. Only the first call counts.
    pub(super) fn shut_down(&mut self) {
        self.until.get_or_insert_with(|| clock::now() + HANDLED_MAX);
    }

    /// Whether `item` must be dropped because the deadline has passed. Counts it if so.
    pub(super) fn drops(&mut self, item: &Item) -> bool {
        let What::Frame(frame) = &item.what else { return false };
        if self.until.is_none_or(|until| clock::now() < until) {
            return false;
        }
        let offset_ns = u64::try_from(item.offset.as_nanos()).unwrap_or(u64::MAX);
        let reason = || "the server was shut down".to_owned();
        let first = || Gap { first_t_ns: offset_ns, reason: reason(), ..Gap::default() };
        let gap = self.gap.get_or_insert_with(first);
        gap.last_t_ns = offset_ns;
        gap.records += 1;
        gap.bytes += frame.bytes.len() as u64;
        true
    }

    /// Converts the dropped frames into a Gap item at `offset`.
    pub(super) fn into_gap(self, offset: Duration) -> Option<Item> {
        let gap = |gap| Item { offset, conn: 0, flags: Flags::default(), what: What::Gap(gap) };
        self.gap.map(gap)
    }
}

#[cfg(test)]
mod tests {
    use livetape_core::recording::{Frame, Opcode};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn frames_after_the_deadline_are_dropped_and_counted() {
        let frame = Frame { opcode: Opcode::BINARY, bytes: vec![7; 10].into() };
        let what = What::Frame(frame);
        let item = |secs| Item {
            offset: Duration::from_secs(secs),
            conn: 1,
            flags: Flags::default(),
            what: what.clone(),
        };
        let mut backlog = Backlog::default();
        tokio::time::advance(HANDLED_MAX).await;
        assert!(!backlog.drops(&item(1)), "the server is not shutting down");
        backlog.shut_down();
        assert!(!backlog.drops(&item(2)));
        tokio::time::advance(HANDLED_MAX).await;
        assert!(backlog.drops(&item(3)) && backlog.drops(&item(4)));
        let What::Gap(gap) = backlog.into_gap(Duration::from_secs(5)).unwrap().what else { panic!() };
        assert_eq!(
            (gap.records, gap.bytes, gap.first_t_ns, gap.last_t_ns),
            (2, 20, 3_000_000_000, 4_000_000_000)
        );
    }
}
