//! Protobuf that is read in place: texts are borrowed, and what nobody asks for is stepped over. It accepts what prost
//! accepts, and refuses what prost refuses.

#[cfg(test)]
mod tests;

use std::{cell::Cell, fmt};

/// Deepest nesting of groups, which nothing of TikTok's has.
const GROUPS_DEPTH_MAX: u32 = 100;

thread_local! {
    /// How many entries lists may still have, all messages of a batch together; unlimited outside of one. Every list of
    /// every message is read here, and a parameter would have to go through all of the generated code.
    static ENTRIES_LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Reads with at most `max` entries in lists. An empty entry takes two bytes on the wire and hundreds in memory.
pub(super) fn with_entries<T>(max: usize, read: impl FnOnce() -> T) -> T {
    let before = ENTRIES_LEFT.replace(max);
    let read = read();
    ENTRIES_LEFT.set(before);
    read
}

/// What takes the fields of a message, one by one.
pub(super) trait View<'a>: Default {
    /// Takes a field; those that it does not know are skipped. A field that comes twice replaces the first, a message
    /// goes on where the first ended.
    fn take(&mut self, number: u32, value: Value<'a>) -> Taken;
}

/// The value of a field, as the wire tells it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// Of no use to anybody.
    Other,
}

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    CutOff,
    Varint,
    Key,
    WireType,
    Group,
    Utf8,
    Entries,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CutOff => "it is cut off",
            Self::Varint => "a number does not end",
            Self::Key => "a field has no number",
            Self::WireType => "a field is of another type",
            Self::Group => "a group is not closed, or never was opened",
            Self::Utf8 => "a text is not UTF-8",
            Self::Entries => "the lists of its batch have too many entries",
        })
    }
}

/// What becomes of a field.
pub(super) type Taken = Result<(), Broken>;

/// Reads a message.
pub(super) fn read<'a, V: View<'a>>(bytes: &'a [u8]) -> Result<V, Broken> {
    let mut view = V::default();
    merge(&mut view, bytes)?;
    Ok(view)
}

/// Reads on. What stands before a break is kept.
pub(super) fn merge<'a, V: View<'a>>(view: &mut V, mut rest: &'a [u8]) -> Result<(), Broken> {
    while !rest.is_empty() {
        let (number, value) = next_inline(&mut rest)?;
        view.take(number, value)?;
    }
    Ok(())
}

/// Takes a field off the front: its number and its value.
pub(super) fn next<'a>(rest: &mut &'a [u8]) -> Result<(u32, Value<'a>), Broken> {
    next_inline(rest)
}

/// The same, where most of the time goes: what it gives never goes through memory.
#[inline(always)]
fn next_inline<'a>(rest: &mut &'a [u8]) -> Result<(u32, Value<'a>), Broken> {
    let (number, wire_type) = key(rest)?;
    let value = match wire_type {
        0 => Value::Varint(varint(rest)?),
        2 => {
            let length = varint(rest)?;
            Value::Bytes(split(rest, length)?)
        }
        _ => {
            skip(rest, number, wire_type, GROUPS_DEPTH_MAX)?;
            Value::Other
        }
    };
    Ok((number, value))
}

#[inline(always)]
fn key(rest: &mut &[u8]) -> Result<(u32, u32), Broken> {
    let key = u32::try_from(varint(rest)?).map_err(|_| Broken::Key)?;
    if key >> 3 == 0 { Err(Broken::Key) } else { Ok((key >> 3, key & 7)) }
}

#[inline(always)]
fn varint(rest: &mut &[u8]) -> Result<u64, Broken> {
    match **rest {
        [byte, ref after @ ..] if byte < 0x80 => {
            *rest = after;
            Ok(byte.into())
        }
        [low, high, ref after @ ..] if high < 0x80 => {
            *rest = after;
            Ok(u64::from(low & 0x7f) | u64::from(high) << 7)
        }
        _ => long_varint(rest),
    }
}

fn long_varint(rest: &mut &[u8]) -> Result<u64, Broken> {
    match rest.first_chunk() {
        Some(chunk) => wide_varint(u64::from_le_bytes(*chunk), rest),
        None => last_varint(rest),
    }
}

