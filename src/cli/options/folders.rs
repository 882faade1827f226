//! The user's folders for settings and recordings, where the platform keeps configuration and data.

use std::{
    env,
    path::{Path, PathBuf},
};

use livetape_engine::recorder::FOLDER;

use crate::settings::FILE;

/// File in the folder for configuration with the certificates that `watch` and `trigger` trust.
const CA: &str = "ca.pem";

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

    /// Returns the path of the CA certificates, whether or not the file exists.
    pub(crate) fn ca(&self) -> PathBuf {
        self.config.join(CA)
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

/// Returns the default of `--ca`, if the file exists.
pub(crate) fn ca() -> Option<PathBuf> {
    Folders::find().map(|folders| folders.ca()).filter(|path| path.exists())
}

#[cfg(test)]
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
