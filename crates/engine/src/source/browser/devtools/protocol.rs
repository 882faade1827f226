//! The subset of the protocol's JSON that livetape reads and writes.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A message from the browser, with the fields of all kinds of messages in use.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Incoming {
    pub(super) id: Option<u64>,
    pub(super) method: String,
    #[serde(rename = "sessionId")]
    pub(super) session: Option<String>,
    pub(super) params: Params,
    pub(super) result: Option<CommandResult>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Params {
    pub(super) request_id: String,
    pub(super) session_id: String,
    pub(super) url: String,
    pub(super) reason: String,
    pub(super) error_message: String,
    pub(super) timestamp: Option<f64>,
    pub(super) response: Response,
}

/// An HTTP response or a frame.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Response {
    pub(super) url: String,
    pub(super) status: f64,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) opcode: f64,
    pub(super) payload_data: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CommandResult {
    pub(super) body: String,
    #[serde(rename = "base64Encoded")]
    pub(super) is_base64: bool,
}

/// Formats a command. `params` is JSON.
pub(super) fn command(id: u64, session: Option<&str>, method: &str, params: &str) -> String {
    let session = session.map(|session| format!(r#","sessionId":{}"#, serde_json::json!(session)));
    let session = session.unwrap_or_default();
    format!(r#"{{"id":{id},"method":"{method}","params":{params}{session}}}"#)
}
