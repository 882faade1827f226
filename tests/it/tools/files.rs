use std::{fs, io::Write as _};

use livetape::tools::files::{Draft, Error, create_new, open};

#[test]
fn each_trouble_has_its_error() {
    let directory = tempfile::tempdir().unwrap();
    let (dir, file) = (directory.path(), directory.path().join("show.bin"));
    assert!(matches!(open(dir), Err(Error::Directory { .. })));
    assert!(matches!(open(&file), Err(Error::Missing { .. })));
    assert!(matches!(create_new(dir, true), Err(Error::Directory { .. })));
    assert!(matches!(create_new(&dir.join("no/show.bin"), true), Err(Error::NoParent { .. })));
    create_new(&file, false).unwrap().write_all(b"first").unwrap();
    let refused = create_new(&file, false).unwrap_err().to_string();
    assert_eq!(
        refused,
        format!("{} exists already: choose another name, or overwrite it with --force", file.display())
    );
    assert_eq!(fs::read(&file).unwrap(), b"first");
    create_new(&file, true).unwrap().write_all(b"2").unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"2");
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
