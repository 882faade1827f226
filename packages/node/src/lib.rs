//! livetape inside Node: the native part of `@livetape/node`. `js/` has the public API.
//!
//! JavaScript pulls: it asks for the next batch of events, calls the handlers, and answers. A slow program therefore
//! fills the bounded queue of the server's handlers, and nothing else.

mod app;
mod error;
mod event;
mod feed;
mod lobby;
mod mock;
mod options;
mod recording;
mod runtime;
