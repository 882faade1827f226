//! Zero-copy protobuf decoding: texts are borrowed, and unused fields are skipped. It accepts and rejects the
//! same messages as prost.

#[cfg(test)]
mod tests;

use std::{cell::Cell, fmt};

/// Maximum nesting of groups, which TikTok's messages never contain.
const GROUPS_DEPTH_MAX: u32 = 100;

thread_local! {
    /// Remaining number of list entries for all messages of a batch; unlimited outside a batch. It is a
    /// thread-local, because a parameter would have to pass through all of the generated code.
    static ENTRIES_LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Decodes with at most `max` list entries. An empty entry takes two bytes on the wire and hundreds in
/// memory.
pub(super) fn with_entries<T>(max: usize, read: impl FnOnce() -> T) -> T {
    let before = ENTRIES_LEFT.replace(max);
    let read = read();
    ENTRIES_LEFT.set(before);
    read
}

/// A message that is decoded field by field.
pub(super) trait View<'a>: Default {
    /// Stores a field, and ignores unknown ones. A repeated field replaces the previous value; a repeated
    /// message is merged.
    fn take(&mut self, number: u32, value: Value<'a>) -> Taken;
}

/// Declares messages with the fields that events use: number, name and type. What borrows has the lifetime
/// `'a`.
macro_rules! views {
    ($(#[$attribute:meta])* $name:ident $(<$life:lifetime>)? { $($number:literal => $field:ident: $kind:ty,)* }) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, Default)]
        pub(crate) struct $name $(<$life>)? { $(pub(crate) $field: $kind,)* }

        impl<'a> $crate::wire::view::View<'a> for $name $(<$life>)? {
            fn take(
                &mut self,
                number: u32,
                value: $crate::wire::view::Value<'a>,
            ) -> $crate::wire::view::Taken {
                match number {
                    $($number => $crate::wire::view::Field::put(&mut self.$field, value),)*
                    _ => Ok(()),
                }
            }
        }
    };
}
pub(super) use views;

/// The type of a field.
pub(super) trait Field<'a> {
    /// Decodes a value. It replaces the previous one, is merged into it, or is appended to it.
    fn put(&mut self, value: Value<'a>) -> Taken;
}

/// Types that a later value replaces.
macro_rules! singles {
    ($($kind:ty: $read:ident,)*) => {$(
        impl<'a> Field<'a> for $kind {
            #[inline(always)]
            fn put(&mut self, value: Value<'a>) -> Taken {
                *self = value.$read()?;
                Ok(())
            }
        }
    )*};
}
singles! { i64: int64, u64: uint64, i32: int32, bool: bool, &'a str: text, &'a [u8]: bytes, }

impl<'a, V: View<'a>> Field<'a> for Option<V> {
    #[inline(always)]
    fn put(&mut self, value: Value<'a>) -> Taken {
        merge(self.get_or_insert_default(), value.bytes()?)
    }
}

/// A large message.
impl<'a, V: View<'a>> View<'a> for Box<V> {
    #[inline(always)]
    fn take(&mut self, number: u32, value: Value<'a>) -> Taken {
        (**self).take(number, value)
    }
}

impl<'a, V: View<'a>> Field<'a> for Vec<V> {
    #[inline(always)]
    fn put(&mut self, value: Value<'a>) -> Taken {
        let left = ENTRIES_LEFT.get().checked_sub(1).ok_or(Broken::Entries)?;
        ENTRIES_LEFT.set(left);
        self.push(read(value.bytes()?)?);
        Ok(())
    }
}

/// Each value is a single number or a packed list.
impl<'a> Field<'a> for Vec<i64> {
    fn put(&mut self, value: Value<'a>) -> Taken {
        let Value::Bytes(mut rest) = value else {
            self.push(value.int64()?);
            return Ok(());
        };
        while !rest.is_empty() {
            self.push(varint(&mut rest)? as i64);
        }
        Ok(())
    }
}

/// The encoded value of a field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// A value of a type that no schema uses.
    Other,
}

/// Reason for not decoding a message.
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
            Self::CutOff => "truncated",
            Self::Varint => "unterminated number",
            Self::Key => "field without a number",
            Self::WireType => "field of another type",
            Self::Group => "unbalanced group",
            Self::Utf8 => "text is not UTF-8",
            Self::Entries => "too many list entries in the batch",
        })
    }
}

/// Result of storing a field.
pub(super) type Taken = Result<(), Broken>;

/// Decodes a message.
pub(super) fn read<'a, V: View<'a>>(bytes: &'a [u8]) -> Result<V, Broken> {
    let mut view = V::default();
    merge(&mut view, bytes)?;
    Ok(view)
}

/// Merges a message into `view`. Fields before an error are kept.
pub(super) fn merge<'a, V: View<'a>>(view: &mut V, mut rest: &'a [u8]) -> Result<(), Broken> {
    while !rest.is_empty() {
        let (number, value) = next_inline(&mut rest)?;
        view.take(number, value)?;
    }
    Ok(())
}

/// Takes a field off the front, and returns its number and value.
pub(super) fn next<'a>(rest: &mut &'a [u8]) -> Result<(u32, Value<'a>), Broken> {
    next_inline(rest)
}

/// Inlined where most of the time is spent, so that the result stays in registers.
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

/// Decodes eight bytes at once. `word` holds the first bytes of `rest`.
fn wide_varint(word: u64, rest: &mut &[u8]) -> Result<u64, Broken> {
    let ends = !word & 0x8080_8080_8080_8080;
    // All bits up to the end of the first byte without a continuation bit, or all bits.
    let seven = gather(word & (ends ^ ends.wrapping_sub(1)) & 0x7f7f_7f7f_7f7f_7f7f);
    let (number, length) = match (ends, rest.get(8), rest.get(9)) {
        (1.., _, _) => (seven, ends.trailing_zeros() as usize / 8 + 1),
        (0, Some(&ninth), _) if ninth < 0x80 => (seven | u64::from(ninth) << 56, 9),
        // The tenth byte can only hold one bit.
        (0, Some(&ninth), Some(&tenth)) if tenth < 2 => {
            (seven | u64::from(ninth & 0x7f) << 56 | u64::from(tenth) << 63, 10)
        }
        (0, Some(_), Some(_)) => return Err(Broken::Varint),
        (0, _, None) | (0, None, _) => return Err(Broken::CutOff),
    };
    *rest = &rest[length..];
    Ok(number)
}

/// Joins eight groups of seven bits.
fn gather(word: u64) -> u64 {
    let word = word & 0x007f_007f_007f_007f | (word & 0x7f00_7f00_7f00_7f00) >> 1;
    let word = word & 0x0000_3fff_0000_3fff | (word & 0x3fff_0000_3fff_0000) >> 2;
    word & 0x0000_0000_0fff_ffff | (word & 0x0fff_ffff_0000_0000) >> 4
}

/// Decodes a number in the last few bytes of a message.
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

/// Skips a value without a schema.
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
}