/// Eight bytes at once: `word` is the first of `rest`.
fn wide_varint(word: u64, rest: &mut &[u8]) -> Result<u64, Broken> {
    let ends = !word & 0x8080_8080_8080_8080;
    // All bits up to the end of the first byte that has no successor; all if each has one.
    let seven = gather(word & (ends ^ ends.wrapping_sub(1)) & 0x7f7f_7f7f_7f7f_7f7f);
    let (number, length) = match (ends, rest.get(8), rest.get(9)) {
        (1.., _, _) => (seven, ends.trailing_zeros() as usize / 8 + 1),
        (0, Some(&ninth), _) if ninth < 0x80 => (seven | u64::from(ninth) << 56, 9),
        // The tenth byte has room for one bit.
        (0, Some(&ninth), Some(&tenth)) if tenth < 2 => {
            (seven | u64::from(ninth & 0x7f) << 56 | u64::from(tenth) << 63, 10)
        }
        (0, Some(_), Some(_)) => return Err(Broken::Varint),
        (0, _, None) | (0, None, _) => return Err(Broken::CutOff),
    };
    *rest = &rest[length..];
    Ok(number)
}

/// Eight times seven bits, put together.
fn gather(word: u64) -> u64 {
    let word = word & 0x007f_007f_007f_007f | (word & 0x7f00_7f00_7f00_7f00) >> 1;
    let word = word & 0x0000_3fff_0000_3fff | (word & 0x3fff_0000_3fff_0000) >> 2;
    word & 0x0000_0000_0fff_ffff | (word & 0x0fff_ffff_0000_0000) >> 4
}

/// The few last bytes of a message.
fn last_varint(rest: &mut &[u8]) -> Result<u64, Broken> {
    let mut number = 0;
    for (at, &byte) in rest.iter().enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            *rest = &rest[at + 1..];
            return Ok(number);
        }
    }
    Err(Broken::CutOff)
}

#[inline(always)]
fn split<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], Broken> {
    let length = usize::try_from(length).map_err(|_| Broken::CutOff)?;
    let (value, after) = rest.split_at_checked(length).ok_or(Broken::CutOff)?;
    *rest = after;
    Ok(value)
}

/// Steps over a value that no schema has.
#[cold]
fn skip(rest: &mut &[u8], number: u32, wire_type: u32, depth: u32) -> Result<(), Broken> {
    match wire_type {
        0 => varint(rest).map(drop),
        1 => split(rest, 8).map(drop),
        2 => {
            let length = varint(rest)?;
            split(rest, length).map(drop)
        }
        3 if depth > 0 => loop {
            let (inner, wire_type) = key(rest)?;
            match wire_type {
                4 if inner == number => return Ok(()),
                4 => return Err(Broken::Group),
                _ => skip(rest, inner, wire_type, depth - 1)?,
            }
        },
        3 | 4 => Err(Broken::Group),
        5 => split(rest, 4).map(drop),
        _ => Err(Broken::Key),
    }
}

impl<'a> Value<'a> {
    pub(super) fn int64(self) -> Result<i64, Broken> {
        if let Self::Varint(number) = self { Ok(number as i64) } else { Err(Broken::WireType) }
    }

    pub(super) fn uint64(self) -> Result<u64, Broken> {
        self.int64().map(|number| number as u64)
    }

    pub(super) fn int32(self) -> Result<i32, Broken> {
        self.int64().map(|number| number as i32)
    }

    pub(super) fn bool(self) -> Result<bool, Broken> {
        self.int64().map(|number| number != 0)
    }

    pub(super) fn bytes(self) -> Result<&'a [u8], Broken> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(Broken::WireType) }
    }

    pub(super) fn text(self) -> Result<&'a str, Broken> {
        str::from_utf8(self.bytes()?).map_err(|_| Broken::Utf8)
    }

    pub(super) fn message<V: View<'a>>(self, view: &mut V) -> Result<(), Broken> {
        merge(view, self.bytes()?)
    }

    pub(super) fn push<V: View<'a>>(self, views: &mut Vec<V>) -> Result<(), Broken> {
        let left = ENTRIES_LEFT.get().checked_sub(1).ok_or(Broken::Entries)?;
        ENTRIES_LEFT.set(left);
        views.push(read(self.bytes()?)?);
        Ok(())
    }

    /// One number, or any number of them packed.
    pub(super) fn int64s(self, numbers: &mut Vec<i64>) -> Result<(), Broken> {
        match self {
            Self::Bytes(mut rest) => {
                while !rest.is_empty() {
                    numbers.push(varint(&mut rest)? as i64);
                }
                Ok(())
            }
            one => {
                numbers.push(one.int64()?);
                Ok(())
            }
        }
    }
}
