//! What is done with recordings offline, over any `Read` and `Write`. Only [`files`] and `missing` know paths.

pub mod audit;
pub mod cat;
pub mod diff;
pub mod edit;
pub mod export;
pub mod files;
pub mod glance;
#[cfg(feature = "cli")]
pub mod import;
pub mod info;
pub(crate) mod missing;
pub mod scrub;
pub mod synth;
pub mod timeline;
pub mod verify;

mod bars;
#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "importers use all of it"))]
mod payload;
mod text;
