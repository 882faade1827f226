//! Sends a test's own messages into a tape.

use std::{
    future::{Future, IntoFuture},
    panic::Location,
    pin::Pin,
};

use livetape_feed::control::InjectRequest;
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::{
    Tape,
    tape::{OrFail as _, fail},
};

/// Sends messages into a replay. Returned by [`Tape::send`].
///
/// Each message is sent when its method is awaited, which completes once the events are broadcast. Methods
/// panic if a value is out of range.
///
/// ```
/// # #[tokio::main] async fn main() {
/// # let tape = livetape_testing::Tape::replay("demo").start().await;
/// let send = tape.send();
/// send.chat("ann", "hi").await;
/// send.gift("ann", "Rose").count(5).await;
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    pub(crate) tape: &'a Tape,
}

/// The events of a sent message, and the number of clients that they were sent to.
///
/// ```
/// # #[tokio::main] async fn main() {
/// # let tape = livetape_testing::Tape::replay("demo").start().await;
/// let sent = tape.send().chat("ann", "hi").await;
/// assert_eq!((sent.ids.len(), sent.seqs.len()), (1, sent.events));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// IDs of the messages, as in the field `id` of events.
    pub ids: Vec<i64>,
    /// Sequence numbers of the events.
    pub seqs: Vec<u64>,
    /// Number of events.
    pub events: usize,
    /// Number of clients that were sent at least one of the events.
    pub delivered: usize,
}

/// A gift that is sent when awaited. Returned by [`Sender::gift`].
///
/// ```
/// # #[tokio::main] async fn main() {
/// # let tape = livetape_testing::Tape::replay("demo").start().await;
/// let gift = tape.send().gift("ann", "Rose").count(5);
/// assert_eq!(gift.await.events, 1);
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a gift is sent by `.await`"]
pub struct SendGift<'a> {
    tape: &'a Tape,
    at: &'static Location<'static>,
    user: String,
    gift: String,
    count: i32,
    combo: bool,
    diamonds: Option<i32>,
}

impl<'a> Sender<'a> {
    /// Prepares a gift with this name. Await the result to send it.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// use livetape_testing::Tape;
    ///
    /// let tape = Tape::replay("demo").start().await;
    /// let sent = tape.send().gift("ann", "Rose").count(3).combo().await;
    /// assert_eq!(sent.events, 4); // 1, 2 and 3 roses, then the end of the streak
    /// # }
    /// ```
    #[track_caller]
    pub fn gift(self, user: &str, gift: &str) -> SendGift<'a> {
        let at = Location::caller();
        SendGift {
            tape: self.tape,
            at,
            user: user.into(),
            gift: gift.into(),
            count: 1,
            combo: false,
            diamonds: None,
        }
    }

    /// Sends a chat message.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # let tape = livetape_testing::Tape::replay("demo").start().await;
    /// assert_eq!(tape.send().chat("ann", "hi").await.events, 1);
    /// # }
    /// ```
    #[track_caller]
    pub fn chat(self, user: &str, comment: &str) -> impl Future<Output = Sent> + use<'a> {
        self.request(json!({ "type": "chat", "user": user, "comment": comment }))
    }

    /// Sends likes, as if the user tapped the screen `count` times.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # let tape = livetape_testing::Tape::replay("demo").start().await;
    /// assert_eq!(tape.send().like("ann", 15).await.events, 1);
    /// # }
    /// ```
    #[track_caller]
    pub fn like(self, user: &str, count: i32) -> impl Future<Output = Sent> + use<'a> {
        self.request(json!({ "type": "like", "user": user, "count": count }))
    }

    /// Sends the message that a viewer joined the room.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # let tape = livetape_testing::Tape::replay("demo").start().await;
    /// assert_eq!(tape.send().join("ann").await.events, 1);
    /// # }
    /// ```
    #[track_caller]
    pub fn join(self, user: &str) -> impl Future<Output = Sent> + use<'a> {
        self.request(json!({ "type": "member", "user": user }))
    }

    /// Sends the message that a viewer followed the host.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # let tape = livetape_testing::Tape::replay("demo").start().await;
    /// assert_eq!(tape.send().follow("ann").await.events, 1);
    /// # }
    /// ```
    #[track_caller]
    pub fn follow(self, user: &str) -> impl Future<Output = Sent> + use<'a> {
        self.request(json!({ "type": "follow", "user": user }))
    }

    /// Sends the message that a viewer shared the LIVE.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # let tape = livetape_testing::Tape::replay("demo").start().await;
    /// assert_eq!(tape.send().share("ann").await.events, 1);
    /// # }
    /// ```
    #[track_caller]
    pub fn share(self, user: &str) -> impl Future<Output = Sent> + use<'a> {
        self.request(json!({ "type": "share", "user": user }))
    }

    /// Sends the message that a viewer subscribed to the host; `months` is the number of months so far.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # let tape = livetape_testing::Tape::replay("demo").start().await;
    /// assert_eq!(tape.send().subscribe("ann", 3).await.events, 1);
    /// # }
    /// ```
    #[track_caller]
    pub fn subscribe(self, user: &str, months: i64) -> impl Future<Output = Sent> + use<'a> {
        self.request(json!({ "type": "subscribe", "user": user, "months": months }))
    }

    /// Sends a question to the host.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # let tape = livetape_testing::Tape::replay("demo").start().await;
    /// assert_eq!(tape.send().question("ann", "Where are you from?").await.events, 1);
    /// # }
    /// ```
    #[track_caller]
    pub fn question(self, user: &str, question: &str) -> impl Future<Output = Sent> + use<'a> {
        self.request(json!({ "type": "question", "user": user, "question": question }))
    }

    /// Sends the number of viewers in the room.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # let tape = livetape_testing::Tape::replay("demo").start().await;
    /// assert_eq!(tape.send().viewers(1_200).await.events, 1);
    /// # }
    /// ```
    #[track_caller]
    pub fn viewers(self, viewer_count: i64) -> impl Future<Output = Sent> + use<'a> {
        self.request(json!({ "type": "room_user", "viewerCount": viewer_count }))
    }

    #[track_caller]
    fn request(self, request: Value) -> impl Future<Output = Sent> + use<'a> {
        send(self.tape, request, Location::caller())
    }
}

