//! Texts of every form, and what is masked in them.

use proptest::prelude::*;

use super::*;
use crate::redact::{redact_text, redact_url};

#[track_caller]
fn check(text: &str, masked: &str) {
    assert_eq!(redact_text(text), masked);
    assert_eq!(redact_text(masked), masked, "twice is as once");
}

#[test]
fn only_listed_parameters_are_kept() {
    check("wss://h/p?a=1&msToken=ab%3D&cursor=c&wrss=x", "wss://h/p?a=***&msToken=***&cursor=c&wrss=***");
    check("/fetch?msToken=&apiKey=k", "/fetch?msToken=&apiKey=***");
    check("http://me:pass@proxy:80/?aid=b", "http://***@proxy:80/?aid=b");
    check("/?cookie_enabled=true&room_id=1", "/?cookie_enabled=true&room_id=1");
    check("cursor=dGVzdA==&aid=1", "cursor=dGVzdA==&aid=1");
    check("?aid[]=a&aid[0]=b&aid=d", "?aid[]=***&aid[0]=***&aid=d");
    check("?x.aid=1&aid!=2&=3&ключ=4", "?x.aid=***&aid!=***&=***&ключ=***");
    check("?aid=1&amp;msToken=b&amp;aid=d", "?aid=1&amp;msToken=***;aid=d");
}

#[test]
fn escapes_of_urls_hide_nothing() {
    check("?cursor=dGVzdA%3D%3D&aid=1", "?cursor=dGVzdA%3D%3D&aid=1");
    check("?cursor=h%3FmsToken%3Dab%26aid%3Dd&aid=1", "?cursor=h***&aid=1");
    check("?cursor=h%25253FmsToken%25253Dab&aid=1", "?cursor=h***&aid=1");
    check("?cursor=https%3A%2F%2Fme%3APLED%40h%2F", "?cursor=https***");
    check("?cursor=%7B%22Q%22%3A%22PLED%22%7D&aid=1", "?cursor=***&aid=1");
    check("?%61id=1&sign%61ture=x&aid=2 toke%256e%3Dz", "?%61id=***&sign%61ture=***&aid=2 toke***");
    check("asked https%3A%2F%2Fh%3FmsToken%3Dab again", "asked https*** again");
    check("100%deviceid=7 msToken%3D%zz", "100%deviceid=***");
    check("?aid%5B%5D=a&aid%20=b&aid%00=c", "?aid%5B%5D=***&aid%20=***&aid%00=***");
    let ext = "?internal_ext=internal_src%3Adim%7Cwss_push_did%3A7300000000000000001%7Cwrds_v%3A1";
    check(ext, ext);
}

