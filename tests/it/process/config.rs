//! `livetape config`, and the settings file that commands read.

use std::fs;

use crate::support::process::{livetape, run, stderr, stdout, text};

#[test]
fn a_file_is_checked_shown_and_used() {
    let folder = tempfile::tempdir().unwrap();
    let inside = |args: &[&str]| livetape(args).current_dir(folder.path()).output().unwrap();
    assert_eq!(inside(&["config", "check"]).status.code(), Some(0), "no file is fine");

    let example = stdout(&inside(&["config", "example"]));
    fs::write(folder.path().join("livetape.toml"), example).unwrap();
    assert_eq!(inside(&["config", "check"]).status.code(), Some(0));

    let file = folder.path().join("livetape.toml");
    fs::write(&file, "[server]\nprot = 1\nquiet = 1\n[replay]\nspeed = \"max\"\n").unwrap();
    let output = inside(&["config", "check"]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("livetape.toml:2: unknown key `prot`") && said.contains("`port`?"), "{said}");
    assert!(said.contains("livetape.toml:3: `server.quiet`"), "all of it at once: {said}");
    let output = inside(&["replay", "demo"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("(and 1 more: run `livetape config check`)"), "{}", stderr(&output));

    let settings = "[server]\nport = 0\nquiet = true\n[replay]\nrecording = \"demo\"\nspeed = \"max\"\n\
                    wait_clients = 0\nexit_when_done = true\n";
    fs::write(&file, settings).unwrap();
    let shown = livetape(&["config", "show"])
        .current_dir(folder.path())
        .env("LIVETAPE_SIGN_KEY", "hunter2")
        .env("LIVETAPE_SPEED", "4")
        .output()
        .unwrap();
    let shown = stdout(&shown);
    assert!(shown.contains("speed = 4") && shown.contains("# env LIVETAPE_SPEED"), "{shown}");
    assert!(shown.contains("quiet = true") && shown.contains("# file"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");

    // The file contains all required settings.
    let output = inside(&["replay"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("🏁 Replayed demo"), "{}", stdout(&output));
    let elsewhere = run(&["config", "check", text(&file)]);
    assert_eq!(elsewhere.status.code(), Some(0), "{}", stderr(&elsewhere));
}

#[test]
fn a_generated_token_is_valid() {
    let tokens = [(); 2].map(|()| stdout(&run(&["token"])).trim().to_owned());
    assert_ne!(tokens[0], tokens[1]);
    assert!(
        tokens.iter().all(|token| token.len() == 43 && livetape::settings::is_token(token)),
        "{tokens:?}"
    );
}
