//! `livetape run`: a command with a server, and the end of both.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio},
};

use crate::support::{
    json,
    process::{lines_of, livetape, program, run, shell, stderr, stdout, text, variable},
};

/// A script that prints addresses that the command is given.
fn echo(names: &[&str]) -> String {
    format!("echo {}", Vec::from_iter(names.iter().map(|name| variable(name))).join(" "))
}

fn run_with(flags: &[&str], command: &[&str]) -> Output {
    run(&[&["run"], flags, &["--"], command].concat())
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

/// A `livetape run` whose command has printed its first line.
struct Started {
    child: Child,
    lines: BufReader<ChildStdout>,
    errors: BufReader<ChildStderr>,
    first: String,
}

impl Started {
    fn new(flags: &[&str], script: &str) -> Self {
        let args = [&["run", "demo", "--clients", "0"], flags, &["--", "sh", "-c", script]].concat();
        let mut command = livetape(&args);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let errors = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        Self { child, lines, errors, first: first.trim().to_owned() }
    }

    /// Waits for a line on stderr that contains a text.
    fn wait_until_told(&mut self, text: &str) {
        assert!(self.errors.by_ref().lines().any(|line| line.unwrap().contains(text)), "{text}");
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// Waits for the end: the exit code, and the other lines.
    fn wait(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

#[test]
fn the_command_gets_the_addresses_and_its_exit_code_is_returned() {
    let script = format!("{}&& exit 7", echo(&["LIVETAPE_URL", "LIVETAPE_HTTP"]));
    let output = run_with(&["demo", "--clients", "0"], &shell(&script));
    assert_eq!(code(&output), Some(7), "{}", stderr(&output));
    let printed = stdout(&output);
    let [url, http] = printed.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{printed}") };
    let port = http.strip_prefix("http://127.0.0.1:").unwrap();
    assert!(port.parse::<u16>().unwrap() > 0);
    assert_eq!(url, format!("ws://127.0.0.1:{port}/"));
}

#[test]
fn a_client_gets_the_show_and_the_terminal_is_its_own() {
    let flags = ["short", "--speed", "max", "--exit-when-done", "--seed", "7"];
    let output = run_with(&flags, &[&program(), "watch", "--json", "--gifts", "delta", "--raw"]);
    assert_eq!((code(&output), stderr(&output)), (Some(0), String::new()));
    let events = |output: &Output| stdout(output).lines().map(json).collect::<Vec<_>>();
    let mut expected = events(&run(&["events", "short", "--gifts", "delta", "--raw"]));
    for event in &mut expected {
        event["stream"] = "0000000000000007".into();
    }
    assert!(events(&output) == expected, "{}", stdout(&output));
}

#[test]
fn a_mock_runs_beside_the_server() {
    let names = ["LIVETAPE_URL", "LIVETAPE_HTTP", "LIVETAPE_MOCK_URL", "SIGN_API_URL"];
    let script = format!("{}&& exit 3", echo(&names));
    for mock in ["demo", "fixtures/scenarios/offline.toml"] {
        let output = run_with(&["short", "--mock", mock], &shell(&script));
        assert_eq!(code(&output), Some(3), "{}", stderr(&output));
        let printed = stdout(&output);
        let words: Vec<_> = printed.split_whitespace().collect();
        assert!(words.len() == 4 && words[2] == words[3] && words[1] != words[2], "{printed}");
    }
}

#[test]
fn a_command_that_does_not_connect_fails_with_a_count() {
    let offline = "demo --mock fixtures/scenarios/offline.toml --clients 2";
    let at = variable("LIVETAPE_MOCK_URL");
    let live = format!("{} live demo --port 0 --max-attempts 1 --upstream {at} || exit 5", program());
    let [observes, serves] = ["watch --observe", "serve --port 0"].map(|it| format!("{} {it}", program()));
    let [name, ..] = shell("");
    let neither = &format!("`{name}` exited with 0 and used neither the mock nor the feed\n💡 ");
    let failed = &format!("`{name}` exited with 5 before its clients connected: ");
    for (flags, script, expected, message, hint) in [
        ("demo --connect-time 200ms", &*serves, 1, "within 200ms: 0 of 1 clients", "LIVETAPE_URL"),
        (
            "demo --connect-time 5s --mock demo --clients 2",
            &observes,
            1,
            "0 of 2 clients, 1 observer, 0 entries in the log of the mock",
            "",
        ),
        ("demo", "exit 0", 1, "before its clients connected: 0 of 1 clients", ""),
        (offline, &live, 5, failed, ""),
        ("short --mock=demo", "exit 0", 1, neither, "LIVETAPE_MOCK_URL"),
        ("short --mock-proxy", "exit 0", 1, neither, "HTTPS_PROXY"),
    ] {
        let output = run_with(&Vec::from_iter(flags.split(' ')), &shell(script));
        let said = stderr(&output);
        assert_eq!(code(&output), Some(expected), "{flags}: {said}");
        assert!(said.contains(message) && said.contains(hint), "{flags}: {said}");
    }
}

/// It may still be waiting for something before its first request, so it goes on.
#[test]
fn a_command_that_uses_nothing_for_long_is_told_the_way() {
    let flags = ["short", "--mock", "demo", "--connect-time", "0s", "--until-idle", "1s"];
    let mut run =
        livetape(&[&["run"], &flags[..], &["--"], &shell(&format!("{} serve --port 0", program()))].concat());
    let mut run = run.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(run.stderr.take().unwrap()).lines().map(Result::unwrap);
    let told = lines.find(|line| line.starts_with('⚠')).unwrap();
    assert_eq!(told, "⚠️ Nothing used the mock or the feed within 0s");
    assert!(lines.next().unwrap().contains("LIVETAPE_MOCK_URL"));
    run.kill().unwrap();
    run.wait().unwrap();
}

#[cfg(unix)]
#[test]
fn a_command_that_uses_the_mock_or_the_feed_need_not_use_both() {
    let live = "live demo --port 0 --max-attempts 1 --upstream $LIVETAPE_MOCK_URL";
    for (mock, script) in [
        ("fixtures/scenarios/offline.toml", format!("{} {live}", program())),
        ("demo", format!("{} watch --since 0 | head -1", program())),
    ] {
        let flags = ["short", "--mock", mock, "--speed", "10", "--exit-when-done"];
        let output = run_with(&flags, &["sh", "-c", &format!("{{ {script}; }} > /dev/null 2>&1; true")]);
        assert_eq!((code(&output), stderr(&output)), (Some(0), String::new()), "{script}");
    }
    let output = run_with(&["short", "--mock", "demo", "--clients", "0"], &["true"]);
    assert_eq!((code(&output), stderr(&output)), (Some(0), String::new()));
}

/// Otherwise, a command that reads its socket to the end seems to hang.
#[cfg(unix)]
#[test]
fn the_end_of_the_recording_is_reported_if_sockets_stay_open() {
    let script = format!(
        "{{ {} watch --types disconnected & echo $!; wait; }} | {{ read -r id; read -r line; kill $id; }}",
        program()
    );
    let output = run_with(&["short", "--speed", "max"], &["sh", "-c", &script]);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    let expected = "🏁 The recording has ended; sockets stay open, `--exit-when-done` closes them\n";
    assert_eq!(stderr(&output), expected);
}

/// As a bot that throws at its start: advice on addresses would hide its error.
#[test]
fn a_command_that_fails_before_it_connects_is_not_told_how_to_connect() {
    for flags in
        [&["demo"][..], &["demo", "--clients", "2"], &["demo", "--mock=demo"], &["demo", "--mock-proxy"]]
    {
        let output = run_with(flags, &shell("echo Error: no module>&2&& exit 5"));
        assert_eq!(code(&output), Some(5));
        let [name, ..] = shell("");
        let expected = format!(
            "Error: no module\n\
            ⚠️ `{name}` ended with exit code 5 before it connected\n\
            💡 look for its error in the output above\n"
        );
        assert_eq!(lines_of(&stderr(&output)), expected, "{flags:?}");
    }
    let output = run_with(&["demo", "--clients", "0"], &shell("exit 5"));
    assert_eq!((code(&output), stderr(&output)), (Some(5), String::new()));
}

/// Its sockets are closed, so nothing else will ever happen.
#[cfg(unix)]
#[test]
fn a_command_that_stays_after_the_end_is_reported_with_what_ends_it() {
    let args = ["run", "short", "--clients", "0", "--speed", "max", "--exit-when-done", "--", "sleep", "600"];
    let mut command = livetape(&args);
    command.env("LIVETAPE_SHUTDOWN_TIME", "50ms");
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "🏁 The recording has ended, and `sleep` still runs; `--until-idle 5s` ends it\n");
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(128 + 15));
}

#[test]
fn a_command_that_cannot_run_has_the_exit_code_of_a_shell() {
    for (command, expected) in [(&["no-such-command"][..], 127), (&["./README.md"], 126), (&[], 2)] {
        let output = run_with(&["demo"], command);
        assert_eq!(code(&output), Some(expected), "{command:?}");
    }
    let said = stderr(&run_with(&["demo"], &["no-such-command"]));
    assert!(said.starts_with("❌ command `no-such-command` not found\n💡 check the spelling"), "{said}");
}

#[cfg(unix)]
#[test]
fn why_a_command_cannot_run_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let long = format!("{0}/{0}/bot", "ü".repeat(120));
    std::fs::create_dir_all(folder.path().join(&long).parent().unwrap()).unwrap();
    let [program, script, data, path] = ["mein Bot", "bot.py", "data", &long].map(at);
    for (file, content, mode) in [
        (&program, "#!/bin/sh\nprintf '%s|' \"$@\"", 0o755),
        (&script, "print(1)", 0o755),
        (&data, "1", 0o755),
        (&path, "#!/bin/sh\necho long", 0o755),
    ] {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::write(file, content).unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    for (command, expected, said) in [
        (&["./tests"][..], 126, "❌ cannot run `./tests`: it is a folder\n💡 name a program in it\n"),
        (&["tests"], 127, "❌ command `tests` not found"),
        (
            &[&data],
            126,
            ": it is neither a program nor a script that begins with `#!`\n💡 write its interpreter before it",
        ),
        (&[&script], 126, "💡 write -- python3 "),
        (&["no such\u{1b}[31m command"], 127, "❌ command `no such[31m command` not found"),
    ] {
        let output = run_with(&["demo", "--clients", "0"], command);
        let printed = stderr(&output);
        assert_eq!(code(&output), Some(expected), "{command:?}: {printed}");
        assert!(printed.contains(said) && printed.lines().count() == 2, "{command:?}: {printed}");
    }
    let arguments = [&program, "50%", "a&b", "Jörg \"x\"", ""];
    let output = run_with(&["demo", "--clients", "0"], &arguments.map(|it| it as &str));
    assert_eq!((code(&output), stdout(&output).as_str()), (Some(0), "50%|a&b|Jörg \"x\"||"));
    let output = run_with(&["demo", "--clients", "0"], &[&path]);
    assert_eq!((code(&output), stdout(&output).as_str()), (Some(0), "long\n"), "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn a_proxy_in_the_environment_is_not_used_for_this_machine() {
    let args = ["run", "demo", "--clients", "0", "--", "sh", "-c", "echo \"$NO_PROXY $no_proxy\""];
    for (set, expected) in [
        (&[][..], "localhost,127.0.0.1,::1 localhost,127.0.0.1,::1\n"),
        (
            &[("no_proxy", "corp.example")],
            "corp.example,localhost,127.0.0.1,::1 corp.example,localhost,127.0.0.1,::1\n",
        ),
        (&[("NO_PROXY", "*"), ("no_proxy", "::1")], "* ::1,localhost,127.0.0.1\n"),
    ] {
        let mut command = livetape(&args);
        command.env_remove("NO_PROXY").env_remove("no_proxy").envs(set.iter().copied());
        assert_eq!(stdout(&command.output().unwrap()), expected);
    }
}

#[test]
fn a_proxy_in_the_environment_is_named_if_nothing_connected() {
    let said =
        "https_proxy is set, and a client that ignores NO_PROXY connects through that proxy: unset it, or ";
    for (args, script) in [
        (&["run", "demo", "--"][..], "exit 0"),
        (&["run", "short", "--mock=demo", "--"], "exit 0"),
        (&["run", "demo", "--"], "exit 1"),
        (&["test", "demo", "--case", "plain", "--"], "exit 0"),
        (&["test", "demo", "--case", "plain", "--"], "exit 1"),
        (&["test", "demo", "--suite", "room", "--case", "plain", "--"], "exit 0"),
        (&["run", "short", "--mock-proxy", "--"], "exit 0"),
    ] {
        let mut command = livetape(&[args, &shell(script)].concat());
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY"] {
            command.env_remove(name);
        }
        let output = command.env("https_proxy", "http://127.0.0.1:9").output().unwrap();
        assert_eq!(code(&output), Some(1), "{args:?}");
        // The variables of the mock's proxy replace it.
        let is_named = !args.contains(&"--mock-proxy");
        // Names of variables have no case on Windows.
        let printed = (stdout(&output) + &stderr(&output)).replace("HTTPS_PROXY is", "https_proxy is");
        assert_eq!(printed.contains(said), is_named, "{args:?}: {output:?}");
    }
}

#[test]
fn the_command_does_not_start_if_the_server_cannot() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (flags, message) in [
        (&["demo", "--port", &port][..], "in use"),
        (&["no-such-recording"], "not found"),
        (&["demo", "--mock", "no-such.toml"], "no-such.toml"),
    ] {
        let output = run_with(flags, &["sh", "-c", "echo started"]);
        assert!(matches!(code(&output), Some(1 | 2)) && stderr(&output).contains(message), "{output:?}");
        assert_eq!(stdout(&output), "", "{flags:?}");
    }
}

#[test]
fn the_port_of_the_environment_is_not_used() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let args = ["run", "demo", "--clients", "0", "--", "true"];
    for port in [&port, "abc"] {
        let output = livetape(&args).env("LIVETAPE_PORT", port).output().unwrap();
        assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    }
}

