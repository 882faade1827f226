//! Live rooms against scripted servers, and the recorder: sources below channels and the server.

mod browser;
mod hostile;
mod live;
mod live_http;
mod offline;
mod recorder;
mod secrets;
mod support;
