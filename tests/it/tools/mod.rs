//! The offline tools.

pub(crate) mod captures;
mod demo;
mod diff;
mod edit;
mod export;
mod files;
mod fixtures;
mod import;
mod info;
mod missing;
mod synth;
mod timeline;
mod verify;
