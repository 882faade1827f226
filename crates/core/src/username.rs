//! User names as people give them: a name, `@name`, or the address of a profile or a room.

use super::error::{Code, Problem};

/// Longest name. TikTok allows 24; the rest is for what it may allow one day.
pub const USERNAME_CHARS_MAX: usize = 64;

/// Reduces what was given to the name alone: `https://www.tiktok.com/@name/live?x=1`, `@name` and `name` are the same.
///
/// # Errors
/// [`Code::InvalidUsername`] if what is left is empty, too long, or has characters that no name has.
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
            "no user name".into()
        } else {
            format!("`{shown}` is no user name")
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
    fn names_and_addresses_are_reduced() {
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
    fn malformed_names_are_refused() {
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
        fn what_is_normal_stays(given in ".{0,40}|[@a-z./]{0,20}") {
            if let Ok(name) = normalise(&given) {
                proptest::prop_assert_eq!(normalise(&name), Ok(name));
            }
        }
    }
}
