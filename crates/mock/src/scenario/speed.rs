//! Serialises a speed as a number or `"max"`.

use livetape_core::pace::Speed;
use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

#[derive(serde::Deserialize)]
#[serde(untagged, expecting = "a number or \"max\"")]
enum Written {
    Number(f64),
    Text(String),
}

pub(super) fn serialize<S: Serializer>(speed: &Speed, serializer: S) -> Result<S::Ok, S::Error> {
    speed.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Speed, D::Error> {
    let text = match Written::deserialize(deserializer)? {
        Written::Number(number) => number.to_string(),
        Written::Text(text) => text,
    };
    text.parse().map_err(D::Error::custom)
}

/// The same for an optional speed.
pub(super) mod option {
    use super::{Deserializer, Serializer, Speed};

    pub(in crate::scenario) fn serialize<S: Serializer>(
        speed: &Option<Speed>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serde::Serialize::serialize(speed, serializer)
    }

    pub(in crate::scenario) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Speed>, D::Error> {
        super::deserialize(deserializer).map(Some)
    }
}
