//! Live rooms against scripted servers, and the recorder: sources below channels and the server.

#![cfg_attr(not(target_os = "linux"), allow(unused, reason = "tests of other systems use it"))]

mod browser;
mod hostile;
mod live;
mod live_http;
mod offline;
mod recorder;
mod secrets;
mod support;
