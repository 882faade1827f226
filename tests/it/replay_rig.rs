//! A replay under a paused clock, and what one subscriber gets of it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use livetape::{
    clock,
    control::{Control, ReplayOrder},
    hub::{CloseReason, Filter, Hub, Join, Limits, Next},
    sans_io::recording::Item,
    source::{Options, Replay, Summary, Tape},
};
use serde_json::Value;
use tokio::{task::JoinHandle, time::Instant};

use crate::support::recording;

/// A replay that runs, and the log of one subscriber: virtual milliseconds and event.
pub(crate) struct Show {
    pub(crate) control: Control,
    pub(crate) hub: Hub,
    pub(crate) started: Instant,
    pub(crate) log: Arc<Mutex<Vec<(u64, Value)>>>,
    pub(crate) replay: JoinHandle<Summary>,
    pub(crate) reader: JoinHandle<Next>,
}

impl Show {
    pub(crate) fn start(items: &[Item], options: Options) -> Self {
        Self::start_with(items, options, Filter::default())
    }

    pub(crate) fn start_with(items: &[Item], options: Options, filter: Filter) -> Self {
        Self::start_tape(Tape::from_bytes("test", recording(items)), options, filter)
    }

    pub(crate) fn start_tape(tape: Tape, options: Options, filter: Filter) -> Self {
        let (control, mut driver) = Control::new();
        let hub = Hub::new("test".into(), Limits::default());
        let (started, log) = (clock::now(), Arc::default());
        let reader = tokio::spawn(read(hub.clone(), filter, started, Arc::clone(&log)));
        let shutdown = control.shutdown().clone();
        let played = hub.clone();
        let replay = tokio::spawn(async move {
            Replay::new(tape, options, played, &mut driver, shutdown, |_| ()).unwrap().run().await
        });
        Self { control, hub, started, log, replay, reader }
    }

    /// Plays to the end, and gives the log.
    pub(crate) async fn finish(self) -> Vec<(u64, Value)> {
        self.replay.await.unwrap();
        self.hub.close(CloseReason { code: 1000, reason: "test".into() });
        assert!(matches!(self.reader.await.unwrap(), Next::Closed(_)));
        std::mem::take(&mut self.log.lock().unwrap())
    }

    /// Waits until the replay is there to be told something.
    pub(crate) async fn ready(&self) {
        while self.control.replay().is_none() {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn order(&self, order: ReplayOrder) -> livetape::control::ReplayState {
        self.ready().await;
        self.control.order(order).await.unwrap()
    }

    pub(crate) async fn at_ms(&self, ms: u64) {
        tokio::time::sleep_until(self.started + Duration::from_millis(ms)).await;
    }

    pub(crate) fn logged(&self) -> usize {
        self.log.lock().unwrap().len()
    }
}

async fn read(hub: Hub, filter: Filter, started: Instant, log: Arc<Mutex<Vec<(u64, Value)>>>) -> Next {
    let mut subscriber = hub.join(&Join { filter, ..Join::default() }).unwrap();
    let mut batch: Vec<Bytes> = Vec::new();
    loop {
        let next = subscriber.next(&mut batch).await;
        let ms = u64::try_from(clock::now().duration_since(started).as_millis()).unwrap();
        let events = batch.drain(..).map(|json| (ms, serde_json::from_slice(&json).unwrap()));
        log.lock().unwrap().extend(events);
        if !matches!(next, Next::Events) {
            return next;
        }
    }
}
