//! `livetape test --page`: overlays with planted bugs, the shipped ones, and pages that misbehave.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Output,
    thread,
};

use serde_json::Value;
use tempfile::tempdir;

use crate::support::process::{livetape, run, stderr, stdout};

const PLANTED: &str = "tests/bots/pages/planted.html";
const TOTAL: [&str; 4] = ["--text", "#total", "--expect", "{diamonds}"];

/// Runs a page in cases. Returns the exit code and the report.
fn judge(page: &str, cases: &[&str], flags: &[&str]) -> (Option<i32>, Value) {
    let cases = cases.iter().flat_map(|name| ["--case", name]);
    let args = ["test", "demo", "--json", "--page", page].into_iter().chain(cases);
    let output = run(&Vec::from_iter(args.chain(flags.iter().copied())));
    let report = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    (output.status.code(), report)
}

/// Runs a page with this body in the case `cut`. Returns the messages of its failures.
fn failures(body: &str, flags: &[&str]) -> Vec<String> {
    let folder = tempdir().unwrap();
    let page = folder.path().join("overlay.html");
    fs::write(&page, format!("<!doctype html><meta charset=utf-8>{body}")).unwrap();
    let (_, report) = judge(page.to_str().unwrap(), &["cut"], flags);
    let failures = report["cases"][0]["failures"].as_array().unwrap();
    Vec::from_iter(failures.iter().map(|failure| failure["message"].as_str().unwrap().to_owned()))
}

/// Checks two rows at a time: most of their time is waiting.
fn in_pairs<T: Sync>(rows: &[T], check: impl Fn(&T) + Sync) {
    let check = &check;
    for pair in rows.chunks(2) {
        thread::scope(|scope| pair.iter().for_each(|row| drop(scope.spawn(move || check(row)))));
    }
}

/// A script that reads the feed, again and again.
fn reading(more: &str) -> String {
    format!(
        "<script>function connect() {{
          const socket = new WebSocket(LIVETAPE_URL)
          socket.onclose = () => setTimeout(connect, 500)
          {more}
        }}
        connect()</script>"
    )
}

#[test]
fn contradictions_are_refused_before_anything_runs() {
    let folder = tempdir().unwrap();
    let said = |output: Output| (output.status.code(), stderr(&output));
    for (flags, expected) in [
        (&["--page", PLANTED, "--", "node", "bot.mjs"][..], "cannot be used with"),
        (&["--page", "none.html"], "cannot open the page `none.html`"),
        (&["--page", "tests"], "it is not a file"),
        (&["--page", "ftp://overlay.example/"], "is not the address of a page"),
        (&["--page", PLANTED, "--text", "#total"], "nothing is expected of the text"),
        (&["--page", PLANTED, "--suite", "room"], "a page reads the feed"),
        (&["--text", "#total", "--", "true"], "--text needs a page"),
    ] {
        let (code, said) = said(run(&[&["test", "demo"], flags].concat()));
        assert!(
            code == Some(2) && said.contains(expected) && said.contains("💡"),
            "{flags:?}: {code:?} {said}"
        );
    }
    let test = || livetape(&["test", "demo", "--page", PLANTED]);
    let (code, none) = said(test().env_remove("CHROMIUM").env("PATH", folder.path()).output().unwrap());
    // Elsewhere, browsers are not only in `PATH`.
    if cfg!(target_os = "linux") {
        assert!(
            code == Some(127) && none.contains("none is installed") && none.contains("apt-get install"),
            "{none}"
        );
    }
    let (code, wrong) = said(test().env("CHROMIUM", "/none").output().unwrap());
    assert!(code == Some(127) && wrong.contains("CHROMIUM names no file: /none"), "{wrong}");
}

