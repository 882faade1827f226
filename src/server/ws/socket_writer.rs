//! The writing side of a socket: its feed, what others say to it, and pings.

use std::{
    future::{poll_fn, ready},
    pin::{Pin, pin},
};

use axum::body::Bytes;
use futures_util::{SinkExt as _, stream::SplitSink};
use tokio::{
    select,
    time::{Interval, MissedTickBehavior, interval_at},
};
use tokio_util::sync::CancellationToken;
use tungstenite::{
    Message,
    error::{Error, ProtocolError},
};

use super::{
    channel_writer::Place,
    outbox::{Item, Outbox, Turn},
    registry::Seat,
    session::End,
    shared_sink::{Parked, Station},
    stream::Wire,
    wake_filter::Quiet,
};
use crate::{
    clock,
    hub::{Next, Subscriber},
    sans_io::error::{Code, close},
};

type Sink = SplitSink<Wire, Message>;

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
    seat: &Seat,
    feed: &mut Option<Subscriber>,
    station: &Station,
) -> End {
    let (outbox, ping_interval) = (seat.outbox(), seat.limits().ping_interval());
    let mut ping = interval_at(clock::now() + ping_interval, ping_interval);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut items = Vec::new();
    let (mut is_going, mut is_bound) = (false, true);
    let mut place: Option<Place> = None;
    loop {
        seat.writers().seat(&mut place, feed.as_ref(), station);
        let relayed = {
            let due = pin!(due(&mut ping, outbox, &mut items, is_going));
            relay(sink, outbox, feed, station, Quiet::new(due)).await
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
                // What the feed had left in the queue as well.
                feed.iter().for_each(Subscriber::written);
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

/// Lets the feed be written, as long as there is nothing else to do: by the channel's writer, and here what that leaves.
async fn relay(
    sink: &mut Sink,
    outbox: &Outbox,
    feed: &mut Option<Subscriber>,
    station: &Station,
    mut due: Quiet<Pin<&mut impl Future<Output = Due>>>,
) -> Relayed {
    let Some(behind) = feed.as_ref().map(Subscriber::slow) else { return Relayed::Due(due.await) };
    loop {
        // Before the feed, as that may always have something.
        select! {
            biased;
            due = &mut due => return Relayed::Due(due),
            () = ready(()) => {}
        }
        match station.park(feed) {
            Parked::Has(Next::Events) => {}
            Parked::Has(next) => return Relayed::Feed(next),
            Parked::Left => return Relayed::Stuck(End::Left),
            Parked::Waits => {
                let mut away = Away { station, feed };
                select! {
                    biased;
                    due = &mut due => return Relayed::Due(due),
                    () = away.returned() => {}
                }
            }
        }
        if let Err(end) = unless_slow(outbox, &behind, sink.flush()).await {
            return Relayed::Stuck(end);
        }
        feed.iter().for_each(Subscriber::written);
    }
}

/// While there is one, the writer has the feed.
struct Away<'a> {
    station: &'a Station,
    feed: &'a mut Option<Subscriber>,
}

impl Away<'_> {
    async fn returned(&mut self) {
        poll_fn(|cx| self.station.poll_returned(cx)).await;
    }
}

impl Drop for Away<'_> {
    fn drop(&mut self) {
        self.station.unpark(self.feed);
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
    written.map_err(|error| match error {
        Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(ProtocolError::SendAfterClosing) => {
            End::Left
        }
        _ => End::Over,
    })
}

async fn write(
    sink: &mut Sink,
    due: &Due,
    items: &mut Vec<Item>,
    (feed, is_bound): (&mut Option<Subscriber>, &mut bool),
) -> Result<(), Error> {
    match due {
        Due::Ping => sink.feed(Message::Ping(Bytes::new())).await?,
        Due::Out(_) => {
            for item in items.drain(..) {
                match item {
                    Item::Message(message) => sink.feed(message).await?,
                    Item::Feed(changed, binds) => (*feed, *is_bound) = (changed, binds),
                }
            }
        }
    }
    sink.flush().await
}
