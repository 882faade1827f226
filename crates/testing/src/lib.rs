//! Replays and a mock server for testing TikTok LIVE clients.

#![cfg_attr(feature = "tape", doc = "", doc = include_str!("../README.md"))]
#![warn(missing_docs)]

#[cfg(feature = "tape")]
mod builder;
#[cfg(feature = "tape")]
mod case;
pub mod mock;
#[cfg(feature = "tape")]
mod recording;
#[cfg(feature = "tape")]
mod send;
#[cfg(feature = "tape")]
mod tape;

#[cfg(feature = "tape")]
pub use builder::TapeBuilder;
#[cfg(feature = "tape")]
pub use case::{Case, Group, cases};
#[cfg(feature = "tape")]
pub use recording::Recording;
#[cfg(feature = "tape")]
pub use send::{SendGift, Sender, Sent};
#[cfg(feature = "tape")]
pub use tape::{Finished, PATIENCE, Tape};

#[cfg(feature = "tape")]
#[doc(inline)]
pub use livetape_core::truth::Truth;

#[doc(inline)]
pub use livetape_core::{error::Problem, pace::Speed};
#[doc(inline)]
pub use livetape_mock::{MockTikTok, Scenario, Seen};
