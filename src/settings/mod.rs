//! Configuration: merges flags, environment variables, the settings file and defaults, in this order of
//! precedence, and validates the result.
//!
//! `table` has one row per setting. Flags, the file, `livetape config show`, the example and the
//! documentation are generated from it.

mod check;
mod file;
mod gone;
mod show;
mod table;
mod value;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

pub use check::{READ_ONLY, TOKEN_HINT, wrong_with};
pub use file::Fault;
pub use gone::instead_of;
use livetape_core::error::{Code, Problem};
use livetape_engine::{recorder::FOLDER, source::live::Way};
pub use show::{documentation, example, show};
pub use table::{
    Cluster, Flag, KEYS, Key, Limits, Live, Log, Mock, Record, Replay, Request, SECTIONS, Server, Settings,
};
pub use value::{Address, Bytes, Form, Laps, Listen, LogFormat, NatsUrls, Session, Tikfinity, Token};

/// Settings file that is read by default.
pub const FILE: &str = "livetape.toml";

/// Where a setting is from. The first has precedence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    Flag,
    Env,
    File,
    #[default]
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Env => "env",
            Self::File => "file",
            Self::Default => "default",
        })
    }
}

/// Settings with the origin of each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolved {
    pub settings: Settings,
    origins: BTreeMap<String, Origin>,
}

impl Resolved {
    #[must_use]
    pub fn origin(&self, key: &Key) -> Origin {
        self.at(&key.path())
    }

    fn at(&self, path: &str) -> Origin {
        self.origins.get(path).copied().unwrap_or_default()
    }

    /// Whether ways into a room are named nearer to the command than the browser, and its tab is none of them.
    #[must_use]
    pub fn leaves_out_tab(&self) -> bool {
        self.at("live.ways") < self.at("live.cdp") && !self.settings.live.ways.contains(&Way::Tab)
    }
}

/// Inputs of [`resolve`].
pub struct Sources<'a> {
    /// Path and text of the settings file.
    pub file: Option<(&'a Path, &'a str)>,
    pub env: &'a dyn Fn(&str) -> Option<OsString>,
    pub flags: &'a [(&'static Key, OsString)],
}

/// Merges the sources and validates the result.
///
/// # Errors
/// Returns every error, in the order of reading; at least one.
pub fn resolve(sources: &Sources<'_>) -> Result<Resolved, Vec<Problem>> {
    let mut resolved = Resolved::default();
    let Resolved { settings, origins } = &mut resolved;
    let mut problems = Vec::new();
    if let Some((path, text)) = sources.file {
        let folder = path.parent().unwrap_or(Path::new(""));
        let faults = file::apply(settings, text, folder, |key| {
            origins.insert(key.path(), Origin::File);
        });
        problems.extend(faults.iter().map(|fault| {
            let place = format!("{}:{}", path.display(), fault.line(text));
            Problem::new(Code::BadConfig, format!("{place}: {}", fault.message)).hint(&fault.hint)
        }));
    }
    for key in KEYS {
        // An empty variable counts as unset: many shell scripts cannot unset one.
        let Some(text) = (sources.env)(key.env).filter(|text| !text.is_empty()) else { continue };
        match (key.set)(settings, &text) {
            Ok(()) => _ = origins.insert(key.path(), Origin::Env),
            Err(message) => problems.push(Problem::new(Code::BadConfig, format!("{}: {message}", key.env))),
        }
    }
    for (key, text) in sources.flags {
        let flag = key.flag().map(|flag| flag.long).unwrap_or_default();
        match (key.set)(settings, text) {
            Ok(()) => _ = origins.insert(key.path(), Origin::Flag),
            Err(message) => problems.push(Problem::new(Code::BadRequest, format!("--{flag}: {message}"))),
        }
    }
    if problems.is_empty() {
        problems.extend(check::check(settings));
        let of_file = |key: &str| origins.get(key) == Some(&Origin::File);
        let path = sources.file.map(|(path, _)| path.display().to_string()).unwrap_or_default();
        problems.extend(check::check_request(&settings.request, &path, of_file));
    }
    if problems.is_empty() { Ok(resolved) } else { Err(problems) }
}

impl Server {
    /// Returns the directory of recordings.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.recordings.clone().unwrap_or_else(|| FOLDER.into())
    }

    /// Returns the address to listen on, with the port of `--port`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let Listen(mut address) = self.listen;
        if let Some(port) = self.port {
            address.set_port(port);
        }
        address
    }
}
