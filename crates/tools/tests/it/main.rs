//! The offline tools, from one recording or capture to another.

mod captures;
mod drift;
mod edit;
mod export;
mod fixtures;
mod import;
mod reports;
mod scrub;
mod support;
mod synth;
