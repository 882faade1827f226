//! Types of settings: parsed from text, and shown as TOML.

use std::{
    ffi::OsStr,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use livetape_core::{
    error::Problem, host::HostPort, offset, pace::Speed, redact::redact_url, secret::Secret, size,
};
use livetape_engine::{
    recorder::Rotate,
    source::{
        browser::Address as Cdp,
        live::{Pairs, Way},
    },
};
use tracing::level_filters::LevelFilter;

/// Type of a value in TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Text,
    /// A whole number.
    Number,
    NumberOrText,
    /// `true` or `false`.
    Switch,
    /// A switch, or an address or a port.
    SwitchOrAddress,
    List,
    /// Names with values.
    Table,
    /// A string. In a settings file, relative paths are resolved against the folder of the file.
    Path,
    /// Cookies, or a path like [`Self::Path`].
    PathOrText,
}

impl Form {
    /// Description of the type, for error messages.
    pub(super) fn wanted(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Number => "a whole number",
            Self::NumberOrText => "a number or a string",
            Self::Switch => "true or false",
            Self::SwitchOrAddress => "true, false, a port, or an address as a string",
            Self::List => "a list of strings",
            Self::Table => "a table of strings",
            Self::Path => "a path, as a string",
            Self::PathOrText => "cookies or a path, as a string",
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

impl Value for Pairs {
    const FORM: Form = Form::Table;

    /// Parses the form of a query: `a=1&b=x%20y`.
    fn read(text: &str) -> Result<Self, String> {
        // It may be a secret.
        if text.split('&').any(|pair| !pair.is_empty() && !pair.contains('=')) {
            return Err("a value has no name: write NAME=VALUE, with `&` between several".into());
        }
        let mut url = reqwest::Url::parse("x:/").map_err(|error| error.to_string())?;
        url.set_query(Some(text));
        Ok(Self(url.query_pairs().map(|(name, value)| (name.into(), value.into())).collect()))
    }

    fn show(&self) -> Option<String> {
        Some(table(self.masked()))
    }
}

/// Returns names and values as a TOML table in one line.
pub(super) fn table<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let is_bare = |name: &str| name.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c));
    let pair = |(name, value): (&str, &str)| {
        let name = if is_bare(name) { name.to_owned() } else { quoted(name) };
        format!("{name} = {}", quoted(value))
    };
    let pairs: Vec<_> = pairs.map(pair).collect();
    if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
}

impl Value for Vec<Way> {
    const FORM: Form = Form::List;

    fn read(text: &str) -> Result<Self, String> {
        let ways = Vec::<String>::read(text)?;
        let names = || Way::ALL.iter().map(|way| way.name()).collect::<Vec<_>>().join(", ");
        let way = |text: &String| {
            let known = Way::ALL.iter().find(|way| way.name() == text).copied();
            known.ok_or_else(|| format!("`{text}` is not one of {}", names()))
        };
        ways.iter().map(way).collect()
    }

    fn show(&self) -> Option<String> {
        self.iter().map(|way| way.name().to_owned()).collect::<Vec<_>>().show()
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

/// Cookies of a session, or the path of a file with them. Both are masked when shown: a path may be a mistaken cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session(pub Secret);

impl Session {
    /// Returns the path; `None` if it has the cookies themselves.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        Some(self.0.reveal()).filter(|text| is_path(text)).map(Path::new)
    }
}

/// Whether a text is a path rather than `name=value`, or a word that may be a secret.
pub(super) fn is_path(text: &str) -> bool {
    let mut parts = text.split(['/', '\\', ':']);
    parts.next().is_some_and(|start| !start.contains('=')) && text.contains(['/', '\\', '.'])
}

impl Value for Session {
    const FORM: Form = Form::PathOrText;
    const SECRET: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        if is_path(text) || text.contains('=') {
            Ok(Self(text.to_owned().into()))
        } else {
            Err("neither cookies, as in `sessionid=…; name=value`, nor a file: write a path like ./cookies.txt".into())
        }
    }

    fn show(&self) -> Option<String> {
        self.0.show()
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
        if text.split('?').next().is_some_and(|address| address.matches("://").count() > 1) {
            return Err(invalid("it is several"));
        }
        // `user:password@host` is a URL with the scheme `user`.
        if url.has_host() { Ok(Self(url)) } else { Err(invalid("it has no host")) }
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.masked()))
    }
}

impl Value for Cdp {
    const FORM: Form = Form::NumberOrText;
    // Someone may take a URL with a password for an address.
    const SECRET: bool = true;

    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|Problem { message, hint, .. }| format!("{message}: {hint}"))
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.to_string()))
    }
}

macro_rules! choice {
    ($name:ident { $($variant:ident = $text:literal,)* }) => {
        impl Value for $name {
            const FORM: Form = Form::Text;

            fn read(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(format!("`{text}` is not one of {}", [$($text),*].join(", "))),
                }
            }

            fn show(&self) -> Option<String> {
                Some(quoted(match *self { $(Self::$variant => $text,)* }))
            }
        }
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    /// One JSON object per line.
    Json,
}

choice! { LogFormat { Text = "text", Json = "json", } }

impl Value for LevelFilter {
    const FORM: Form = Form::Text;

    fn read(text: &str) -> Result<Self, String> {
        let level = text.parse().ok().filter(|level: &Self| level.to_string() == text);
        level.ok_or_else(|| format!("`{text}` is not one of off, error, warn, info, debug, trace"))
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.to_string()))
    }
}

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen(pub SocketAddr);

impl Listen {
    #[must_use]
    pub const fn loopback(port: u16) -> Self {
        Self(SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    }
}

impl Value for Listen {
    const FORM: Form = Form::NumberOrText;

