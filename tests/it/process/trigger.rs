//! `livetape trigger`, with a running server.

use serde_json::Value;

use crate::support::{
    json,
    process::{Running, livetape, program, run, stderr, stdout, text},
};

fn lines(output: &str) -> Vec<Value> {
    output.lines().map(json).collect()
}

#[test]
fn events_are_injected_at_a_port_or_an_address() {
    let server = Running::start(&["serve", "--quiet"]);
    let folder = tempfile::tempdir().unwrap();
    let payload = folder.path().join("chat.bin");
    std::fs::write(&payload, [0x1a, 2, b'h', b'i']).unwrap();
    let raw = ["trigger", "raw", "--method", "WebcastChatMessage", "--payload", text(&payload)];
    let output = run(&[&raw[..], &["--url", &server.address]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let answer = lines(&stdout(&output)).remove(0);
    assert_eq!((answer["seqs"].as_array().unwrap().len(), &answer["delivered"]), (1, &0.into()), "{answer}");
    let (_, port) = server.address.rsplit_once(':').unwrap();
    let flags = ["--repeat", "3", "--every", "0", "--count", "50", "--combo", "--port", port];
    let output = run(&[&["trigger", "gift"], &flags[..]].concat());
    let repeated = lines(&stdout(&output));
    assert_eq!((output.status.code(), repeated.len()), (Some(0), 3));
    assert!(repeated.iter().all(|answer| answer["seqs"].as_array().unwrap().len() == 51));
}

#[test]
fn within_run_the_server_is_found_by_its_variable() {
    let script = format!(
        "{0} watch --json --types like & {0} trigger like --user ann --wait-clients 1 && kill $! && wait $!",
        program()
    );
    let output = run(&["run", "demo", "--clients", "2", "--", "sh", "-c", &script]);
    let printed = lines(&stdout(&output));
    let (answers, events): (Vec<_>, Vec<_>) =
        printed.into_iter().partition(|line| line["delivered"].is_u64());
    assert_eq!(answers.len(), 1, "{}", stderr(&output));
    assert_eq!(answers[0]["delivered"], 1);
    assert!(events.iter().all(|event| event["injected"] == true && event["seq"] == answers[0]["seqs"][0]));
}

#[test]
fn rejections_by_the_server_are_reported() {
    let token = [("LIVETAPE_TOKEN", "0123456789abcdef")];
    let server = Running::start_with(&["serve", "--quiet"], &token, "Press Ctrl+C");
    let args = ["trigger", "chat", "--url", &server.address];
    let output = run(&args);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("💡 use the server's token"), "{}", stderr(&output));
    let output = livetape(&args).envs(token).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mock = Running::start(&["mock"]);
    let output = run(&["trigger", "chat", "--url", &mock.address]);
    assert!(stderr(&output).contains("no livetape server"), "{}", stderr(&output));
}
