//! The offline tools.

mod files;
mod fixtures;
mod import;
mod info;
mod synth;
mod timeline;
mod verify;
