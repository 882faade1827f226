//! Everything in livetape between TikTok and the hub.
//!
//! A [`source`] is a live room, a browser tab or a recording; its items go through the [`pipeline`] to the hub, and
//! the [`recorder`] writes them to a file. A `room` is one connection upstream, and [`channels`] are what clients
//! read.

pub mod channels;
pub mod demo;
pub mod log_target;
pub mod pipeline;
pub mod recorder;
mod room;
pub mod source;
