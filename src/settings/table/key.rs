//! Description of one setting.

use std::ffi::OsStr;

use super::{super::value::Form, Settings};

/// A setting: its key in the file, flag and environment variable, and how it is parsed and shown.
#[derive(Debug)]
pub struct Key {
    pub section: &'static str,
    pub(in crate::settings) raw_name: &'static str,
    pub(in crate::settings) docs: &'static [&'static str],
    pub(in crate::settings) flag: &'static str,
    pub env: &'static str,
    pub form: Form,
    /// Whether its value is masked when shown.
    pub is_secret: bool,
    pub(in crate::settings) set: fn(&mut Settings, &OsStr) -> Result<(), String>,
    pub(in crate::settings) get: fn(&Settings) -> Option<String>,
}

/// Parts of a flag such as `-o, --output FILE` or `--loop [N]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Letter after a single dash.
    pub short: Option<char>,
    /// Name after two dashes.
    pub long: &'static str,
    /// Placeholder of the value; `None` for a switch.
    pub value: Option<&'static str>,
    /// Whether the value may be omitted.
    pub is_optional: bool,
}

impl Key {
    /// Name within the section.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.raw_name.strip_prefix("r#").unwrap_or(self.raw_name)
    }

    /// `section.name`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name())
    }

    /// Summary: an imperative phrase without a full stop.
    #[must_use]
    pub fn summary(&self) -> &'static str {
        self.docs.first().copied().unwrap_or_default().trim()
    }

    /// Sentences beyond the summary, and defaults in brackets; empty for most keys.
    #[must_use]
    pub fn details(&self) -> String {
        self.docs.iter().skip(1).copied().collect::<String>().trim().to_owned()
    }

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

    /// Checks that `text` is a valid value.
    ///
    /// # Errors
    /// Returns the reason if it is not.
    pub fn check(&self, text: &OsStr) -> Result<(), String> {
        (self.set)(&mut Settings::default(), text)
    }

    /// Default value as TOML, if there is one.
    #[must_use]
    pub fn default_text(&self) -> Option<String> {
        (self.get)(&Settings::default())
    }
}
