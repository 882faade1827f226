//! The mock TikTok, asked by a client that hides nothing.

mod admin;
mod endpoints;
mod ends;
mod expectations;
mod loading;
mod rooms;
mod same_bytes;
mod scenarios;
mod tcp;