impl SendGift<'_> {
    /// Sets the number of gifts. Defaults to 1.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # let tape = livetape_testing::Tape::replay("demo").start().await;
    /// assert_eq!(tape.send().gift("ann", "Rose").count(5).await.events, 1);
    /// # }
    /// ```
    pub fn count(mut self, count: i32) -> Self {
        self.count = count;
        self
    }

    /// Sends a streak of messages, as if the user tapped [`count`](Self::count) times, instead of a single
    /// message.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # let tape = livetape_testing::Tape::replay("demo").start().await;
    /// assert_eq!(tape.send().gift("ann", "Rose").count(3).combo().await.events, 4);
    /// # }
    /// ```
    pub fn combo(mut self) -> Self {
        self.combo = true;
        self
    }

    /// Sets the price of one gift, in diamonds. Defaults to the gift's price on TikTok; required for a gift
    /// that livetape does not know.
    pub fn diamonds(mut self, diamonds: i32) -> Self {
        self.diamonds = Some(diamonds);
        self
    }
}

impl<'a> IntoFuture for SendGift<'a> {
    type Output = Sent;
    type IntoFuture = Pin<Box<dyn Future<Output = Sent> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { tape, at, user, gift, count, combo, diamonds } = self;
        let request = json!({ "type": "gift", "user": user, "gift": gift, "count": count, "combo": combo, "diamonds": diamonds });
        Box::pin(send(tape, request, at))
    }
}

async fn send(tape: &Tape, request: Value, at: &'static Location<'static>) -> Sent {
    let request = InjectRequest::deserialize(&request).or_fail(at);
    request.check().map_err(|problem| format!("{problem}: {}", problem.hint)).or_fail(at);
    match tape.control.inject(request).await {
        Ok(sent) => Sent {
            ids: sent.ids.iter().map(|id| id.0).collect(),
            events: sent.seqs.len(),
            seqs: sent.seqs,
            delivered: sent.delivered,
        },
        Err(refusal) => fail(at, refusal.problem),
    }
}
