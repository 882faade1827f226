//! State that all sources of a server share: the upstream rate limit, and the slots for live rooms.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Limit, rooms::Rooms};
use crate::sans_io::error::{Code, Problem};

/// Shared by the main channel and the additional ones.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) limit: Limit,
    pub(super) rooms: Rooms,
    places: Arc<Semaphore>,
    max_live: usize,
}

impl Common {
    pub(super) fn new(max_live: usize) -> Self {
        let max_live = max_live.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            limit: Limit::default(),
            rooms: Rooms::default(),
            places: Arc::new(Semaphore::new(max_live)),
            max_live,
        }
    }

    /// Takes a slot for a live room, released on drop.
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let max = self.max_live;
            let message = match max {
                1 => "another live room is already connected, and the maximum is one".to_owned(),
                _ => format!("the maximum number of live rooms, {max}, is already connected"),
            };
            Problem::new(Code::Capacity, message)
                .hint("try again when a room has ended, or raise `server.max_live`")
        })
    }
}
