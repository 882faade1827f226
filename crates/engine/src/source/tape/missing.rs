//! The error for a recording that does not exist, with a suggestion and the existing names.

use std::{fs, path::Path};

use livetape_core::{
    error::{Code, Problem},
    nearest,
    recording::{DEMO, is_plain_name},
};

/// Maximum number of files to list in a folder.
const FILES_MAX: usize = 10_000;

/// Returns `recording_not_found` for `name`, with the closest name and all names in `folder`.
#[must_use]
pub fn missing(folder: &Path, name: &str) -> Problem {
    let names = names(folder);
    let wanted = name.strip_suffix(".bin").unwrap_or(name);
    let known = Vec::from_iter(names.iter().map(String::as_str));
    Problem::new(Code::RecordingNotFound, format!("recording {name} not found"))
        .hint(nearest::choices(wanted, &known))
}

/// Returns the names of the built-in recording and those in `folder`.
fn names(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().take(FILES_MAX);
    let files = files.filter(|file| file.file_type().is_ok_and(|kind| kind.is_file()));
    let named = files.filter_map(|file| {
        let name = file.file_name().to_str()?.strip_suffix(".bin")?.to_owned();
        (is_plain_name(&name) && name != DEMO).then_some(name)
    });
    let mut names = Vec::from_iter(named);
    names.sort();
    names.insert(0, DEMO.to_owned());
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_name_and_all_others_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["battle.bin", "gifts.bin", "notes.txt", ".hidden.bin"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let problem = missing(folder.path(), "batle");
        assert_eq!(problem.message, "recording batle not found");
        assert_eq!(problem.hint, "did you mean `battle`? choose one of: demo, battle, gifts");
        assert_eq!(missing(folder.path(), "x").hint, "choose one of: demo, battle, gifts");
        let problem = missing(&folder.path().join("none"), "demmo.bin");
        assert_eq!(problem.hint, "did you mean `demo`? choose one of: demo");
    }
}