    /// Parses a port of loopback, or an address and port.
    fn read(text: &str) -> Result<Self, String> {
        if let Ok(port) = text.parse() {
            return Ok(Self::loopback(port));
        }
        let local = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        local.as_deref().unwrap_or(text).parse().map(Self).map_err(|_| {
            format!("`{text}` is not an address to listen on: use a port, or an address and port, e.g. 127.0.0.1:3000 or [::1]:3000")
        })
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.0.to_string()))
    }
}

/// Where to serve TikFinity's format, if anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tikfinity(pub Option<Listen>);

/// Where TikFinity listens.
const TIKFINITY: Listen = Listen::loopback(21213);

impl Value for Tikfinity {
    const FORM: Form = Form::SwitchOrAddress;

    fn read(text: &str) -> Result<Self, String> {
        // Off and on in other switches, but also ports.
        if matches!(text, "0" | "1") {
            return Err(format!("`{text}` may be a switch or a port: write true, false or 127.0.0.1:{text}"));
        }
        bool::read(text).map_or_else(
            |_| Listen::read(text).map(|listen| Self(Some(listen))),
            |is_on| Ok(Self(is_on.then_some(TIKFINITY))),
        )
    }

    fn show(&self) -> Option<String> {
        self.0.map_or_else(|| false.show(), |listen| listen.show())
    }
}

const SCHEMES: [&str; 2] = ["nats", "tls"];
/// Example for error messages.
const EXAMPLE: &str = "write it like nats://127.0.0.1:4222";

/// The URLs of the servers of one NATS, at least one. Users and passwords are masked when shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsUrls(Vec<Address>);

impl NatsUrls {
    /// Returns the URLs without users and passwords.
    #[must_use]
    pub fn servers(&self) -> Vec<String> {
        let server = |Address(url): &Address| {
            let mut url = url.clone();
            // Neither fails for a URL with a host.
            let _ = (url.set_username(""), url.set_password(None));
            url.to_string().trim_end_matches('/').to_owned()
        };
        self.0.iter().map(server).collect()
    }

    /// Returns the user and the password, which all URLs that have a user have in common. Both are
    /// percent-encoded.
    #[must_use]
    pub fn user(&self) -> Option<(&str, Option<&str>)> {
        self.users().next()
    }

    fn users(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let all = self.0.iter().map(|Address(url)| (url.username(), url.password()));
        all.filter(|user| *user != ("", None))
    }
}

/// Errors do not repeat the text, which may contain a password.
fn parse(text: &str) -> Result<Address, String> {
    let invalid = |why: &str| format!("not a valid address ({why}): {EXAMPLE}");
    if text.is_empty() {
        return Err(invalid("it is empty, perhaps after a comma"));
    }
    if !text.contains("://") {
        return Err(invalid("it has no scheme"));
    }
    let url = reqwest::Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
    if !url.has_host() {
        return Err(invalid("it has no host"));
    }
    if url.port() == Some(0) {
        return Err(invalid("its port is 0"));
    }
    if !SCHEMES.contains(&url.scheme()) {
        return Err(format!("`{}` is not a scheme of NATS: {EXAMPLE}, or with tls://", url.scheme()));
    }
    // A password with these characters ends the host, and the rest of it would be shown.
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("it has a path; write `/`, `?` and `#` in a password as %2F, %3F and %23"));
    }
    Ok(Address(url))
}

impl Value for NatsUrls {
    const FORM: Form = Form::Text;
    const SECRET: bool = true;

    /// Parses URLs separated by commas.
    fn read(text: &str) -> Result<Self, String> {
        let urls = Self(text.split(',').map(|url| parse(url.trim())).collect::<Result<_, _>>()?);
        if urls.users().any(|user| Some(user) != urls.user()) {
            return Err("the URLs have different users or passwords: use the same for all servers".into());
        }
        Ok(urls)
    }

    fn show(&self) -> Option<String> {
        let urls: Vec<_> = self.0.iter().map(Address::masked).collect();
        Some(quoted(&urls.join(",")))
    }
}

/// A client of `/ws/{token}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    pub token: Secret,
    pub name: String,
    /// TikTok user whose room the token opens.
    pub user: Option<String>,
    /// Recording that `/ws/test/{token}` plays.
    pub recording: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_servers_have_one_login_that_is_not_shown() {
        let urls =
            NatsUrls::read("nats://ann:planted@a:4222, tls://b , nats://ann:planted@[::1]:1/").unwrap();
        assert_eq!(urls.servers(), ["nats://a:4222", "tls://b", "nats://[::1]:1"]);
        assert_eq!(urls.user(), Some(("ann", Some("planted"))));
        assert_eq!(urls.show().unwrap(), r#""nats://***@a:4222,tls://b,nats://***@[::1]:1/""#);
        assert!(!format!("{urls:?}").contains("planted"));
        assert_eq!(NatsUrls::read("nats://a").unwrap().user(), None);
    }

    #[test]
    fn wrong_urls_are_rejected_without_being_shown() {
        for (text, why) in [
            ("", "it is empty"),
            ("nats://", "it has no host"),
            ("nats://a:4222,", "perhaps after a comma"),
            ("nats://a:0", "its port is 0"),
            ("127.0.0.1:4222", "write it like nats://127.0.0.1:4222"),
            ("ann:planted@a", "it has no scheme"),
            ("http://a:4222", "`http` is not a scheme of NATS"),
            ("ws://a:4222", "`ws` is not a scheme of NATS"),
            ("nats://ann:1#planted@a", "as %2F, %3F and %23"),
            ("nats://ann:planted@a,nats://ann:planted2@b", "different users or passwords"),
        ] {
            let told = NatsUrls::read(text).unwrap_err();
            assert!(told.contains(why) && !told.contains("planted"), "{text:?}: {told}");
        }
    }
}
