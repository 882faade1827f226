//! Reads settings from the file, the environment and flags. The user's folders for settings and recordings are
//! where the platform keeps configuration and data.

use std::{
    env,
    ffi::OsString,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
};

use livetape_core::{
    error::{Code, Problem},
    nearest::nearest,
    recording::is_plain_name,
    terminal::printable,
};
use livetape_engine::{
    demo::DEMO,
    recorder::FOLDER,
    source::{STDIN, Tape},
};
use livetape_io::files;

use crate::{
    cli::{
        args::{self, Flags, Scope},
        process::output::{complain, warn},
    },
    settings::{self, FILE, KEYS, Resolved, Settings, Sources},
};

/// Beginning of the names of all variables.
const PREFIX: &str = "LIVETAPE_";
/// Variables that are not settings: of flags, and those that `run` sets for its command.
const OTHERS: [&str; 9] =
    ["CASE", "CDP", "CONFIG", "HTTP", "MOCK_URL", "RESULT", "TIKFINITY_URL", "TRUTH", "URL"];

pub(crate) fn settings<S: Scope>(flags: &Flags<S>) -> Result<Settings, Problem> {
    Ok(resolved(flags)?.settings)
}

/// Returns the settings in effect with their origins.
pub(crate) fn resolved<S: Scope>(flags: &Flags<S>) -> Result<Resolved, Problem> {
    resolve(flags.config.as_deref(), &flags.given, S::reads).map_err(last)
}

/// Finds a recording: a file, or a name in the directory of recordings. The settings are only read for a
/// name, or if `--config` is given, so that invalid settings do not get in the way of a file.
pub(crate) fn tape(flags: &Flags<args::OfTools>, name: &Path) -> Result<Tape, Problem> {
    let is_plain = |name: &str| is_plain_name(name) && name.strip_suffix(".bin").unwrap_or(name) != DEMO;
    let is_name = name.to_str().is_some_and(is_plain) && !name.exists();
    let folder =
        if is_name || flags.config.is_some() { settings(flags)?.server.folder() } else { PathBuf::new() };
    Tape::find_in(&folder, name)
}

/// Name of standard input in messages.
const STANDARD_INPUT: &str = "standard input";

/// Like [`tape`]; `-` is standard input.
pub(crate) fn tape_or_stdin(flags: &Flags<args::OfTools>, name: &Path) -> Result<Tape, Problem> {
    if name == Path::new(STDIN) { Tape::from_spool(STANDARD_INPUT, stdin()?) } else { tape(flags, name) }
}

/// Copies standard input, so that it can be read more than once.
pub(crate) fn stdin() -> Result<files::Spool, Problem> {
    let input = io::stdin();
    if input.is_terminal() {
        let problem = Problem::new(Code::BadRequest, "standard input is a terminal");
        return Err(problem.hint("redirect it from a file or a pipe, or name a file instead of -"));
    }
    files::Spool::of(input.lock()).map_err(|error| {
        let folder = env::temp_dir();
        let message = format!("cannot copy {STANDARD_INPUT} to {}: {error}", folder.display());
        let variable = files::TEMPORARY;
        Problem::new(Code::Io, message)
            .hint(format!("free some space there, or set {variable} to another folder"))
    })
}

/// Maximum number of problems that are printed.
const PROBLEMS_MAX: usize = 8;

/// Prints the problems before the last one, which it returns.
pub(crate) fn last(mut problems: Vec<Problem>) -> Problem {
    let more = problems.len().saturating_sub(PROBLEMS_MAX);
    problems.truncate(PROBLEMS_MAX);
    let last = problems.pop();
    for mut problem in problems {
        // It would recommend a command that lists what is listed here.
        if problem.hint == Code::BadConfig.hint() {
            problem.hint.clear();
        }
        complain(&problem);
    }
    let mut last = last.unwrap_or_else(|| Problem::new(Code::BadConfig, "unknown error"));
    if more > 0 {
        last.message = format!("{} (and {more} more: run `livetape config check`)", last.message);
    }
    last
}

/// Returns the server that a client is for: the one given, that of `LIVETAPE_URL`, or the default of servers.
pub(crate) fn server_url(given: Option<&str>) -> String {
    let of_variable = || variable("LIVETAPE_URL")?.into_string().ok();
    given.map(str::to_owned).or_else(of_variable).unwrap_or_else(|| "ws://127.0.0.1:3000/".to_owned())
}

/// Returns the settings in effect. The file is `file` or that of `LIVETAPE_CONFIG`; without either, the first
/// of
/// [`files`] that exists.
pub(crate) fn resolve(
    file: Option<&Path>,
    flags: &[(&'static settings::Key, OsString)],
    reads: fn(&settings::Key) -> bool,
) -> Result<Resolved, Vec<Problem>> {
    warn_of_unknown_variables();
    let file = read(file).map_err(|problem| vec![problem])?;
    let mut resolved = settings::resolve(&Sources {
        file: file.as_ref().map(|(path, text)| (path.as_path(), text.as_str())),
        env: &|name| variable(name).filter(|_| KEYS.iter().any(|key| key.env == name && reads(key))),
        flags,
    })?;
    resolved.settings.server.recordings.get_or_insert_with(recordings);
    Ok(resolved)
}

/// A misspelt variable has no effect.
fn warn_of_unknown_variables() {
    let settings = KEYS.iter().filter_map(|key| key.env.strip_prefix(PREFIX));
    let known: Vec<&str> = settings.chain(OTHERS).collect();
    let mut set: Vec<_> = env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    set.sort();
    for name in set {
        let Some(own) = name.strip_prefix(PREFIX).filter(|own| !known.contains(own)) else { continue };
        if let Some(instead) = settings::instead_of(&name) {
            warn(format_args!("⚠️ {name} is gone: {instead}"));
            continue;
        }
        let meant = with_same_words(own, &known).or_else(|| nearest(own, &known));
        let meant = meant.map(|meant| format!(": did you mean `{PREFIX}{meant}`?")).unwrap_or_default();
        warn(format_args!("⚠️ livetape has no setting `{}`{meant}", printable(&name)));
    }
}

/// Returns the name that contains these words, or the longest that they contain.
fn with_same_words<'a>(own: &str, known: &[&'a str]) -> Option<&'a str> {
    let contains = |long: &str, short: &str| format!("_{long}_").contains(&format!("_{short}_"));
    let longer = known.iter().copied().find(|name| contains(name, own));
    let shorter = || known.iter().copied().filter(|name| contains(own, name)).max_by_key(|name| name.len());
    // A guess must not turn a token that only reads into one with all rights.
    let is_secret =
        |name: &str| KEYS.iter().any(|key| key.is_secret && key.env.strip_prefix(PREFIX) == Some(name));
    longer.or_else(shorter).filter(|name| !is_secret(name))
}

