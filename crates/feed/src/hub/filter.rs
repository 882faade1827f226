//! Which events a subscriber receives.

use std::{fmt, str::FromStr};

use livetape_core::event::KINDS;

use super::choice::choice;

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

// One bit for each type, and one for the types of newer versions.
const _: () = assert!(KINDS.len() < 128);

impl Types {
    pub const ALL: Self = Self(u128::MAX);
    /// Types that only newer versions know, and no filter can name.
    pub(super) const NEWER: Self = Self(1 << 127);

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
}
