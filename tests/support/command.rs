//! The command line of the program, for the tests that start it.

use std::process::{Command, Stdio};

/// Returns the path of the program: the one built with these tests, or that in `LIVETAPE_BIN`, such as a
/// broken build that tests must detect.
pub(crate) fn program() -> String {
    std::env::var("LIVETAPE_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_livetape").to_owned())
}

/// Returns `livetape` without settings of the user.
pub(crate) fn livetape(args: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LIVETAPE_")) {
        command.env_remove(name);
    }
    // A home folder without settings.
    let home = std::path::absolute(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for name in ["HOME", "APPDATA", "LOCALAPPDATA"] {
        command.env(name, &home);
    }
    command.env_remove("XDG_CONFIG_HOME").env_remove("XDG_DATA_HOME");
    command
}
