//! livetape's server and hub, as `serve` runs them.

use std::{io, time::Duration};

use livetape_core::event::{Chat, Data, Event, Millis};
use livetape_feed::{
    control::Control,
    hub::{CloseReason, Hub, Limits},
};
use livetape_io::{clock, net::Listening};
use livetape_server::{Config, Server, serve as serve_all};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep_until},
};

use super::{
    points::{MESSAGE_BYTES, Point, text},
    run::{await_go, now_ns, say},
};
use crate::support::Args;

/// Length of an event's JSON without its text, in bytes.
const ENVELOPE_BYTES: usize = 233;

pub(crate) fn serve(args: &Args) -> io::Result<()> {
    let point = Point::of(args);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut rooms = Vec::new();
        for _ in 0..point.rooms {
            rooms.push(ServedHub::open().await?);
        }
        let ports: Vec<String> = rooms.iter().map(|room| room.port.to_string()).collect();
        say(&format!("port {}", ports.join(",")));
        for room in &rooms {
            room.hub.wait_for_subscribers(point.subscribers / point.rooms).await;
        }
        say("ready");
        tokio::task::spawn_blocking(await_go).await??;
        // From a task, like a source.
        let started = clock::now();
        let publishing = rooms.iter().zip(0..).map(|(room, number)| {
            let from = started + Duration::from_nanos(point.due_ns(1)) * number / point.rooms as u32;
            tokio::spawn(publish(room.hub.clone(), point, from))
        });
        for publishing in publishing.collect::<Vec<_>>() {
            publishing.await?;
        }
        tokio::task::spawn_blocking(await_go).await??;
        for room in rooms {
            room.hub.close(CloseReason::new(1000, "done"));
            room.control.shut_down();
            room.serving.await?;
        }
        Ok(())
    })
}

/// A hub and its server.
struct ServedHub {
    hub: Hub,
    control: Control,
    port: u16,
    serving: JoinHandle<()>,
}

impl ServedHub {
    async fn open() -> io::Result<Self> {
        let listener =
            Listening::bind(([127, 0, 0, 1], 0).into()).await.map_err(|it| io::Error::other(it.message))?;
        let hub = Hub::new("bench".into(), Limits::default());
        let (control, _driver) = Control::new();
        let port = listener.addresses()[0].port();
        let server = Server { hub: hub.clone(), control: control.clone(), config: Config::default() };
        Ok(Self { hub, control, port, serving: tokio::spawn(serve_all(listener, server)) })
    }
}

async fn publish(hub: Hub, point: Point, started: Instant) {
    for burst in 0..point.messages.div_ceil(point.burst) {
        if point.per_second > 0 {
            sleep_until(started + Duration::from_nanos(point.due_ns(burst))).await;
        }
        let now = now_ns();
        let events: Vec<Event> = (0..point.burst).map(|_| chat(now)).collect();
        if point.per_second > 0 {
            hub.publish(&events);
        } else {
            hub.publish_paced(&events).await;
        }
    }
}

fn chat(now_ns: u64) -> Event {
    let comment = text(now_ns, MESSAGE_BYTES - ENVELOPE_BYTES);
    let data = Data::Chat(Chat { comment, ..Chat::default() });
    let time = Millis(1_757_443_453_511);
    Event {
        username: "bench".into(),
        user: None,
        timestamp: time,
        ts: time,
        id: None,
        replay: false,
        injected: false,
        data,
    }
}
