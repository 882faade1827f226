//! Parses usernames, which users enter as a name, `@name`, or the URL of a profile or LIVE.

use super::error::{Code, Problem};

/// Maximum length in characters. TikTok allows 24; the rest is a reserve.
pub const USERNAME_CHARS_MAX: usize = 64;

/// Reduces any form to the plain name: `https://www.tiktok.com/@name/live?x=1`, `@name` and `name` are equal.
///
/// # Errors
/// [`Code::InvalidUsername`] if the name is empty, too long, or contains invalid characters.
pub fn normalise(given: &str) -> Result<String, Problem> {
    let text = given.trim();
    let text = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text);
    let hosts = ["www.tiktok.com/", "m.tiktok.com/", "tiktok.com/"];
    let text = hosts.iter().find_map(|host| text.strip_prefix(host)).unwrap_or(text);
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let text = text.strip_suffix('/').unwrap_or(text);
    let text = text.strip_suffix("/live").unwrap_or(text);
    let name = text.strip_prefix('@').unwrap_or(text);
    if !is_name(name) {
        let shown: String = given.chars().take(USERNAME_CHARS_MAX).flat_map(char::escape_debug).collect();
        let message = if given.trim().is_empty() {
            "the user name is empty".into()
        } else {
            format!("`{shown}` is not a user name")
        };
        return Err(Problem::new(Code::InvalidUsername, message));
    }
    Ok(name.to_owned())
}

fn is_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
    name.chars().count() <= USERNAME_CHARS_MAX
        && name.chars().all(is_allowed)
        && name.chars().any(|c| c != '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_urls_are_reduced() {
        let given = [
            "clumsyboy_45",
            " @clumsyboy_45\n",
            "https://www.tiktok.com/@clumsyboy_45/live",
            "https://www.tiktok.com/@clumsyboy_45/live/?enter_from=x#y",
            "http://tiktok.com/@clumsyboy_45",
            "www.tiktok.com/@clumsyboy_45/",
            "@clumsyboy_45/live",
        ];
        for given in given {
            assert_eq!(normalise(given).as_deref(), Ok("clumsyboy_45"), "{given}");
        }
        assert_eq!(normalise("a.b-c").as_deref(), Ok("a.b-c"));
    }

    #[test]
    fn malformed_names_are_rejected() {
        let long = "a".repeat(200);
        for given in [
            "",
            " ",
            "@",
            "a b",
            "../etc",
            "..",
            "a/../b",
            "a%2fb",
            "@@a",
            "/live",
            "a\0b",
            "\u{1b}[2J",
            &long,
        ] {
            let problem = normalise(given).unwrap_err();
            assert_eq!(problem.code, Code::InvalidUsername, "{given}");
            assert!(!problem.message.contains(char::is_control) && problem.message.len() < 800, "{given}");
        }
    }

    proptest::proptest! {
        #[test]
        fn normalised_names_stay_unchanged(given in ".{0,40}|[@a-z./]{0,20}") {
            if let Ok(name) = normalise(&given) {
                proptest::prop_assert_eq!(normalise(&name), Ok(name));
            }
        }
    }
}
