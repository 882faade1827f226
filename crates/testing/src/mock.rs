//! Types used by [`Scenario`](crate::Scenario), and by the log of [`MockTikTok`](crate::MockTikTok).
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! use livetape_testing::{
//!     MockTikTok, Scenario,
//!     mock::{Endpoint, Fault, FaultKind, State, User},
//! };
//!
//! let drop = Fault::new(Endpoint::Socket, FaultKind::Drop).after_frames(20).times(1);
//! let offline = User::new("ben").state(State::Offline);
//! let mock = MockTikTok::in_memory(Scenario::live("ann").user(offline).fault(drop)).unwrap();
//! assert_eq!(mock.example().0, "ann");
//! # }
//! ```
//!
//! A user who goes offline after a minute and is live again a minute later, through a slow network. The test
//! does not wait:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
//! use std::time::Duration;
//!
//! use livetape_testing::{
//!     MockTikTok, Scenario,
//!     mock::{Change, Network, State, User},
//! };
//!
//! let minute = Duration::from_secs(60);
//! let again = Change::new(2 * minute, State::Live).room_id(7);
//! let ann = User::new("ann").change(Change::new(minute, State::Offline)).change(again);
//! let slow = Network::default().latency_ms(200).jitter_ms(50);
//! let mock = MockTikTok::in_memory(Scenario::default().user(ann).network(slow)).unwrap();
//! mock.advance(2 * minute);
//! assert_eq!(mock.example(), ("ann".into(), 7));
//! # }
//! ```

#[doc(inline)]
pub use livetape_io::net::memory::MemoryConnector;
#[doc(inline)]
pub use livetape_mock::{
    After, By, Change, Clock, Compress, End, Endpoint, Fault, FaultKind, Form, Happened, Header, Limit,
    LogEntry, Network, Per, Recorded, ScenarioError, ScenarioFile, State, Times, User,
};
