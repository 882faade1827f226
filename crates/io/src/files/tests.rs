//! Tests of opening, reading and creating files.

use std::io::{Seek as _, Write as _};

use super::*;

thread_local! {
    /// Sync operations of this thread, in order.
    pub(super) static SYNCED: std::cell::RefCell<Vec<&'static str>> = std::cell::RefCell::default();
}

#[test]
fn a_draft_is_synced_before_the_rename_and_its_folder_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let mut draft = Draft::new(&folder.path().join("show.bin"), false).unwrap();
    draft.write_all(b"whole").unwrap();
    assert_eq!(SYNCED.take(), [""; 0]);
    draft.keep().unwrap();
    assert_eq!(SYNCED.take(), ["file", "folder"]);
}

#[test]
fn a_name_that_is_too_long_for_a_draft_is_rejected_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = |bytes: usize| folder.path().join("x".repeat(bytes));
    for bytes in [NAME_BYTES_MAX + 1, 255, 300] {
        for error in [Draft::new(&path(bytes), false).err(), create_new(&System, &path(bytes), false).err()] {
            assert!(matches!(error, Some(Error::TooLong { .. })), "{bytes}: {error:?}");
        }
        // To Windows, such a file does not exist.
        #[cfg(unix)]
        assert!(matches!(open(&path(300)), Err(Error::TooLong { .. })));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    Draft::new(&path(NAME_BYTES_MAX), false).unwrap().keep().unwrap();
}