#[test]
#[ignore = "needs Chromium: of `cargo xtask ci verdict`"]
fn planted_bugs_of_overlays_are_found() {
    let cases = ["names", "no-final", "cut", "burst"];
    let (code, report) = judge(PLANTED, &cases, &TOTAL);
    assert_eq!((code, &report["failed"]), (Some(0), &0.into()), "{report:#}");
    let planted = [
        ("inner_html", "names", "page", "", "showed a name or a comment as HTML"),
        ("only_finals", "no-final", "diamonds", "only_repeat_end", "right is 114"),
        ("resets", "cut", "diamonds", "reset_at_break", "right is 114"),
        ("queue", "burst", "diamonds", "", "right is 614"),
        ("freezes", "plain", "page", "", "does not respond any more"),
    ];
    in_pairs(&planted, |(bug, case, what, diagnosis, message)| {
        let (code, report) = judge(&format!("{PLANTED}?bug={bug}"), &[*case], &TOTAL);
        assert_eq!(code, Some(1), "{bug}: {report:#}");
        let failures = report["cases"][0]["failures"].as_array().unwrap();
        let found = failures.iter().find(|failure| failure["what"] == *what);
        let found = found.unwrap_or_else(|| panic!("{bug}: {report:#}"));
        assert_eq!(found["diagnosis"].as_str().unwrap_or_default(), *diagnosis, "{bug}: {report:#}");
        assert!(found["message"].as_str().unwrap().contains(message), "{bug}: {report:#}");
    });
}

#[test]
#[ignore = "needs Chromium, and takes minutes: of `cargo xtask nightly verdict`"]
fn shipped_overlays_pass_every_case() {
    let goal = ["--text", "#numbers", "--expect", "{diamonds} / 500"];
    for (page, flags) in [
        ("goal.html?goal=500", &goal[..]),
        ("leaderboard.html", &[]),
        ("alerts.html", &[]),
        ("chat.html", &[]),
        ("viewers.html", &[]),
        ("battle.html", &[]),
    ] {
        let (code, report) = judge(&format!("examples/overlays/{page}"), &[], flags);
        assert_eq!((code, &report["failed"]), (Some(0), &0.into()), "{page}: {report:#}");
    }
}

#[test]
#[ignore = "needs Chromium: of `cargo xtask ci verdict`"]
fn what_is_wrong_with_a_page_is_one_clear_line() {
    let throws = reading("socket.onmessage = () => { throw new TypeError('no such field') }");
    let rejects = reading("socket.onopen = () => Promise.reject(new Error('unhandled'))");
    let leaves = reading("socket.onopen = () => location.assign('/away.html')");
    let asks = reading("socket.onopen = () => confirm('Sound?')");
    let rows = [
        (throws, &[][..], "threw an error: TypeError: no such field at overlay.html:4"),
        (rejects, &[], "did not handle a rejection: Error: unhandled"),
        (leaves, &[], "went to another page: away.html"),
        (asks, &[], "opened a dialog of the type confirm: Sound?"),
        (
            "<meta http-equiv=Content-Security-Policy content=\"script-src 'unsafe-inline'; connect-src 'self'\">\
             <script>new WebSocket('ws://localhost:3000/').onerror = () => location.reload()</script>"
                .to_owned(),
            &[],
            "may not connect: its Content-Security-Policy forbids that",
        ),
        (reading(""), &TOTAL, "has nothing that matches `#total`"),
        (
            reading(""),
            &["--text", "##", "--expect", "{diamonds}"],
            "cannot be searched: `##` is not a CSS selector",
        ),
        (
            format!(
                "<b id=total>1</b>{}{}",
                reading(""),
                "<script>for (let i = 0; i < 9; i++) connect()</script>"
            ),
            &TOTAL,
            "had 10 connections to the feed at once, and --clients is 1",
        ),
    ];
    in_pairs(&rows, |(body, flags, expected)| {
        let failures = failures(body, flags);
        let first = failures.first().map(String::as_str).unwrap_or_default();
        assert!(first.starts_with(expected), "{expected}: {failures:?}");
    });
}

/// Serves a page at `/`; `/500`, `/empty` and `/never` are for a page that cannot be loaded. Runs until the process ends.
fn site(body: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, body) = (stream.unwrap(), body.clone());
            // Browsers also open connections on which they ask for nothing.
            thread::spawn(move || answer(stream, &body));
        }
    });
    address
}

