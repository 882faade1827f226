//! A bearer token of a client with a room of its own.

use livetape_core::secret::Secret;

/// A client of `/ws/{token}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    pub token: Secret,
    pub name: String,
    /// TikTok user whose room the token opens.
    pub user: Option<String>,
    /// Recording that `/ws/test/{token}` plays.
    pub recording: Option<String>,
}
