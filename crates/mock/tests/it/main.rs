//! The mock TikTok and its proxy, tested at the level of bytes.

mod admin;
mod endpoints;
mod loading;
mod network;
mod proxy;
mod rooms;
mod scenarios;
mod support;
