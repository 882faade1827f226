//! What became of an uploaded capture.

use schemars::JsonSchema;
use serde::Serialize;

/// Result of importing a capture.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImportReport {
    /// Format of the capture.
    pub(super) format: &'static str,
    /// Name and version of the program that wrote it, if known.
    pub(super) producer: String,
    /// Number of frames in the recording.
    pub(super) frames: u64,
    /// Number of messages in the frames.
    pub(super) messages: u64,
    /// Number of lines left out.
    pub(super) bad_lines: u64,
    /// Whether all of the capture is in the recording, and readable.
    pub(super) complete: bool,
    /// The same report in words.
    pub(super) summary: String,
}