fn answer(mut stream: TcpStream, body: &str) {
    let mut line = String::new();
    // A browser may have gone, here and below.
    let _ = BufReader::new(&stream).read_line(&mut line);
    let (status, body) = match line.split(' ').nth(1) {
        Some("/500") => ("500 Oh", "down"),
        Some("/empty") => ("503 Oh", ""),
        Some("/never") => {
            let _ = stream.read_to_end(&mut Vec::new());
            return;
        }
        _ => ("200 OK", body),
    };
    let head = "content-type: text/html; charset=utf-8\r\nconnection: close";
    let length = body.len();
    let _ = write!(stream, "HTTP/1.1 {status}\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}");
}

/// Returns the messages of the only case of a report, without what to do.
fn messages(report: &Value) -> Vec<&str> {
    let failures = report["cases"][0]["failures"].as_array().unwrap();
    let whole = failures.iter().map(|failure| failure["message"].as_str().unwrap());
    Vec::from_iter(whole.map(|message| message.split("; ").next().unwrap_or_default()))
}

#[test]
#[ignore = "needs Chromium: of `cargo xtask ci verdict`"]
fn each_way_not_to_load_has_its_line() {
    let reloads =
        format!("<b id=total>0</b>{}<script>setTimeout(() => location.reload(), 200)</script>", reading(""));
    let site = site(reloads);
    let ways = [
        ("/500", "could not be loaded: its server answered 500"),
        ("/empty", "could not be loaded: its server answered with an error"),
        ("/never", "could not be loaded: its server does not answer"),
        ("/", "loads itself again and again"),
    ];
    in_pairs(&ways, |(path, expected)| {
        let (code, report) = judge(&format!("http://{site}{path}"), &["plain"], &TOTAL);
        assert_eq!((code, messages(&report)), (Some(1), vec![*expected]), "{report:#}");
    });
    let once = "<b id=total>0</b><script>if (!location.search) location.search = '?again'</script>";
    let found = failures(&format!("{once}{}", reading("")), &TOTAL);
    assert!(found[0].starts_with("loaded itself again 1 time"), "{found:?}");
}

/// The browser believes that a site is of the internet.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs Chromium: of `cargo xtask ci verdict`"]
fn a_page_of_the_internet_is_checked_as_by_chrome_but_not_by_obs() {
    use std::os::unix::fs::PermissionsExt as _;

    let total = "<b id=total>0</b>";
    let counts = "let total = 0
      socket.onmessage = ({ data }) => {
        const event = JSON.parse(data)
        if (event.type === 'gift') document.getElementById('total').textContent = total += event.data.diamonds
      }";
    let widget =
        format!("{total}{}", reading(counts).replace("LIVETAPE_URL", "'ws://127.0.0.1:3000/?gifts=delta'"));
    let public = site(widget);
    let folder = tempdir().unwrap();
    let browser = folder.path().join("browser");
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
    let script =
        format!("#!/bin/sh\nexec '{chromium}' \"$@\" --ip-address-space-overrides={public}=public\n");
    fs::write(&browser, script).unwrap();
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
    let judged = |page: &str, flags: &[&str]| {
        let args = ["test", "demo", "--json", "--case", "plain", "--page", page];
        let output =
            livetape(&[&args[..], &TOTAL, flags].concat()).env("CHROMIUM", &browser).output().unwrap();
        serde_json::from_str::<Value>(&stdout(&output)).unwrap()
    };
    let page = format!("http://{public}/");
    let frame = site(format!("{total}<iframe src=\"http://{public}/\"></iframe>"));
    for page in [&page, &format!("http://{frame}/")] {
        let report = judged(page, &[]);
        let expected = "may not connect to this machine: Chrome's Local Network Access";
        assert_eq!(messages(&report)[0], expected, "{page}: {report:#}");
        let whole = report.to_string();
        assert!(whole.contains("loopback-network") && whole.contains("--obs"), "{report:#}");
    }
    assert_eq!(judged(&page, &["--obs"])["passed"], 1);
}

