//! Types of settings: parsed from text, and shown as TOML.

use std::{ffi::OsStr, fmt, path::PathBuf, str::FromStr, time::Duration};

use livetape_core::{host::HostPort, offset, pace::Speed, redact::redact_url, secret::Secret, size};
use livetape_engine::recorder::{Rotate, Sync};

/// Type of a value in TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    /// A whole number.
    Number,
    NumberOrText,
    /// `true` or `false`.
    Switch,
    List,
    /// A string. In a settings file, relative paths are resolved against the folder of the file.
    Path,
}

impl Form {
    /// Description of the type, for error messages.
    pub(super) fn wanted(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Number => "a whole number",
            Self::NumberOrText => "a number or a string",
            Self::Switch => "true or false",
            Self::List => "a list of strings",
            Self::Path => "a path, as a string",
        }
    }
}

/// A value of a setting.
pub(super) trait Value: Sized {
    const FORM: Form;
    /// Whether the value is masked when shown.
    const SECRET: bool = false;

    fn read(text: &str) -> Result<Self, String>;

    /// Parses text from the operating system. Only paths may contain text that is not Unicode.
    fn read_os(text: &OsStr) -> Result<Self, String> {
        Self::read(text.to_str().ok_or("the value is not valid Unicode")?)
    }

    /// Returns the value as TOML; `None` if it is not set.
    fn show(&self) -> Option<String>;
}

/// Returns `text` as a TOML string.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

impl<T: Value> Value for Option<T> {
    const FORM: Form = T::FORM;
    const SECRET: bool = T::SECRET;

    fn read(text: &str) -> Result<Self, String> {
        T::read(text).map(Some)
    }

    fn read_os(text: &OsStr) -> Result<Self, String> {
        T::read_os(text).map(Some)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(Value::show)
    }
}

macro_rules! whole {
    ($($type:ty),*) => {$(
        impl Value for $type {
            const FORM: Form = Form::Number;

            fn read(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| format!("`{text}` is not a whole number from 0 to {}", Self::MAX))
            }

            fn show(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}

whole!(u16, u32, u64);

impl Value for usize {
    const FORM: Form = Form::Number;

    fn read(text: &str) -> Result<Self, String> {
        // The same limit on every platform, and far from overflow.
        let number = text.parse::<u32>().ok().and_then(|number| Self::try_from(number).ok());
        number.ok_or_else(|| format!("`{text}` is not a whole number from 0 to {}", u32::MAX))
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for bool {
    const FORM: Form = Form::Switch;

    fn read(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(format!("`{text}` is not true or false")),
        }
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for String {
    const FORM: Form = Form::Text;

    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn show(&self) -> Option<String> {
        Some(quoted(self))
    }
}

impl Value for PathBuf {
    const FORM: Form = Form::Path;

    fn read(text: &str) -> Result<Self, String> {
        Self::read_os(text.as_ref())
    }

    fn read_os(text: &OsStr) -> Result<Self, String> {
        if text.is_empty() { Err("the path is empty".into()) } else { Ok(text.into()) }
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.display().to_string()))
    }
}

impl Value for Vec<String> {
    const FORM: Form = Form::List;

    /// Parses a list separated by commas.
    fn read(text: &str) -> Result<Self, String> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        Ok(items.map(str::to_owned).collect())
    }

    fn show(&self) -> Option<String> {
        let items: Vec<_> = self.iter().map(|item| quoted(item)).collect();
        Some(format!("[{}]", items.join(", ")))
    }
}

impl Value for Vec<HostPort> {
    const FORM: Form = Form::List;

    fn read(text: &str) -> Result<Self, String> {
        Vec::<String>::read(text)?.iter().map(|host| host.parse()).collect()
    }

    fn show(&self) -> Option<String> {
        self.iter().map(ToString::to_string).collect::<Vec<_>>().show()
    }
}

impl Value for Duration {
    const FORM: Form = Form::NumberOrText;

    fn read(text: &str) -> Result<Self, String> {
        offset::parse(text)
    }

    fn show(&self) -> Option<String> {
        let millis = self.as_millis();
        Some(match millis {
            _ if !millis.is_multiple_of(1000) => format!("\"{millis}ms\""),
            _ if millis == 0 || !millis.is_multiple_of(60_000) => format!("\"{}s\"", millis / 1000),
            _ => format!("\"{}m\"", millis / 60_000),
        })
    }
}

impl Value for Speed {
    const FORM: Form = Form::NumberOrText;

    fn read(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn show(&self) -> Option<String> {
        Some(match self {
            Self::Times(times) => times.to_string(),
            Self::Max => quoted("max"),
        })
    }
}

impl Value for Rotate {
    const FORM: Form = Form::Text;

    fn read(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.to_string()))
    }
}

impl Value for Sync {
    const FORM: Form = Form::NumberOrText;

    fn read(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.to_string()))
    }
}

