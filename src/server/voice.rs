//! The writing side of a socket: its feed, what others say to it, and pings.

use std::{future::pending, time::Duration};

use axum::{
    body::Bytes,
    extract::ws::{Message, Utf8Bytes, WebSocket},
};
use futures_util::{SinkExt as _, stream::SplitSink};
use tokio::{
    select,
    time::{MissedTickBehavior, interval_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    outbox::{Item, Outbox, Turn},
    socket::End,
};
use crate::{
    clock,
    hub::{Next, Subscriber},
    sans_io::error::Code,
};

type Sink = SplitSink<WebSocket, Message>;

/// What is to be written next.
enum Due {
    Ping,
    Out(Turn),
    Feed(Next),
}

/// Writes what comes: all that is queued, then one flush. Its end is the feed's, the outbox's or the socket's.
pub(super) async fn speak(
    sink: &mut Sink,
    outbox: &Outbox,
    mut feed: Option<Subscriber>,
    ping_interval: Duration,
) -> End {
    let mut ping = interval_at(clock::now() + ping_interval, ping_interval);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut items, mut events) = (Vec::new(), Vec::new());
    let mut is_going = false;
    loop {
        let due = select! {
            biased;
            _ = ping.tick() => Due::Ping,
            turn = outbox.next(&mut items), if !is_going => Due::Out(turn),
            next = read(&mut feed, &mut events) => Due::Feed(next),
        };
        match due {
            Due::Out(Turn::Close(frame)) => return End::Close(frame),
            Due::Out(Turn::GoingAway) if feed.is_none() => return End::of(Code::ShuttingDown),
            // The feed is closed as well, and still has something.
            Due::Out(Turn::GoingAway) => is_going = true,
            Due::Out(Turn::Slow) | Due::Feed(Next::Slow) => return End::of(Code::SlowConsumer),
            Due::Feed(Next::Closed(reason)) => return End::close(reason.code, &reason.reason),
            Due::Ping | Due::Out(Turn::Items) | Due::Feed(Next::Events) => {
                let behind = feed.as_ref().map(Subscriber::slow).unwrap_or_default();
                let written = select! {
                    biased;
                    // Whoever fell behind may be stuck in a write.
                    () = slow(outbox, &behind) => return End::of(Code::SlowConsumer),
                    written = write(sink, &due, &mut items, &mut events, &mut feed) => written,
                };
                if written.is_err() {
                    return End::Over;
                }
            }
        }
    }
}

async fn read(feed: &mut Option<Subscriber>, events: &mut Vec<Bytes>) -> Next {
    match feed {
        Some(subscriber) => subscriber.next(events).await,
        None => pending().await,
    }
}

async fn slow(outbox: &Outbox, behind: &CancellationToken) {
    select! {
        biased;
        () = outbox.slow().cancelled() => {}
        () = behind.cancelled() => {}
    }
}

async fn write(
    sink: &mut Sink,
    due: &Due,
    items: &mut Vec<Item>,
    events: &mut Vec<Bytes>,
    feed: &mut Option<Subscriber>,
) -> Result<(), axum::Error> {
    match due {
        Due::Ping => sink.feed(Message::Ping(Bytes::new())).await?,
        Due::Out(_) => {
            for item in items.drain(..) {
                match item {
                    Item::Message(message) => sink.feed(message).await?,
                    Item::Feed(changed) => *feed = changed,
                }
            }
        }
        Due::Feed(_) => {
            for json in events.drain(..) {
                let text = Utf8Bytes::try_from(json).map_err(axum::Error::new)?;
                sink.feed(Message::Text(text)).await?;
            }
        }
    }
    sink.flush().await
}
