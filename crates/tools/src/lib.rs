//! Offline tools for recordings, over any `Read` and `Write`.

pub mod audit;
pub mod cat;
pub mod diff;
pub mod dissect;
pub mod drift;
pub mod edit;
pub mod export;
#[cfg(feature = "import")]
pub mod import;
pub mod info;
pub mod scrub;
pub mod share;
pub mod synth;
pub mod timeline;
pub mod verify;

mod payload;
#[cfg(test)]
mod tests;
mod text;
