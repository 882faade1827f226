//! The mock TikTok and its proxy, tested at the level of bytes.

mod admin;
mod endpoints;
mod ends;
mod expectations;
mod http;
mod loading;
mod network;
mod proxy;
mod rooms;
mod same_bytes;
mod scenarios;
mod schedule;
mod support;
mod tcp;
