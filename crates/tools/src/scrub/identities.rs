//! Ids and names of the people in a recording, and a search for them in bytes.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher},
};

use unicode_normalization::UnicodeNormalization as _;
use unicode_width::UnicodeWidthChar as _;

use super::{allow, check, made_up};

/// Maximum number of ids and names in a recording, which take about 200 MB.
pub const IDENTITIES_MAX: usize = 2_000_000;

/// Minimum length of a name that is searched for within words, in bytes. Shorter ones occur everywhere.
const NAME_BYTES_MIN: usize = 4;
/// Length of the start of a name that is searched for in any bytes. A shorter name must be a word of its own.
const HEAD_BYTES: usize = 8;
/// Maximum length of a name that is searched for. Only the start of a longer one is.
const NAME_BYTES_MAX: usize = 128;
/// Minimum size of an id that is searched for among digits.
const DIGITS_MIN: usize = 10;
/// Maximum number of digits of an id.
const DIGITS_MAX: usize = 20;
/// Minimum number of digits of an id that is searched for within longer runs of digits.
const INNER_DIGITS_MIN: usize = 15;
/// Minimum size of an id that is searched for in its binary forms. Smaller numbers occur by chance.
const BINARY_MIN: u64 = 1 << 42;
/// Number of hexadecimal digits of such ids.
const HEX_DIGITS: std::ops::RangeInclusive<usize> = 11..=16;

/// Kind of name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Handle,
    SecUid,
    Nickname,
}

/// What is searched in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    /// A text that belongs to the app.
    Text,
    /// A whole record, in which generated words and ids occur, too.
    Record,
}

/// Ids and names. Names are stored as hashes. In a collision both names are replaced, which is safe.
#[derive(Debug)]
pub(super) struct Identities {
    ids: HashSet<u64>,
    names: HashMap<u64, Name>,
    /// Names to search for, in lowercase, in UTF-8 and UTF-16, and whether they look like generated ones.
    telling: HashMap<u64, bool>,
    /// Whether a name to search for has this length.
    lengths: [bool; NAME_BYTES_MAX + 1],
    sieve: Sieve,
}

impl Default for Identities {
    fn default() -> Self {
        let lengths = [false; NAME_BYTES_MAX + 1];
        Self {
            ids: HashSet::default(),
            names: HashMap::default(),
            telling: HashMap::default(),
            lengths,
            sieve: Sieve::default(),
        }
    }
}

impl Identities {
    /// Adds an id, ignoring 0 and negative numbers.
    pub(super) fn add_id(&mut self, id: u64) {
        if made_up::is_number_of_someone(id) && self.has_room() {
            self.ids.insert(id);
            self.sieve.add(id);
        }
    }

    /// Adds a name. A text that is one user's handle and another's nickname counts as a handle.
    pub(super) fn add_name(&mut self, text: &str, name: Name) {
        if text.trim().is_empty() || !self.has_room() {
            return;
        }
        let known = self.names.entry(hash(text.as_bytes())).or_insert(name);
        *known = name.min(*known);
        let core = text.trim_matches(|c: char| !c.is_alphanumeric());
        let core = &core[..core.floor_char_boundary(NAME_BYTES_MAX)];
        if core.len() < NAME_BYTES_MIN || allow::is_common(core) {
            return;
        }
        let looks_made_up = check::is_made_up(text) || check::is_made_up(core);
        let lower = core.to_ascii_lowercase();
        let wide =
            |bytes: fn(u16) -> [u8; 2]| lower.encode_utf16().flat_map(bytes).take(NAME_BYTES_MAX).collect();
        let folded = folded(core).into_bytes().into_iter().take(NAME_BYTES_MAX).collect();
        for form in [lower.clone().into_bytes(), folded, wide(u16::to_le_bytes), wide(u16::to_be_bytes)] {
            if let Some(head) = head(&form) {
                self.sieve.add(head);
            }
            self.lengths[form.len()] = true;
            self.telling.insert(hash(&form), looks_made_up);
        }
    }

