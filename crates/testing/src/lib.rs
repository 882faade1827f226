//! Test a TikTok LIVE bot, overlay or game without a live stream.
//!
//! - [`Tape`] replays a recording on a free port, over the same WebSocket feed that livetape serves for a live room.
//! - [`MockTikTok`] is a fake TikTok: point a client at it, and script what goes wrong.
//!
//! ```
//! # #[tokio::main] async fn main() {
//! use livetape_testing::{Speed, Tape};
//!
//! let tape = Tape::replay("demo").speed(Speed::Max).start().await;
//! let bot = tokio::spawn(my_bot(tape.ws_url()));
//! let finished = tape.finished().await;
//! drop(tape);
//! assert_eq!(bot.await.unwrap(), finished.diamonds);
//! # }
//! # async fn my_bot(url: String) -> i64 {
//! #     use futures_util::StreamExt as _;
//! #     let (mut socket, _) = tokio_tungstenite::connect_async(url + "?gifts=delta").await.unwrap();
//! #     let mut diamonds = 0;
//! #     while let Some(Ok(message)) = socket.next().await {
//! #         let Ok(event) = serde_json::from_slice::<serde_json::Value>(&message.into_data()) else { continue };
//! #         diamonds += event["data"]["diamonds"].as_i64().unwrap_or_default();
//! #     }
//! #     diamonds
//! # }
//! ```
//!
//! Nothing in this crate opens a connection beyond the machine.

mod fail;
mod finished;
mod send;
mod tape;

pub use finished::Finished;
pub use livetape::mock::MockTikTok;
pub use send::{Send, SendGift, Sent};
pub use tape::{PATIENCE, Speed, Tape, TapeBuilder};