#[test]
fn the_command_gets_the_token_and_is_offline_too() {
    const TOKEN: &str = "0123456789abcdef0123456789abcdef";
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("livetape.toml");
    std::fs::write(&config, format!("server.token = \"{TOKEN}\"\n")).unwrap();
    let print = echo(&["LIVETAPE_TOKEN", "LIVETAPE_OFFLINE"]);
    let script = format!("{print}&& {} watch --types disconnected", program());
    let flags = ["short", "--speed", "max", "--exit-when-done", "--config", text(&config)];
    let output = run_with(&flags, &shell(&script));
    assert_eq!((code(&output), stderr(&output)), (Some(0), String::new()));
    assert!(lines_of(&stdout(&output)).starts_with(&format!("{TOKEN} true\n")), "{}", stdout(&output));
    let print = echo(&["LIVETAPE_OFFLINE"]);
    let args = [&["run", "demo", "--clients", "0", "--"][..], &shell(&print)].concat();
    let output = livetape(&args).env("LIVETAPE_OFFLINE", "false").output().unwrap();
    assert_eq!(lines_of(&stdout(&output)), "false\n");
}

#[test]
fn a_damaged_private_replay_is_reported_like_that_of_the_main_channel() {
    let folder = tempfile::tempdir().unwrap();
    let short = concat!(env!("CARGO_MANIFEST_DIR"), "/recordings/short.bin");
    let bytes = std::fs::read(short).unwrap();
    std::fs::write(folder.path().join("half.bin"), &bytes[..bytes.len() / 2]).unwrap();
    let url = variable("LIVETAPE_URL") + "ws/play/half?speed=max";
    let watch = format!("{} watch --types disconnected {url}", program());
    // The code of a command that fails says more.
    for (script, expected) in [(watch.clone(), 3), (format!("{watch}&& exit 7"), 7)] {
        let output = run_with(&["demo", "--recordings", text(folder.path())], &shell(&script));
        assert_eq!(code(&output), Some(expected), "{}", stderr(&output));
        assert!(stderr(&output).starts_with("⚠️ half is incomplete: "), "{}", stderr(&output));
    }
}

