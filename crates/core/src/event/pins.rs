//! Pinned and deleted messages.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::{Data, Id, Millis, User};

/// Data of a `pin` event. `user` pinned the message.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pin {
    /// Id of the pin.
    pub pin_id: Id,
    /// 1 pinned, 2 removed.
    pub action: i32,
    /// Method of the pinned message.
    pub method: SmolStr,
    /// Time of pinning; `null` if unknown.
    pub pinned_at: Option<Millis>,
    /// Display time in seconds; 0 for unlimited.
    pub display_seconds: i64,
    /// The pinned message; `null` if it is not included.
    pub pinned: Option<Pinned>,
}

/// A pinned message.
#[derive(Clone, Debug, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pinned {
    /// The `type` of the message's own event.
    pub r#type: &'static str,
    /// Author of the message.
    pub user: Option<User>,
    /// The `data` of the message's own event.
    pub data: Box<Data>,
}

/// Data of a `delete` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delete {
    /// Ids of the deleted messages.
    pub message_ids: Vec<Id>,
    /// Ids of the users whose messages are all deleted.
    pub user_ids: Vec<Id>,
}
