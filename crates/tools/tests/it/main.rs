//! The offline tools, from one recording or capture to another.

mod captures;
mod demo;
mod diff;
mod edit;
mod export;
mod fixtures;
mod import;
mod info;
mod scrub;
mod support;
mod synth;
mod timeline;
mod verify;