    pub(super) fn has_id(&self, id: u64) -> bool {
        self.sieve.may_have(id) && self.ids.contains(&id)
    }

    pub(super) fn name(&self, text: &str) -> Option<Name> {
        self.names.get(&hash(text.as_bytes())).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len() + self.names.len()
    }

    fn has_room(&self) -> bool {
        self.len() <= IDENTITIES_MAX
    }

    /// Whether an id or a telling name occurs in `bytes`, as text or as an encoded number.
    pub(super) fn occur_in(&self, bytes: &[u8], within: Within) -> bool {
        self.len() > 0
            && (self.digits(bytes)
                || self.hexadecimal(bytes)
                || self.binary(bytes)
                || self.has_name(bytes, within, |_| true))
    }

    fn digits(&self, bytes: &[u8]) -> bool {
        bytes.split(|byte| !byte.is_ascii_digit()).filter(|run| run.len() >= DIGITS_MIN).any(|run| {
            (0..=run.len() - DIGITS_MIN).any(|start| {
                let shortest =
                    if start == 0 && run.len() <= DIGITS_MAX { DIGITS_MIN } else { INNER_DIGITS_MIN };
                let mut number = 0_u64;
                run[start..].iter().take(DIGITS_MAX).zip(1..).any(|(digit, length)| {
                    let Some(next) =
                        number.checked_mul(10).and_then(|number| number.checked_add(u64::from(digit - b'0')))
                    else {
                        return false;
                    };
                    number = next;
                    let is_end = start + length == run.len();
                    (length >= INNER_DIGITS_MIN || is_end && length >= shortest) && self.has_id(number)
                })
            })
        })
    }

    fn hexadecimal(&self, bytes: &[u8]) -> bool {
        bytes
            .split(|byte| !byte.is_ascii_alphanumeric())
            .filter(|run| HEX_DIGITS.contains(&run.len()) && run.iter().all(u8::is_ascii_hexdigit))
            .filter_map(|run| u64::from_str_radix(std::str::from_utf8(run).ok()?, 16).ok())
            .any(|number| number >= BINARY_MIN && self.has_id(number))
    }

    fn binary(&self, bytes: &[u8]) -> bool {
        let is_ours = |number: u64| number >= BINARY_MIN && self.has_id(number);
        let fixed = bytes.windows(8).filter_map(|window| window.first_chunk::<8>());
        let varint = |at: usize| {
            // A number from the minimum on has at least seven bytes.
            let is_long =
                bytes.get(at..at + 6).is_some_and(|start| start.iter().all(|byte| byte & 0x80 != 0));
            is_long && prost::encoding::decode_varint(&mut &bytes[at..]).is_ok_and(is_ours)
        };
        fixed
            .into_iter()
            .any(|value| is_ours(u64::from_le_bytes(*value)) || is_ours(u64::from_be_bytes(*value)))
            || (0..bytes.len()).any(varint)
    }

    /// Whether a telling name occurs in `bytes`, of those that are `meant`.
    pub(super) fn has_name(&self, bytes: &[u8], within: Within, meant: impl Fn(&[u8]) -> bool) -> bool {
        let is_ours = |name: &[u8]| {
            self.telling
                .get(&hash(&name.to_ascii_lowercase()))
                .is_some_and(|looks_made_up| within == Within::Text || !looks_made_up)
                && meant(name)
        };
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
        (0..bytes.len()).any(|at| {
            let rest = &bytes[at..];
            let is_long = head(rest).is_some_and(|head| self.sieve.may_have(head))
                && (HEAD_BYTES..=NAME_BYTES_MAX.min(rest.len()))
                    .any(|length| self.lengths[length] && is_ours(&rest[..length]));
            let starts = || at == 0 || !is_part(&bytes[at - 1]);
            is_long
                || within == Within::Text
                    && is_part(&rest[0])
                    && starts()
                    && (NAME_BYTES_MIN..HEAD_BYTES.min(rest.len() + 1)).any(|length| {
                        self.lengths[length]
                            && !rest.get(length).is_some_and(is_part)
                            && is_ours(&rest[..length])
                    })
        })
    }
}

