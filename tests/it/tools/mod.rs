//! The offline tools.

mod edit;
mod files;
mod fixtures;
mod import;
mod info;
mod synth;
mod timeline;
mod verify;
