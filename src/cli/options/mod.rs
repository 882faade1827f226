//! From the settings to the options of each part of livetape.

pub(super) mod config;
#[cfg(test)]
mod effects;
pub(super) mod serving;
pub(super) mod sources;
pub(super) mod trust;