#[test]
fn a_name_that_windows_refuses_is_rejected_on_every_system() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["what?.bin", "con", "NUL.txt", "show.bin.", "a:b"] {
        // `join` would take `a:` for a drive.
        let path = PathBuf::from(format!("{}/{name}", folder.path().display()));
        for error in [Draft::new(&path, true).err(), create_new(&System, &path, false).err()] {
            assert!(matches!(error, Some(Error::Unportable { .. })), "{name}: {error:?}");
        }
        assert_eq!(append(&path).unwrap_err().kind(), io::ErrorKind::InvalidFilename, "{name}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    #[cfg(unix)]
    {
        // One from elsewhere is read all the same.
        fs::write(folder.path().join("what?.bin"), "").unwrap();
        assert!(open(&folder.path().join("what?.bin")).is_ok());
    }
}

#[test]
fn a_dash_is_not_taken_for_the_name_of_a_file() {
    let dash = Path::new("-");
    for error in [Draft::new(dash, true).err(), create_new(&System, dash, true).err()] {
        assert!(matches!(error, Some(Error::Dash)), "{error:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    create_new(&System, &folder.path().join("-"), false).unwrap();
}

#[test]
fn a_file_is_read_up_to_the_maximum_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.toml");
    let file = File::create(&path).unwrap();
    file.set_len(READ_BYTES_MAX).unwrap();
    assert_eq!(read_small(&path).unwrap().len() as u64, READ_BYTES_MAX);
    assert_eq!(read_text(&path).unwrap().len() as u64, READ_BYTES_MAX);
    for bytes in [READ_BYTES_MAX + 1, 1 << 40] {
        file.set_len(bytes).unwrap();
        assert_eq!(read_small(&path).unwrap_err().to_string(), "the file is larger than 1 MiB");
    }
    fs::write(&path, b"caf\xe9").unwrap();
    assert_eq!(read_text(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
}

#[test]
fn texts_may_have_a_byte_order_mark() {
    let written = "[server] # caf\u{e9} \u{1f339}\r\n";
    let wide = |unit: fn(u16) -> [u8; 2]| {
        let units = "\u{feff}".encode_utf16().chain(written.encode_utf16());
        units.flat_map(unit).collect::<Vec<_>>()
    };
    let marked = format!("\u{feff}{written}").into_bytes();
    for bytes in [written.as_bytes().to_vec(), marked, wide(u16::to_le_bytes), wide(u16::to_be_bytes)] {
        assert_eq!(text(bytes).unwrap(), written);
    }
    assert_eq!(text(Vec::new()).unwrap(), "");
    assert_eq!(text(b"\xff\xfe".to_vec()).unwrap(), "");
    // Half a character, half a pair, and neither encoding.
    for bytes in [&b"\xff\xfea"[..], b"\xff\xfe\x3c\xd8", b"\xef\xbb\xbf\xff", b"\xfe", b"a\xff\xfe"] {
        assert_eq!(text(bytes.to_vec()).unwrap_err().kind(), io::ErrorKind::InvalidData, "{bytes:?}");
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_access_new_files() {
    let folder = tempfile::tempdir().unwrap();
    let [made, kept, log] = ["made.bin", "kept.bin", "log"].map(|name| folder.path().join(name));
    create_new(&System, &made, false).unwrap();
    Draft::new(&kept, false).unwrap().keep().unwrap();
    append(&log).unwrap();
    for path in [made, kept, log] {
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}

#[test]
fn drafts_of_killed_processes_are_removed_and_active_drafts_stay() {
    let folder = tempfile::tempdir().unwrap();
    let names = || {
        let entries = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let draft = Draft::new(&folder.path().join("show.bin"), false).unwrap();
    for name in [".left.bin.1.part", ".notes.part", "x.1.part", ".show.bin.x.part"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let left_of = |name: &str| folder.path().join(format!(".{name}.1.part"));
    fs::write(left_of("other.bin"), "").unwrap();
    // A new draft removes those of its own name only.
    drop(Draft::new(&folder.path().join("other.bin"), false).unwrap());
    assert_eq!([left_of("other.bin"), left_of("left.bin")].map(|path| path.exists()), [false, true]);
    remove_left_parts(folder.path(), None);
    let ours = format!(".show.bin.{}.part", process::id());
    let mut left = [".notes.part", ".show.bin.x.part", "x.1.part", &ours].map(str::to_owned);
    left.sort();
    assert_eq!(names(), left);
    drop(draft);
    assert!(!names().contains(&ours));
}

#[test]
fn an_input_is_read_several_times() {
    // In memory, and in a file.
    for length in [10_usize, 5 << 20] {
        let content: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let spool = Spool::of(&content[..]).unwrap();
        let (mut first, mut second) = (spool.open(), spool.open());
        let mut bytes = [0; 4];
        first.read_exact(&mut bytes).unwrap();
        let mut whole = Vec::new();
        second.read_to_end(&mut whole).unwrap();
        assert_eq!((spool.bytes(), bytes), (length as u64, [0, 1, 2, 3]));
        assert!(whole == content, "{length}");
        assert_eq!(first.seek(SeekFrom::End(-2)).unwrap(), length as u64 - 2);
        whole.clear();
        first.read_to_end(&mut whole).unwrap();
        assert_eq!(whole, content[length - 2..]);
        assert_eq!(first.seek(SeekFrom::End(9)).unwrap(), length as u64 + 9);
        assert_eq!(first.read(&mut bytes).unwrap(), 0);
        assert!(first.seek(SeekFrom::Current(-10 - i64::try_from(length).unwrap())).is_err());
    }
}

#[test]
fn an_error_has_the_path_and_a_hint() {
    let error = |kind: io::ErrorKind| explain(Path::new("a.bin"), kind.into());
    let (denied, missing) = (error(io::ErrorKind::PermissionDenied), error(io::ErrorKind::NotFound));
    assert_eq!(denied.to_string(), "no permission for a.bin");
    assert_eq!(denied.hint(), "check the owner and the permissions of the file");
    assert_eq!(missing.to_string(), "a.bin does not exist");
    assert_eq!(missing.hint(), "check the name");
    assert_eq!(error(io::ErrorKind::StorageFull).to_string(), "a.bin: no storage space");
}

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
    assert!(process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // Opening a FIFO that nobody writes blocks, and the test would hang instead of failing.
    let _written = File::options().read(true).write(true).open(&fifo).unwrap();
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
    assert!(process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
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

/// Its lock belongs to the file, whatever its name.
#[cfg(unix)]
#[test]
fn a_file_that_is_being_recorded_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let [file, link, other] = ["show.bin", "link.bin", "other.bin"].map(|name| folder.path().join(name));
    let begun = Draft::new(&file, true).unwrap();
    let mut recorded = create_new(&System, &file, false).unwrap();
    recorded.write_all(b"show").unwrap();
    fs::hard_link(&file, &link).unwrap();
    for path in [&file, &link] {
        assert!(matches!(Draft::new(path, false), Err(Error::Exists { .. })));
        assert!(matches!(Draft::new(path, true), Err(Error::Busy { .. })));
    }
    // The recorder may start later.
    assert!(matches!(begun.keep(), Err(Error::Busy { .. })));
    assert_eq!(fs::read(&file).unwrap(), b"show");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no draft is left");
    // Readers, and others that look, are not in the way.
    let _reader = open(&file).unwrap();
    drop(recorded);
    Draft::new(&link, true).unwrap().keep().unwrap();
    Draft::new(&other, true).unwrap().keep().unwrap();
}

#[test]
fn a_file_has_one_identity_under_all_names() {
    let folder = tempfile::tempdir().unwrap();
    let [file, link, other] = ["show.bin", "link.bin", "other.bin"].map(|name| folder.path().join(name));
    let made = create_new(&System, &file, false).unwrap();
    fs::hard_link(&file, &link).unwrap();
    create_new(&System, &other, false).unwrap();
    let id = made.id().unwrap();
    assert_eq!([&file, &link, &other].map(|path| System.id(path).unwrap() == id), [true, true, false]);
    assert_eq!(System.id(folder.path().join("none").as_path()).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[cfg(target_os = "linux")]
#[test]
fn names_of_drafts_and_partial_files_need_not_be_unicode() {
    let name = |bytes| PathBuf::from(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes));
    let folder = tempfile::tempdir().unwrap();
    let draft = Draft::new(&folder.path().join(name(b"\xff.bin")), false).unwrap();
    assert_eq!(target_of(draft.part()), Some(&b"\xff.bin"[..]));
    let partial: Vec<_> = partial_names(&name(b"\xff.b\xfe")).take(2).collect();
    assert_eq!(partial, [name(b"\xff.partial.b\xfe"), name(b"\xff.partial-2.b\xfe")]);
}

#[test]
fn a_name_that_another_process_takes_meanwhile_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("new"), "new").unwrap();
    fs::write(path("taken"), "old").unwrap();
    let error = System.rename(&path("new"), &path("taken"), false).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read(path("taken")).unwrap(), b"old");
    System.rename(&path("new"), &path("free"), false).unwrap();
    assert!(!path("new").exists());
    System.rename(&path("free"), &path("taken"), true).unwrap();
    assert_eq!(fs::read(path("taken")).unwrap(), b"new");
}

#[test]
fn a_file_is_changed_by_one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("show.bin");
    fs::write(&path, "old").unwrap();
    // Of a process that was killed.
    fs::write(folder.path().join(".show.bin.0.part"), "half").unwrap();
    let mut changed = Draft::of_changed(&path).unwrap();
    assert!(matches!(Draft::of_changed(&path), Err(Error::Busy { .. })));
    changed.write_all(b"new").unwrap();
    changed.keep().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    drop(Draft::of_changed(&path).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
