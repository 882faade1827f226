//! People who do what is injected.

use schemars::JsonSchema;
use serde::Deserialize;
use smol_str::SmolStr;

use crate::event::{Id, Person};

/// The first of the reserved ids of users.
pub(super) const RESERVED_USERS: i64 = 9_100_000_000_000_000_000;

/// Who does it: a name, or all that is to be known.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Who {
    /// The unique id, and the name that is shown.
    Name(String),
    /// In detail.
    Person(Detail),
}

/// Somebody in detail.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Detail {
    /// The name in the profile's address.
    unique_id: String,
    /// The name that is shown; the unique id if it is left out.
    nickname: Option<String>,
    /// The address of the picture.
    #[serde(default)]
    avatar: String,
}

impl Who {
    pub(super) fn unique_id(&self) -> &str {
        match self {
            Self::Name(name) => name,
            Self::Person(detail) => &detail.unique_id,
        }
    }

    /// The same name is the same user.
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
