//! Collects what all connections observe, in one order.

use std::time::Duration;

use tokio::{
    sync::{Mutex, mpsc},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    sans_io::{observer::Observer, recognise::user_asked, recording::Item},
};

/// The observer and its output. Observations wait for slow readers, and so do the clients.
#[derive(Debug)]
pub(super) struct Watch {
    sink: Mutex<Sink>,
    started: Instant,
    /// Whether the user is the one that a client asked for last.
    learns_user: bool,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Sink {
    observer: Observer,
    /// Offset of the last observation.
    last: Duration,
    /// `None` after the end.
    out: Option<mpsc::Sender<Item>>,
}

impl Watch {
    pub(super) fn new(
        observer: Observer,
        out: mpsc::Sender<Item>,
        learns_user: bool,
        stop: CancellationToken,
    ) -> Self {
        let sink = Mutex::new(Sink { observer, last: Duration::ZERO, out: Some(out) });
        Self { sink, started: clock::now(), learns_user, stop }
    }

    /// Returns the time of offset 0.
    pub(super) fn started(&self) -> Instant {
        self.started
    }

    /// Reports observations made at a time.
    pub(super) async fn note(&self, at: Instant, observe: impl FnOnce(&mut Observer, Duration)) {
        let mut sink = self.sink.lock().await;
        // Another connection may have reported something later in the meantime.
        sink.last = at.saturating_duration_since(self.started).max(sink.last);
        let offset = sink.last;
        observe(&mut sink.observer, offset);
        let items = sink.observer.take_items();
        let Some(out) = &sink.out else { return };
        for item in items {
            if out.send(item).await.is_err() {
                self.stop.cancel();
            }
        }
    }

    /// Reports a request, which may name the user.
    pub(super) async fn note_request(&self, url: &str) {
        if let Some(user) = user_asked(url).filter(|_| self.learns_user) {
            self.sink.lock().await.observer.set_user(user);
        }
    }

    /// Ends the output.
    pub(super) async fn finish(&self) {
        self.note(clock::now(), Observer::finish).await;
        self.sink.lock().await.out = None;
    }
}
