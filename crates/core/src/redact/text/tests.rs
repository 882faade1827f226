//! Texts of every form, and what is masked in them.

use proptest::prelude::*;

use super::*;
use crate::redact::redact_text;

#[test]
fn long_words_are_no_longer_looked_at_than_names_can_be() {
    let long = "a".repeat(300);
    for name in [long.clone(), format!("%{long}"), format!("%{}", "25".repeat(1 << 17))] {
        assert_eq!(redact_text(&format!("{name}=7")), format!("{name}=***"));
    }
    assert_eq!(redact_text(&format!("{long}&aid=7&x=8")), format!("{long}&aid=7&x=***"));
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
fn only_listed_parameters_are_kept() {
    check("wss://h/p?a=1&msToken=ab%3D&cursor=c&wrss=x", "wss://h/p?a=***&msToken=***&cursor=c&wrss=***");
    check("/fetch?msToken=&apiKey=k", "/fetch?msToken=&apiKey=***");
    check("?cursor=h%3FmsToken%3Dab%26aid%3Dd", "?cursor=h%3FmsToken%3D***%26aid%3Dd");
    check(
        "?sign%61ture=x&aid=1&m%73Toke%6E=y&toke%256e%3Dz",
        "?sign%61ture=***&aid=1&m%73Toke%6E=***&toke%256e%3D***",
    );
    check("100%deviceid=7", "100%deviceid=***");
    check("http://me:pass@proxy:80/?aid=b", "http://***@proxy:80/?aid=b");
    check("/?cookie_enabled=true&room_id=1", "/?cookie_enabled=true&room_id=1");
    check("cursor=dGVzdA==&aid=1", "cursor=dGVzdA==&aid=1");
}

#[test]
fn names_with_an_index_or_space_or_many_escapes_are_masked() {
    check("?aid[]=a&aid[0]=b&aid=d", "?aid[]=***&aid[0]=***&aid=d");
    check("?aid%5B%5D=a&aid%20=b&aid%00=c", "?aid%5B%5D=***&aid%20=***&aid%00=***");
    check(
        "?cursor=h%25253FmsToken%25253Dab%252526aid%25253Dd",
        "?cursor=h%25253FmsToken%25253D***%252526aid%25253Dd",
    );
    check("?x.aid=1&aid!=2&=3&ключ=4", "?x.aid=***&aid!=***&=***&ключ=***");
}

#[test]
fn only_listed_headers_and_cookies_are_kept() {
    check("ttwid=1%7Cx; tt-target-idc=a; sessionid=2", "ttwid=***; tt-target-idc=a; sessionid=***");
    check("a\r\nCookie: x=1; y=2\r\nhost: b", "a\r\nCookie: ***\r\nhost: b");
    check("a\r\nCookie: x=1;\r\n y=2\r\n\r\nb", "a\r\nCookie: ***\r\n\r\nb");
    check("X-Gorgon: 0404\r\nauth: b\r\nhost: h", "X-Gorgon: ***\r\nauth: ***\r\nhost: h");
    check("x-new-header: b\r\nContent-Type: c", "x-new-header: ***\r\nContent-Type: c");
    check("Authorization: Bearer abc", "Authorization: ***");
    check("X-Gorgon: 0404", "X-Gorgon: ***");
    check("token: a1b2c3d4e5", "token: ***");
    check("refused: Bearer abcdef0123456 is old", "refused: Bearer *** is old");
    check("sent eyJhbGciOi.eyJleHAi.c_-Q to", "sent *** to");
}

/// `PL…ED` is a value, whatever is within.
#[test]
fn a_value_is_masked_however_it_is_escaped() {
    for (text, masked) in [
        // Broken escapes, and escaped ends of lines.
        ("a=b; Q=PL%+a%0Aa-ED; c=d", "a=***; Q=***; c=***"),
        ("a=b; Q=PL%; c=d", "a=***; Q=***; c=***"),
        ("Q=PL%u0026ED&aid=1", "Q=***&aid=1"),
        ("Q=PL%26ED&aid=1", "Q=***&aid=1"),
        ("Q=PL%2526ED%253B&aid=1", "Q=***&aid=1"),
        (r"Q=PL\ED&aid=1", "Q=***&aid=1"),
        (r"Q=PL\nED&aid=1", "Q=***&aid=1"),
        (r"Q=PL\x0aED\u000AED&aid=1", "Q=***&aid=1"),
        (r"Q=PL\/ED&aid=1", "Q=***&aid=1"),
        ("Q=PL+ED&aid=1", "Q=***&aid=1"),
        ("Q=PL&#x41;ED&aid=1", "Q=***&aid=1"),
        ("Q=PL&#x26;ED&aid=1", "Q=***&aid=1"),
        ("Q=PL&amp;ED&amp;aid=1", "Q=***&amp;aid=1"),
        ("Q=PL;ED&aid=1", "Q=***&aid=1"),
        ("a=b; Q=PL&ED; aid=1", "a=***; Q=***; aid=1"),
        ("a=b; Q=PL&ED; ED; Secure; aid=1", "a=***; Q=***; aid=1"),
        ("a=b; Q=PL;\r\n\tED\r\n", "a=***; Q=***\r\n"),
        ("Q=PL\0ED; aid=1", "Q=***; aid=1"),
        // White space, quotes and brackets in a cookie.
        ("a=b; Q=PL ED; aid=1", "a=***; Q=***; aid=1"),
        ("a=b; Q=PL\tED, ED; aid=1", "a=***; Q=***; aid=1"),
        ("a=b; Q=PL\nED; aid=1", "a=***; Q=***; aid=1"),
        ("a=b; Q=PL\"ED; aid=1", "a=***; Q=***; aid=1"),
        ("a=b; Q=\"PL\"ED; aid=1", "a=***; Q=***; aid=1"),
        ("a=b; Q=PL'ED<ED>ED`; aid=1", "a=***; Q=***; aid=1"),
        ("Cookie: a=\"PL\"; b='ED'\r\nhost: h", "Cookie: ***\r\nhost: h"),
        ("token: PL1234%41%42%+ED", "token: ***"),
        // In a string of JSON, once and twice.
        (r#"{"uri":"x?Q=PL\u000aED\u0026aid=b"}"#, r#"{"uri":"x?Q=***\u0026aid=b"}"#),
        (r#"{"uri":"x?Q=PL\nED","id":1}"#, r#"{"uri":"x?Q=***","id":1}"#),
        (r#"{"uri":"x?Q=PL\"ED","id":1}"#, r#"{"uri":"x?Q=***","id":1}"#),
        (r#"{"uri":"x?Q=PL\u0022ED","id":1}"#, r#"{"uri":"x?Q=***","id":1}"#),
        (r#"{"uri":"x?Q=PL\\\"ED","id":1}"#, r#"{"uri":"x?Q=***","id":1}"#),
        (r#"{"uri":"a=b; Q=PL ED; aid=1","id":1}"#, r#"{"uri":"a=***; Q=***; aid=1","id":1}"#),
        (
            r#"{"data":"{\"uri\":\"x?Q=PL\\u000aED\",\"id\":1}"}"#,
            r#"{"data":"{\"uri\":\"x?Q=***\",\"id\":1}"}"#,
        ),
        (r#"{"data":"{\"uri\":\"x?Q=PL\\\"ED\",\"id\":1}"}"#, r#"{"data":"{\"uri\":\"x?Q=***\",\"id\":1}"}"#),
        (r#"{"data":"{\u0022Q\u0022:\u0022PLED\u0022}"}"#, r#"{"data":"{\u0022Q\u0022:\u0022***\u0022}"}"#),
        (
            r#"{"data":"{\"uri\":\"https:\\/\\/me:PLED@h\"}"}"#,
            r#"{"data":"{\"uri\":\"https:\\/\\/***@h\"}"}"#,
        ),
        (r#"{"message":"ok\nCookie: PLED"}"#, r#"{"message":"ok\nCookie: ***"}"#),
        (
            r#"{"message":"ok\u000d\u000aCookie:\u0020PLED\r\nhost: h"}"#,
            r#"{"message":"ok\u000d\u000aCookie:\u0020***\r\nhost: h"}"#,
        ),
        // In an address within an address.
        ("?cursor=h%3FQ%3DPL%2526ED%26aid%3Dd", "?cursor=h%3FQ%3D***%26aid%3Dd"),
        ("?cursor=h%3FQ%3DPL%22ED%7DED%26aid%3Dd", "?cursor=h%3FQ%3D***%26aid%3Dd"),
        ("?cursor=h%3fQ%3dPL%0aED%26aid%3dd", "?cursor=h%3fQ%3d***%26aid%3dd"),
        ("?cursor=%7B%22Q%22%3A%22PL%5C%22ED%22%7D", "?cursor=%7B%22Q%22%3A%22***%22%7D"),
        ("?cursor=https%3A%2F%2Fme%3APLED%40h%2F", "?cursor=https%3A%2F%2F***%40h%2F"),
        // Found by the random test below.
        (r"wss://h/p;x=\u0026PLED/q?aid=1", "wss://h/p;x=***"),
        ("https://h/p?aid=1&x=[PLED&aid=d", "https://h/p?aid=1&x=***&aid=d"),
        ("a=b; x=[PL]ED; aid=d", "a=***; x=***; aid=d"),
        ("a=b; x=&quot;PLED; aid=d", "a=***; x=&quot;***"),
        ("a=b; x=\"PL\"\"ED; aid=d", "a=***; x=***; aid=d"),
        ("a=b; x=\"PL\"+ED; aid=d", "a=***; x=***; aid=d"),
        (
            r#"{"uri":"h?cursor=%7B%22x\u0025\u0032\u0032%3A%\u0032\u0032PL%252%32ED%22%7D"}"#,
            r#"{"uri":"h?cursor=%7B%22x\u0025\u0032\u0032%3A%\u0032\u0032***%22%7D"}"#,
        ),
        (r#"{"uri":"{\"uri\":\"x?Q=PL&quot;ED\"}","id":1}"#, r#"{"uri":"{\"uri\":\"x?Q=***\"}","id":1}"#),
        (r#"{"uri":"\u005b\u005c\"x?Q=PL\\\\\"ED\u005c\"]"}"#, r#"{"uri":"\u005b\u005c\"x?Q=***\u005c\"]"}"#),
        (r#"["a=b; Q=[PL%0AED",{"y":"ED"}]"#, r#"["a=***; Q=***",{"y":"***"}]"#),
        (r#"{"x":["PL\",\"y\":ED",{"id":1}]}"#, r#"{"x":["***",{"id":"***"}]}"#),
        (r#"{"uri":"Cookie: x=PL%0aED\r\nhost: h"}"#, r#"{"uri":"Cookie: ***\r\nhost: h"}"#),
        // In HTML.
        ("{&quot;Q&quot;:&quot;PL\\&quot;ED&quot;}", "{&quot;Q&quot;:&quot;***&quot;}"),
        ("<a href=\"?Q=PL&quot;ED&amp;aid=1\">", "<a href=\"***\">"),
    ] {
        check(text, masked);
    }
}

#[test]
fn prose_is_kept() {
    for text in [
        "the bearer of news",
        "connection lost: reset by peer",
        "127.0.0.1:3100: Connection refused (os error 111)",
        "webcast.tiktok.com: no response within 10 s",
        "2026-11-23T01:02:03Z",
        "opened wss://webcast-ws.tiktok.com/webcast/im/",
        "internal_src:dim|wss_push_room_id:7240536397118808469|wss_push_did:1|wss_info:0-1701791614189-0-0|wrds_v:7",
    ] {
        check(text, text);
    }
}

#[test]
fn only_listed_keys_of_json_are_kept() {
    check(r#"{"token" : "a\"b","id":1}"#, r#"{"token" : "***","id":1}"#);
    check(r#"{"device_id":730,"ok":true}"#, r#"{"device_id":"***","ok":true}"#);
    check(r#"{"hasCookie":true,"jwt":null}"#, r#"{"hasCookie":true,"jwt":null}"#);
    check(
        r#"{"cookies":[{"name":"x","v":2}],"title":"b"}"#,
        r#"{"cookies":[{"name":"***","v":"***"}],"title":"b"}"#,
    );
    check(r#"{"name":"sessionid","value":"q"}"#, r#"{"name":"sessionid","value":"***"}"#);
    check(r#"{"data":"{\"ttwid\":\"a\\\"b\",\"id\":1}"}"#, r#"{"data":"{\"ttwid\":\"***\",\"id\":1}"}"#);
    check(r#"{"uri":"x?msToken=a\u0026aid=b"}"#, r#"{"uri":"x?msToken=***\u0026aid=b"}"#);
    check(r#"{"id":7684008970436823815,"signature":""}"#, r#"{"id":7684008970436823815,"signature":""}"#);
    check(r#"{cookie={a=b, c="d"}, aid=f"#, r#"{cookie={a=***, c="***"}, aid=f"#);
    check(r#"{"ms\u0054oken":"a","id":"c"}"#, r#"{"ms\u0054oken":"***","id":"c"}"#);
    check(r#"{"my id":"a","id!":"b","":"c"}"#, r#"{"my id":"***","id!":"***","":"***"}"#);
    check(r#"[["sessionid","a"],["id","c"]]"#, r#"[["sessionid","***"],["id","c"]]"#);
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
    check("<script>var x={csrfToken:'a',b:1}</script>", "<script>var x={csrfToken:'***',b:\"***\"}</script>");
    check("<script>go({csrfToken:'a',b:1})</script>", "<script>go({csrfToken:'***',b:1})</script>");
    check(r#"<meta name="csrf-token" content="a">"#, r#"<meta name="***" content="***">"#);
    check(
        "{&quot;wid&quot;:&quot;7&quot;,&quot;id&quot;:1}",
        "{&quot;wid&quot;:&quot;***&quot;,&quot;id&quot;:1}",
    );
    check("document.cookie='a=b';go()", "document.cookie='***';go()");
    check("?aid=1&amp;msToken=b&amp;aid=d", "?aid=1&amp;msToken=***&amp;aid=d");
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

    #[test]
    fn a_value_is_kept_only_under_a_listed_name(name in r#"[^&?#;=/"'<>\\\\ \t\r\n|{}()\[\],`]{0,40}"#) {
        prop_assume!(!is_harmless(Place::Pair, name.as_bytes()) && !is_harmless(Place::Key, name.as_bytes()));
        for text in [format!("https://h/p?aid=1&{name}=PLANTED1234&aid=2"), format!("aid=1; {name}=PLANTED1234"), format!(r#"{{"data":{{"{name}":"PLANTED1234"}}}}"#)] {
            let masked = redact_text(&text);
            prop_assert!(!masked.contains("PLANTED"), "{text} {masked}");
        }
    }
}

/// What is between the words of a value: escapes of all kinds, broken ones, and marks that end other values.
const MARKS: &[&str] = &[
    "", "%", "%%", "%2", "%0A", "%0d%0A", "%26", "%3B", "%3b", "%20", "%22", "%27", "%2C", "%7D", "%00",
    "%2526", "%25253B", "%5C%22", "%u0026", "%zz", "\\", "\\\\", "\\n", "\\u000a", "\\u0026", "\\u003B",
    "\\u0022", "\\x0a", "\\\"", "\\/", "\\u00e9", "\\q", "+", ",", ".", "/", "|", "~", "!", "*", "***", "(",
    ")", "[", "]", "{", "}", "`", "&amp", "&#x41;", "&#10;", "&#38;", "&quot;", "é", "\u{2028}",
];
/// Further ones that a cookie can have, or the value of a key.
const LOOSE: &[&str] = &[" ", "  ", ", ", "\t", "\n", "\r\n\t", "\"", "'", "<", ">", "\"\"", "\\ ", " \""];

fn value(marks: &'static [&'static str]) -> impl Strategy<Value = String> {
    let word = (proptest::sample::select(marks), "PLANTED[a-zA-Z0-9]{1,6}");
    ("[a-zA-Z0-9]{0,4}", proptest::collection::vec(word, 1..5)).prop_map(|(first, words)| {
        first + &words.into_iter().map(|(mark, word)| mark.to_owned() + &word).collect::<String>()
    })
}

/// A text that someone could write, with a value.
fn planted() -> impl Strategy<Value = String> {
    let all = Vec::leak([MARKS, LOOSE].concat());
    let name = proptest::sample::select(&["msToken", "sid_tt", "Zs", "x-new", "a.b[0]", "t%6Fken"][..]);
    (name, value(MARKS), value(all), 0..9).prop_map(|(name, strict, loose, place)| match place {
        0 => format!("a=b; {name}={loose}; c=d"),
        1 => format!("{name}={loose}"),
        2 => format!("https://h/p?aid=1&{name}={strict}&c=d#f"),
        3 => format!("/p?{name}={strict}"),
        4 => format!("wss://h/p;{name}={strict}/q?aid=1"),
        5 => format!("a: b\r\nCookie: a=b; {name}={loose}\r\nhost: h"),
        6 => format!("Set-Cookie: {name}={loose}; Path=/; Secure"),
        7 => serde_json::json!({"id": 1, name: loose, "nickname": "x"}).to_string(),
        _ => serde_json::json!({"id": 1, name: [loose, {"y": strict}], "nickname": "x"}).to_string(),
    })
}

/// Writes a text as a string of JSON, with more escapes than needed.
fn as_json(text: &str, noise: &[u8]) -> String {
    let escape = |(at, c): (usize, char)| match noise.get(at % 64).copied().unwrap_or_default() {
        0..=15 if c.is_ascii() => format!("\\u{:04x}", u32::from(c)),
        16..=30 if c.is_ascii() => format!("\\u{:04X}", u32::from(c)),
        31..=60 if c == '/' => "\\/".to_owned(),
        _ => serde_json::to_string(&c).unwrap().trim_matches('"').to_owned(),
    };
    let quote = |c: char| if c == '"' { Some("\\\"".to_owned()) } else { None };
    text.chars().enumerate().map(|(at, c)| quote(c).unwrap_or_else(|| escape((at, c)))).collect()
}

/// Writes a text as a value in an address, with more escapes than needed.
fn as_value(text: &str, noise: &[u8]) -> String {
    let escape = |(at, byte): (usize, u8)| match noise.get(at % 64).copied().unwrap_or_default() {
        0..=15 => format!("%{byte:02x}"),
        _ if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => char::from(byte).to_string(),
        16..=60 => format!("%{byte:02x}"),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().enumerate().map(escape).collect()
}

fn as_html(text: &str, noise: &[u8]) -> String {
    let escape = |(at, c): (usize, char)| match (c, noise.get(at % 64).copied().unwrap_or_default()) {
        ('&', 0..100) => "&#38;".to_owned(),
        ('&', _) => "&amp;".to_owned(),
        ('"', 0..100) => "&#x22;".to_owned(),
        ('"', _) => "&quot;".to_owned(),
        ('<', _) => "&lt;".to_owned(),
        ('=', 0..50) => "&#61;".to_owned(),
        _ => c.to_string(),
    };
    text.chars().enumerate().map(escape).collect()
}

fn wrap(text: &str, kind: u8, noise: &[u8]) -> String {
    match kind {
        0 => format!(r#"{{"id":1,"uri":"{}","nickname":"x"}}"#, as_json(text, noise)),
        1 => format!("https://h/?aid=1&cursor={}&room_id=7", as_value(text, noise)),
        2 => format!(r#"<a href="{}">x</a>"#, as_html(text, noise)),
        _ => format!(r#"["x","{}"]"#, as_json(text, noise)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_escape_hides_a_part_of_a_value(
        text in planted(),
        wraps in proptest::collection::vec((0_u8..4, proptest::collection::vec(any::<u8>(), 64)), 0..4),
    ) {
        let is_wrapped = !wraps.is_empty();
        let text = wraps.iter().fold(text, |text, (kind, noise)| wrap(&text, *kind, noise));
        let masks = [redact_text(&text), crate::redact::redact_url(&text)];
        for masked in &masks {
            let mut layer = Layer::original(masked.as_bytes());
            for _ in 0..12 {
                prop_assert!(memchr::memmem::find(&layer.text, b"PLANTED").is_none(), "{text}\n{masked}");
                let Some(next) = layer.decode() else { break };
                layer = next;
            }
        }
        prop_assert_eq!(redact_text(&masks[0]), &*masks[0], "{}", text);
        prop_assert_eq!(crate::redact::redact_url(&masks[1]), &*masks[1], "{}", text);
        prop_assert!(!is_wrapped || masks[0].contains("***"));
    }
}
