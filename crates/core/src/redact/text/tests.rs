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
    check("a\r\nCookie: x=1; y=2\r\nb", "a\r\nCookie: ***\r\nb");
    check("X-Gorgon: 0404\r\nauth: b\r\nhost: h", "X-Gorgon: ***\r\nauth: ***\r\nhost: h");
    check("x-new-header: b\r\nContent-Type: c", "x-new-header: ***\r\nContent-Type: c");
    check("Authorization: Bearer abc", "Authorization: ***");
    check("X-Gorgon: 0404", "X-Gorgon: ***");
    check("token: a1b2c3d4e5", "token: ***");
    check("refused: Bearer abcdef0123456 is old", "refused: Bearer *** is old");
    check("sent eyJhbGciOi.eyJleHAi.c_-Q to", "sent *** to");
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
