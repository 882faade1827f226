//! Existing, missing and inaccessible files.

use std::{fs, io::Write as _};

#[cfg(unix)]
use livetape_io::files::open_inside;
use livetape_io::files::{Draft, Error, System, create_new, open};

#[test]
fn each_file_problem_has_its_own_error() {
    let directory = tempfile::tempdir().unwrap();
    let (dir, file) = (directory.path(), directory.path().join("show.bin"));
    assert!(matches!(open(dir), Err(Error::Directory { .. })));
    assert!(matches!(open(&file), Err(Error::Missing { .. })));
    assert!(matches!(create_new(&System, dir, true), Err(Error::Directory { .. })));
    assert!(matches!(create_new(&System, &dir.join("no/show.bin"), true), Err(Error::NoParent { .. })));
    create_new(&System, &file, false).unwrap().write_all(b"first").unwrap();
    let refused = create_new(&System, &file, false).unwrap_err();
    assert_eq!(refused.to_string(), format!("{} already exists", file.display()));
    assert_eq!(refused.hint(), "choose another name, or overwrite the file with --force");
    assert_eq!(fs::read(&file).unwrap(), b"first");
    create_new(&System, &file, true).unwrap().write_all(b"2").unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"2");
}

#[cfg(unix)]
#[test]
fn only_regular_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let [fifo, zero, real, link] = ["fifo", "zero", "real", "link"].map(|name| folder.path().join(name));
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // Opening a FIFO that nobody writes blocks, and the test would hang instead of failing.
    let _written = fs::File::options().read(true).write(true).open(&fifo).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &zero).unwrap();
    fs::write(&real, "x").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    for path in [&fifo, &zero] {
        assert!(matches!(open(path), Err(Error::Irregular { .. })), "{}", path.display());
    }
    open(&link).unwrap();
    assert!(open_inside(&link).is_err(), "a link may lead out of the folder");
    open_inside(&real).unwrap();
}

/// For root, `--force -o /dev/null` would replace the device.
#[cfg(unix)]
#[test]
fn only_regular_files_are_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for force in [false, true] {
        assert!(matches!(Draft::new(&fifo, force), Err(Error::Irreplaceable { .. })));
    }
}

#[test]
fn a_draft_takes_its_name_when_it_is_complete() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("show.bin");
    let entries = || fs::read_dir(directory.path()).unwrap().count();

    let mut draft = Draft::new(&file, false).unwrap();
    draft.write_all(b"half").unwrap();
    drop(draft);
    assert_eq!(entries(), 0, "what failed leaves nothing");

    let mut draft = Draft::new(&file, false).unwrap();
    draft.write_all(b"whole").unwrap();
    assert!(!file.exists());
    draft.keep().unwrap();
    assert_eq!((fs::read(&file).unwrap().as_slice(), entries()), (&b"whole"[..], 1));

    assert!(matches!(Draft::new(&file, false), Err(Error::Exists { .. })));
    Draft::new(&file, true).unwrap().keep().unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"");
    assert!(matches!(Draft::new(directory.path(), true), Err(Error::Directory { .. })));
    assert!(matches!(Draft::new(&directory.path().join("no/x.bin"), true), Err(Error::NoParent { .. })));
}
