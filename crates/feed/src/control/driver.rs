//! The end of the handle that the task of the source has.

use std::sync::Arc;

use livetape_core::inject::Injector;

use super::{
    ChannelRequests, Claims, Driver, Lateness, Limit, Order, ReplayState, Status, Tester, Upstream, View,
};

impl Driver {
    /// Waits for the next order. Tests are passed to the tester instead and never returned.
    pub async fn next_order(&mut self) -> Option<Order> {
        loop {
            match self.orders.recv().await? {
                Order::Test(user, answer) => (self.tester)(user, answer),
                order => return Some(order),
            }
        }
    }

    /// Returns `None` after the first call.
    pub fn take_channel_requests(&mut self) -> Option<ChannelRequests> {
        self.channel_requests.take()
    }

    #[must_use]
    pub fn limit(&self) -> &Limit {
        &self.limit
    }

    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Shares connections and slots with other processes.
    pub fn set_claims(&mut self, claims: Claims) {
        self.claims = claims;
    }

    #[must_use]
    pub fn view(&self) -> View {
        View { shared: Arc::clone(&self.shared) }
    }

    pub fn injector(&mut self) -> &mut Injector {
        &mut self.injector
    }

    pub fn set_tester(&mut self, tester: Tester) {
        self.tester = tester;
    }

    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.lock().status()
    }

    pub fn update_status(&self, change: impl FnOnce(&mut Status)) {
        self.shared.lock().update_status(change);
    }

    /// Resets the status to idle, but keeps the counters.
    pub fn forget_user(&self) {
        self.update_status(|status| {
            let counts = std::mem::take(&mut status.counts);
            *status = Status { counts, ..Status::default() };
        });
    }

    pub fn set_lateness(&self, lateness: Lateness) {
        self.shared.lock().lateness = lateness;
    }

    pub fn update_upstream(&self, change: impl FnOnce(&mut Upstream)) {
        change(&mut self.upstream.0.lock());
    }

    pub fn set_replay(&self, state: Option<ReplayState>) {
        self.shared.lock().replay = state;
    }
}
