//! The offline tools.

mod captures;
mod files;
mod fixtures;
mod import;
mod info;
mod synth;
mod verify;
