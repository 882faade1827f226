//! Which subscribers receive an event.

use livetape_core::{
    event::{Data, Event, Gift, KINDS},
    tikfinity,
};

use super::filter::{Filter, Format, Gifts, Types};

/// The filter settings under which a subscriber receives an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Audience {
    kind: Types,
    needs_raw: bool,
    gifts_raw: bool,
    gifts_delta: bool,
    gifts_final: bool,
    tikfinity: bool,
}

impl Audience {
    pub(super) fn of(event: &Event) -> Self {
        let all = Self {
            kind: Types::only(event.kind()),
            needs_raw: matches!(event.data, Data::Unknown(_)),
            gifts_raw: true,
            gifts_delta: true,
            gifts_final: true,
            tikfinity: tikfinity::has_name(event),
        };
        match &event.data {
            Data::Gift(gift) => all.of_gift(gift),
            _ => all,
        }
    }

    /// Returns the audience of a message that is not an event. TikFinity's format has no name for it.
    pub(super) fn of_notice(kind: &str) -> Self {
        Self {
            kind: Types::only(kind),
            needs_raw: false,
            gifts_raw: true,
            gifts_delta: true,
            gifts_final: true,
            tikfinity: false,
        }
    }

    /// Returns the audience of a message whose type livetape does not have.
    pub(super) fn of_foreign() -> Self {
        Self { kind: Types::ALL, ..Self::of_notice("") }
    }

    fn of_gift(self, gift: &Gift) -> Self {
        Self {
            gifts_raw: !gift.inferred,
            gifts_delta: gift.repeat_delta > 0 || gift.is_final,
            gifts_final: gift.is_final,
            // Clients of TikFinity's format would count the gifts of an earlier final again.
            tikfinity: gift.streak_id.is_empty() || gift.delta_since_final > 0,
            // Named, so that the compiler asks about further formats.
            kind: self.kind,
            needs_raw: self.needs_raw,
        }
    }

    pub(super) fn includes(self, filter: &Filter) -> bool {
        let (format, needs_inferred) = match filter.format {
            Format::Native => (true, false),
            // Its clients ignore a streak until it ends.
            Format::Tikfinity => (self.tikfinity, true),
        };
        let gifts = match filter.gifts {
            Gifts::Raw => self.gifts_raw || needs_inferred,
            Gifts::Delta => self.gifts_delta,
            Gifts::Final => self.gifts_final,
        };
        gifts && format && (filter.raw || !self.needs_raw) && filter.types.contains(self.kind)
    }
}

/// Each flag with its bit between processes. Never reuse a bit; those from 16 on belong to `relay/encoding.rs`.
macro_rules! bits {
    ($($flag:ident = $bit:literal),*) => {
        impl Audience {
            /// Returns the flags as bits, for other processes. The type of event is passed by name.
            pub(super) fn bits(self) -> u32 {
                0 $(| if self.$flag { 1 << $bit } else { 0 })*
            }

            pub(super) fn from_bits(kind: &str, bits: u32) -> Self {
                let kind = if KINDS.contains(&kind) { Types::only(kind) } else { Types::NEWER };
                Self { kind, $($flag: bits & (1 << $bit) != 0),* }
            }
        }
    };
}

bits!(needs_raw = 0, gifts_raw = 1, gifts_delta = 2, gifts_final = 3, tikfinity = 4);

impl Filter {
    #[must_use]
    pub fn passes(&self, event: &Event) -> bool {
        Audience::of(event).includes(self)
    }
}
