//! Pictures that need no server: a GIF of one pixel as a `data:` URL, which image elements show as a square
//! of its colour.

use std::ops::Range;

use base64::{Engine as _, engine::general_purpose::STANDARD};

const URL: &str = "data:image/gif;base64,";
/// GIF89a, 1 × 1 pixel, a colour table of two entries, of which the pixel has the first.
const GIF: [u8; 35] = *b"GIF89a\x01\0\x01\0\x80\0\0......\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b";
/// Position of the colour table. Its second entry is not visible, and only tells pictures apart.
const TABLE: Range<usize> = 13..19;
/// Range of each part of the colour: text on the square is readable whether black or white.
const SHADES: Range<u8> = 64..192;

/// Returns the URL of the square with this number: 70 bytes. Different numbers usually have different URLs.
#[must_use]
pub fn square(number: u64) -> String {
    let mut table: [u8; 6] = *number.to_le_bytes().first_chunk().expect("six is less than eight");
    for part in &mut table[..3] {
        *part = SHADES.start + *part % (SHADES.end - SHADES.start);
    }
    with_table(&table)
}

fn with_table(table: &[u8]) -> String {
    let mut gif = GIF;
    gif[TABLE].copy_from_slice(table);
    URL.to_owned() + &STANDARD.encode(gif)
}

/// Whether the URL is exactly that of a [`square`].
pub(super) fn is_square(url: &str) -> bool {
    let gif = url.strip_prefix(URL).and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
    let table = gif.get(TABLE).unwrap_or_default();
    table.len() == TABLE.len()
        && table[..3].iter().all(|part| SHADES.contains(part))
        && with_table(table) == url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_is_short_valid_and_recognised() {
        let (red, other) = (square(0x0102_0300_0070), square(7));
        assert_eq!(red, "data:image/gif;base64,R0lGODlhAQABAIAAALBAQAMCASwAAAAAAQABAAACAkQBADs=");
        assert!(red.len() <= 120 && other != red && other == square(7));
        assert!(is_square(&red) && is_square(&other));
        let larger = URL.to_owned() + &STANDARD.encode([&GIF[..], b"Ann Smith"].concat());
        let text = URL.to_owned() + &STANDARD.encode(GIF.map(|byte| if byte == 0x3b { b'!' } else { byte }));
        for wrong in [URL, "", &red[1..], &larger, &text, &red.replace("gif", "png"), &format!("{red} ")] {
            assert!(!is_square(wrong), "{wrong}");
        }
    }
}
