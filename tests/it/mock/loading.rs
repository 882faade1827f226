//! Scenarios as text: what is wrong is told with its place.

use livetape::{
    demo::DEMO_BYTES,
    mock::{Endpoint, Fault, FaultKind, MockTikTok, Scenario, Setting},
};

#[track_caller]
fn assert_wrong(text: &str, expected: &str) {
    let error = Scenario::parse(text).expect_err(text).to_string();
    assert!(error.starts_with(expected), "{text}\n  said {error}\n  not  {expected}");
}

#[test]
fn unknown_words_are_named_with_the_nearest() {
    let error =
        Scenario::parse("seed = 1\n\n[[fault]]\nat = \"sign\"\nkind = \"status\"\ntims = 2\n").unwrap_err();
    assert_eq!((error.line, error.column), (6, 1));
    assert!(error.message.starts_with("unknown field `tims`"), "{error}");
    assert!(error.message.ends_with("did you mean `times`?"), "{error}");
    assert_wrong("sed = 1", "line 1, column 1: unknown field `sed`");
    assert_wrong(
        "[[user]]\nname = \"a\"\nstate = \"ofline\"\n",
        "line 3, column 9: unknown variant `ofline`",
    );
    let error = Scenario::parse("[[fault]]\nat = \"sing\"\nkind = \"stall\"").unwrap_err();
    assert!(error.to_string().ends_with("did you mean `sign`?"), "{error}");
    assert_eq!(error.line, 2);
    let error =
        Scenario::parse("[[limit]]\nmax = 1\nseconds = 1\nheaders = { retry-aftr = \"delta\" }").unwrap_err();
    assert!(error.line == 4 && error.message.ends_with("did you mean `retry-after`?"), "{error}");
}

#[test]
fn what_is_no_toml_is_told_with_its_place() {
    assert_wrong("seed = 1\nspeed = = 2", "line 2, column 9: ");
    assert_wrong("speed = 5000", "line 1, column 9: speed is a number from 0.1 to 1000, or `max`");
    assert_wrong("speed = [1]", "line 1, column 9: a speed is a number, or \"max\"");
}

#[test]
fn faults_that_contradict_are_refused() {
    let fault = |rest: &str| format!("# ä\n[[fault]]\nat = \"socket\"\n{rest}");
    let wrong =
        |rest: &str, message: &str| assert_wrong(&fault(rest), &format!("line 2, column 1: {message}"));
    wrong("kind = \"empty\"", "Empty cannot come at Socket");
    wrong("kind = \"drop\"\nattempt = 1\ntimes = 1", "`attempt` and `times` contradict each other");
    wrong("kind = \"drop\"\nafter_ms = 1\nafter_frames = 1", "`after_ms`, `after_frames`");
    wrong("kind = \"drop\"\ncode = 1000", "`code` means nothing to Drop");
    wrong("kind = \"close\"\ncode = 99", "`code` is a number from 1000 to 4999");
    wrong("kind = \"refuse\"\nafter_ms = 5", "Refuse at Socket happens before a room has time");
    wrong("kind = \"drop\"\ntimes = 0", "attempts and times count from 1");
    let two = "[[fault]]\nat = \"sign\"\nkind = \"empty\"\n[[fault]]\nat = \"sign\"\nkind = \"stub\"\n";
    assert_wrong(two, "line 4, column 1: this never comes: fault 1 is there before it, for ever");
    let status = |rest: &str| format!("[[fault]]\nat = [\"sign\"]\nkind = \"status\"\n{rest}");
    assert_wrong(&status(""), "line 1, column 1: `status` is a number from 400 to 599");
    assert_wrong(&status("status = 429\nmessage = \"too short\""), "line 1, column 1: a `message` of a 429");
    assert_wrong(
        "[[user]]\nname = \"a\"\n[[user]]\nname = \"A\"",
        "line 3, column 1: the user `A` is there twice",
    );
    assert_wrong("[[limit]]\nmax = 1\nseconds = 0", "line 1, column 1: a window of 0 seconds");
}

#[test]
fn missing_recordings_are_named_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    std::fs::write(&path, "speed = 2\n\n[[user]]\nname = \"a\"\nrecording = \"none.bin\"\n").unwrap();
    let problem = Setting::read(&path, DEMO_BYTES).unwrap_err();
    assert_eq!(problem.code.name(), "recording_not_found");
    assert!(problem.message.contains("s.toml: line 3, column 1: there is no recording "), "{problem}");
    std::fs::write(&path, "speed = 2\nrecording = \"s.toml\"\n").unwrap();
    let problem = Setting::read(&path, DEMO_BYTES).unwrap_err();
    assert!(problem.message.contains("line 2, column 13: cannot play "), "{problem}");
    assert!(Setting::read(&folder.path().join("none.toml"), DEMO_BYTES).is_err());
}

#[tokio::test(start_paused = true)]
async fn scenarios_survive_being_written() {
    let mut fault = Fault::new(Endpoint::Sign, FaultKind::Status);
    (fault.status, fault.times) = (Some(500), Some(2));
    let scenario = Scenario { faults: vec![fault], wall_ms: Some(5), ..Scenario::default() };
    assert_eq!(Scenario::parse(&scenario.to_toml()).unwrap(), scenario);
    for name in super::scenarios::names() {
        let scenario = Setting::read(&super::client::scenario_path(&name), DEMO_BYTES).unwrap().scenario;
        assert_eq!(Scenario::parse(&scenario.to_toml()).unwrap(), scenario, "{name}");
    }
    let missing = Scenario { recording: "none.bin".into(), ..Scenario::default() };
    assert!(MockTikTok::in_memory(missing).is_err());
}
