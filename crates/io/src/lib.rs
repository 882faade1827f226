//! The foundation of livetape and its mock: clock, files and listeners.

pub mod clock;
pub mod files;
pub mod net;
