//! Whether a Node is recent enough.

use std::{path::Path, process::Command};

/// Lowest major version that the tests and their tools support.
pub(crate) const MAJOR_MIN: u32 = 20;
/// Programs of an installed Node, in its folder.
pub(crate) const BIN: &str = "node_modules/.bin";

/// Returns whether there is a recent Node, on the path or in the target folder.
pub(crate) fn is_installed(target: &Path) -> bool {
    is_recent(Path::new("node")) || is_recent(&target.join("node").join(BIN).join("node"))
}

pub(crate) fn is_recent(node: &Path) -> bool {
    let Ok(output) = Command::new(node).arg("--version").output() else { return false };
    major(&String::from_utf8_lossy(&output.stdout)).is_some_and(|major| major >= MAJOR_MIN)
}

/// Parses the major version of `v22.23.3`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn versions_are_parsed() {
        assert_eq!(major("v22.23.3\n"), Some(22));
        assert_eq!(major("v8.0.0"), Some(8));
        assert_eq!(major("22.1.0"), None);
        assert_eq!(major(""), None);
    }
}
