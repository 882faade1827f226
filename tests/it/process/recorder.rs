//! Recordings in progress: no command replaces one, and one that another program takes away is kept.

use std::fs;

use livetape::cli::command;
use livetape_core::recording::records::Header;
use livetape_engine::recorder::{Recorder, RecorderOptions, Target};

use crate::support::process::{run, stderr, text};

/// Each command that replaces files; OUT is the file.
const REPLACING: [&str; 11] = [
    "cut demo --to 10s -o OUT --force",
    "repair demo -o OUT --force",
    "merge demo demo -o OUT --force",
    "mark demo here --at 0 -o OUT --force",
    "share demo -o OUT --force",
    "scrub demo -o OUT --force",
    "export jsonl demo -o OUT --force",
    "as-scenario demo -o OUT --force",
    "synth --minutes 1 -o OUT --force",
    "import Cargo.toml -o OUT --force",
    "shrink demo -o OUT --force -- true",
];

#[test]
fn no_command_replaces_a_recording_in_progress() {
    for command in command().get_subcommands() {
        let has_force = command.get_arguments().any(|flag| flag.get_long() == Some("force"));
        let is_listed = REPLACING.iter().any(|line| line.split(' ').next() == Some(command.get_name()));
        assert_eq!(has_force, is_listed, "{}", command.get_name());
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("show.bin");
    let target = Target::File(file.clone());
    let recorder = Recorder::start(&target, Header::default(), &RecorderOptions::default()).unwrap();
    let link = folder.path().join("hard-link.bin");
    fs::hard_link(&file, &link).unwrap();
    let mut names = vec![text(folder.path()).to_owned() + "/./show.bin", text(&link).to_owned()];
    #[cfg(unix)]
    {
        let link = folder.path().join("link.bin");
        std::os::unix::fs::symlink("show.bin", &link).unwrap();
        names.push(text(&link).to_owned());
    }
    let check = |line: &str, name: &str| {
        let words = Vec::from_iter(line.split(' ').map(|word| if word == "OUT" { name } else { word }));
        let done = run(&words);
        let busy = format!("❌ {name} is being recorded or changed\n💡 ");
        assert_eq!(
            (done.status.code(), stderr(&done).starts_with(&busy)),
            (Some(1), true),
            "{line}: {done:?}"
        );
    };
    for line in REPLACING {
        check(line, text(&file));
    }
    for name in names {
        check(REPLACING[0], &name);
    }
    check("test demo --html OUT -- true", text(&file));
    // Another recorder.
    let second = run(&["replay", "demo", "--port", "0", "--record", text(&file)]);
    assert!(stderr(&second).contains("already exists, and recordings are never overwritten"), "{second:?}");
    recorder.finish().unwrap();
    assert_eq!(run(&["verify", text(&file)]).status.code(), Some(0));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_is_taken_away_is_reported_at_once_and_kept() {
    use crate::support::{demo::over_tcp, process::Running};

    let mock = over_tcp("end = \"stay\"\n").await;
    let url = mock.url();
    let folder = tempfile::tempdir().unwrap();
    let start = |(line, last): (&str, &str)| {
        let file = folder.path().join(line.split(' ').next().unwrap()).with_extension("bin");
        let mut words = Vec::from_iter(line.split(' '));
        words.extend([text(&file), "--upstream", &url, "--log-level", "info"]);
        let mut command = crate::support::process::livetape(&words);
        let mut running = Running::spawn(&mut command, last);
        running.wait_until_logged("📼 Recording");
        (running, file)
    };
    let lines = [
        ("record demo -q -o", "Press Ctrl+C"),
        ("live demo -q --port 0 --record", "Connecting to TikTok Live"),
        ("replay demo -q --port 0 --record", "Press Ctrl+C"),
    ];
    let recording = tokio::task::block_in_place(|| lines.map(start));
    let other = folder.path().join("other");
    for (_, file) in &recording {
        fs::write(&other, "another file").unwrap();
        fs::rename(&other, file).unwrap();
    }
    for ((line, _), (mut running, file)) in lines.into_iter().zip(recording) {
        let kept = file.with_extension("partial.bin");
        let said = format!(
            "⚠️ The recording is incomplete: {} was replaced while it was written; what was recorded is in {}",
            file.display(),
            kept.display()
        );
        let (status, said_later) = tokio::task::block_in_place(|| {
            running.wait_until_said(&said);
            if !line.starts_with("record ") {
                running.signal("TERM");
            }
            running.wait()
        });
        assert_eq!(status.code(), Some(3), "{line}");
        let listed = Vec::from_iter(said_later.iter().filter(|line| line.contains("📼 ")));
        let is_listed = listed.iter().all(|line| line.ends_with(&format!("📼 {}", kept.display())));
        assert!(is_listed && (listed.len() == 1 || line.starts_with("record ")), "{line}: {said_later:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "another file", "{line}");
        assert_eq!(run(&["verify", text(&kept)]).status.code(), Some(0), "{line}");
    }
}
