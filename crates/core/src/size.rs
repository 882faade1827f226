//! Sizes in bytes: `65536`, `64KiB` (65,536) or `64KB` (64,000).

/// Units and their bytes, binary ones first.
const UNITS: [(&str, u64); 6] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
];
/// Largest size, in bytes, so that the sum of two does not overflow.
const SIZE_BYTES_MAX: u64 = 1 << 62;

/// Parses a size. Units may be in lower case.
///
/// # Errors
/// A message with examples.
pub fn parse(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    let (number, unit) = trimmed.split_at(trimmed.bytes().take_while(u8::is_ascii_digit).count());
    let unit = unit.trim_start();
    let known = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, factor)| *factor);
    let factor = if unit.is_empty() { Some(1) } else { known };
    let bytes = factor.and_then(|factor| number.parse::<u64>().ok()?.checked_mul(factor));
    bytes.filter(|bytes| *bytes <= SIZE_BYTES_MAX).ok_or_else(|| {
        format!("`{text}` is not a number of bytes: write it like 65536, 64KiB, 100KB or 10MiB")
    })
}

/// Shows a size in the unit in which it is shortest.
#[must_use]
pub fn shown(bytes: u64) -> String {
    let whole = UNITS.iter().filter(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor));
    let shown = whole.map(|(unit, factor)| format!("{}{unit}", bytes / factor));
    shown.chain([bytes.to_string()]).min_by_key(String::len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_decimal_or_binary() {
        for (text, bytes) in [
            ("0", 0),
            ("100", 100),
            ("64KiB", 65_536),
            ("64KB", 64_000),
            ("1GiB", 1 << 30),
            ("2GB", 2_000_000_000),
            ("100MB", 100_000_000),
        ] {
            assert_eq!((parse(text), shown(bytes)), (Ok(bytes), text.to_owned()));
        }
        assert_eq!((parse(" 64 kb"), parse("64kib")), (Ok(64_000), Ok(65_536)));
        for wrong in ["", "KB", "-1", "1.5MB", "10K", "10 TB", "99999999999GB", "18446744073709551615"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
