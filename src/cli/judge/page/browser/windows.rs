//! Browsers that Windows knows by name, wherever they are installed.

use std::path::PathBuf;

use windows_registry::{CURRENT_USER, LOCAL_MACHINE};

const NAMES: [&str; 3] = ["chrome.exe", "msedge.exe", "brave.exe"];

pub(super) fn registered() -> Option<PathBuf> {
    let of = |name: &str| {
        let key = format!(r"SOFTWARE\Microsoft\Windows\CurrentVersion\App Paths\{name}");
        let keys = [CURRENT_USER, LOCAL_MACHINE].into_iter().filter_map(move |root| root.open(&key).ok());
        // The value without a name.
        keys.filter_map(|key| key.get_string("").ok()).map(|path| PathBuf::from(path.trim_matches('"')))
    };
    NAMES.iter().flat_map(|name| of(name)).find(|path| path.is_file())
}
