//! The mock TikTok, tested at the level of bytes.

mod admin;
mod endpoints;
mod ends;
mod expectations;
mod http;
mod loading;
mod network;
mod rooms;
mod same_bytes;
pub(crate) mod scenarios;
mod schedule;
mod tcp;
