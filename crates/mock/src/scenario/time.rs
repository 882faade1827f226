//! Serialises a time: `30s`, `1m30s`, or a number of seconds.

use std::time::Duration;

use livetape_core::offset;
use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

#[derive(serde::Deserialize)]
#[serde(untagged, expecting = "a time such as \"1m30s\", or a number of seconds")]
enum Written {
    Number(f64),
    Text(String),
}

pub(super) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&offset::shown(*time))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = match Written::deserialize(deserializer)? {
        Written::Number(number) => number.to_string(),
        Written::Text(text) => text,
    };
    let time = offset::parse(&text).map_err(D::Error::custom)?;
    Ok(Duration::new(time.as_secs(), time.subsec_millis() * 1_000_000))
}
