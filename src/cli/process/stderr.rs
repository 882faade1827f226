//! Lines on stderr.

use std::{
    fmt,
    io::{self, Write as _},
};

/// Prints to stderr, ignoring failures, which cannot be reported.
pub(crate) fn warn(text: impl fmt::Display) {
    drop(writeln!(io::stderr(), "{text}"));
}