#[cfg(unix)]
#[test]
fn silence_stops_a_command_that_would_run_on() {
    let flags = ["short", "--speed", "max", "--until-idle", "300ms"];
    let output = run_with(&flags, &[&program(), "watch", "--json", "--types", "disconnected"]);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output).lines().count(), 1);
    // A private replay counts as a client, and its end as silence.
    let watch = format!(
        "{0} watch --json --types disconnected ${{LIVETAPE_URL}}ws/play/short?speed=max; sleep 600",
        program()
    );
    let output = run_with(&flags, &["sh", "-c", &watch]);
    assert_eq!((code(&output), stdout(&output).lines().count()), (Some(0), 1), "{}", stderr(&output));
    // A command that handles the signal decides itself.
    let script = format!("trap 'exit 4' TERM; {} watch --types disconnected & wait", program());
    assert_eq!(code(&run_with(&flags, &["sh", "-c", &script])), Some(4));
}

#[cfg(unix)]
#[test]
fn signals_are_forwarded_to_the_command() {
    for (signal, expected) in [("TERM", 9), ("INT", 8)] {
        let script = "trap 'exit 9' TERM; trap 'exit 8' INT; echo ready; while :; do sleep 0.05; done";
        let run = Started::new(&[], script);
        run.signal(signal);
        assert_eq!(run.wait().0, Some(expected), "SIG{signal}");
    }
    let run = Started::new(&[], "echo ready; exec sleep 600");
    run.signal("TERM");
    assert_eq!(run.wait().0, Some(128 + 15), "what a shell reports");
}

