//! Quotation marks, including those escaped within others.

use memchr::memmem;

use super::escapes::Layer;

/// Escaped forms of quotes.
const QUOTES: [&[u8]; 7] = [b"&quot;", b"&#34;", b"&#39;", b"%22", b"%27", b"%2522", b"%252522"];

/// A quotation mark.
#[derive(Clone, Copy)]
pub(super) enum Quote {
    /// `"` or `'` after this number of backslashes.
    Plain(u8, usize),
    /// One of [`QUOTES`].
    Other(&'static [u8]),
}

impl Quote {
    /// Returns the quote at `at`, and its end.
    pub(super) fn read(text: &[u8], at: usize) -> Option<(Self, usize)> {
        if let Some(other) = QUOTES.into_iter().find(|quote| text[at..].starts_with(quote)) {
            return Some((Self::Other(other), at + other.len()));
        }
        let depth = text[at..].iter().take_while(|byte| **byte == b'\\').count();
        let byte = *text.get(at + depth)?;
        matches!(byte, b'"' | b'\'').then_some((Self::Plain(byte, depth), at + depth + 1))
    }

    /// Returns the closing quote at the end of a text without its backslashes, and the text before it.
    pub(super) fn read_back(text: &[u8]) -> Option<(&[u8], &[u8])> {
        if let Some(other) = QUOTES.into_iter().find(|quote| text.ends_with(quote)) {
            return Some((other, &text[..text.len() - other.len()]));
        }
        let (before, quote) = text.split_at(text.len().checked_sub(1)?);
        let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
        matches!(quote, [b'"' | b'\'']).then(|| (quote, &before[..before.len() - backslashes]))
    }

    /// Returns the end of the text that this quote opened before `from`, and the end of the closing quote. A
    /// text without a closing quote extends to the end. A quote that is escaped more often does not close it.
    pub(super) fn close(self, layer: &Layer, from: usize) -> (usize, usize) {
        let text = &*layer.text;
        match self {
            Self::Other(quote) => {
                let found = memmem::find(&text[from..], quote);
                found.map_or((text.len(), text.len()), |at| (from + at, from + at + quote.len()))
            }
            Self::Plain(byte, depth) => {
                let mut backslashes = 0;
                for (at, here) in text.iter().enumerate().skip(from) {
                    // Within quotes escaped once, a quote in the text has three backslashes, and so on.
                    let is_closing = *here == byte && backslashes % (2 * (depth + 1)) == depth;
                    if is_closing && layer.can_close(from - 1, at) {
                        return (at - depth, at + 1);
                    }
                    backslashes = if *here == b'\\' { backslashes + 1 } else { 0 };
                }
                (text.len(), text.len())
            }
        }
    }
}
