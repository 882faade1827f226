//! Names of recordings, for clients that may not use paths.

use crate::terminal::is_invisible;

/// Name of the built-in recording, as in `livetape replay demo`.
pub const DEMO: &str = "demo";
/// Maximum length of a name, in bytes. File systems allow 255, including the extension and the suffix of a
/// draft.
pub const NAME_BYTES_MAX: usize = 200;

/// Whether a name stays within the folder of recordings, and can be displayed unchanged.
#[must_use]
pub fn is_plain_name(name: &str) -> bool {
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.trim() == name;
    fits && !name.starts_with('.') && !name.contains(|c: char| is_invisible(c) || "/\\:\"%".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_be_paths() {
        for good in ["demo", "ann-20231205T155634Z", "x.y", "ライブ 1", &"x".repeat(NAME_BYTES_MAX)] {
            assert!(is_plain_name(good), "{good}");
        }
        assert!(!is_plain_name("quiet%20"));
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        for bad in [
            "",
            ".",
            "..",
            ".x",
            "a/b",
            "a\\b",
            "C:x",
            "a\0b",
            "a\nb",
            "\u{85}",
            "a\"b",
            " ",
            "quiet ",
            "\u{a0}x",
            "bidi\u{202e}",
            "a\u{61c}b",
            "a\u{200e}b",
            "a\u{2028}b",
            "a\u{2069}b",
            &long,
        ] {
            assert!(!is_plain_name(bad), "{bad:?}");
        }
    }
}
