//! Where what was injected went.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{Reader, audience::Audience, cursor::Cursor};
use crate::sans_io::event::Event;

/// The numbers of injected events, and who gets them.
#[derive(Debug, Default)]
pub struct Delivery {
    /// Their numbers.
    pub seqs: Vec<u64>,
    clients: BTreeSet<u64>,
}

impl Delivery {
    /// How many clients were subscribed when these events were numbered, and had asked for one of them at least.
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
