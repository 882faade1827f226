//! An encoded event, and who gets to see it.

use super::{
    audience::Audience,
    filter::{Filter, Gifts},
    line::Line,
};
use crate::sans_io::event::{Data, Event};

/// An event in the ring.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub line: Line,
    /// What those who see finals only get instead, where that differs.
    pub line_of_final: Option<Line>,
    pub audience: Audience,
    pub standing: Standing,
}

impl Entry {
    /// What a subscriber with this filter gets of it.
    pub(super) fn shown_to(&self, filter: &Filter) -> Option<&Line> {
        if !self.audience.includes(filter) {
            return None;
        }
        match filter.gifts {
            Gifts::Final => Some(self.line_of_final.as_ref().unwrap_or(&self.line)),
            Gifts::Raw | Gifts::Delta => Some(&self.line),
        }
    }

    /// Its share of the ring, in bytes.
    pub(super) fn len(&self) -> u64 {
        (self.line.len() + self.line_of_final.as_ref().map_or(0, Line::len)) as u64
    }
}

/// What an event means for those who join later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is the state from now on.
    Begins,
    /// It ends what had begun, and is told with it.
    Ends,
    /// Nothing.
    Passes,
}

impl Standing {
    pub(super) fn of(event: &Event) -> Self {
        match &event.data {
            Data::ConnectionCreated(_) | Data::Failure(_) => Self::Begins,
            Data::Disconnected(_) => Self::Ends,
            Data::ConnectionClosed(closed) if !closed.will_retry => Self::Ends,
            _ => Self::Passes,
        }
    }
}
