//! What a subscriber asks for: which events, in which format, and from where.

use std::{fmt, str::FromStr};

use livetape_core::{
    event::{Data, Event, Gift, KINDS},
    tikfinity,
};

// One bit for each type, and one for the types of newer versions.
const _: () = assert!(KINDS.len() < 128);

/// Defines an enum with the name of each value in a query.
macro_rules! choice {
    ($(#[$of_enum:meta])* pub enum $Choice:ident { $($(#[$of_value:meta])* $Value:ident = $name:literal,)* }) => {
        $(#[$of_enum])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $Choice {
            $($(#[$of_value])* $Value,)*
        }

        impl $Choice {
            pub const NAMES: &[&str] = &[$($name),*];

            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$Value),)*
                    _ => None,
                }
            }

            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$Value => $name,)*
                }
            }
        }
    };
}

/// Which events a subscriber receives. The default is everything that TikTok sent, except `unknown` events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Event types: `types=gift,chat`.
    pub types: Types,
    /// Gift mode: `gifts=raw|delta|final`.
    pub gifts: Gifts,
    /// Whether `unknown` events pass, too: `raw=1`.
    pub raw: bool,
    /// Wire format: `format=native|tikfinity`.
    pub format: Format,
}

impl Filter {
    /// Whether gifts are counted since the previous final of their streak, not since its previous event.
    pub(super) fn counts_since_final(&self) -> bool {
        match self.format {
            Format::Native => self.gifts == Gifts::Final,
            Format::Tikfinity => true,
        }
    }

    #[must_use]
    pub fn passes(&self, event: &Event) -> bool {
        Audience::of(event).includes(self)
    }
}

choice! {
    /// How the JSON of an event is laid out.
    pub enum Format {
        /// livetape's own format.
        #[default]
        Native = "native",
        /// TikFinity's format, which only has names for some types of event.
        Tikfinity = "tikfinity",
    }
}

impl Format {
    /// Whether the format has a line for missing events.
    pub(super) fn has_gaps(self) -> bool {
        match self {
            Self::Native => true,
            Self::Tikfinity => false,
        }
    }
}

choice! {
    /// Which events of a gift streak a subscriber receives. The sum of `repeatDelta` over a streak is the
    /// same in each mode.
    pub enum Gifts {
        /// All events that TikTok sent; in TikFinity's format, inferred finals, too.
        #[default]
        Raw = "raw",
        /// Events that add gifts, and finals, including inferred ones.
        Delta = "delta",
        /// Finals only, including inferred ones.
        Final = "final",
    }
}

/// A set of event types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Types(u128);

impl Types {
    pub const ALL: Self = Self(u128::MAX);
    /// Types that only newer versions know, and no filter can name.
    const NEWER: Self = Self(1 << 127);

    /// Returns the set with one type, or the empty set if the type does not exist.
    pub(super) fn only(kind: &str) -> Self {
        KINDS.iter().position(|&name| name == kind).map_or(Self(0), |index| Self(1 << index))
    }

    /// Whether the sets overlap. `other` has at most one type.
    pub(super) fn contains(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl Default for Types {
    fn default() -> Self {
        Self::ALL
    }
}

impl fmt::Display for Types {
    /// Formats the set the way it is parsed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = KINDS.iter().copied().filter(|name| self.contains(Self::only(name))).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for Types {
    /// Name of the first type that does not exist.
    type Err = String;

    /// Parses comma-separated names: `gift,chat`.
    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').try_fold(Self(0), |types, name| match Self::only(name.trim()) {
            Self(0) => Err(name.trim().to_owned()),
            Self(bit) => Ok(Self(types.0 | bit)),
        })
    }
}

/// Value of `?since=`: `0` or `STREAM:SEQ`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// From the oldest event in the backlog.
    Start,
    /// After this event.
    After {
        /// Name of the channel, as in its events.
        stream: String,
        /// Sequence number of the last event already received; 0 for none.
        seq: u64,
    },
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "0" {
            return Ok(Self::Start);
        }
        let parts = text.rsplit_once(':').filter(|(stream, _)| !stream.is_empty());
        let position = parts.and_then(|(stream, seq)| {
            Some(Self::After { stream: stream.to_owned(), seq: seq.parse().ok()? })
        });
        position.ok_or_else(|| {
            format!(
                "`since` must be 0 or STREAM:SEQ, from `stream` and `seq` of the last event, not `{text}`"
            )
        })
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("0"),
            Self::After { stream, seq } => write!(f, "{stream}:{seq}"),
        }
    }
}

choice! {
    /// Value of `?on_gap=`: what to do if the event after `since` is no longer in the backlog.
    pub enum OnGap {
        /// Reject the position.
        #[default]
        Close = "close",
        /// Send `{"type":"gap","from":…,"to":…}` for the missing events, then continue with the oldest event.
        Skip = "skip",
    }
}

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

/// Each flag with its bit between processes. Never reuse a bit; those from 16 on belong to `relay.rs`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_parsed_from_comma_separated_names() {
        let types: Types = "gift, chat".parse().unwrap();
        assert!(types.contains(Types::only("gift")) && types.contains(Types::only("chat")));
        assert!(!types.contains(Types::only("unknown")));
        assert_eq!("gift,gfit".parse::<Types>(), Err("gfit".to_owned()));
        assert_eq!("".parse::<Types>(), Err(String::new()));
    }

    #[test]
    fn since_is_parsed_into_a_stream_and_a_number() {
        let after = |stream: &str, seq| Ok(Since::After { stream: stream.to_owned(), seq });
        assert_eq!("0".parse(), Ok(Since::Start));
        assert_eq!("a1b2:17".parse(), after("a1b2", 17));
        assert_eq!("a:b:0".parse(), after("a:b", 0));
        for text in ["", "17", ":17", "a:", "a:-1", "a:x", "a:99999999999999999999"] {
            assert!(text.parse::<Since>().is_err(), "{text}");
        }
    }
}
