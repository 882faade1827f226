//! An encoded event, and who gets to see it.

use super::{
    filter::{Filter, Gifts, Types},
    line::Line,
};
use crate::sans_io::event::{Data, Event, Gift};

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

/// Who gets to see an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Audience {
    kind: Types,
    needs_raw: bool,
    gifts_raw: bool,
    gifts_delta: bool,
    gifts_final: bool,
}

impl Audience {
    pub(super) fn of(event: &Event) -> Self {
        let all = Self {
            kind: Types::only(event.kind()),
            needs_raw: matches!(event.data, Data::Unknown(_)),
            gifts_raw: true,
            gifts_delta: true,
            gifts_final: true,
        };
        match &event.data {
            Data::Gift(gift) => all.of_gift(gift),
            _ => all,
        }
    }

    fn of_gift(self, gift: &Gift) -> Self {
        Self {
            gifts_raw: !gift.inferred,
            gifts_delta: gift.repeat_delta > 0 || gift.is_final,
            gifts_final: gift.is_final,
            ..self
        }
    }

    pub(super) fn includes(self, filter: &Filter) -> bool {
        let gifts = match filter.gifts {
            Gifts::Raw => self.gifts_raw,
            Gifts::Delta => self.gifts_delta,
            Gifts::Final => self.gifts_final,
        };
        gifts && (filter.raw || !self.needs_raw) && filter.types.contains(self.kind)
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
