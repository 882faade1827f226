//! An encoded event, with the filters that let it pass.

use livetape_core::{
    event::{Data, Event},
    truth::Added,
};

use super::{audience::Audience, filter::Filter, line::Line};

/// An event in the ring.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub line: Line,
    /// Replacement for subscribers that [count since the last final](Filter::counts_since_final), if
    /// different.
    pub line_of_final: Option<Line>,
    pub audience: Audience,
    pub state_role: StateRole,
    /// What it adds to the [`Truth`](livetape_core::truth::Truth).
    pub added: Added,
}

impl Entry {
    /// Returns the bytes for a subscriber with this filter, or `None` if the filter drops the event.
    pub(super) fn shown_to(&self, filter: &Filter) -> Option<&Line> {
        if !self.audience.includes(filter) {
            return None;
        }
        let of_final = self.line_of_final.as_ref().filter(|_| filter.counts_since_final());
        Some(of_final.unwrap_or(&self.line))
    }

    /// Share of the ring, in bytes.
    pub(super) fn len(&self) -> u64 {
        (self.line.len() + self.line_of_final.as_ref().map_or(0, Line::len)) as u64
    }
}

/// Whether new subscribers get an event as part of the current state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StateRole {
    /// Starts a new state and replaces the previous one.
    Begins,
    /// Ends the current state; both are sent.
    Ends,
    /// Not part of the state.
    Passes,
}

impl StateRole {
    pub(super) fn of(event: &Event) -> Self {
        match &event.data {
            // The connection stays as it is.
            Data::Failure(failure) if failure.attempt == 0 && failure.retrying => Self::Passes,
            Data::ConnectionCreated(_) | Data::Failure(_) => Self::Begins,
            Data::Disconnected(_) => Self::Ends,
            Data::ConnectionClosed(closed) if !closed.will_retry => Self::Ends,
            _ => Self::Passes,
        }
    }
}
