//! What is done with recordings offline, over any `Read` and `Write`. Only [`files`] knows paths.

pub mod edit;
pub mod files;
pub mod glance;
pub mod import;
pub mod info;
pub mod synth;
pub mod timeline;
pub mod verify;

mod histogram;
mod payload;
mod text;
