//! Reports who received injected events.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use livetape_core::event::Event;

use super::{Reader, audience::Audience, cursor::Cursor};

/// The sequence numbers of injected events, and the clients that receive them.
#[derive(Debug, Default)]
pub struct Delivery {
    pub seqs: Vec<u64>,
    clients: BTreeSet<u64>,
}

impl Delivery {
    /// Number of clients that were subscribed when the events were published and whose filter lets at least
    /// one of them pass.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    pub(super) fn note(&mut self, seq: u64, event: &Event, cursors: &HashMap<u64, Arc<Cursor>>) {
        self.seqs.push(seq);
        let audience = Audience::of(event);
        let gets_it = |cursor: &Cursor| cursor.reader == Reader::Client && audience.includes(&cursor.filter);
        self.clients.extend(cursors.iter().filter(|(_, cursor)| gets_it(cursor)).map(|(id, _)| *id));
    }
}
