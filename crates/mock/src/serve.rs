//! Connections of a mock: each is a task, all of them end with it.

use std::sync::Arc;

use axum::serve::Listener;
use tokio::{select, sync::Semaphore};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    visit::{Visitor, Wire, visit},
    world::World,
};

/// Most connections at a time; more wait.
const CONNECTIONS_MAX: usize = 10_000;

/// What ends them when it is dropped.
pub(super) fn stop() -> (CancellationToken, DropGuard) {
    let stop = CancellationToken::new();
    (stop.clone(), stop.drop_guard())
}

/// Accepts connections until the mock is dropped; they end with it.
pub(super) async fn accept<L>(
    mut listener: L,
    world: Arc<World>,
    stop: CancellationToken,
    name: fn(L::Addr) -> String,
) where
    L: Listener<Io: Wire>,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (io, address) = select! {
            biased;
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (number, random) = world.connection();
        let visitor = Visitor { world: Arc::clone(&world), number, address: name(address), random };
        let stop = stop.clone();
        tokio::spawn(async move {
            select! {
                biased;
                () = stop.cancelled() => {}
                () = visit(io, visitor) => {}
            }
            drop(place);
        });
    }
}
