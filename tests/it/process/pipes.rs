//! `livetape … | head`: every command ends in order where nobody reads what it writes.

use std::{
    io::pipe,
    process::{Child, Command, Stdio},
    sync::mpsc::channel,
    time::Duration,
};

use livetape::cli::command;

use super::{livetape, stderr, text};

/// Longest time a command has to end, on a busy machine.
const END_MAX: Duration = Duration::from_secs(60);
/// An example of each command that writes something; `OUT` is a new file.
const EXAMPLES: [&[&str]; 29] = [
    &["replay", "demo", "--port", "0"],
    &["live", "ann", "--port", "0", "--upstream", "http://127.0.0.1:9"],
    &["serve", "0"],
    &["record", "ann", "--upstream", "http://127.0.0.1:9", "-o", "OUT"],
    &["mock", "--port", "0"],
    &["run", "demo", "--clients", "0", "--", "true"],
    &["watch", "ws://127.0.0.1:9"],
    &["trigger", "chat", "--url", "http://127.0.0.1:9"],
    &["events", "demo"],
    &["import", "fixtures/webcast/session-3.jsonl", "-o", "OUT"],
    &["info", "demo"],
    &["verify", "demo"],
    &["repair", "demo", "-o", "OUT"],
    &["cut", "demo", "--end", "10s", "-o", "OUT"],
    &["merge", "demo", "demo", "-o", "OUT"],
    &["mark", "demo", "here", "--at", "1s", "-o", "OUT"],
    &["scrub", "demo", "-o", "OUT"],
    &["audit", "demo"],
    &["cat", "demo"],
    &["diff", "demo", "recordings/short.bin"],
    &["export", "jsonl", "demo", "-o", "-"],
    &["as-scenario", "demo", "-o", "-"],
    &["synth", "--size", "10KB", "-o", "OUT"],
    &["config", "show"],
    &["config", "example"],
    &["config", "check"],
    &["token"],
    &["events", "no-such-recording"],
    &["no-such-command"],
];

/// A pipe that nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    writer.into()
}

/// The exit code; fails if it takes too long.
fn wait(mut child: Child, what: &str) -> Option<i32> {
    let (id, (ended, end)) = (child.id(), channel());
    std::thread::spawn(move || ended.send(child.wait().unwrap()));
    end.recv_timeout(END_MAX).map_or_else(
        |_| {
            drop(Command::new("kill").args(["-KILL", &id.to_string()]).status());
            panic!("{what} does not end")
        },
        |status| status.code(),
    )
}

fn spawn(args: &[&str], out: Stdio, err: Stdio) -> Option<i32> {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.bin");
    let args = Vec::from_iter(args.iter().map(|arg| if *arg == "OUT" { text(&output) } else { arg }));
    wait(livetape(&args).stdout(out).stderr(err).spawn().unwrap(), &args.join(" "))
}

#[test]
fn every_command_is_covered_by_an_example() {
    for subcommand in command().get_subcommands() {
        let name = subcommand.get_name();
        assert!(EXAMPLES.iter().any(|args| args[0] == name), "`{name}` is new");
    }
}

#[test]
fn every_command_survives_a_closed_output() {
    for args in EXAMPLES {
        let code = spawn(args, closed(), Stdio::null());
        assert!(matches!(code, Some(0..=3)), "{args:?} | true: {code:?}");
        let both = spawn(args, closed(), closed());
        assert!(matches!(both, Some(0..=3)), "{args:?} 2>&1 | true: {both:?}");
    }
}

#[test]
fn every_command_survives_a_closed_error_output() {
    let servers = ["replay", "serve", "mock"];
    for args in EXAMPLES.iter().filter(|args| !servers.contains(&args[0])) {
        let mut args = args.to_vec();
        if matches!(args[0], "live" | "record") {
            args.extend(["--max-attempts", "1"]);
        }
        let (heard, unheard) =
            (spawn(&args, Stdio::null(), Stdio::null()), spawn(&args, Stdio::null(), closed()));
        assert_eq!(heard, unheard, "{args:?} 2>&-");
    }
}

#[test]
fn a_replay_stops_when_its_output_is_closed() {
    let mut child = livetape(&["replay", "demo", "--port", "0", "--speed", "100"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    assert!(line.contains("📼 Replaying demo"), "{line}");
    drop(output);
    assert_eq!(wait(child, "replay | head -1"), Some(0));
    let output = livetape(&["replay", "demo", "--port", "0"]).stdout(closed()).output().unwrap();
    assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
}
