//! Lines on stderr.

use std::fmt;

use crate::log;

/// Prints to stderr, as JSON if the log is.
pub(crate) fn warn(text: impl fmt::Display) {
    log::warn(&text.to_string(), &[]);
}
