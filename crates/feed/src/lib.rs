//! What the sources of livetape publish to, and what its server reads: [`hub`] numbers, stores and fans out
//! events, and [`control`] reports the state of a source and passes orders to it.

use livetape_core as sans_io;
use livetape_core::secret;
use livetape_io::clock;

pub mod control;
pub mod hub;
