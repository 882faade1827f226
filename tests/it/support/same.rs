//! Comparing JSON.

use std::collections::BTreeSet;

use serde_json::Value;

/// Panics with the fields that differ.
#[track_caller]
pub(crate) fn assert_same(found: &Value, expected: &Value) {
    assert_eq!(differences("", Some(found), Some(expected)), [""; 0]);
}

fn differences(path: &str, found: Option<&Value>, expected: Option<&Value>) -> Vec<String> {
    match (found, expected) {
        _ if found == expected => vec![],
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let inner = |key: &String| differences(&format!("{path}/{key}"), a.get(key), b.get(key));
            keys.into_iter().flat_map(inner).collect()
        }
        _ => {
            let shown = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
            vec![format!("{path} is {}, not {}", shown(found), shown(expected))]
        }
    }
}