#[cfg(unix)]
#[test]
fn a_second_signal_kills_the_command() {
    let mut run = Started::new(&[], "trap 'echo told' TERM; echo $$; while :; do sleep 0.05; done");
    let command = run.first.clone();
    run.signal("TERM");
    let mut told = String::new();
    run.lines.read_line(&mut told).unwrap();
    assert_eq!(told, "told\n");
    // Another signal, because two equal ones within a tenth of a second count as one.
    run.signal("INT");
    assert_eq!(run.wait().0, Some(130));
    assert!(!is_running(&command));
}

#[cfg(unix)]
#[test]
fn the_command_ends_with_the_standard_input() {
    let mut run = Started::new(&["--exit-with-stdin"], "echo $$; exec sleep 600");
    let command = run.first.clone();
    assert!(is_running(&command));
    drop(run.child.stdin.take());
    assert_eq!(run.wait().0, Some(128 + 15));
    assert!(!is_running(&command));
}

/// Its children have the pipe open, too.
#[cfg(unix)]
#[test]
fn no_process_of_the_command_outlives_livetape() {
    let folder = tempfile::tempdir().unwrap();
    let alive = crate::support::process::pipe(folder.path());
    let children = format!("exec 3> {}; sh -c 'sleep 600 & wait' & ", text(&alive));
    for (script, expected) in [("exit 4", Some(4)), ("echo started; exec sleep 600", None)] {
        let alive = alive.clone();
        let lives = std::thread::spawn(move || std::fs::read(alive).unwrap());
        let flags = ["--speed", "max", "--exit-when-done"];
        let mut run = Started::new(&flags, &(children.clone() + script));
        if expected.is_none() {
            // The command may print before livetape has noted its process.
            run.wait_until_told("still runs");
            run.signal("KILL");
        }
        assert_eq!(run.wait().0, expected);
        assert_eq!(lives.join().unwrap(), b"");
    }
}

#[cfg(unix)]
fn is_running(id: &str) -> bool {
    Command::new("kill").args(["-0", id]).stderr(Stdio::null()).status().unwrap().success()
}

/// A proxy elsewhere is rejected at the start, so nothing is contacted here either.
#[test]
fn run_contacts_only_loopback_unless_allowed() {
    let args = ["run", "demo", "--clients", "0", "--proxy", "http://192.0.2.1:1", "--", "true"];
    for (offline, expected) in [("", 1), ("true", 1), ("false", 0)] {
        let output = livetape(&args).env("LIVETAPE_OFFLINE", offline).output().unwrap();
        assert_eq!(code(&output), Some(expected), "{offline:?}: {}", stderr(&output));
    }
}
