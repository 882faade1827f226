//! The offline tools.

mod captures;
mod edit;
mod files;
mod fixtures;
mod import;
mod info;
mod synth;
mod timeline;
mod verify;
