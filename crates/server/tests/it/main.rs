//! The server and what it shows: the feed, REST, channels and rooms, mostly in memory under a paused clock.

#![cfg_attr(not(target_os = "linux"), allow(unused, reason = "tests of other systems use it"))]

mod access;
mod bounds;
mod broken;
mod channels;
mod cross_site;
mod dashboard;
mod feed;
mod handlers;
mod inject;
mod listen;
mod openapi;
mod private;
mod recordings;
mod replay;
mod rest;
mod rooms;
mod schema;
mod session;
mod shared;
mod simulated;
mod span;
mod support;
mod talk;
mod talk_limits;
mod tikfinity;
mod tokens;
mod truth;
mod writers;
