//! Logs the events of one subscriber with their times.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use livetape_feed::hub::{Filter, Hub, Join, Next};
use livetape_io::clock;
use serde_json::Value;
use tokio::{task::JoinHandle, time::Instant};

/// The log of one subscriber: virtual milliseconds and event.
pub(crate) struct Timeline {
    log: Arc<Mutex<Vec<(u64, Value)>>>,
    /// Returns the time and the reason of the end.
    reader: JoinHandle<(u64, Next)>,
}

impl Timeline {
    pub(crate) fn of(hub: &Hub, filter: Filter, started: Instant) -> Self {
        let log = Arc::default();
        let reader = tokio::spawn(read(hub.clone(), filter, started, Arc::clone(&log)));
        Self { log, reader }
    }

    pub(crate) fn so_far(&self) -> Vec<(u64, Value)> {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the hub closes.
    pub(crate) async fn finish(self) -> (Vec<(u64, Value)>, u64, Next) {
        let (ms, next) = self.reader.await.unwrap();
        (std::mem::take(&mut self.log.lock().unwrap()), ms, next)
    }
}

async fn read(hub: Hub, filter: Filter, started: Instant, log: Arc<Mutex<Vec<(u64, Value)>>>) -> (u64, Next) {
    let mut subscriber = hub.join(&Join { filter, ..Join::default() }).unwrap();
    let mut batch: Vec<Bytes> = Vec::new();
    loop {
        let next = subscriber.next(&mut batch).await;
        let ms = u64::try_from(clock::now().duration_since(started).as_millis()).unwrap();
        let events = batch.drain(..).map(|json| (ms, serde_json::from_slice(&json).unwrap()));
        log.lock().unwrap().extend(events);
        if !matches!(next, Next::Events) {
            return (ms, next);
        }
    }
}

/// Formats a log: one line for each state event, and one line for all other events in between.
pub(crate) fn outline(log: &[(u64, Value)]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut others: Option<(u64, u64, usize, usize)> = None;
    for (ms, event) in log {
        let Some(told) = state(event) else {
            let unknown = usize::from(event["type"] == "unknown" && !event["data"]["fault"].is_null());
            let (first, _, count, faults) = others.unwrap_or((*ms, *ms, 0, 0));
            others = Some((first, *ms, count + 1, faults + unknown));
            continue;
        };
        lines.extend(others.take().map(sum_up));
        lines.push(format!("{ms:>7} ms  {told}"));
    }
    lines.extend(others.map(sum_up));
    lines
}

fn sum_up((first, last, count, faults): (u64, u64, usize, usize)) -> String {
    let faulty = if faults == 0 { String::new() } else { format!(", {faults} of them unreadable") };
    format!("{first:>7} ms  {count} events{faulty}, the last at {last} ms")
}

fn state(event: &Value) -> Option<String> {
    let data = &event["data"];
    Some(match event["type"].as_str()? {
        "connection_created" => format!("connection_created {}", data["roomId"]),
        "connection_closed" => {
            format!("connection_closed {} {} willRetry={}", data["code"], data["reason"], data["willRetry"])
        }
        "disconnected" => format!("disconnected {}", data["reason"]),
        "error" => format!(
            "error {} attempt={} retrying={} retryAfterMs={} {}",
            data["code"], data["attempt"], data["retrying"], data["retryAfterMs"], data["message"]
        ),
        _ => return None,
    })
}
