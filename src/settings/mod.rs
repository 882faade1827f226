//! The configuration: flags over the environment over a file over defaults, in one validated struct.
//!
//! `table` has a row for every setting; flags, the file, `livetape config show`, the example and the documentation
//! are made of it.

mod check;
mod file;
mod listen;
mod recording;
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

pub use check::{TOKEN_HINT, is_token};
pub use file::Fault;
pub use listen::Listen;
pub use recording::{FOLDER, Rotate, SYNC_EVERY, Sync};
pub use show::{documentation, example, show};
pub use table::{
    Flag, KEYS, Key, Limits, Live, Log, Mock, Record, Replay, SECTIONS, Server, Settings, Token, Watch,
};
pub use value::{Address, Bytes, Form, Level, LogFormat, SignForm};

use crate::sans_io::error::{Code, Problem};

/// The file that is read where none is named.
pub const FILE: &str = "livetape.toml";
/// The longest file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where a setting came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag,
    /// The environment.
    Env,
    /// The file.
    File,
    /// Nobody said anything.
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

/// Settings, and where each came from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolved {
    /// What is in effect.
    pub settings: Settings,
    origins: BTreeMap<String, Origin>,
}

impl Resolved {
    /// Where a key's value came from.
    #[must_use]
    pub fn origin(&self, key: &Key) -> Origin {
        self.origins.get(&key.path()).copied().unwrap_or_default()
    }
}

/// What settings are made of.
pub struct Sources<'a> {
    /// The path and the text of the file.
    pub file: Option<(&'a Path, &'a str)>,
    /// The environment.
    pub env: &'a dyn Fn(&str) -> Option<OsString>,
    /// What the command line says.
    pub flags: &'a [(&'static Key, OsString)],
}

/// Puts the sources over each other, and checks the result.
///
/// # Errors
/// All that is wrong, in the order in which it was read; one at least.
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
        // Empty is as good as not set: there is no other way to take a variable back in many a shell script.
        let Some(text) = (sources.env)(key.env).filter(|text| !text.is_empty()) else { continue };
        match (key.set)(settings, &text) {
            Ok(()) => _ = origins.insert(key.path(), Origin::Env),
            Err(message) => {
                let problem = Problem::new(Code::BadConfig, format!("{}: {message}", key.env));
                // `live` and `replay` share one.
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }
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
    }
    if problems.is_empty() { Ok(resolved) } else { Err(problems) }
}

impl Server {
    /// The folder of recordings.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.recordings.clone().unwrap_or_else(|| FOLDER.into())
    }

    /// Where to listen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let Listen(mut address) = self.listen;
        if let Some(port) = self.port {
            address.set_port(port);
        }
        address
    }
}
