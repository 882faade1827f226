//! A WebSocket session. `/`, `/ws` and `/ws/echo` share its reading, writing, pings and closing.

use std::{
    future::ready,
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use axum::body::Bytes;
use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
    task::AtomicWaker,
};
use livetape_core::error::{Code, Problem, close};
use livetape_feed::hub::{MAX_STALL, Next, Subscriber};
use livetape_io::clock;
use tokio::{
    select,
    task::yield_now,
    time::{Interval, MissedTickBehavior, interval_at, sleep_until, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tungstenite::{
    Message,
    error::{Error, ProtocolError},
    protocol::CloseFrame,
};

use super::{
    End, PROTOCOL_ERROR, handlers,
    outbox::{Item, Outbox, Turn},
    registry::{SocketHandle, Unread},
    shared_sink::{Lend, SharedSink, WriterSlot, Writers},
    stream::WsStream,
};

/// Time for a close frame to arrive before the connection is dropped. Unread data turns that drop into a
/// reset, which could discard the frame.
const LINGER: Duration = Duration::from_millis(250);

/// An admitted socket.
pub(crate) struct Session {
    pub(crate) handle: SocketHandle,
    /// The feed that it reads, if any.
    pub(crate) feed: Option<Subscriber>,
}

/// A rejected socket, and the message that it gets before the close frame.
pub(crate) struct TurnedAway {
    pub(crate) problem: Problem,
    pub(crate) told: Option<Message>,
}

/// Reads and writes until either side ends the session, then closes it within [`MAX_STALL`].
pub(crate) async fn converse(stream: WsStream, session: Result<Box<Session>, Box<TurnedAway>>) {
    let shared = stream.shared_sink();
    let (mut sink, mut stream) = stream.split();
    let (end, unread, hooked) = match session {
        Err(turned_away) => {
            let TurnedAway { problem, told } = *turned_away;
            if let Some(told) = told {
                // If the client does not read this, it will not read the close frame either.
                let _ = timeout(MAX_STALL, sink.send(told)).await;
            }
            (End::of(problem.code), None, None)
        }
        Ok(mut session) => {
            let Session { handle, feed } = &mut *session;
            let listening = pin!(listen(&mut stream, handle));
            let mut listening = WakeFilter::new(listening);
            let end = select! {
                biased;
                end = &mut listening => end,
                end = write_until_end(&mut sink, handle, feed, &shared) => end,
            };
            handle.log(&end);
            handle.end(&end);
            let last = |hooked| Box::new(handlers::last(handle, hooked));
            let hooked = handle.hooked().map(|hooked| (Arc::clone(hooked), handle.ended(), last(hooked)));
            // No event may follow the close frame.
            shared.end();
            let unread = handle.count(&end);
            (end, Some(unread), hooked)
        }
    };
    // If the client does not read the close frame in time, dropping the socket resets the connection.
    let closing = timeout_at(clock::now() + MAX_STALL, close_session(sink, stream, end, unread));
    let Some((hooked, ended, last)) = hooked else { return drop(closing.await) };
    // The program need not wait for the client's reply.
    let _ = tokio::join!(closing, Box::pin(hooked.closed(ended, last)));
}

/// Reads the client's messages until it closes the socket, violates the protocol or falls silent.
async fn listen(stream: &mut SplitStream<WsStream>, handle: &SocketHandle) -> End {
    // Boxed: otherwise, sockets without hooks would take memory for it, too.
    if handle.hooked().is_some()
        && let Err(end) = Box::pin(handlers::connect(handle)).await
    {
        return end;
    }
    while let Ok(message) = timeout(handle.limits().silence_max(), stream.next()).await {
        let Some(message) = message else { return End::Left };
        match message {
            Err(error) => return end_for(&error),
            Ok(Message::Close(frame)) => handle.left(frame.as_ref()),
            Ok(message) if handle.hooked().is_some() => {
                if let Err(end) = Box::pin(handlers::receive(handle, message)).await {
                    return end;
                }
            }
            Ok(message @ (Message::Text(_) | Message::Binary(_))) if handle.echoes() => {
                handle.outbox().push(message);
                // Read the next message only when this one is written, so that echoes do not pile up.
                if timeout(MAX_STALL, handle.outbox().written()).await.is_err() {
                    return End::of(Code::SlowConsumer);
                }
            }
            Ok(Message::Text(text)) => handle.text(&text),
            Ok(Message::Binary(bytes)) => handle.binary(bytes),
            Ok(Message::Pong(payload)) => handle.answered(&payload),
            Ok(Message::Ping(_) | Message::Frame(_)) => handle.heard(),
        }
        if handle.outbox().is_closing() {
            // The close frame waits behind messages that the client may never read. Reading on would only
            // cost time. Boxed: otherwise, every idle socket would take memory for the timer.
            Box::pin(sleep_until(clock::now() + MAX_STALL)).await;
            return End::of(Code::SlowConsumer);
        }
        // A client that sends without pause must not keep its socket from being written to or closed.
        yield_now().await;
    }
    End::Over
}

fn end_for(error: &Error) -> End {
    let (code, reason) = match error {
        Error::Capacity(_) => (close::TOO_LARGE, Code::TooLarge.name()),
        Error::Utf8(_) => (close::NOT_TEXT, "not_utf8"),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return End::Over,
        Error::Protocol(_) => (close::PROTOCOL, PROTOCOL_ERROR),
        Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => (close::PROTOCOL, PROTOCOL_ERROR),
        _ => return End::Over,
    };
    End::Refuse(CloseFrame { code: code.into(), reason: reason.into() })
}

/// Flushes the queued reply to the client's close frame. Reunites the halves first, because flushing the sink
/// would try to send a pending message, and fail.
async fn flush_close_reply(sink: SplitSink<WsStream, Message>, stream: SplitStream<WsStream>) {
    let Ok(mut socket) = sink.reunite(stream) else { return };
    // If the client no longer reads, the reply is lost; nothing can be done.
    let _ = socket.flush().await;
}

/// Sends the close frame after everything queued, and waits for the client's reply. Dropped before its end,
/// it counts the client as unread.
async fn close_session(
    mut sink: SplitSink<WsStream, Message>,
    mut stream: SplitStream<WsStream>,
    end: End,
    unread: Option<Unread>,
) {
    let (frame, has_unread_data) = match end {
        End::Cut | End::Over => return,
        End::Left => return flush_close_reply(sink, stream).await,
        End::Close(frame) => (frame, false),
        End::Refuse(frame) => (frame, true),
    };
    if sink.send(Message::Close(Some(frame))).await.is_err() {
        // The client closed it at the same time.
        if let Some(unread) = unread {
            unread.confirm();
        }
        return flush_close_reply(sink, stream).await;
    }
    let mut is_answered = false;
    while let Some(Ok(message)) = stream.next().await {
        is_answered |= message.is_close();
        // Let other tasks run. A server that shuts down drops sessions that take too long.
        yield_now().await;
    }
    if let Some(unread) = unread {
        unread.confirm();
    }
    if has_unread_data || !is_answered {
        sleep_until(clock::now() + LINGER).await;
    }
}

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
async fn write_until_end(
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

/// Wraps a future and skips polls that other wake-ups cause. A socket's task is woken for each event: without this
/// filter, each would make the task poll everything else that it waits for, in vain.
pub(crate) struct WakeFilter<F> {
    future: F,
    calls: Arc<Calls>,
    waker: Waker,
}

/// Whether the future was woken, and the waker of its task.
struct Calls {
    woken: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl<F: Future + Unpin> WakeFilter<F> {
    pub(crate) fn new(future: F) -> Self {
        let calls = Arc::new(Calls { woken: AtomicBool::new(true), task: AtomicWaker::new() });
        Self { future, waker: Waker::from(Arc::clone(&calls)), calls }
    }
}

impl<F: Future + Unpin> Future for WakeFilter<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // Register before checking the flag, so that a call in between wakes the task again.
        self.calls.task.register(cx.waker());
        if !self.calls.woken.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let this = &mut *self;
        Pin::new(&mut this.future).poll(&mut Context::from_waker(&this.waker))
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::poll_fn};

    use futures_util::FutureExt as _;
    use tokio::sync::Notify;

    use super::*;

    #[test]
    fn it_is_polled_only_when_it_was_woken() {
        let (notify, asked) = (Notify::new(), Cell::new(0));
        let mut notified = std::pin::pin!(notify.notified());
        let mut filter = WakeFilter::new(poll_fn(|cx| {
            asked.set(asked.get() + 1);
            notified.as_mut().poll(cx)
        }));
        for _ in 0..3 {
            assert_eq!((&mut filter).now_or_never(), None);
        }
        assert_eq!(asked.get(), 1);
        notify.notify_waiters();
        assert_eq!((&mut filter).now_or_never(), Some(()));
        assert_eq!(asked.get(), 2);
    }

    #[tokio::test]
    async fn a_call_wakes_the_task() {
        let notify = Arc::new(Notify::new());
        let waiting = Arc::clone(&notify);
        let task = tokio::spawn(async move { WakeFilter::new(std::pin::pin!(waiting.notified())).await });
        yield_now().await;
        notify.notify_waiters();
        task.await.unwrap();
    }
}
