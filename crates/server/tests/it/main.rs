//! The server and what it shows: the feed, REST, channels and rooms, mostly in memory under a paused clock.

mod access;
mod bounds;
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
mod shared;
mod simulated;
mod support;
mod talk;
mod talk_limits;
mod tikfinity;
mod tokens;
mod transcript;
mod truth;
mod writers;
