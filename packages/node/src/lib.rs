//! livetape inside Node: the native part of `@livetape/node`. `js/` has the public API.
//!
//! JavaScript pulls: it asks for the next batch of events, calls the handlers, and answers. A slow program
//! therefore fills the bounded queue of the server's handlers, and nothing else.

mod app;
mod error;
mod event;
mod feed;
mod lobby;
// Public, because the macros export nothing in test builds.
pub mod mock;
mod options;
pub mod recording;
mod runtime;
