//! Rankings.

use serde::Serialize;

/// `hourly_rank`
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HourlyRank {
    /// The text key of the ranking, e.g. `pm_mt_Live_WR`.
    pub rank_type: String,
    /// What the client shows, in English.
    pub label: String,
}
