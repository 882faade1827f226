//! Checks of bad networks.

use super::{
    super::{Network, Repeat, Scenario},
    Table, WAIT_MAX, Wrong,
};

/// Maximum number of networks.
const NETWORKS_MAX: usize = 1000;
/// Maximum of each delay, in milliseconds: ten minutes, longer than the timeout of any client.
const DELAY_MS_MAX: u64 = 10 * 60 * 1000;

pub(super) fn check(scenario: &Scenario) -> Result<(), Wrong> {
    let networks = &scenario.networks;
    for (index, network) in networks.iter().enumerate() {
        let wrong = |message: String| Err((Table::Network(index), message));
        check_network(network).or_else(|message| wrong(message.into()))?;
        if index >= NETWORKS_MAX {
            return wrong(format!("there are more than {NETWORKS_MAX} networks"));
        }
        if let Some(before) = networks[..index].iter().position(|before| hides(before, network)) {
            let number = before + 1;
            return wrong(format!(
                "no connection has this network: network {number} comes first and has no limit"
            ));
        }
    }
    Ok(())
}

fn check_network(network: &Network) -> Result<(), &'static str> {
    let without_effect = Network {
        at: network.at.clone(),
        user: network.user.clone(),
        times: network.times,
        attempt: network.attempt,
        ..Network::default()
    };
    let rules = [
        (
            *network == without_effect,
            "this network has no effect: set `latency_ms`, `jitter_ms`, `bytes_per_ms`, `close_ms`, `cut_after_bytes` or \
             `cut_after_ms`",
        ),
        (network.times.is_some() && network.attempt.is_some(), "set either `attempt` or `times`"),
        (
            network.times == Some(0) || network.attempt == Some(0),
            "`attempt` and `times` must be at least 1: no connection has this network",
        ),
        (network.latency_ms > DELAY_MS_MAX, "`latency_ms` is more than ten minutes"),
        (network.jitter_ms > DELAY_MS_MAX, "`jitter_ms` is more than ten minutes"),
        (network.close_ms > DELAY_MS_MAX, "`close_ms` is more than ten minutes"),
        (network.bytes_per_ms == Some(0), "`bytes_per_ms` is 0"),
        (network.cut_after_ms.is_some_and(|ms| ms > WAIT_MAX * 1000), "`cut_after_ms` is more than a year"),
    ];
    let wrong = rules.into_iter().find(|(is_wrong, _)| *is_wrong);
    wrong.map_or(Ok(()), |(_, message)| Err(message))
}

/// Whether `before` affects every connection that `later` could affect.
fn hides(before: &Network, later: &Network) -> bool {
    let same_place =
        before.at.is_empty() || !later.at.is_empty() && later.at.iter().all(|at| before.at.contains(at));
    let same_user = before.user.is_none() || before.user == later.user;
    let same_rank = before.is_special() == later.is_special();
    before.repeat() == Repeat::Always && same_rank && same_place && same_user
}
