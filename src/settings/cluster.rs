//! Checks of the settings of a cluster.

use std::{ops::RangeInclusive, time::Duration};

use livetape_core::error::{Code, Problem};

use super::table::Cluster;

const NAME_BYTES_MAX: usize = 32;
/// Valid range of a lease.
const LEASE: RangeInclusive<Duration> = Duration::from_millis(500)..=Duration::from_secs(60);
/// Valid number of NATS servers that store a message.
const REPLICAS: RangeInclusive<usize> = 1..=5;

impl Cluster {
    /// Passes every value out of range, and what to do, to `bad`.
    pub(super) fn problems(&self, bad: &mut impl FnMut(&str, &str)) {
        let is_plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !(1..=NAME_BYTES_MAX).contains(&self.name.len()) || !is_plain(&self.name) {
            bad("--cluster is not a valid name", "use 1 to 32 letters, digits and dashes");
        }
        if !LEASE.contains(&self.lease) {
            bad("cluster.lease is not between 500ms and 1m", "choose a value in this range");
        }
        if !REPLICAS.contains(&self.replicas) {
            bad("cluster.replicas is not between 1 and 5", "choose 1, 3 or 5");
        }
    }

    /// Rejects settings without effect. Only for commands that can join a cluster: others read the same file.
    ///
    /// # Errors
    /// `bad_config`.
    pub fn check_nats(&self) -> Result<(), Problem> {
        if self.nats.is_some() || *self == Self::default() {
            return Ok(());
        }
        Err(Problem::new(Code::BadConfig, "there are settings of a cluster, but --nats is missing")
            .hint("set --nats, LIVETAPE_NATS or cluster.nats to nats://HOST:4222, or remove the other settings of a cluster"))
    }
}
