//! Which events a subscriber wants.

use std::{fmt, str::FromStr};

use crate::sans_io::event::KINDS;

/// Which events a subscriber wants; all that TikTok sent, by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// `types=gift,chat`
    pub types: Types,
    /// `gifts=raw|delta|final`
    pub gifts: Gifts,
    /// `raw=1`: `unknown` events too.
    pub raw: bool,
}

/// Which events of a gift streak a subscriber wants. The sum of `repeatDelta` over a streak is the same in each mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gifts {
    /// What TikTok sent.
    #[default]
    Raw,
    /// Those that add something, and finals, inferred ones too.
    Delta,
    /// Finals alone, inferred ones too.
    Final,
}

impl FromStr for Gifts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "raw" => Ok(Self::Raw),
            "delta" => Ok(Self::Delta),
            "final" => Ok(Self::Final),
            _ => Err(format!("`gifts` is raw, delta or final, not `{text}`")),
        }
    }
}

/// A set of event types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Types(u128);

// One bit a type.
const _: () = assert!(KINDS.len() <= 128);

impl Types {
    /// Every type.
    pub const ALL: Self = Self(u128::MAX);

    /// The set of one; of none if there is no such type.
    pub(super) fn only(kind: &str) -> Self {
        KINDS.iter().position(|&name| name == kind).map_or(Self(0), |index| Self(1 << index))
    }

    /// Whether it has all of `other`, which is not empty.
    pub(super) fn contains(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl Default for Types {
    /// Every type.
    fn default() -> Self {
        Self::ALL
    }
}

impl fmt::Display for Types {
    /// As it is parsed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = KINDS.iter().copied().filter(|name| self.contains(Self::only(name))).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for Types {
    /// The type that does not exist.
    type Err = String;

    /// Names behind commas: `gift,chat`.
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
    fn types_are_names_behind_commas() {
        let types: Types = "gift, chat".parse().unwrap();
        assert!(types.contains(Types::only("gift")) && types.contains(Types::only("chat")));
        assert!(!types.contains(Types::only("unknown")));
        assert_eq!("gift,gfit".parse::<Types>(), Err("gfit".to_owned()));
        assert_eq!("".parse::<Types>(), Err(String::new()));
    }
}
