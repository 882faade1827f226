//! Reads settings from the file, the environment and flags.

use std::{
    env,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use super::{
    args::{self, Flags, Scope},
    output::say,
};
use crate::{
    demo::DEMO,
    sans_io::{
        error::{Code, Problem, exit},
        recording::is_plain_name,
    },
    settings::{self, FILE, KEYS, Resolved, Settings, Sources},
    source::Tape,
    tools::files,
};

/// Returns the settings in effect.
pub(super) fn settings<S: Scope>(flags: &Flags<S>) -> Result<Settings, Problem> {
    Ok(resolved(flags)?.settings)
}

/// Returns the settings in effect with their origins.
pub(super) fn resolved<S: Scope>(flags: &Flags<S>) -> Result<Resolved, Problem> {
    resolve(flags.config.as_deref(), &flags.given, S::reads).map_err(first)
}

/// Finds a recording: a file, or a name in the directory of recordings. The settings are only read for a name, or if
/// `--config` is given, so that invalid settings do not get in the way of a file.
pub(super) fn tape(flags: &Flags<args::OfTools>, name: &Path) -> Result<Tape, Problem> {
    let is_plain = |name: &str| is_plain_name(name) && name.strip_suffix(".bin").unwrap_or(name) != DEMO;
    let is_name = name.to_str().is_some_and(is_plain) && !name.exists();
    let folder =
        if is_name || flags.config.is_some() { settings(flags)?.server.folder() } else { PathBuf::new() };
    Tape::find_in(&folder, name)
}

/// Returns the first problem, and the number of others.
fn first(problems: Vec<Problem>) -> Problem {
    let more = problems.len().saturating_sub(1);
    let mut problem =
        problems.into_iter().next().unwrap_or_else(|| Problem::new(Code::BadConfig, "unknown error"));
    if more > 0 {
        problem.message = format!("{} (and {more} more: run `livetape config check`)", problem.message);
    }
    problem
}

fn resolve(
    file: Option<&Path>,
    flags: &[(&'static settings::Key, OsString)],
    reads: fn(&settings::Key) -> bool,
) -> Result<Resolved, Vec<Problem>> {
    let named = file.map(Path::to_owned).or_else(|| variable("LIVETAPE_CONFIG").map(PathBuf::from));
    let path = named.clone().unwrap_or_else(|| FILE.into());
    let text = match files::read_text(&path) {
        Ok(text) => Some(text),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            let message = format!("cannot read the settings in {}: {error}", path.display());
            let hint = "check the path and the permissions of the file";
            return Err(vec![Problem::new(Code::BadConfig, message).hint(hint)]);
        }
    };
    settings::resolve(&Sources {
        file: text.as_deref().map(|text| (path.as_path(), text)),
        env: &|name| variable(name).filter(|_| KEYS.iter().any(|key| key.env == name && reads(key))),
        flags,
    })
}

fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// `livetape config`.
pub(super) fn config(args: &args::Config) -> Result<u8, Problem> {
    match &args.command {
        args::ConfigCommand::Check { file, config } => {
            check(&file.clone().or_else(|| config.clone()).unwrap_or_default())
        }
        args::ConfigCommand::Show(flags) => {
            say(settings::show(&resolve(flags.config.as_deref(), &[], |_| true).map_err(first)?))?;
            Ok(exit::DONE)
        }
        args::ConfigCommand::Example => {
            say(settings::example())?;
            Ok(exit::DONE)
        }
    }
}

/// Reports every problem.
fn check(file: &Path) -> Result<u8, Problem> {
    let file = Some(file).filter(|path| !path.as_os_str().is_empty());
    match resolve(file, &[], |_| true) {
        Ok(resolved) => {
            // Also checks tokens and certificates.
            super::serving::config(&resolved.settings)?;
            say("✅ Settings are valid\n")?;
            Ok(exit::DONE)
        }
        Err(problems) => {
            for problem in &problems {
                super::complain(problem);
            }
            Ok(Code::BadConfig.exit_code())
        }
    }
}
