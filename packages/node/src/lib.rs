//! livetape inside Node: the native part of `@livetape/node`. `js/` has the public API.
//!
//! JavaScript works in turns: it takes the next events, calls the handlers, and then the next turn answers the events
//! and writes what the handlers have sent. A slow program therefore fills the bounded queue of the server's handlers,
//! and what each socket may read ahead.

mod app;
mod error;
mod event;
mod feed;
mod lobby;
// Public, because the macros export nothing in test builds.
pub mod mock;
mod options;
pub mod recording;
