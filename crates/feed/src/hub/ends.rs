//! Counts clients that disconnected before the end of the channel.

use super::{Hub, Progress, Reader, Shared, cursor::Cursor};

/// Number of clients that disconnected before the end of the channel, by the side that did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Clients that the server ended before they had read everything.
    pub unread: u64,
    /// Clients that left by themselves before they had been sent everything.
    pub left: u64,
}

/// Counts of clients that ended.
#[derive(Debug, Default)]
pub(super) struct Tally {
    unread: u64,
    /// Clients that left before the position of the last ones to leave.
    left_before: u64,
    /// Clients that left at that position: if nothing follows, they have been sent everything.
    left_last: u64,
    last: u64,
}

impl Tally {
    fn leave(&mut self, position: u64) {
        if position > self.last {
            self.left_before += std::mem::take(&mut self.left_last);
            self.last = position;
        }
        *(if position == self.last { &mut self.left_last } else { &mut self.left_before }) += 1;
    }

    fn ends(&self, head: u64) -> Ends {
        let left_last = if self.last < head { self.left_last } else { 0 };
        Ends { unread: self.unread, left: self.left_before + left_last }
    }
}

impl Hub {
    /// Returns how many clients ended before the newest event, observers excluded. A client that came back
    /// counts, too.
    #[must_use]
    pub fn ends(&self) -> Ends {
        let head = self.head();
        self.shared.tally.lock().ends(head)
    }
}

impl Progress {
    /// Whether the channel was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.state.read().closed.is_some()
    }

    /// Counts the client as unread, because the server ended it early or it did not read the end.
    pub fn count_unread(&self) {
        self.shared.count_unread(&self.cursor);
    }

    /// Counts the client as one that left by itself.
    pub fn count_left(&self) {
        if self.cursor.count() {
            self.shared.tally.lock().leave(self.cursor.position());
        }
    }
}

impl Shared {
    pub(super) fn count_unread(&self, cursor: &Cursor) {
        if cursor.count() {
            self.tally.lock().unread += 1;
        }
    }
}

impl Cursor {
    /// Whether it is a client that was not counted before.
    fn count(&self) -> bool {
        self.reader == Reader::Client && !self.is_counted.swap(true, std::sync::atomic::Ordering::SeqCst)
    }
}
