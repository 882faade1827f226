//! How often a recording is played.

use std::num::NonZeroU32;

use super::value::{Form, Value, quoted};

/// Number of times that a recording is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Laps {
    Times(NonZeroU32),
    Endless,
}

const ENDLESS: &str = "endless";

impl Value for Laps {
    const FORM: Form = Form::NumberOrText;

    fn read(text: &str) -> Result<Self, String> {
        if text == ENDLESS {
            return Ok(Self::Endless);
        }
        text.parse()
            .map(Self::Times)
            .map_err(|_| format!("`{text}` is neither a whole number from 1 to {} nor `{ENDLESS}`", u32::MAX))
    }

    fn show(&self) -> Option<String> {
        Some(match self {
            Self::Times(times) => times.to_string(),
            Self::Endless => quoted(ENDLESS),
        })
    }
}