/// Returns a text as a reader knows it: in lowercase, each character in its usual form, without those of no width.
pub(super) fn folded(text: &str) -> String {
    text.nfkc().filter(|c| c.width().is_some_and(|width| width > 0)).flat_map(char::to_lowercase).collect()
}

/// Returns the start of a name, in lowercase, as a number.
fn head(name: &[u8]) -> Option<u64> {
    let head = name.first_chunk::<HEAD_BYTES>()?;
    Some(u64::from_le_bytes(head.map(|byte| byte.to_ascii_lowercase())))
}

fn hash(text: &[u8]) -> u64 {
    BuildHasherDefault::<DefaultHasher>::new().hash_one(text)
}

/// Tells quickly that a number was not added, most of the time.
#[derive(Debug, Default)]
struct Sieve {
    /// Empty until a number is added.
    bits: Vec<u64>,
}

/// Number of bits, as a power of two.
const SIEVE_BITS: u32 = 23;

impl Sieve {
    fn place(number: u64) -> (usize, u64) {
        let bit = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - SIEVE_BITS);
        ((bit / 64) as usize, 1 << (bit % 64))
    }

    fn add(&mut self, number: u64) {
        if self.bits.is_empty() {
            self.bits = vec![0; 1 << (SIEVE_BITS - 6)];
        }
        let (at, bit) = Self::place(number);
        self.bits[at] |= bit;
    }

    fn may_have(&self, number: u64) -> bool {
        let (at, bit) = Self::place(number);
        self.bits.get(at).is_some_and(|bits| bits & bit != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_people() -> Identities {
        let mut identities = Identities::default();
        identities.add_id(7_286_469_691_624_746_063);
        identities.add_id(46_078_321_017);
        identities.add_name("zoe_77", Name::Handle);
        identities.add_name("✨ Zoë Planted ✨", Name::Nickname);
        identities.add_name("Live Room", Name::Nickname);
        identities.add_name("nuboka tesoma", Name::Nickname);
        identities
    }

    #[test]
    fn ids_and_names_are_found_within_texts() {
        let people = of_people();
        for text in [
            "7286469691624746063",
            "x_7286469691624746063_0",
            "17286469691624746063",
            "72864696916247460637286469691624746063",
            "46078321017",
            "room-46078321017.",
            "651f0e2b59b7800f",
            "pm_mt_ZOE_77_joined",
            "joined zoe_77",
            "joinedZoë PlantedNow",
            "by nuboka tesoma",
        ] {
            let text = text.replace("651f0e2b59b7800f", &format!("{:x}", 7_286_469_691_624_746_063_u64));
            assert!(people.occur_in(text.as_bytes(), Within::Text), "{text}");
        }
        for text in [
            "",
            "zoe",
            "xzoe_77",
            "zoe_778",
            "in the live room",
            "146078321017",
            "460783210178",
            "Zoë Plante",
        ] {
            assert!(!people.occur_in(text.as_bytes(), Within::Text), "{text}");
        }
    }

    #[test]
    fn ids_and_long_names_are_found_in_records() {
        let people = of_people();
        let id = 7_286_469_691_624_746_063_u64;
        let mut varint = vec![9, 0x80];
        prost::encoding::encode_varint(id, &mut varint);
        let fixed = [&b"xyz"[..], &id.to_le_bytes(), b"xyz"].concat();
        let reversed = id.to_be_bytes();
        for bytes in
            [&varint[..], &fixed, &reversed, b"\x01a7286469691624746063a", "aZoë Planteda".as_bytes()]
        {
            assert!(people.occur_in(bytes, Within::Record), "{bytes:?}");
        }
        // Generated texts can have such words.
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let wide: Vec<u8> = "xZoë Plantedx".encode_utf16().flat_map(bytes).collect();
            assert!(people.occur_in(&wide, Within::Record));
        }
        for text in ["zoe_77", "nuboka tesoma"] {
            assert!(!people.occur_in(text.as_bytes(), Within::Record), "{text}");
        }
    }
}
