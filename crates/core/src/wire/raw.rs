//! Encoded fields: the one walk of whatever reads or rewrites messages without their types.

use prost::{
    DecodeError,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field},
};

/// An encoded field.
#[derive(Clone, Copy, Debug)]
pub struct RawField<'a> {
    /// Its number.
    pub number: u32,
    /// Its value.
    pub value: RawValue<'a>,
    /// The field with its key.
    pub whole: &'a [u8],
}

/// An encoded value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawValue<'a> {
    /// A number of variable length.
    Varint(u64),
    /// A number of eight bytes.
    Fixed64([u8; 8]),
    /// A number of four bytes.
    Fixed32([u8; 4]),
    /// The content of a string, bytes or message.
    Bytes(&'a [u8]),
    /// The fields of a group, which no message of TikTok has.
    Group(&'a [u8]),
}

impl<'a> RawField<'a> {
    /// Returns the content of a string, bytes or message.
    #[must_use]
    pub fn bytes(&self) -> Option<&'a [u8]> {
        if let RawValue::Bytes(bytes) = self.value { Some(bytes) } else { None }
    }
}

/// The fields of an encoded message, up to the end or to the first malformed one.
#[derive(Clone, Debug)]
pub struct RawFields<'a> {
    rest: &'a [u8],
}

impl<'a> RawFields<'a> {
    /// Begins with the first field.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns what was not read yet. After the last field, that is what is malformed.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes the next field; `None` at the end.
    ///
    /// # Errors
    /// If the field is malformed. It is not taken then.
    pub fn try_next(&mut self) -> Result<Option<RawField<'a>>, DecodeError> {
        let before = self.rest;
        if before.is_empty() {
            return Ok(None);
        }
        let mut at = before;
        let (number, wire_type) = decode_key(&mut at)?;
        let content = at;
        let mut skip = |wire_type, number| skip_field(wire_type, number, &mut at, DecodeContext::default());
        let value = match wire_type {
            WireType::Varint => RawValue::Varint(decode_varint(&mut at)?),
            WireType::StartGroup => loop {
                let end = at;
                let (inner, wire_type) = decode_key(&mut at)?;
                if (inner, wire_type) == (number, WireType::EndGroup) {
                    break RawValue::Group(&content[..content.len() - end.len()]);
                }
                skip_field(wire_type, inner, &mut at, DecodeContext::default())?;
            },
            WireType::LengthDelimited => {
                skip(wire_type, number)?;
                let mut value = content;
                decode_varint(&mut value)?;
                RawValue::Bytes(&value[..value.len() - at.len()])
            }
            WireType::SixtyFourBit => {
                skip(wire_type, number)?;
                RawValue::Fixed64(content.first_chunk().copied().unwrap_or_default())
            }
            WireType::ThirtyTwoBit => {
                skip(wire_type, number)?;
                RawValue::Fixed32(content.first_chunk().copied().unwrap_or_default())
            }
            // Of no group: always an error.
            WireType::EndGroup => return skip(wire_type, number).map(|()| None),
        };
        self.rest = at;
        Ok(Some(RawField { number, value, whole: &before[..before.len() - at.len()] }))
    }

    /// Whether all of it can be read.
    #[must_use]
    pub fn are_whole(mut self) -> bool {
        while self.next().is_some() {}
        self.rest.is_empty()
    }
}

impl<'a> Iterator for RawFields<'a> {
    type Item = RawField<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.try_next().ok().flatten()
    }
}

/// Appends a number of variable length as a field.
pub fn write_number(number: u32, value: u64, out: &mut Vec<u8>) {
    encode_key(number, WireType::Varint, out);
    encode_varint(value, out);
}

/// Appends a string, bytes or message as a field.
pub fn write_bytes(number: u32, value: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number, eight bytes, a text, a group with a number and an empty group, and four bytes.
    const ALL: &[u8] = b"\x08\x96\x01\x11abcdefgh\x1a\x02hi\x23\x08\x05\x2b\x2c\x24\x35wxyz";

    #[test]
    fn each_kind_of_field_is_read() {
        let fields = Vec::from_iter(RawFields::of(ALL).map(|field| (field.number, field.value)));
        assert_eq!(
            fields,
            [
                (1, RawValue::Varint(150)),
                (2, RawValue::Fixed64(*b"abcdefgh")),
                (3, RawValue::Bytes(b"hi")),
                (4, RawValue::Group(b"\x08\x05\x2b\x2c")),
                (6, RawValue::Fixed32(*b"wxyz")),
            ]
        );
        let whole = RawFields::of(ALL).flat_map(|field| field.whole.to_vec());
        assert_eq!(Vec::from_iter(whole), ALL);
        assert!(RawFields::of(ALL).are_whole() && RawFields::of(b"").are_whole());
    }

    #[test]
    fn a_field_that_is_cut_off_is_not_taken() {
        for end in 0..ALL.len() {
            let mut fields = RawFields::of(&ALL[..end]);
            let taken = fields.by_ref().map(|field| field.whole.len()).sum::<usize>();
            assert_eq!(fields.rest(), &ALL[taken..end]);
            assert_eq!(fields.try_next().is_err(), taken < end, "{end}");
        }
        // A number that is too long, the end of another group, field 0, and a wire type that does not exist.
        for broken in [
            &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02][..],
            b"\x23\x2c",
            b"\x00\x01",
            b"\x0f",
        ] {
            assert!(!RawFields::of(broken).are_whole(), "{broken:?}");
        }
    }

    #[test]
    fn fields_are_written_as_they_are_read() {
        let mut out = Vec::new();
        write_number(1, 150, &mut out);
        write_bytes(3, b"hi", &mut out);
        assert_eq!(out, b"\x08\x96\x01\x1a\x02hi");
    }
}
