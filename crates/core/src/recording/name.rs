//! What a recording may be called by those who may not name paths.

/// What the recording that is built in is called: `livetape replay demo`.
pub const DEMO: &str = "demo";
/// The longest name, in bytes: file systems take 255, with the ending and the mark of a draft.
pub const NAME_BYTES_MAX: usize = 200;

/// Whether a name cannot lead out of the directory of recordings, and can be shown as it is.
#[must_use]
pub fn is_plain_name(name: &str) -> bool {
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.trim() == name;
    fits && !name.starts_with('.') && !name.contains(|c: char| c.is_control() || "/\\:\"%".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_paths() {
        for good in ["demo", "ann-20231205T155634Z", "x.y", "ライブ 1", &"x".repeat(NAME_BYTES_MAX)] {
            assert!(is_plain_name(good), "{good}");
        }
        assert!(!is_plain_name("quiet%20"));
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        for bad in [
            "", ".", "..", ".x", "a/b", "a\\b", "C:x", "a\0b", "a\nb", "\u{85}", "a\"b", " ", "quiet ",
            "\u{a0}x", &long,
        ] {
            assert!(!is_plain_name(bad), "{bad:?}");
        }
    }
}
