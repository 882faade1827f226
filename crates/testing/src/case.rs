//! The cases of `livetape test`.

use std::{env, panic::Location};

use livetape_cases::table::{FEED, Suite};

use crate::tape::OrFail as _;

pub use livetape_cases::table::{Case, Group};

/// Environment variable with the name of the case that tapes play.
const VARIABLE: &str = "LIVETAPE_CASE";

/// Returns the cases of `livetape test`: what happens in each, and what is right afterwards.
///
/// ```
/// let case = &livetape_testing::cases()[0];
/// assert_eq!((case.name, case.what), ("plain", "the recording as it is"));
/// ```
#[must_use]
pub const fn cases() -> &'static [Case] {
    FEED
}

pub(crate) fn find(name: &str, at: &Location<'_>) -> &'static Case {
    Suite::Feed.find_combined(name).map_err(|problem| format!("{problem}: {}", problem.hint)).or_fail(at)
}

/// Returns the case that the environment names.
pub(crate) fn named(at: &Location<'_>) -> Option<&'static Case> {
    env::var(VARIABLE).ok().filter(|name| !name.is_empty()).map(|name| find(&name, at))
}
