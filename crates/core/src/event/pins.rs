//! Pins and deletions.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Data, Id, Millis, User};

/// `pin`; `user` is who pinned it.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pin {
    /// The pin's id.
    pub pin_id: Id,
    /// 1 pinned, 2 removed.
    pub action: i32,
    /// The method of the pinned message.
    pub method: SmolStr,
    /// When it was pinned; `null` if the message does not tell.
    pub pinned_at: Option<Millis>,
    /// For how long it is shown; 0 without an end.
    pub display_seconds: i64,
    /// The pinned message; `null` if the message does not have it.
    pub pinned: Option<Pinned>,
}

/// The message that is pinned.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pinned {
    /// The `type` that it would have as an event.
    pub r#type: &'static str,
    /// Who sent it.
    pub user: Option<User>,
    /// The `data` that it would have as an event.
    pub data: Box<Data>,
}

/// `delete`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delete {
    /// The messages that shall no longer be shown.
    pub message_ids: Vec<Id>,
    /// The users whose messages shall no longer be shown.
    pub user_ids: Vec<Id>,
}
