//! Masks secrets in text: URLs, cookies, JSON and HTML, each possibly quoted or escaped within another.
//!
//! Nothing is parsed as a whole, because the text can be cut off, or be a page with embedded JSON. Instead,
//! the text is searched for the name of a secret, a separator and a value. Only the value is masked.

use std::ops::Range;

use super::{
    MASK,
    escapes::unescape,
    names::{is_name_byte, is_secret_field},
    value::{self, Style},
};

/// Budget for scanning bytes repeatedly, so that maliciously nested brackets cannot take quadratic time.
/// Beyond it, the rest of the text is masked.
const LOOKED_AT_MAX: usize = 4 << 20;

/// Bytes before the end of a name that are searched for percent escapes in it.
const ESCAPED_NAME_BYTES_MAX: usize = 256;

/// Minimum length of a bearer token, in bytes. Shorter words are ordinary words.
const BEARER_BYTES_MIN: usize = 12;

/// Masks the secrets in a text; returns `None` if there are none.
pub(super) fn mask(text: &[u8]) -> Option<Vec<u8>> {
    let mut masked = Masked { text, out: Vec::new(), copied: 0, looked_at: 0 };
    let mut at = 0;
    while let Some(name) = next_name(text, at) {
        at = masked.after(&name).max(name.end);
    }
    masked.finish()
}

/// A text with replaced stretches.
pub(super) struct Masked<'a> {
    text: &'a [u8],
    out: Vec<u8>,
    copied: usize,
    /// Number of bytes scanned for values, counting repeated scans.
    looked_at: usize,
}

impl Masked<'_> {
    /// Masks the value that belongs to the word at `name`. Returns where to continue.
    fn after(&mut self, name: &Range<usize>) -> usize {
        let word = &self.text[name.clone()];
        if let Some(user) = user_info(self.text, name.end) {
            self.replace(user.clone(), MASK);
            return user.end;
        }
        if let Some(end) = jwt(self.text, name) {
            self.replace(name.start..end, MASK);
            return end;
        }
        if let Some(token) = bearer(self.text, name) {
            self.replace(token.clone(), MASK);
            return token.end;
        }
        let is_secret = |style: &Style| {
            is_secret_field(word, style.is_quoted) || is_escaped_secret(self.text, name, style.is_quoted)
        };
        let Some(style) = Style::find(self.text, name).filter(is_secret) else {
            return name.end;
        };
        let found = value::find(self.text, &style);
        self.looked_at += found.seen - name.end;
        if self.looked_at > LOOKED_AT_MAX.saturating_add(2 * self.text.len()) {
            self.replace(name.end..self.text.len(), MASK);
            return self.text.len();
        }
        let end = found.parts.last().map_or(name.end, |(range, _)| range.end);
        found.parts.into_iter().for_each(|(range, mask)| self.replace(range, mask));
        end
    }

    fn replace(&mut self, range: Range<usize>, mask: &[u8]) {
        if range.is_empty() || &self.text[range.clone()] == mask || range.start < self.copied {
            return;
        }
        self.out.extend_from_slice(&self.text[self.copied..range.start]);
        self.out.extend_from_slice(mask);
        self.copied = range.end;
    }

    fn finish(mut self) -> Option<Vec<u8>> {
        if self.copied == 0 {
            return None;
        }
        self.out.extend_from_slice(&self.text[self.copied..]);
        Some(self.out)
    }
}

fn next_name(text: &[u8], from: usize) -> Option<Range<usize>> {
    let start = from + text[from..].iter().position(|byte| is_name_byte(*byte))?;
    let length = text[start..].iter().position(|byte| !is_name_byte(*byte)).unwrap_or(text.len() - start);
    Some(start..start + length)
}

/// Whether `word` is the end of a name that indicates a secret once its escapes are decoded, including double
/// escapes and an index or white space after the name: `sign%61ture`, `sign%2561ture`, `ms\u0054oken`, `msToken%5B%5D`.
fn is_escaped_secret(text: &[u8], word: &Range<usize>, is_quoted: bool) -> bool {
    let from = word.end.saturating_sub(ESCAPED_NAME_BYTES_MAX);
    let word = word.start.max(from)..word.end;
    let before = &text[from..word.start];
    if !before.ends_with(b"%") && !before.ends_with(b"\\") {
        return false;
    }
    let belongs = |byte: &u8| is_name_byte(*byte) || matches!(byte, b'%' | b'\\');
    let start = before.iter().rposition(|byte| !belongs(byte)).map_or(0, |at| at + 1);
    let mut name = [&before[start..], &text[word]].concat();
    while let Some(unescaped) = unescape(&name) {
        name = unescaped;
    }
    let name = name.rsplit(|byte| b"?&;=/:\"'{,".contains(byte)).next().unwrap_or_default();
    let mut words = name.split(|byte| !is_name_byte(*byte));
    words.any(|word| is_secret_field(word, is_quoted))
}

