//! What simulations run on: a disk that fails, and a clock that they set.

pub mod disk;

/// A runtime whose clock only advances when told to. Deterministic code reads it through [`crate::clock`].
pub fn paused_clock() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().expect("a runtime without threads")
}
