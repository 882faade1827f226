//! Numbers as programs print them.

use std::borrow::Cow;

/// Separators of groups of three digits in the locales of JavaScript, Python and Rust.
const SEPARATORS: [char; 9] = [',', '\'', '_', '.', ' ', '\u{a0}', '\u{202f}', '\u{2009}', '\u{2019}'];
/// The minus sign of mathematics: programs print it or a hyphen.
pub(super) const MINUS_SIGN: char = '\u{2212}';
const MINUS: [char; 2] = ['-', MINUS_SIGN];
/// The zeros of other digits: Arabic, Persian, Devanagari, Bengali, Thai and full-width.
const ZEROS: [char; 6] = ['\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{e50}', '\u{ff10}'];

/// Replaces digits and separators of other scripts.
pub(super) fn with_ascii_digits(text: &str) -> Cow<'_, str> {
    let replaced = |c: char| match c {
        '\u{66c}' => Some(','),
        '\u{66b}' => Some('.'),
        c => ZEROS.into_iter().find_map(|zero| {
            let digit = u32::from(c).checked_sub(zero.into())?;
            char::from_digit(digit, 10)
        }),
    };
    if text.is_ascii() || !text.contains(|c| replaced(c).is_some()) {
        return text.into();
    }
    text.chars().map(|c| replaced(c).unwrap_or(c)).collect::<String>().into()
}

/// Returns the readings of the number at the start of a text, with their lengths in bytes, the longest first:
/// `1,234` can be read as 1234 or as 1. A fraction of zeros is dropped, and another one kept. A single `.` and
/// three digits are a group, because all numbers are whole, unless the digits are zeros.
pub(super) fn readings(text: &str) -> Vec<(usize, String)> {
    let unsigned = text.strip_prefix(MINUS).or_else(|| text.strip_prefix('+')).unwrap_or(text);
    let (signed, first) = (text.len() - unsigned.len(), digits(unsigned));
    if first == 0 {
        return Vec::new();
    }
    let (whole, is_dotted) = grouped(unsigned, first);
    let fraction = |whole: usize| match unsigned[whole..].strip_prefix('.').map(digits) {
        Some(digits) if digits > 0 => whole + 1 + digits,
        _ => whole,
    };
    let mut ends = vec![(whole, if is_dotted { whole } else { fraction(whole) })];
    ends.extend([(whole, whole), (first, fraction(first)), (first, first)]);
    ends.dedup();
    let is_negative = text.starts_with(MINUS);
    let reading = |(whole, end): (usize, usize)| {
        let fraction = unsigned[whole..end].trim_end_matches('0').trim_end_matches('.');
        (signed + end, value(is_negative, &unsigned[..whole], fraction))
    };
    ends.into_iter().map(reading).collect()
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// Returns the length of the whole number with its groups, and whether dots separate them. `first` is the
/// number of its first digits.
fn grouped(text: &str, first: usize) -> (usize, bool) {
    let separator = text[first..].chars().next().filter(|c| SEPARATORS.contains(c));
    let Some(separator) = separator.filter(|_| first <= 3 && !text.starts_with('0')) else {
        return (first, false);
    };
    // The last group has three digits; in India, all others have two.
    let group = |from: usize, length: usize| {
        let rest = text[from..].strip_prefix(separator).filter(|rest| digits(rest) == length)?;
        Some(text.len() - rest.len() + length)
    };
    let mut end = first;
    while let Some(next) = group(end, 3) {
        end = next;
    }
    let mut indian = first;
    while separator == ','
        && first <= 2
        && let Some(next) = group(indian, 2)
    {
        indian = next;
    }
    if indian > first {
        end = group(indian, 3).unwrap_or(first);
    }
    let is_dotted = separator == '.';
    if is_dotted && text[first..end] == *".000" { (first, false) } else { (end, is_dotted && end > first) }
}

fn value(is_negative: bool, whole: &str, fraction: &str) -> String {
    let digits = whole.replace(|c: char| !c.is_ascii_digit(), "");
    let digits = digits.trim_start_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    let sign = if is_negative && (digits, fraction) != ("0", "") { "-" } else { "" };
    format!("{sign}{digits}{fraction}")
}