#[test]
#[ignore = "needs Chromium: of `cargo xtask ci verdict`"]
fn a_file_in_obs_has_no_server() {
    let folder = tempdir().unwrap();
    let page = folder.path().join("over lay.html");
    let write = |host: &str| {
        let script = format!(
            "let total = 0
            if (location.origin !== 'http://absolute') throw new Error(location.origin)
            const socket = new WebSocket(`ws://${{{host}}}:3000/?gifts=delta`)
            socket.onmessage = ({{ data }}) => {{
              const event = JSON.parse(data)
              if (event.type === 'gift') document.getElementById('total').textContent = add(total, event.data.diamonds)
            }}"
        );
        fs::write(folder.path().join("script.js"), script).unwrap();
    };
    let add = "<script>function add(sum, more) { return total = sum + more }</script>";
    fs::write(&page, format!("<b id=total>0</b>{add}<script src=script.js></script>")).unwrap();
    let flags = [&TOTAL[..], &["--obs"]].concat();
    write("'127.0.0.1'");
    let (code, report) = judge(page.to_str().unwrap(), &["plain"], &flags);
    assert_eq!(code, Some(0), "{report:#}");
    write("location.hostname");
    let (code, report) = judge(page.to_str().unwrap(), &["plain"], &flags);
    assert_eq!(
        (code, messages(&report)[0]),
        (Some(1), "tried to connect to the host `absolute`"),
        "{report:#}"
    );
}

#[test]
#[ignore = "needs Chromium: of `cargo xtask ci verdict`"]
fn pages_have_modules_sound_and_the_feed() {
    let folder = tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("sum.mjs", "export const add = (one, other) => one + other");
    // A second of silence.
    let mut sound =
        b"RIFF\x24\x1f\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\0\x1f\0\0"
            .to_vec();
    sound.resize(44 + 7936, 128);
    fs::write(folder.path().join("sound.wav"), sound).unwrap();
    write(
        "overlay.html",
        "<script type=module>
          import { add } from './sum.mjs'
          await new Audio('sound.wav').play()
          const { diamonds } = await (await fetch(`${LIVETAPE_HTTP}/truth`)).json()
          let sum = add(0, 0)
          const url = new URLSearchParams(location.search).get('url')
          const socket = new WebSocket(url)
          socket.onmessage = ({ data }) => {
            const event = JSON.parse(data)
            if (event.type === 'gift') console.log(`diamonds: ${sum = add(sum, event.data.diamonds)}`)
          }
        </script>",
    );
    let page = format!("{}?url={{LIVETAPE_URL}}", folder.path().join("overlay.html").display());
    let (code, report) = judge(&page, &["plain"], &["--expect", "diamonds: {diamonds}"]);
    assert_eq!(code, Some(0), "{report:#}");
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs Chromium: of `cargo xtask ci verdict`"]
fn nothing_is_left_after_ctrl_c_or_a_kill() {
    use std::{io::Read as _, process::Stdio};

    use rustix::process::{Pid, Signal, kill_process};

    let folder = tempdir().unwrap();
    fs::write(folder.path().join("overlay.html"), reading("")).unwrap();
    let page = folder.path().join("overlay.html");
    for (signal, expected) in [(Signal::INT, Some(130)), (Signal::KILL, None)] {
        let args = ["test", "demo", "--page", page.to_str().unwrap(), "--case", "cut", "--case", "offline"];
        let mut test = livetape(&args);
        test.env("TMPDIR", folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = test.spawn().unwrap();
        // The first case is over.
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0; 10]).unwrap();
        let named = || named_by(folder.path());
        while named() == 0 {
            thread::yield_now();
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        // What cleans up after a kill has the same error output.
        assert_eq!(child.wait_with_output().unwrap().status.code(), expected);
        assert_eq!((named(), fs::read_dir(folder.path()).unwrap().count()), (0, 1), "{signal:?}");
    }
}

/// Returns the number of browsers whose command line names a folder.
#[cfg(target_os = "linux")]
fn named_by(folder: &Path) -> usize {
    let folder = format!("--user-data-dir={}", folder.display());
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(&folder)).count()
}
