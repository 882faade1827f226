//! The writing side of a socket: its feed, what others say to it, and pings.

use std::{
    mem,
    pin::{Pin, pin},
    time::Duration,
};

use axum::body::Bytes;
use futures_util::{SinkExt as _, stream::SplitSink};
use tokio::{
    select,
    time::{Interval, MissedTickBehavior, interval_at},
};
use tokio_util::sync::CancellationToken;
use tungstenite::{Message, error::Error};

use super::{
    outbox::{Item, Outbox, Turn},
    quiet::Quiet,
    socket::End,
    wire::{Out, Wire},
};
use crate::{
    clock,
    hub::{Next, Subscriber},
    sans_io::error::{Code, close},
};

type Sink = SplitSink<Wire, Out>;

/// What is to be done, the feed aside.
enum Due {
    Ping,
    Out(Turn),
}

/// Why the feed is no longer relayed.
enum Relayed {
    /// There is something else to do.
    Due(Due),
    /// The feed has ended.
    Feed(Next),
    Stuck(End),
}

/// Writes what comes: all that is queued, then one flush. Its end is the feed's, the outbox's or the socket's.
pub(super) async fn speak(
    sink: &mut Sink,
    outbox: &Outbox,
    feed: &mut Option<Subscriber>,
    ping_interval: Duration,
) -> End {
    let mut ping = interval_at(clock::now() + ping_interval, ping_interval);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut items = Vec::new();
    let (mut is_going, mut is_bound) = (false, true);
    loop {
        let relayed = {
            let due = pin!(due(&mut ping, outbox, &mut items, is_going));
            relay(sink, outbox, feed, Quiet::new(due)).await
        };
        match relayed {
            Relayed::Stuck(end) => return end,
            Relayed::Due(Due::Out(Turn::Close(frame))) => return End::Close(frame),
            Relayed::Due(Due::Out(Turn::GoingAway)) if feed.is_none() => return End::of(Code::ShuttingDown),
            // The feed is closed as well, and still has something.
            Relayed::Due(Due::Out(Turn::GoingAway)) => is_going = true,
            Relayed::Due(Due::Out(Turn::Slow)) | Relayed::Feed(Next::Slow) => {
                return End::of(Code::SlowConsumer);
            }
            // Who came for more than this room stays when it ends.
            Relayed::Feed(Next::Closed(reason)) if !is_bound && reason.code != close::GOING_AWAY => {
                *feed = None;
            }
            Relayed::Feed(Next::Closed(reason)) => return End::close(reason.code, &reason.reason),
            Relayed::Feed(Next::Events) => {}
            Relayed::Due(due) => {
                let behind = feed.as_ref().map(Subscriber::slow).unwrap_or_default();
                let written = write(sink, &due, &mut items, (feed, &mut is_bound));
                if let Err(end) = unless_slow(outbox, &behind, written).await {
                    return end;
                }
            }
        }
    }
}

async fn due(ping: &mut Interval, outbox: &Outbox, items: &mut Vec<Item>, is_going: bool) -> Due {
    select! {
        biased;
        _ = ping.tick() => Due::Ping,
        turn = outbox.next(items), if !is_going => Due::Out(turn),
    }
}

/// Writes what the feed has, as long as there is nothing else to do.
async fn relay(
    sink: &mut Sink,
    outbox: &Outbox,
    feed: &mut Option<Subscriber>,
    mut due: Quiet<Pin<&mut impl Future<Output = Due>>>,
) -> Relayed {
    let Some(feed) = feed else { return Relayed::Due(due.await) };
    let behind = feed.slow();
    let mut events = Vec::new();
    loop {
        let next = select! {
            biased;
            due = &mut due => return Relayed::Due(due),
            next = feed.next_frames(&mut events) => next,
        };
        if next != Next::Events {
            return Relayed::Feed(next);
        }
        let written = sink.send(Out::Frames(mem::take(&mut events)));
        if let Err(end) = unless_slow(outbox, &behind, written).await {
            return Relayed::Stuck(end);
        }
    }
}

/// Waits for what is written. Whoever falls behind may be stuck in that.
async fn unless_slow(
    outbox: &Outbox,
    behind: &CancellationToken,
    written: impl Future<Output = Result<(), Error>>,
) -> Result<(), End> {
    let written = select! {
        biased;
        written = written => written,
        () = outbox.slow().cancelled() => return Err(End::of(Code::SlowConsumer)),
        () = behind.cancelled() => return Err(End::of(Code::SlowConsumer)),
    };
    written.map_err(|_| End::Over)
}

async fn write(
    sink: &mut Sink,
    due: &Due,
    items: &mut Vec<Item>,
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
    }
    sink.flush().await
}
