//! The CA and its folder.

use std::{
    fs,
    path::Path,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use livetape_io::clock;
use livetape_mock::proxy::{Ca, Opened};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn open(folder: &Path, now: Duration) -> Opened {
    Ca::open(folder, now).unwrap()
}

fn file(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn the_ca_is_created_at_first_use_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("data/ca");
    let first = open(&inner, clock::wall());
    let again = open(&inner, clock::wall());
    assert_eq!(first.ca.pem(), again.ca.pem());
    assert!(!first.is_renewed && !again.is_renewed);
    assert_eq!(fs::read_to_string(&first.certificate).unwrap(), first.ca.pem());
    assert!(first.ca.pem().starts_with("-----BEGIN CERTIFICATE-----\n"));
    assert!(fs::read(&first.trust_store).unwrap().starts_with(&[0xfe, 0xed, 0xfe, 0xed]));
    assert!(first.node_guard.exists());
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_key() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), clock::wall());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let key = folder.path().join("ca.key");
    assert_eq!((mode(&key), mode(&opened.certificate), mode(&opened.trust_store)), (0o600, 0o644, 0o644));
    for mode in [0o640, 0o604, 0o644] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let problem = Ca::open(folder.path(), clock::wall()).unwrap_err();
        assert_eq!(problem.code.name(), "bad_config");
        assert!(problem.message.starts_with("other users can read the key of the CA"), "{problem}");
        assert!(problem.hint.contains("delete the file"), "{}", problem.hint);
    }
}

/// The key occurs only in its own file.
#[test]
fn the_key_is_not_in_other_files_or_in_debug_output() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), clock::wall());
    let text = file(folder.path(), "ca.key");
    let (key, _) = text.split_once("-----END PRIVATE KEY-----").unwrap();
    let (_, key) = key.split_once("-----BEGIN PRIVATE KEY-----\n").unwrap();
    let key = key.lines().next().unwrap();
    assert!(key.len() >= 60, "{key}");
    assert_eq!(format!("{:?}", opened.ca), "Ca");
    let shown = format!("{opened:?}{}", opened.ca.pem());
    assert!(!shown.contains(key));
    for entry in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        let content = fs::read(entry.path()).unwrap();
        let holds = content.windows(key.len()).any(|part| part == key.as_bytes());
        assert_eq!(holds, entry.file_name() == "ca.key", "{:?}", entry.file_name());
    }
}

#[test]
fn an_expired_ca_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let now = clock::wall();
    let first = open(folder.path(), now);
    assert_eq!(open(folder.path(), now + 29 * DAY).ca.pem(), first.ca.pem());
    let second = open(folder.path(), now + 30 * DAY);
    assert!(second.is_renewed);
    assert_ne!(second.ca.pem(), first.ca.pem());
    assert_eq!(fs::read_to_string(&second.certificate).unwrap(), second.ca.pem());
    let third = open(folder.path(), now + 31 * DAY);
    assert!(!third.is_renewed && third.ca.pem() == second.ca.pem());
}

#[test]
fn processes_that_share_a_folder_share_the_ca() {
    let folder = tempfile::tempdir().unwrap();
    let start = Arc::new(Barrier::new(8));
    let threads = (0..8).map(|_| {
        let (folder, start) = (folder.path().to_owned(), Arc::clone(&start));
        thread::spawn(move || {
            start.wait();
            open(&folder, clock::wall()).ca.pem().to_owned()
        })
    });
    let threads: Vec<_> = threads.collect();
    let pems: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(pems.iter().all(|pem| *pem == pems[0]));
    assert_eq!(file(folder.path(), "ca.pem"), pems[0]);
}

#[test]
fn missing_copies_are_written_again_and_a_damaged_key_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), clock::wall());
    let store = fs::read(&first.trust_store).unwrap();
    fs::remove_file(&first.trust_store).unwrap();
    fs::write(&first.certificate, "other").unwrap();
    let again = open(folder.path(), clock::wall());
    assert_eq!(again.ca.pem(), first.ca.pem());
    assert_eq!(
        (file(folder.path(), "ca.pem"), fs::read(&again.trust_store).unwrap()),
        (first.ca.pem().into(), store)
    );

    let text = file(folder.path(), "ca.key");
    let foreign = tempfile::tempdir().unwrap();
    open(foreign.path(), clock::wall());
    let (_, foreign) = {
        let text = file(foreign.path(), "ca.key");
        let at = text.find("-----BEGIN CERTIFICATE").unwrap();
        (text[..at].to_owned(), text[at..].to_owned())
    };
    let own = &text[..text.find("-----BEGIN CERTIFICATE").unwrap()];
    for damaged in ["", "expires x\n", &text[..text.len() / 2], &text[8..], &format!("{own}{foreign}")] {
        fs::write(folder.path().join("ca.key"), damaged).unwrap();
        let problem = Ca::open(folder.path(), clock::wall()).unwrap_err();
        assert!(problem.message.ends_with("ca.key is damaged"), "{problem}");
    }
}

#[test]
fn a_folder_that_cannot_be_used_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "").unwrap();
    let problem = Ca::open(&path.join("ca"), clock::wall()).unwrap_err();
    assert_eq!(problem.code.name(), "io");
    assert!(problem.hint.contains("--ca-dir") || problem.message.starts_with("cannot read"), "{problem}");
}
