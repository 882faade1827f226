//! Users of injected events.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};
use smol_str::SmolStr;

use crate::event::{Id, Person};

/// First reserved user id.
pub(super) const RESERVED_USERS: i64 = 9_100_000_000_000_000_000;

/// A user: a name, or several fields.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum InjectUser {
    /// Unique id, also used as the displayed name.
    Name(#[schemars(regex(pattern = r"\S"))] String),
    /// Several fields.
    Person(#[serde(deserialize_with = "object")] InjectUserDetails),
}

/// Reads an object. Serde would also read a list, as the fields in their order.
fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<InjectUserDetails, D::Error> {
    let fields = Map::<String, Value>::deserialize(deserializer)?;
    InjectUserDetails::deserialize(Value::Object(fields)).map_err(D::Error::custom)
}

/// A user with several fields.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InjectUserDetails {
    /// Name in the profile's URL.
    #[schemars(regex(pattern = r"\S"))]
    unique_id: String,
    /// Displayed name; defaults to the unique id.
    nickname: Option<String>,
    /// URL of the profile picture.
    #[serde(default)]
    avatar: String,
}

impl InjectUser {
    pub(super) fn unique_id(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Person(detail) => &detail.unique_id,
        }
    }

    /// Builds the user. The same name always has the same id.
    pub(super) fn person(&self) -> Person {
        let unique_id = SmolStr::new(self.unique_id());
        let user_id = Id(RESERVED_USERS + i64::from(crc32fast::hash(unique_id.as_bytes())));
        let (nickname, avatar) = match self {
            Self::Name(_) => (None, ""),
            Self::Person(detail) => (detail.nickname.as_deref(), detail.avatar.as_str()),
        };
        let nickname = nickname.map_or_else(|| unique_id.clone(), SmolStr::new);
        Person { user_id, nickname, unique_id, avatar: avatar.into() }
    }
}