impl Value for Secret {
    const FORM: Form = Form::Text;
    const SECRET: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        Ok(Self::from(text.to_owned()))
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.to_string()))
    }
}

/// A number of bytes: `65536`, `64KiB` (65,536) or `64KB` (64,000).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub usize);

impl Value for Bytes {
    const FORM: Form = Form::NumberOrText;

    fn read(text: &str) -> Result<Self, String> {
        let too_large = |_| format!("`{text}` is more bytes than this system can address");
        usize::try_from(size::parse(text)?).map(Self).map_err(too_large)
    }

    fn show(&self) -> Option<String> {
        let shown = size::shown(self.0 as u64);
        let is_number = shown.ends_with(|c: char| c.is_ascii_digit());
        Some(if is_number { shown } else { quoted(&shown) })
    }
}

/// An absolute URL. Its password and query are masked when shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(pub reqwest::Url);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Address {
    pub(super) fn masked(&self) -> String {
        let Self(url) = self;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let user = if url.username().is_empty() && url.password().is_none() { "" } else { "***@" };
        let query = if url.query().is_some() { "?***" } else { "" };
        let (scheme, host) = (url.scheme(), url.host_str().unwrap_or_default());
        // The path of some servers contains a key.
        let path = redact_url(url.path());
        format!("{scheme}://{user}{host}{port}{path}{query}")
    }
}

impl Value for Address {
    const FORM: Form = Form::Text;
    const SECRET: bool = true;

    /// Errors do not repeat the text, which may contain a password.
    fn read(text: &str) -> Result<Self, String> {
        let invalid = |why: &str| format!("not a valid address ({why}): write it like http://127.0.0.1:3100");
        let url = reqwest::Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
        // `user:password@host` is a URL with the scheme `user`.
        if url.has_host() { Ok(Self(url)) } else { Err(invalid("it has no host")) }
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.masked()))
    }
}

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(format!("`{text}` is not one of {}", [$($text),*].join(", "))),
                }
            }
        }

        impl Value for $name {
            const FORM: Form = Form::Text;

            fn read(text: &str) -> Result<Self, String> {
                text.parse()
            }

            fn show(&self) -> Option<String> {
                Some(quoted(match self { $(Self::$variant => $text,)* }))
            }
        }
    };
}

choice! {
    LogFormat {
        Text = "text",
        /// One JSON object per line.
        Json = "json",
    }
}

choice! {
    /// Lowest severity that is logged.
    Level {
        /// No lines.
        Off = "off",
        /// Failures.
        Error = "error",
        /// Possible problems.
        Warn = "warn",
        /// Normal operation.
        Info = "info",
        /// Every request and message.
        Debug = "debug",
        /// Details for developers of livetape.
        Trace = "trace",
    }
}

choice! {
    /// API of a sign server.
    SignForm {
        /// `/webcast/fetch`.
        Fetch = "fetch",
        /// `/webcast/rooms/ID/connect`.
        Connect = "connect",
    }
}