#[test]
fn only_listed_headers_and_cookies_are_kept() {
    check("ttwid=1%7Cx; tt-target-idc=a; sessionid=2", "ttwid=***; tt-target-idc=a; sessionid=***");
    check("a\r\nCookie: x=1; y=2\r\nhost: b", "a\r\nCookie: ***\r\nhost: b");
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
fn a_value_goes_on_until_its_surroundings_do() {
    for (text, masked) in [
        ("a=b; Q=PL%+a%0Aa-ED; c=d", "a=***; Q=***; c=***"),
        ("a=b; Q=PL%; c=d", "a=***; Q=***; c=***"),
        ("Q=PL%26ED&aid=1", "Q=***&aid=1"),
        (r"Q=PL\ED&aid=1", "Q=***&aid=1"),
        ("Q=PL+ED&aid=1", "Q=***&aid=1"),
        ("Q=PL;ED&aid=1", "Q=***&aid=1"),
        ("a=b; Q=PL&ED; ED; Secure; aid=1", "a=***; Q=***; aid=1"),
        ("Q=PL\0ED; aid=1", "Q=***; aid=1"),
        ("a=b; Q=PL ED; aid=1", "a=***; Q=***; aid=1"),
        ("a=b; Q=PL\tED, ED; aid=1", "a=***; Q=***; aid=1"),
        ("a=b; Q=PL\"ED; aid=1", "a=***; Q=***; aid=1"),
        ("a=b; Q=\"PL; ED\"ED; aid=1", "a=***; Q=***; aid=1"),
        ("a=b; Q=PL'ED<ED>ED`; aid=1", "a=***; Q=***; aid=1"),
        ("token: PL1234%41%42%+ED", "token: ***"),
        ("wss://h/p;x=PLED/q?aid=1", "wss://h/p;x=***"),
        ("cannot open \"wss://h/?x=PLED\" (403)", "cannot open \"wss://h/?x=***\" (403)"),
    ] {
        check(text, masked);
    }
}

#[test]
fn json_and_html_are_masked_whole() {
    check(r#"returned {"token" : "a\"b","id":1}"#, "returned ***");
    check(r#"cut of "token":"a"#, r#"cut of "token":***"#);
    check(r#"[["sessionid","a"],["id","c"]]"#, "[***");
    check("{&quot;Q&quot;:&quot;PLED&quot;}", "***");
    check("saw <meta name='csrf-token' content='a'>", "saw ***");
    check("</script><!-- a -->", "***");
    check("took <1 s, a < b", "took <1 s, a < b");
}

#[test]
fn prose_is_kept() {
    for text in [
        "the bearer of news",
        "connection lost: reset by peer",
        "[Rate Limited] Too many connections started, try again later",
        "127.0.0.1:3100: Connection refused (os error 111)",
        "webcast.tiktok.com: no response within 10 s",
        "2026-11-23T01:02:03Z",
        "opened wss://webcast-ws.tiktok.com/webcast/im/",
        "internal_src:dim|wss_push_room_id:7240536397118808469|wss_push_did:1|wss_info:0-1701791614189-0-0|wrds_v:7",
    ] {
        check(text, text);
    }
}

/// The time must grow with the length, or this takes minutes.
#[test]
fn hostile_texts_terminate() {
    for part in [
        "=",
        "a:",
        "%",
        "%3D",
        "a%z",
        "%25",
        "token=\"",
        "a://",
        "\"token\" ",
        "eyJ.",
        "eyJ/",
        "e.",
        "bearer ",
        "x=;",
        "; ",
        "? =",
        "\": ",
    ] {
        let text = part.repeat((1 << 18) / part.len());
        assert!(redact_text(&text).len() <= 2 * text.len(), "{part}");
    }
    let long = "a".repeat(1 << 18);
    check(&format!("{long}=7"), &format!("{long}=***"));
    check(&format!("{long}&aid=7&x=8"), &format!("{long}&aid=7&x=***"));
}

/// Marks that begin, end or escape something.
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
/// What is between the words of a value in a URL.
const MARKS: &[&str] = &[
    "", "%", "%%", "%2", "%0A", "%26", "%3B", "%20", "%22", "%27", "%7D", "%00", "%2526", "%25253B",
    "%u0026", "\\", "\\n", "\\u0026", "+", ",", ".", "/", "|", "~", "!", "*", "***", "(", ")", "[", "]", "{",
    "}", "é", "\u{2028}", ":", "=", "==",
];
/// Further ones in a cookie.
const LOOSE: &[&str] =
    &[" ", "  ", ", ", "\t", "'", "<", ">", "`", "\"", "\"\"", "\\ ", "\\\"", " \"", "%0d%0A"];

fn value(marks: Vec<&'static str>) -> impl Strategy<Value = String> {
    let word = (proptest::sample::select(marks), "PLANTED[a-zA-Z0-9]{1,6}");
    ("[a-zA-Z0-9]{0,4}", proptest::collection::vec(word, 1..5)).prop_map(|(first, words)| {
        first + &words.into_iter().map(|(mark, word)| mark.to_owned() + &word).collect::<String>()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn text_before_a_secret_never_hides_it(
        parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..12),
    ) {
        let masked = redact_text(&(parts.concat() + "&msToken=PLANTED")).into_owned();
        prop_assert!(!masked.contains("PLANTED"), "{masked}");
        prop_assert_eq!(redact_text(&masked), masked.as_str());
    }

    #[test]
    fn a_value_is_kept_only_under_a_listed_name(name in r#"[^&?#;=/"'<>\\ \t\r\n|{}()\[\],`]{0,40}"#) {
        prop_assume!(!is_harmless(Place::Pair, &decoded(name.as_bytes()).unwrap_or_default()));
        for text in [
            format!("https://h/p?aid=1&{name}=PLANTED1234&aid=2"),
            format!("aid=1; {name}=PLANTED1234"),
            format!(r#"{{"data":{{"{name}":"PLANTED1234"}}}}"#),
        ] {
            for masked in [redact_text(&text), redact_url(&text)] {
                prop_assert!(!masked.contains("PLANTED"), "{text} {masked}");
            }
        }
    }

    #[test]
    fn no_mark_in_a_value_hides_the_rest(
        name in proptest::sample::select(&["msToken", "sid_tt", "Zs", "x-new", "a.b[0]", "t%6Fken"][..]),
        strict in value(MARKS.to_vec()),
        loose in value([MARKS, LOOSE].concat()),
    ) {
        for text in [
            format!("a=b; {name}={loose}; c=d"),
            format!("https://h/p?aid=1&{name}={strict}&c=d#f"),
            format!("wss://h/p;{name}={strict}/q?aid=1"),
            format!("a: b\r\nCookie: a=b; {name}={loose}\r\nhost: h"),
            serde_json::json!({"id": 1, name: loose}).to_string(),
        ] {
            for mask in [redact_text, redact_url] {
                let masked = mask(&text);
                prop_assert!(!masked.contains("PLANTED"), "{text}\n{masked}");
                prop_assert_eq!(mask(&masked), &*masked, "{}", text);
            }
        }
    }
}
