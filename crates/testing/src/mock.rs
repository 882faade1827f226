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

#[doc(inline)]
pub use livetape_io::net::memory::MemoryConnector;
#[doc(inline)]
pub use livetape_mock::{
    After, By, Change, Clock, End, Endpoint, Fault, FaultKind, Form, FrameFault, Happened, Header, Limit,
    LogEntry, Network, Per, Recorded, Refusal, Repeat, ScenarioError, ScenarioFile, Start, State, Times,
    User,
};
