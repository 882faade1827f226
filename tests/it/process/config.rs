//! `livetape config`, and the settings file that commands read.

use std::fs;

use crate::support::process::{livetape, run, stderr, stdout, text};

#[test]
fn a_file_is_checked_and_used() {
    let folder = tempfile::tempdir().unwrap();
    let inside = |args: &[&str]| livetape(args).current_dir(folder.path()).output().unwrap();
    assert_eq!(inside(&["config", "check"]).status.code(), Some(0), "no file is fine");
    let file = folder.path().join("livetape.toml");
    fs::write(&file, stdout(&inside(&["config", "example"]))).unwrap();
    assert_eq!(inside(&["config", "check"]).status.code(), Some(0));

    fs::write(&file, "[server]\nprot = 1\nquiet = 1\n").unwrap();
    let output = inside(&["config", "check"]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("livetape.toml:2: unknown key `prot`") && said.contains("`port`?"), "{said}");
    assert!(said.contains("livetape.toml:3: `server.quiet`"), "all of it at once: {said}");
    let output = inside(&["replay", "demo"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains(":2: ") && stderr(&output).contains(":3: "), "{}", stderr(&output));
    fs::write(&file, "[live.request]\nhosts = { www = \"http://x\" }\nsocket = { aid = \"\" }\n").unwrap();
    let output = inside(&["live", "ann"]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    let broken =
        ["❌ livetape.toml: live.request.hosts: `www` ", "❌ livetape.toml: live.request.socket: `aid` "];
    assert!(broken.iter().all(|it| said.contains(it)), "{said}");

    // The file contains all required settings.
    let settings = "[server]\nport = 0\nquiet = true\nwait_clients = 0\n[replay]\n\
                    speed = \"max\"\nexit_when_done = true\n";
    fs::write(&file, settings).unwrap();
    let output = inside(&["replay"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("🏁 Replayed demo"), "{}", stdout(&output));
    assert_eq!(run(&["config", "check", text(&file)]).status.code(), Some(0));
}

#[test]
fn a_check_warns_of_unknown_variables() {
    let checked = livetape(&["config", "check"])
        .envs(
            ["CLUSTERLEASE", "LEASE", "NATS_URL", "CLUSTER_NAME", "HTTP", "READ_TOKEN", "XYZ"]
                .map(|name| (format!("LIVETAPE_{name}"), "1")),
        )
        .output()
        .unwrap();
    assert_eq!(checked.status.code(), Some(0));
    insta::assert_snapshot!(stderr(&checked));
}

#[test]
fn a_check_finds_what_a_server_would_refuse() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("livetape.toml");
    for (settings, told) in [
        (
            "[[tokens]]\ntoken = \"a\"\nname = \"x\"\nuser = \"a b\"\n",
            "the token of `x`: `a b` is not a user name",
        ),
        ("[cluster]\nname = \"show\"\n", "--nats is missing"),
        (
            "[server]\ntoken = \"0123456789abcdef,read:short\"\n",
            "bearer token 2 of 2 in server.token (LIVETAPE_TOKEN) is too short: 5",
        ),
        (
            "[server]\ntoken_file = \"livetape.toml\"\n",
            "livetape.toml:1: the token has the invalid character '[' in place 1",
        ),
        ("[live]\nsession_cookie = \"missing.txt\"\n", "the file with the session does not exist"),
        ("[live]\noffline = true\n[webhook]\nurl = \"http://192.0.2.1\"\n", "192.0.2.1"),
    ] {
        fs::write(&file, settings).unwrap();
        let [check, serve] = [&["config", "check"][..], &["serve", "--port", "0"]]
            .map(|args| livetape(args).current_dir(folder.path()).output().unwrap());
        assert!(stderr(&check).contains(told) && stderr(&check).contains('💡'), "{}", stderr(&check));
        assert_eq!((check.status.code(), stderr(&check)), (serve.status.code(), stderr(&serve)));
    }
    // Commands that never join a cluster may read the same file.
    fs::write(&file, "[cluster]\nname = \"show\"\n").unwrap();
    let args = ["replay", "demo", "--port", "0", "--speed", "max", "--exit-when-done", "--wait-clients", "0"];
    let replay = livetape(&args).current_dir(folder.path()).output().unwrap();
    assert_eq!(replay.status.code(), Some(0), "{}", stderr(&replay));
}

#[cfg(target_os = "linux")]
#[test]
fn an_installed_program_uses_the_folders_of_its_user() {
    let home = tempfile::tempdir().unwrap();
    let (config, data) = (home.path().join("config/livetape"), home.path().join("data/livetape"));
    let (file, here) = (config.join("livetape.toml"), home.path().join("here"));
    fs::create_dir(&here).unwrap();
    let installed = |args: &[&str]| {
        let mut command = livetape(args);
        command.current_dir(&here).env("HOME", home.path());
        command.env("XDG_CONFIG_HOME", home.path().join("config"));
        command.env("XDG_DATA_HOME", home.path().join("data")).output().unwrap()
    };
    let show = || stdout(&installed(&["config", "show"]));

    let shown = show();
    assert!(shown.contains("# no settings file livetape.toml\n"), "{shown}");
    assert!(shown.contains(&format!("# no settings file {}\n", text(&file))), "{shown}");
    let recordings = data.join("recordings");
    assert!(shown.contains(&format!("recordings = \"{}\"", text(&recordings))), "{shown}");

    fs::create_dir_all(&recordings).unwrap();
    fs::copy("recordings/short.bin", recordings.join("mine.bin")).unwrap();
    assert_eq!(installed(&["verify", "mine"]).status.code(), Some(0));

    fs::create_dir_all(&config).unwrap();
    fs::write(&file, "[server]\nport = 0\n").unwrap();
    let shown = show();
    assert!(shown.contains(&format!("# settings file: {}\n", text(&file))), "{shown}");
    assert!(shown.contains("port = 0 "), "{shown}");

    // The current folder comes first.
    fs::create_dir(here.join("recordings")).unwrap();
    fs::write(here.join("livetape.toml"), "[server]\nport = 7\n").unwrap();
    let shown = show();
    assert!(shown.contains("# settings file: livetape.toml\n") && shown.contains("port = 7 "), "{shown}");
    assert!(shown.contains("recordings = \"recordings\" "), "{shown}");

    // A home folder that is not a folder does not stop the program.
    let nowhere = livetape(&["config", "check"]).current_dir("/").env("HOME", "/dev/null").output().unwrap();
    assert_eq!(nowhere.status.code(), Some(0));
}
