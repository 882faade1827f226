//! JSON, rewritten value by value: names, order and spaces stay.

use serde::de::IgnoredAny;

use super::{allow, class, class::Class, walk::Place};

/// JSON within texts within JSON; deeper ones are texts.
pub(super) const NESTED_MAX: usize = 4;

/// What is told of values, and what they become.
pub(super) trait Values {
    fn number(&mut self, place: &Place, number: u64) -> u64;
    /// `None` if it stays.
    fn text(&mut self, place: &Place, text: &str, nested: usize) -> Option<String>;
}

/// Whether it is a whole object or array.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Rewrites what [`is_json`]; `gifts` says whether names in it are those of gifts.
pub(super) fn rewrite(text: &str, gifts: bool, nested: usize, values: &mut impl Values) -> String {
    let mut rewriter = Rewriter { text, at: 0, out: String::with_capacity(text.len()), gifts, nested };
    // The names under which the open objects and arrays stand.
    let mut open: Vec<Class> = Vec::new();
    let mut class = Class::Unknown;
    while let Some(byte) = text.as_bytes().get(rewriter.at) {
        match byte {
            b'"' => match rewriter.text(class, values) {
                Some(named) => class = named,
                None => class = open.last().copied().unwrap_or(Class::Unknown),
            },
            b'0'..=b'9' | b'-' => rewriter.number(class, values),
            b'{' | b'[' => {
                open.push(if *byte == b'[' { class } else { Class::Unknown });
                class = open.last().copied().unwrap_or(Class::Unknown);
                rewriter.copy();
            }
            b'}' | b']' => {
                open.pop();
                class = open.last().copied().unwrap_or(Class::Unknown);
                rewriter.copy();
            }
            b',' => {
                class = open.last().copied().unwrap_or(Class::Unknown);
                rewriter.copy();
            }
            _ => rewriter.copy(),
        }
    }
    rewriter.out
}

struct Rewriter<'a> {
    text: &'a str,
    at: usize,
    out: String,
    gifts: bool,
    nested: usize,
}

impl Rewriter<'_> {
    /// Whatever is neither a text nor a number: it is ASCII.
    fn copy(&mut self) {
        if let Some(c) = self.text[self.at..].chars().next() {
            self.out.push(c);
            self.at += c.len_utf8();
        }
    }

    fn place(&self, class: Class) -> Place {
        Place { artwork: self.gifts, ..Place::unnamed(class) }
    }

    /// A text; if it is the name of a value, the class of that.
    fn text(&mut self, class: Class, values: &mut impl Values) -> Option<Class> {
        let end = end_of_text(self.text.as_bytes(), self.at);
        let raw = &self.text[self.at..end];
        self.at = end;
        let text: String = serde_json::from_str(raw).unwrap_or_default();
        if self.text[end..].trim_start().starts_with(':') {
            // Names are the protocol's words; one that is not is somebody's id or name.
            let stays = allow::is_word(&text) && !text.bytes().all(|byte| byte.is_ascii_digit());
            let new = if stays {
                values.text(&self.place(Class::Word), &text, self.nested)
            } else {
                values.text(&self.place(Class::Unknown), &text, self.nested)
            };
            self.push(raw, new);
            return Some(class::of_json(&text, self.gifts));
        }
        let new = values.text(&self.place(class), &text, self.nested);
        self.push(raw, new);
        None
    }

    fn push(&mut self, raw: &str, new: Option<String>) {
        match new {
            Some(new) => self.out.push_str(&serde_json::to_string(&new).unwrap_or_else(|_| "\"\"".into())),
            None => self.out.push_str(raw),
        }
    }

    fn number(&mut self, class: Class, values: &mut impl Values) {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let rest = &self.text.as_bytes()[self.at..];
        let end = self.at + rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        let raw = &self.text[self.at..end];
        self.at = end;
        match allow::number(raw) {
            Some(number) => self.out.push_str(&values.number(&self.place(class), number).to_string()),
            None => self.out.push_str(raw),
        }
    }
}

/// Where a text ends that begins at `start`, its quote included.
fn end_of_text(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}
