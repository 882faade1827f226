//! The writing side of a socket: its feed, what others say to it, and pings.

use std::{future::pending, mem, time::Duration};

use axum::body::Bytes;
use futures_util::{SinkExt as _, stream::SplitSink};
use tokio::{
    select,
    time::{MissedTickBehavior, interval_at},
};
use tokio_util::sync::CancellationToken;
use tungstenite::{Message, error::Error};

use super::{
    outbox::{Item, Outbox, Turn},
    socket::End,
    wire::{Out, Wire},
};
use crate::{
    clock,
    hub::{Next, Subscriber},
    sans_io::error::{Code, close},
};

type Sink = SplitSink<Wire, Out>;

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
    let (mut is_going, mut is_bound) = (false, true);
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
            // Who came for more than this room stays when it ends.
            Due::Feed(Next::Closed(reason)) if !is_bound && reason.code != close::GOING_AWAY => feed = None,
            Due::Feed(Next::Closed(reason)) => return End::close(reason.code, &reason.reason),
            Due::Ping | Due::Out(Turn::Items) | Due::Feed(Next::Events) => {
                let behind = feed.as_ref().map(Subscriber::slow).unwrap_or_default();
                let written = select! {
                    biased;
                    // Whoever fell behind may be stuck in a write.
                    () = slow(outbox, &behind) => return End::of(Code::SlowConsumer),
                    written = write(sink, &due, &mut items, &mut events, (&mut feed, &mut is_bound)) => written,
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
        Some(subscriber) => subscriber.next_frames(events).await,
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
    (feed, is_bound): (&mut Option<Subscriber>, &mut bool),
) -> Result<(), Error> {
    match due {
        Due::Ping => sink.feed(Out::Message(Message::Ping(Bytes::new()))).await?,
        Due::Out(_) => {
            for item in items.drain(..) {
                match item {
                    Item::Message(message) => sink.feed(Out::Message(message)).await?,
                    Item::Feed(changed, binds) => (*feed, *is_bound) = (changed, binds),
                }
            }
        }
        Due::Feed(_) => sink.feed(Out::Frames(mem::take(events))).await?,
    }
    sink.flush().await
}
