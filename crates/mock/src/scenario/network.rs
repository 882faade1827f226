//! A bad network between the clients and the mock.

use serde::{Deserialize, Serialize};

use super::{Endpoint, Repeat, table::one_or_more};

/// A bad network between clients and the mock: delays, a limited rate, and connections that are cut.
///
/// A connection goes through one network: with `at` or `user` from its first request that matches, otherwise
/// from its first request on. A network with `at` or `user` replaces one without. Requests to `/__admin/` do
/// not count.
///
/// ```
/// # use livetape_mock::{Network, Scenario};
/// let toml = "[[network]]\nlatency_ms = 200\njitter_ms = 50\n";
/// let network = Network::default().latency_ms(200).jitter_ms(50);
/// assert_eq!(Scenario::parse(toml).unwrap(), Scenario::default().network(network));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Endpoints whose connections it affects; empty for all.
    #[serde(deserialize_with = "one_or_more", skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<Endpoint>,
    /// User name or room id whose connections it affects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Number of connections that it affects, the first ones; defaults to all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// The only connection that it affects, by its number from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Time that each packet takes, each way, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub latency_ms: u64,
    /// Maximum of the random time added to each packet, in milliseconds. Packets stay in order.
    #[serde(skip_serializing_if = "is_zero")]
    pub jitter_ms: u64,
    /// Maximum rate each way, in bytes per millisecond.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_ms: Option<u32>,
    /// How much later than its last byte clients see the end of a connection, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub close_ms: u64,
    /// Number of bytes that a client receives before the connection is cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_after_bytes: Option<u64>,
    /// Time after which the connection is cut, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_after_ms: Option<u64>,
}

impl Network {
    /// Whether it affects only some endpoints or one user.
    pub(in super::super) fn is_special(&self) -> bool {
        !self.at.is_empty() || self.user.is_some()
    }

    /// Which of the matching connections it affects.
    pub(in super::super) fn repeat(&self) -> Repeat {
        match (self.times, self.attempt) {
            (Some(times), _) => Repeat::Times(times),
            (None, Some(attempt)) => Repeat::Attempt(attempt),
            (None, None) => Repeat::Always,
        }
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
