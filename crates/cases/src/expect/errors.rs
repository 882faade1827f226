//! Errors that a command prints, although it goes on: a library or a handler has swallowed them.

/// Maximum length of an error that is kept, in characters.
const ERROR_CHARS_MAX: usize = 200;
/// How Python begins an error, whose own line follows after the calls, which are indented.
const PYTHON: &str = "Traceback (most recent call last):";
/// What Node.js calls a rejection that nothing handles, if the reason is not an `Error`.
const REJECTION: &str = "UnhandledPromiseRejection";

/// Errors of a program itself, which no client prints for another reason.
const MISTAKES: [&str; 9] = [
    "AttributeError",
    "IndexError",
    "KeyError",
    "NameError",
    "NullPointerException",
    "NullReferenceException",
    "ReferenceError",
    "TypeError",
    "UnboundLocalError",
];
/// What the same errors say without their class, as programs print that alone.
const SAYINGS: [&str; 8] = [
    "Cannot read properties of ",
    "Cannot read property '",
    "Cannot destructure property '",
    " is not a function",
    " is not iterable",
    "object has no attribute '",
    "'NoneType' object ",
    "list index out of range",
];
/// How the library websocket-client says that a handler has failed, without the error's class.
const CALLBACK: &str = "error from callback ";

/// Counts the errors in the lines of one stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Errors {
    count: u64,
    first: String,
    /// Whether a traceback of Python has begun.
    in_traceback: bool,
    /// The last line, if a stack may follow it: an error of JavaScript, Java or C#.
    named: Option<String>,
}

impl Errors {
    /// Whether this next line belongs to a traceback: the code that it quotes was not printed by the program.
    pub(super) fn quotes(&self, line: &str) -> bool {
        self.in_traceback && line.starts_with([' ', '\t'])
    }

    pub(super) fn add_line(&mut self, line: &str) {
        let text = line.trim();
        if self.in_traceback {
            self.in_traceback = line.starts_with([' ', '\t']);
            if !self.in_traceback && !text.starts_with("AssertionError") {
                self.add(text);
            }
        } else if text.ends_with(PYTHON) {
            self.in_traceback = true;
        } else if text.starts_with("at ") {
            // The first call of its stack.
            if let Some(error) = self.named.take() {
                self.add(&error);
            }
            return;
        } else if let Some(at) = text.find(REJECTION) {
            self.add(text[at..].trim_end_matches(']'));
        } else if let Some(at) = text.find(CALLBACK).or_else(|| shown(text)) {
            self.add(&text[at..]);
            return;
        }
        self.named = named(text);
        if self.named.is_none() && SAYINGS.iter().any(|saying| text.contains(saying)) {
            self.add(text);
        }
    }

    fn add(&mut self, error: &str) {
        self.count += 1;
        if self.count == 1 {
            self.first = error.chars().take(ERROR_CHARS_MAX).collect();
        }
    }

    /// Describes the errors of several streams, if there are any.
    pub(super) fn summary(all: &[Self]) -> Option<String> {
        let first = &all.iter().find(|errors| errors.count > 0)?.first;
        Some(match all.iter().map(|errors| errors.count).sum() {
            1 => format!("its output has an error: {first}"),
            count => format!("its output has {count} errors, first: {first}"),
        })
    }
}

/// Returns where a line shows an error of the program as a value: `error: TypeError('x')`.
fn shown(text: &str) -> Option<usize> {
    let starts = |name: &str| text.find(name).filter(|at| text[at + name.len()..].starts_with('('));
    MISTAKES.iter().find_map(|name| starts(name))
}

/// Returns the part of a line that names an error: `TypeError: x is undefined`.
fn named(text: &str) -> Option<String> {
    let word = text.split_whitespace().find(|word| {
        let name = word.trim_end_matches(':');
        // A test suite says with it that totals are wrong.
        (name.ends_with("Error") || name.ends_with("Exception")) && !name.contains("Assert")
    })?;
    text.find(word).map(|at| text[at..].chars().take(ERROR_CHARS_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_by_its_own_line_and_counted() {
        for (output, summary) in [
            (
                "[ERROR] in handler\nTraceback (most recent call last):\n  File \"bot.py\", line 3, in on_like\n    x = y\nKeyError: 'emotes'\nlikes: 3",
                Some("its output has an error: KeyError: 'emotes'"),
            ),
            (
                "file:///bot.mjs:3\n  throw new TypeError\nTypeError: x is undefined\n    at on (bot.mjs:3:7)\n    at run (a.js:1:1)\nTypeError: y\n    at on (bot.mjs:9:9)",
                Some("its output has 2 errors, first: TypeError: x is undefined"),
            ),
            (
                "Unhandled exception. System.NullReferenceException: Object reference\n   at Bot.Main()",
                Some("its output has an error: System.NullReferenceException: Object reference"),
            ),
            (
                "[UnhandledPromiseRejection: the reason \"x\"]",
                Some("its output has an error: UnhandledPromiseRejection: the reason \"x\""),
            ),
            (
                "error: TypeError(\"'NoneType' object is not subscriptable\")\nerror: TypeError('x')",
                Some("its output has 2 errors, first: TypeError(\"'NoneType' object is not subscriptable\")"),
            ),
            (
                "error from callback <function on_message at 0x7f>: name 'gfit' is not defined",
                Some(
                    "its output has an error: error from callback <function on_message at 0x7f>: name 'gfit' is not defined",
                ),
            ),
            (
                "Failed to process decoded data Cannot read properties of undefined (reading 'length')",
                Some(
                    "its output has an error: Failed to process decoded data Cannot read properties of undefined (reading 'length')",
                ),
            ),
            ("reconnecting after ConnectionClosedError(1001)", None),
            ("chats: 3\nat home\nError rate: 0\nmet at noon", None),
        ] {
            let mut errors = Errors::default();
            output.lines().for_each(|line| errors.add_line(line));
            assert_eq!(Errors::summary(&[errors]).as_deref(), summary, "{output}");
        }
    }
}
