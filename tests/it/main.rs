//! The integration tests: one binary, a module an area.

mod access;
mod feed;
mod feed_ends;
mod harness;
mod listen;
mod rest;
