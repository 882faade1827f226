//! A key: all that is known about one setting.

use std::ffi::OsStr;

use super::{super::value::Form, Settings};

/// A setting: its key in the file, its flag, its name in the environment, and how it is set and shown.
#[derive(Debug)]
pub struct Key {
    /// The section that it stands in.
    pub section: &'static str,
    pub(in crate::settings) raw_name: &'static str,
    /// What it is for, in a line.
    pub doc: &'static str,
    pub(in crate::settings) flag: &'static str,
    /// Its name in the environment.
    pub env: &'static str,
    /// How it stands in TOML.
    pub form: Form,
    /// Whether it is never shown.
    pub is_secret: bool,
    pub(in crate::settings) set: fn(&mut Settings, &OsStr) -> Result<(), String>,
    pub(in crate::settings) get: fn(&Settings) -> Option<String>,
}

/// A flag as it is typed: `-o, --output FILE`, `--loop [N]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The letter behind one dash.
    pub short: Option<char>,
    /// The word behind two dashes.
    pub long: &'static str,
    /// What stands for its value; `None` for a switch.
    pub value: Option<&'static str>,
    /// Whether the value may be left out.
    pub is_optional: bool,
}

impl Key {
    /// Its name within the section.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.raw_name.strip_prefix("r#").unwrap_or(self.raw_name)
    }

    /// `section.name`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name())
    }

    /// Its flag, if it has one.
    #[must_use]
    pub fn flag(&self) -> Option<Flag> {
        let (short, rest) = match self.flag.split_once(", ") {
            Some((short, rest)) => (short.chars().nth(1), rest),
            None => (None, self.flag),
        };
        let (long, value) = rest.split_once(' ').map_or((rest, None), |(long, value)| (long, Some(value)));
        let bare = value.map(|value| value.trim_matches(['[', ']']));
        let long = long.strip_prefix("--")?;
        Some(Flag { short, long, value: bare, is_optional: bare != value })
    }

    /// Whether `text` is a value of it.
    ///
    /// # Errors
    /// A sentence that says why not.
    pub fn check(&self, text: &OsStr) -> Result<(), String> {
        (self.set)(&mut Settings::default(), text)
    }

    /// What it is unless something is said, as TOML.
    #[must_use]
    pub fn default_text(&self) -> Option<String> {
        (self.get)(&Settings::default())
    }
}
