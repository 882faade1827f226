//! The foundation of livetape and its mock: clock, files and listeners.

use livetape_core as sans_io;

pub mod clock;
pub mod files;
pub mod net;
