//! What is done with recordings offline, over any `Read` and `Write`. Only [`files`] and `missing` know paths.

pub mod audit;
pub mod cat;
pub mod diff;
pub mod edit;
pub mod export;
pub mod glance;
pub mod import;
pub mod info;
pub(crate) mod missing;
pub mod scrub;
pub mod synth;
pub mod timeline;
pub mod verify;

pub use livetape_io::files;

mod bars;
mod payload;
mod text;