/// Returns user name and password in a URL whose scheme ends at `at`.
fn user_info(text: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = text[at..].strip_prefix(b"://")?;
    let ends =
        |byte: &u8| matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'\\' | b'<' | b' ' | b'\r' | b'\n');
    let authority = &rest[..rest.iter().position(ends).unwrap_or(rest.len())];
    let length = authority.iter().rposition(|byte| *byte == b'@')?;
    Some(at + 3..at + 3 + length)
}

/// Returns the token after the word `Bearer` at `name`, even without the name of a header before it.
fn bearer(text: &[u8], name: &Range<usize>) -> Option<Range<usize>> {
    let rest =
        text[name.end..].strip_prefix(b" ").filter(|_| text[name.clone()].eq_ignore_ascii_case(b"bearer"))?;
    let goes_on = |byte: &u8| is_name_byte(*byte) || b".~+/=".contains(byte);
    let length = rest.iter().position(|byte| !goes_on(byte)).unwrap_or(rest.len());
    (length >= BEARER_BYTES_MIN).then(|| name.end + 1..name.end + 1 + length)
}

/// Returns the end of a JSON Web Token starting at `name`. It is a secret regardless of its name.
fn jwt(text: &[u8], name: &Range<usize>) -> Option<usize> {
    let is_begin = text[name.clone()].starts_with(b"eyJ") && text[name.end..].starts_with(b".");
    let rest = &text[name.end..];
    let goes_on = |byte: &u8| is_name_byte(*byte) || matches!(byte, b'.' | b'=');
    is_begin.then(|| name.end + rest.iter().position(|byte| !goes_on(byte)).unwrap_or(rest.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::redact::redact_text;

    #[test]
    fn long_words_are_no_longer_looked_at_than_names_can_be() {
        let long = "a".repeat(300);
        for text in [format!("{long}="), format!("%{long}:"), format!("%{}=", "25".repeat(1 << 17))] {
            assert_eq!(redact_text(&text), text);
        }
        assert_eq!(redact_text(&format!("{long}&msToken=planted")), format!("{long}&msToken=***"));
    }

    const PARTS: &[&str] = &[
        "token",
        "cookie",
        "a",
        "7",
        " ",
        "=",
        ":",
        ",",
        ";",
        "&",
        "\"",
        "'",
        "\\",
        "\\\"",
        "[",
        "]",
        "{",
        "}",
        "<",
        "%3D",
        "%22",
        "%26",
        "&quot;",
        "\\u003d",
        "eyJ",
        ".",
        "://",
        "@",
        "value",
        "content",
        "***",
        "true",
        "\n",
        "sign%61ture",
        "%",
        "%25",
        "61",
    ];

    #[track_caller]
    fn check(text: &str, masked: &str) {
        let found = mask(text.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(found.as_deref().unwrap_or(text), masked);
        assert_eq!(mask(masked.as_bytes()), None, "twice is as once");
    }

    #[test]
    fn secrets_in_queries_are_masked() {
        check("wss://h/p?a=1&msToken=ab%3D&cursor=c&wrss=x", "wss://h/p?a=1&msToken=***&cursor=c&wrss=***");
        check("/fetch?msToken=&apiKey=k", "/fetch?msToken=&apiKey=***");
        check("?u=https%3A%2F%2Fh%3FmsToken%3Dab%26c%3Dd", "?u=https%3A%2F%2Fh%3FmsToken%3D***%26c%3Dd");
        check(
            "?sign%61ture=x&a=1&m%73Toke%6E=y&toke%256e%3Dz",
            "?sign%61ture=***&a=1&m%73Toke%6E=***&toke%256e%3D***",
        );
        check("?u=https%3A%2F%2Fh%3Fsid%3Dab%26c%3Dd", "?u=https%3A%2F%2Fh%3Fsid%3D***%26c%3Dd");
        check("100%deviceid=7", "100%deviceid=***");
        check("http://me:pass@proxy:80/?a=b", "http://***@proxy:80/?a=b");
        check("/?cookie_enabled=true&room_id=1", "/?cookie_enabled=true&room_id=1");
    }

    #[test]
    fn names_with_an_index_or_space_or_many_escapes_are_masked() {
        check("?msToken[]=a&msToken[0]=b&c=d", "?msToken[]=***&msToken[0]=***&c=d");
        check(
            "?msToken%5B%5D=a&msToken%20=b&msToken%00=c",
            "?msToken%5B%5D=***&msToken%20=***&msToken%00=***",
        );
        check("?u=h%25253FmsToken%25253Dab%252526c%25253Dd", "?u=h%25253FmsToken%25253D***%252526c%25253Dd");
        check("?sign%252561ture=x&key=k&room_id=7", "?sign%252561ture=***&key=***&room_id=7");
        check("X-Gorgon: 0404\r\nauth: b\r\nhost: h", "X-Gorgon: ***\r\nauth: ***\r\nhost: h");
    }

    #[test]
    fn secrets_in_cookies_and_headers_are_masked() {
        check("ttwid=1%7Cx; tt-target-idc=a; sessionid=2", "ttwid=***; tt-target-idc=a; sessionid=***");
        check("a\r\nCookie: x=1; y=2\r\nb", "a\r\nCookie: ***\r\nb");
        check("Authorization: Bearer abc", "Authorization: ***");
        check("refused: Bearer abcdef0123456 is old", "refused: Bearer *** is old");
        check("the bearer of news", "the bearer of news");
        check("sent eyJhbGciOi.eyJleHAi.c_-Q to", "sent *** to");
    }

    #[test]
    fn secrets_in_json_are_masked() {
        check(r#"{"token" : "a\"b","n":1}"#, r#"{"token" : "***","n":1}"#);
        check(r#"{"device_id":730,"ok":true}"#, r#"{"device_id":"***","ok":true}"#);
        check(r#"{"hasCookie":true,"jwt":null}"#, r#"{"hasCookie":true,"jwt":null}"#);
        check(
            r#"{"cookies":[{"name":"x","v":2}],"a":"b"}"#,
            r#"{"cookies":[{"name":"***","v":"***"}],"a":"b"}"#,
        );
        check(r#"{"name":"sessionid","value":"q"}"#, r#"{"name":"sessionid","value":"***"}"#);
        check(r#"{"s":"{\"ttwid\":\"a\\\"b\",\"c\":1}"}"#, r#"{"s":"{\"ttwid\":\"***\",\"c\":1}"}"#);
        check(r#"{"u":"x?msToken=a\u0026X-Bogus=b"}"#, r#"{"u":"x?msToken=***\u0026X-Bogus=***"}"#);
        check(r#"{"id":7684008970436823815,"signature":""}"#, r#"{"id":7684008970436823815,"signature":""}"#);
        check(r#"{cookie={a=b, c="d"}, e=f}"#, r#"{cookie={a=***, c="***"}, e=f}"#);
        check(r#"{"ms\u0054oken":"a","b":"c"}"#, r#"{"ms\u0054oken":"***","b":"c"}"#);
        check(r#"[["sessionid","a"],["b","c"]]"#, r#"[["sessionid","***"],["b","c"]]"#);
        check(r#"{"key":"pm_text","session":"a"}"#, r#"{"key":"pm_text","session":"***"}"#);
        check(r#"{"token":"cut o"#, r#"{"token":"***"#);
    }

    #[test]
    fn hostile_texts_terminate() {
        for part in [
            "token:[",
            "token%3D%26",
            "token:[\\\\\\",
            "token=\"",
            "a://",
            "\"token\" ",
            "eyJ.",
            "\\\"token\\\":{",
        ] {
            let text = part.repeat((1 << 18) / part.len());
            let masked = mask(text.as_bytes()).unwrap_or_default();
            assert!(masked.len() <= 2 * text.len(), "{part}");
        }
    }

    #[test]
    fn secrets_in_pages_are_masked() {
        check("<script>var x={csrfToken:'a',b:1}</script>", "<script>var x={csrfToken:'***',b:1}</script>");
        check(r#"<meta name="csrf-token" content="a">"#, r#"<meta name="csrf-token" content="***">"#);
        check(
            "{&quot;wid&quot;:&quot;7&quot;,&quot;a&quot;:1}",
            "{&quot;wid&quot;:&quot;***&quot;,&quot;a&quot;:1}",
        );
        check("document.cookie='a=b';go()", "document.cookie='***';go()");
        check("?a=1&amp;msToken=b&amp;c=d", "?a=1&amp;msToken=***&amp;c=d");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn text_before_a_secret_never_hides_it(
            parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..12),
        ) {
            let planted = parts.concat() + "&msToken=PLANTED";
            let masked = mask(planted.as_bytes()).unwrap_or_else(|| planted.clone().into_bytes());
            prop_assert!(memchr::memmem::find(&masked, b"PLANTED").is_none());
        }
    }
}
