//! Channels of users: each is like the main channel, and this process has it while it has readers.

use std::{sync::Arc, time::Duration};

use livetape_core::error::Problem;
use livetape_feed::control::{Joined, Joining, Turn, followed_user};
use tokio::sync::{mpsc, watch};
use tracing::warn;

use super::{
    Options, START_TIME,
    claims::{Holding, of_user, unreachable},
    node::{Node, Told},
    orders::Owner,
    ready,
    store::Store,
};
use crate::counts::Totals;

/// What the task of a channel reports to the rest of the process.
pub(super) struct Heard {
    pub(super) terms: mpsc::Receiver<Turn>,
    pub(super) owner: watch::Receiver<Owner>,
    pub(super) has_stream: watch::Receiver<bool>,
    pub(super) intent: watch::Receiver<Option<Arc<str>>>,
}

/// Joins the channels of users.
#[derive(Clone)]
pub(super) struct Rooms {
    options: Options,
    store: Store,
    tasks: Holding,
    shown: Shown,
    totals: Totals,
}

/// What the main channel shows.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) owner: watch::Receiver<Owner>,
    pub(super) intent: watch::Receiver<Option<Arc<str>>>,
}

pub(super) fn told(totals: &Totals) -> (Told, Heard) {
    // A term, and what comes before it.
    let (sender, terms) = mpsc::channel(2);
    let (owners, owner) = watch::channel(Owner::default());
    let (streams, has_stream) = watch::channel(false);
    let (intents, intent) = watch::channel(None);
    let told = Told { terms: sender, owners, has_stream: streams, intent: intents, totals: totals.clone() };
    (told, Heard { terms, owner, has_stream, intent })
}

impl Rooms {
    pub(super) fn new(
        options: &Options,
        store: &Store,
        tasks: &Holding,
        shown: Shown,
        totals: Totals,
    ) -> Self {
        Self { options: options.clone(), store: store.clone(), tasks: tasks.clone(), shown, totals }
    }

    /// Shares a channel until its source is shut down.
    pub(super) async fn join(self, joining: Joining, is_connected: watch::Receiver<bool>) {
        let Joining { user, hub, control, answer } = joining;
        let (told, heard) = told(&self.totals);
        let Heard { terms, has_stream, intent, .. } = heard;
        let (within, mut connected): (Duration, _) = (START_TIME + self.options.lease, is_connected.clone());
        // A room that ended may still be leaving: the next one of this process is another member.
        let options = Options { node: hub.name_here().to_string(), ..self.options };
        let store = self.store.of_channel(&of_user(&user));
        let joined: Result<(), Problem> = tokio::select! { biased;
            _ = connected.wait_for(|is_connected| !is_connected) => Err(unreachable()),
            joined = async {
                // Otherwise nobody would learn why JetStream refuses it.
                store.ensure_log().await.inspect_err(|problem| {
                    let code = problem.code.name();
                    warn!(code, why = %problem, "❌ JetStream refuses the room of @{user}");
                })?;
                let (tells, may_own) = watch::channel(self.shown.allows(&user));
                let node = Node::new(options, is_connected, store, (hub, control.clone()), told, may_own).await?;
                tokio::spawn(self.shown.tell(user, tells));
                self.tasks.spawn(node.run());
                ready(has_stream, within).await
            } => joined,
        };
        match joined {
            Ok(()) => answer.accept(Joined { terms, intent }),
            Err(problem) => {
                control.shut_down();
                answer.refuse(problem);
            }
        }
    }
}

impl Shown {
    /// Whether this process may own the channel of `user`. If the main channel shows the user, both belong to
    /// one process, so that they share the connection.
    fn allows(&self, user: &str) -> bool {
        let shown = self.intent.borrow().as_deref().and_then(followed_user);
        shown.is_none_or(|shown| !shown.eq_ignore_ascii_case(user)) || self.owner.borrow().is_here
    }

    /// Reports whether this process may own the channel, as long as somebody listens.
    async fn tell(mut self, user: String, may_own: watch::Sender<bool>) {
        loop {
            let allowed = self.allows(&user);
            may_own.send_if_modified(|may| std::mem::replace(may, allowed) != allowed);
            tokio::select! { biased;
                () = may_own.closed() => return,
                Ok(()) = self.owner.changed() => {}
                Ok(()) = self.intent.changed() => {}
                else => return,
            }
        }
    }
}
