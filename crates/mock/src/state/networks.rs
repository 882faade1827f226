//! Chooses the network of each connection.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    random::Random,
    room::script::Resolved,
    scenario::{Endpoint, Network, Repeat, Scenario},
};

/// The networks in use, and the number of connections that each matched and affected.
#[derive(Debug)]
pub(crate) struct Networks {
    list: Vec<(Arc<Network>, u32, u32)>,
    seed: u64,
    /// Number of lists so far. A connection chooses again from a new list.
    edition: u64,
}

/// What a connection is for, as its latest request says.
#[derive(Debug, Default)]
pub(crate) struct Purpose {
    /// `None` for unknown paths.
    pub(crate) at: Option<Endpoint>,
    pub(crate) known: Option<Resolved>,
}

/// The network of a connection.
#[derive(Debug, Default)]
pub(crate) struct Passage {
    pub(crate) network: Option<Arc<Network>>,
    /// Number of the connection's random sequences.
    number: u64,
    /// Indexes of the networks that have counted the connection.
    counted: BTreeSet<usize>,
    edition: u64,
}

impl Networks {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        Self { list: Vec::new(), seed: 0, edition: 0 }.replaced(scenario.networks.clone(), scenario.seed)
    }

    /// Returns the list that follows.
    pub(crate) fn replaced(&self, networks: Vec<Network>, seed: u64) -> Self {
        let list = networks.into_iter().map(|network| (Arc::new(network), 0, 0)).collect();
        Self { list, seed, edition: self.edition + 1 }
    }

    pub(crate) fn to_toml(&self) -> String {
        let networks = self.list.iter().map(|(network, ..)| (**network).clone()).collect();
        Scenario::networks_to_toml(networks)
    }

    /// Chooses the network for a connection with this purpose. Returns whether it is another one than before.
    /// One that is ending takes no network that only affects some connections, so that the next one can.
    pub(crate) fn choose(&mut self, purpose: &Purpose, passage: &mut Passage, is_ending: bool) -> bool {
        let mut is_new = false;
        if passage.edition != self.edition {
            is_new = passage.network.is_some();
            *passage = Passage { edition: self.edition, ..Passage::default() };
        }
        for is_special in [true, false] {
            let keeps = |network: &Arc<Network>| network.is_special() || !is_special;
            if passage.network.as_ref().is_some_and(keeps) {
                return is_new;
            }
            if let Some((network, number)) = self.first(is_special, purpose, &mut passage.counted, is_ending)
            {
                (passage.network, passage.number, is_new) = (Some(network), number, true);
            }
        }
        is_new
    }

    /// Counts a connection in each network that matches. Returns the first that affects it, with a number
    /// that no other connection has.
    fn first(
        &mut self,
        is_special: bool,
        purpose: &Purpose,
        counted: &mut BTreeSet<usize>,
        is_ending: bool,
    ) -> Option<(Arc<Network>, u64)> {
        let mut found = None;
        for (index, (network, seen, affected)) in self.list.iter_mut().enumerate() {
            let is_match = network.is_special() == is_special && purpose.is_for(network);
            let is_limited = network.repeat() != Repeat::Always;
            if !is_match || is_ending && is_limited || !counted.insert(index) {
                continue;
            }
            *seen = seen.saturating_add(1);
            if found.is_none() && network.repeat().is_due(*seen, *affected) {
                *affected += 1;
                found = Some((Arc::clone(network), (index as u64) << 34 | u64::from(*seen) << 1));
            }
        }
        found
    }

    /// Returns the random numbers of a connection: from the client, and to it.
    pub(crate) fn random(&self, passage: &Passage) -> [Random; 2] {
        // Connections and answers must not share random sequences with networks.
        [0, 1].map(|direction| Random::new(self.seed, 1 << 62 | passage.number | direction))
    }
}

impl Purpose {
    fn is_for(&self, network: &Network) -> bool {
        let is_place = network.at.is_empty() || self.at.is_some_and(|at| network.at.contains(&at));
        let is_user = |user: &String| self.known.as_ref().is_some_and(|known| known.is(user));
        is_place && network.user.as_ref().is_none_or(is_user)
    }
}
