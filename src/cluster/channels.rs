//! Channels of users: each is like the main channel, and this process has it while it has readers.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::{
    Options, START_TIME,
    claims::{Holding, of_user},
    node::{Node, Told},
    orders::Owner,
    ready,
    store::Store,
};
use crate::{
    control::{Joined, Joining, Term},
    sans_io::error::Problem,
};

/// What the rest of the process hears from the task of a channel.
pub(super) struct Heard {
    pub(super) terms: mpsc::Receiver<Term>,
    pub(super) owner: watch::Receiver<Owner>,
    pub(super) has_stream: watch::Receiver<bool>,
    intent: watch::Receiver<Option<std::sync::Arc<str>>>,
}

/// Joins the channels of users.
#[derive(Clone)]
pub(super) struct Rooms {
    options: Options,
    store: Store,
    tasks: Holding,
}

pub(super) fn told() -> (Told, Heard) {
    let (sender, terms) = mpsc::channel(1);
    let (owners, owner) = watch::channel(Owner::default());
    let (streams, has_stream) = watch::channel(false);
    let (intents, intent) = watch::channel(None);
    let told = Told { terms: sender, owners, has_stream: streams, intent: intents };
    (told, Heard { terms, owner, has_stream, intent })
}

impl Rooms {
    pub(super) fn new(options: &Options, store: &Store, tasks: &Holding) -> Self {
        Self { options: options.clone(), store: store.clone(), tasks: tasks.clone() }
    }

    /// Shares a channel until its source is shut down.
    pub(super) async fn join(self, joining: Joining, is_connected: watch::Receiver<bool>) {
        let Joining { user, hub, control, answer } = joining;
        let (told, heard) = told();
        let Heard { terms, has_stream, intent, .. } = heard;
        let within: Duration = START_TIME + self.options.lease;
        // A room that ended may still be leaving: the next one of this process is another member.
        let options = Options { node: hub.name_here().to_string(), ..self.options };
        let store = self.store.of_channel(&of_user(&user));
        let joined: Result<(), Problem> = async {
            let node = Node::new(options, is_connected, store, (hub, control.clone()), told).await?;
            self.tasks.spawn(node.run());
            ready(has_stream, within).await
        }
        .await;
        match joined {
            Ok(()) => answer.accept(Joined { terms, intent }),
            Err(problem) => {
                control.shut_down();
                answer.refuse(problem);
            }
        }
    }
}
