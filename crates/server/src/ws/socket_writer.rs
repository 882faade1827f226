//! The writing side of a socket: its feed, messages from the outbox, and pings.

use std::{
    future::ready,
    pin::{Pin, pin},
};

use axum::body::Bytes;
use futures_util::{SinkExt as _, stream::SplitSink};
use livetape_core::error::{Code, close};
use livetape_feed::hub::{Next, Subscriber};
use livetape_io::clock;
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
    channel_writer::{WriterSlot, Writers},
    end::End,
    outbox::{Item, Outbox, Turn},
    registry::SocketHandle,
    shared_sink::{Lend, SharedSink},
    stream::WsStream,
    wake_filter::WakeFilter,
};

type Sink = SplitSink<WsStream, Message>;

/// Work other than relaying the feed.
enum Due {
    Ping,
    Out(Turn),
}

/// Why relaying the feed stopped.
enum Relayed {
    Due(Due),
    /// The feed has ended.
    Feed(Next),
    Stuck(End),
}

/// What the socket reads, as its task sees it; the subscriber itself is in the shared sink.
struct Reading<'a> {
    writers: &'a Writers,
    shared: &'a SharedSink,
    channel: Option<Channel>,
    /// Whether the socket ends with its channel.
    is_bound: bool,
}

/// The channel that the socket reads.
struct Channel {
    /// Cancelled when the socket falls behind on the channel.
    behind: CancellationToken,
    slot: WriterSlot,
}

impl Reading<'_> {
    fn change(&mut self, feed: Option<Subscriber>, is_bound: bool) {
        let before = self.channel.take().map(|channel| channel.slot);
        self.channel = feed
            .as_ref()
            .map(|feed| Channel { behind: feed.slow(), slot: self.writers.slot(before, feed, self.shared) });
        self.is_bound = is_bound;
        self.shared.read(feed);
    }

    fn behind(&self) -> Option<CancellationToken> {
        self.channel.as_ref().map(|channel| channel.behind.clone())
    }
}

/// Writes to the socket, with one flush for everything queued, until the feed, the outbox or the connection
/// ends it.
pub(super) async fn write_until_end(
    sink: &mut Sink,
    handle: &SocketHandle,
    feed: &mut Option<Subscriber>,
    shared: &SharedSink,
) -> End {
    let (outbox, ping_interval) = (handle.outbox(), handle.limits().ping_interval());
    let mut ping = interval_at(clock::now() + ping_interval, ping_interval);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut items = Vec::new();
    let mut is_going = false;
    let mut reading = Reading { writers: handle.writers(), shared, channel: None, is_bound: true };
    reading.change(feed.take(), true);
    outbox.attach(shared);
    loop {
        let relayed = {
            let due = pin!(due(&mut ping, outbox, &mut items, is_going));
            relay(sink, outbox, &reading, WakeFilter::new(due)).await
        };
        match relayed {
            Relayed::Stuck(end) => return end,
            // Boxed: otherwise, every idle socket would take memory for it.
            Relayed::Due(Due::Out(Turn::Close(frame, last))) => {
                let written = Box::pin(write_rest(sink, outbox, &reading, last)).await;
                return written.err().unwrap_or(End::Close(frame));
            }
            Relayed::Due(Due::Out(Turn::GoingAway)) if reading.channel.is_none() => {
                return End::of(Code::ShuttingDown);
            }
            // The feed is closed, too, but may still contain events.
            Relayed::Due(Due::Out(Turn::GoingAway)) => is_going = true,
            Relayed::Due(Due::Out(Turn::Stop)) => return outbox.stop_reason(),
            Relayed::Feed(Next::Slow) => return End::of(Code::SlowConsumer),
            // A client of `/ws` stays when the room it reads ends.
            Relayed::Feed(Next::Closed(reason)) if !reading.is_bound && reason.code != close::GOING_AWAY => {
                reading.change(None, false);
            }
            Relayed::Feed(Next::Closed(reason)) => return End::close(reason.code, &reason.reason),
            Relayed::Feed(Next::Events) => {}
            Relayed::Due(due) => {
                let behind = reading.behind().unwrap_or_default();
                let written = pin!(write(sink, &due, &mut items, &mut reading));
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

/// Relays events while there is no other work: the channel's writer does most of it, and the task flushes the
/// rest.
async fn relay(
    sink: &mut Sink,
    outbox: &Outbox,
    reading: &Reading<'_>,
    mut due: WakeFilter<Pin<&mut impl Future<Output = Due>>>,
) -> Relayed {
    let Some(behind) = reading.behind() else { return Relayed::Due(due.await) };
    loop {
        // Check for other work first, because a busy feed could starve it.
        select! {
            biased;
            due = &mut due => return Relayed::Due(due),
            () = ready(()) => {}
        }
        match reading.shared.lend() {
            Lend::Kept(Next::Events) => {}
            Lend::Kept(next) => return Relayed::Feed(next),
            Lend::Ended => return Relayed::Stuck(End::Left),
            Lend::Lent(loan) => select! {
                biased;
                due = &mut due => return Relayed::Due(due),
                () = loan.returned() => {}
            },
        }
        if let Err(end) = unless_slow(outbox, &behind, pin!(sink.flush())).await {
            return Relayed::Stuck(end);
        }
    }
}

/// Writes the events up to number `last`: they may have waited behind a write, or for their turn.
async fn write_rest(sink: &mut Sink, outbox: &Outbox, reading: &Reading<'_>, last: u64) -> Result<(), End> {
    let (Some(behind), Some(progress)) = (reading.behind(), reading.shared.progress()) else { return Ok(()) };
    while progress.position_and_lag().0 < last && matches!(reading.shared.lend(), Lend::Kept(Next::Events)) {
        unless_slow(outbox, &behind, pin!(sink.flush())).await?;
    }
    Ok(())
}

/// Waits for a write, but stops if the client falls behind, because the write may be blocked. The write is
/// borrowed, because otherwise every socket would store it twice: as a capture and as a local.
async fn unless_slow(
    outbox: &Outbox,
    behind: &CancellationToken,
    written: Pin<&mut impl Future<Output = Result<(), Error>>>,
) -> Result<(), End> {
    let written = select! {
        biased;
        written = written => written,
        () = outbox.stopped().cancelled() => return Err(outbox.stop_reason()),
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
    reading: &mut Reading<'_>,
) -> Result<(), Error> {
    match due {
        Due::Ping => sink.feed(Message::Ping(Bytes::new())).await?,
        Due::Out(_) => {
            for item in items.drain(..) {
                match item {
                    Item::Message(message) => sink.feed(message).await?,
                    Item::Feed(feed, is_bound) => reading.change(feed.map(|feed| *feed), is_bound),
                }
            }
        }
    }
    sink.flush().await
}
