//! Compares the parser with serde_json: both must accept the same JSON, however reads split the input.

use std::io::{self, Cursor, Read};

use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::Json;

/// A reader that returns this many bytes at a time.
struct Dribble(Cursor<Vec<u8>>, usize);

impl Read for Dribble {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let most = bytes.len().min(self.1);
        self.0.read(&mut bytes[..most])
    }
}

fn dribbling(text: &[u8], step: usize) -> Json<Dribble> {
    Json::new(Dribble(Cursor::new(text.to_vec()), step))
}

#[track_caller]
fn check(text: &[u8]) {
    let is_json = serde_json::from_slice::<IgnoredAny>(text).is_ok();
    for step in [1, 2, 7, 1 << 16] {
        let mut json = dribbling(text, step);
        let read = json.skip().and_then(|()| json.end());
        assert_eq!(read.is_ok(), is_json, "{:?} by {step}: {read:?}", String::from_utf8_lossy(text));
    }
    let mut json = Json::whole(text.to_vec());
    assert_eq!(json.skip().and_then(|()| json.end()).is_ok(), is_json, "{:?}", String::from_utf8_lossy(text));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| map.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    #[test]
    fn valid_json_is_accepted(value in value(), is_pretty: bool) {
        let text = if is_pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) };
        check(&text.unwrap());
    }

    #[test]
    fn corrupted_json_is_accepted_or_rejected_as_in_serde_json(value in value(), at: prop::sample::Index, byte: u8, is_cut: bool) {
        let mut text = serde_json::to_vec(&value).unwrap();
        let at = at.index(text.len());
        if is_cut { text.truncate(at) } else { text[at] = byte }
        check(&text);
    }

    #[test]
    fn strings_are_read_back_unchanged(text: String, beside in value(), step in 1_usize..20) {
        let written = serde_json::json!({ "beside": beside, "kept\n": text, "z": beside }).to_string();
        let [kept] = dribbling(written.as_bytes(), step).texts(["kept\n"]).unwrap();
        prop_assert_eq!(kept, text);
    }
}

#[test]
fn almost_valid_json_is_rejected() {
    for text in [
        "",
        " ",
        "nul",
        "nulL",
        "truee",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\" 1}",
        "\"a",
        "\"\\",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\n\"",
        "\"\\\"",
        "]",
        "[1]]",
        "[}",
        "{]",
        "01",
        "1.",
        "1e999",
        "-",
        "\u{feff}1",
        "[\"\\u00e9\\n\\\\\\\"\"]",
        "{\"\":{}}",
    ] {
        check(text.as_bytes());
    }
}
