//! State of a channel, shared by publishing, joining and reading.

use std::{collections::HashMap, sync::Arc};

use super::{
    CloseReason, Reader, cursor::Cursor, entry::Entry, entry::StateRole, limits::Limits, ring::Ring,
};

#[derive(Debug)]
pub(super) struct ChannelState {
    /// Name of the channel in its events.
    pub stream: Arc<str>,
    pub ring: Ring,
    /// Events that describe the current state, for subscribers without `since`: the latest event that started
    /// one, and the event that ended it.
    pub current: Vec<Entry>,
    pub closed: Option<CloseReason>,
    /// Event without a number that is sent to new subscribers, too.
    pub notice: Option<Entry>,
    cursors: HashMap<u64, Arc<Cursor>>,
    cursors_ever: u64,
    /// Lower bound for the positions of all cursors, so that publishing need not check each of them.
    slowest_at_least: u64,
}

impl ChannelState {
    pub(super) fn new(stream: Arc<str>, limits: Limits) -> Self {
        Self {
            stream,
            ring: Ring::new(limits),
            current: Vec::new(),
            closed: None,
            notice: None,
            cursors: HashMap::new(),
            cursors_ever: 0,
            slowest_at_least: 0,
        }
    }

    pub(super) fn push(&mut self, entry: Entry) {
        match entry.state_role {
            StateRole::Begins => self.current = vec![entry.clone()],
            StateRole::Ends => {
                self.current.retain(|told| told.state_role == StateRole::Begins);
                self.current.push(entry.clone());
            }
            StateRole::Passes => {}
        }
        self.ring.push(entry);
    }

    /// Adds a cursor and returns its id.
    pub(super) fn add(&mut self, cursor: Arc<Cursor>) -> u64 {
        self.slowest_at_least = self.slowest_at_least.min(cursor.position());
        self.cursors_ever += 1;
        self.cursors.insert(self.cursors_ever, cursor);
        self.cursors_ever
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Arc<Cursor>> {
        self.cursors.remove(&id)
    }

    pub(super) fn cursors(&self) -> &HashMap<u64, Arc<Cursor>> {
        &self.cursors
    }

    pub(super) fn below(&self, floor: u64) -> impl Iterator<Item = &Arc<Cursor>> {
        self.cursors.values().filter(move |cursor| cursor.position() < floor)
    }

    /// Removes the cursors of `readers`, and returns them.
    pub(super) fn dismiss(
        &mut self,
        reason: &CloseReason,
        readers: impl Fn(Reader) -> bool,
    ) -> Vec<Arc<Cursor>> {
        let dismissed = self.cursors.extract_if(|_, cursor| readers(cursor.reader));
        dismissed.map(|(_, cursor)| cursor).inspect(|cursor| cursor.dismiss(reason)).collect()
    }

    /// Marks the cursors below `floor` that are `late` as slow, removes and returns them.
    pub(super) fn drop_below(&mut self, floor: u64, late: impl Fn(&Cursor) -> bool) -> Vec<Arc<Cursor>> {
        let mut dropped = Vec::new();
        if floor <= self.slowest_at_least {
            return dropped;
        }
        self.cursors.retain(|_, cursor| {
            let keep = cursor.position() >= floor || !late(cursor);
            if !keep {
                cursor.fall_behind();
                dropped.push(Arc::clone(cursor));
            }
            keep
        });
        let positions = self.cursors.values().map(|cursor| cursor.position());
        self.slowest_at_least = positions.min().unwrap_or(self.ring.head());
        dropped
    }
}
