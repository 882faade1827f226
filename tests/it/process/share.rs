//! `scrub` and `audit` on the command line.

use std::fs;

use crate::support::process::{run, stderr, stdout, text};

#[test]
fn a_recording_is_scrubbed_audited_and_scrubbed_again() {
    let folder = tempfile::tempdir().unwrap();
    let [show, one, two, key, words] =
        ["show.bin", "one.bin", "two.bin", "people.key", "words"].map(|name| folder.path().join(name));
    let show = text(&show);
    assert!(run(&["import", "fixtures/webcast/session-3.jsonl", "-o", show]).status.success());
    let before = run(&["audit", show]);
    assert_eq!(before.status.code(), Some(1), "{}", stderr(&before));
    assert!(stdout(&before).contains("do not share this recording"), "{}", stdout(&before));

    let scrub = |from: &str, to: &str| run(&["scrub", from, "-o", to, "--key-file", text(&key)]);
    let output = scrub(show, text(&one));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(&key).unwrap().trim().len(), 64);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let output = scrub(text(&one), text(&two));
    assert!(stdout(&output).contains("copied unchanged"), "{}", stdout(&output));
    assert_eq!(scrub(show, text(&one)).status.code(), Some(1), "it is there already");

    for (content, expected) in [("share/5\nab\n", 2), ("share/5\n", 1), ("", 0)] {
        fs::write(&words, content).unwrap();
        let audit = run(&["audit", text(&one), "--words", text(&words)]);
        assert_eq!(audit.status.code(), Some(expected), "{}{}", stdout(&audit), stderr(&audit));
    }
    fs::write(&key, "no key").unwrap();
    let output = run(&["scrub", show, "-o", text(&two), "--key-file", text(&key), "--force"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("has no key"), "{}", stderr(&output));
}
