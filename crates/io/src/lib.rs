//! What both servers stand on, livetape and its mock: the clock, files, and listeners.

use livetape_core as sans_io;

pub mod clock;
pub mod files;
pub mod net;