/// Returns the path and text of the settings file.
pub(crate) fn read(file: Option<&Path>) -> Result<Option<(PathBuf, String)>, Problem> {
    let named = file.map(Path::to_owned).or_else(|| variable("LIVETAPE_CONFIG").map(PathBuf::from));
    let is_named = named.is_some();
    for path in named.map_or_else(files, |path| vec![path]) {
        match files::read_text(&path) {
            Ok(text) => return Ok(Some((path, text))),
            Err(error) if !is_named && is_missing(&error) => {}
            Err(error) => {
                let message = format!("cannot read the settings in {}: {error}", path.display());
                let hint = "check the path and the permissions of the file";
                return Err(Problem::new(Code::BadConfig, message).hint(hint));
            }
        }
    }
    Ok(None)
}

/// Services often have a home folder that does not exist, such as /dev/null.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// The platform's folders for livetape.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Folders {
    config: PathBuf,
    data: PathBuf,
}

impl Folders {
    /// Returns the folders of this user; `None` without a home folder.
    pub(crate) fn find() -> Option<Self> {
        Self::on(env::consts::OS, |name| env::var_os(name).map(PathBuf::from))
    }

    /// Relative paths in variables are ignored, as the XDG specification requires.
    fn on(os: &str, variable: impl Fn(&str) -> Option<PathBuf>) -> Option<Self> {
        let folder = |name| variable(name).filter(|path| path.is_absolute());
        let home = |below| Some(folder("HOME")?.join(below));
        let (config, data) = match os {
            "windows" => (folder("APPDATA"), folder("LOCALAPPDATA")),
            "macos" => (home("Library/Application Support"), home("Library/Application Support")),
            _ => (
                folder("XDG_CONFIG_HOME").or_else(|| home(".config")),
                folder("XDG_DATA_HOME").or_else(|| home(".local/share")),
            ),
        };
        Some(Self { config: config?.join("livetape"), data: data?.join("livetape") })
    }
}

/// Returns the settings files to look for, in this order.
pub(crate) fn files() -> Vec<PathBuf> {
    let user = Folders::find().map(|folders| folders.config.join(FILE));
    [PathBuf::from(FILE)].into_iter().chain(user).collect()
}

/// Returns the default directory of recordings: `./recordings` if it exists, otherwise one in the platform's
/// folder for data.
pub(crate) fn recordings() -> PathBuf {
    let user = || Folders::find().map(|folders| folders.data.join(FOLDER));
    let here = Path::new(FOLDER);
    if here.is_dir() { here.to_owned() } else { user().unwrap_or_else(|| here.to_owned()) }
}

/// Returns the default of `--ca-dir`; `None` without a home folder.
pub(crate) fn ca_dir() -> Option<PathBuf> {
    Folders::find().map(|folders| folders.data.join("ca"))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_found(os: &str, variables: &[(&str, &str)], expected: Option<(&str, &str)>) {
        let get = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, path)| path.into());
        let found = Folders::on(os, get).map(|folders| (folders.config, folders.data));
        assert_eq!(found, expected.map(|(config, data)| (config.into(), data.into())), "{os} {variables:?}");
    }

    #[test]
    fn each_platform_has_its_own_folders() {
        let home = [("HOME", "/u")];
        assert_found("linux", &home, Some(("/u/.config/livetape", "/u/.local/share/livetape")));
        let xdg = [("HOME", "/u"), ("XDG_CONFIG_HOME", "/c"), ("XDG_DATA_HOME", "/d")];
        assert_found("linux", &xdg, Some(("/c/livetape", "/d/livetape")));
        let support = "/u/Library/Application Support/livetape";
        assert_found("macos", &xdg, Some((support, support)));
        let windows = [("APPDATA", "/roaming"), ("LOCALAPPDATA", "/local")];
        assert_found("windows", &windows, Some(("/roaming/livetape", "/local/livetape")));
    }

    #[test]
    fn variables_that_are_missing_empty_or_relative_are_ignored() {
        assert_found("linux", &[], None);
        assert_found("linux", &[("HOME", "")], None);
        let relative = [("HOME", "/u"), ("XDG_CONFIG_HOME", "c"), ("XDG_DATA_HOME", "")];
        assert_found("linux", &relative, Some(("/u/.config/livetape", "/u/.local/share/livetape")));
        assert_found("windows", &[("HOME", "/u"), ("APPDATA", "/roaming")], None);
    }
}
