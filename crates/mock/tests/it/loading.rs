//! Loading scenarios: errors report their position.

use livetape_mock::{Endpoint, Fault, FaultKind, MockTikTok, Scenario, ScenarioFile, User};

use crate::support::{scenario_names, scenario_path, with_demo};

#[track_caller]
fn assert_wrong(text: &str, expected: &str) {
    let error = Scenario::parse(text).expect_err(text).to_string();
    assert!(error.starts_with(expected), "{text}\n  said {error}\n  not  {expected}");
}

#[test]
fn unknown_words_are_reported_with_the_nearest_known_one() {
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
    // The long list of kinds is left out, because it would be cut before the suggestion.
    let error = Scenario::parse("[[fault]]\nat = \"sign\"\nkind = \"statsu\"").unwrap_err();
    assert_eq!(error.message, "unknown variant `statsu`; did you mean `status`?");
    let error = Scenario::parse("[[fault]]\nat = \"sing\"\nkind = \"stall\"").unwrap_err();
    assert!(error.to_string().ends_with("did you mean `sign`?"), "{error}");
    assert_eq!(error.line, 2);
    let error =
        Scenario::parse("[[limit]]\nmax = 1\nseconds = 1\nheaders = { retry-aftr = \"delta\" }").unwrap_err();
    assert!(error.line == 4 && error.message.ends_with("did you mean `retry-after`?"), "{error}");
}

#[test]
fn invalid_toml_is_reported_with_its_position() {
    assert_wrong("seed = 1\nspeed = = 2", "line 2, column 9: ");
    assert_wrong(
        "speed = 5000",
        "line 1, column 9: `5000` is not a speed: use a number from 0.1 to 1000, or `max`",
    );
    assert_wrong("speed = [1]", "line 1, column 9: a number or \"max\"");
}

#[test]
fn contradictory_faults_are_rejected() {
    let fault = |rest: &str| format!("# ä\n[[fault]]\nat = \"socket\"\n{rest}");
    let wrong =
        |rest: &str, message: &str| assert_wrong(&fault(rest), &format!("line 2, column 1: {message}"));
    wrong("kind = \"empty\"", "\"empty\" cannot happen at \"socket\"");
    wrong("kind = \"drop\"\nattempt = 1\ntimes = 1", "set either `attempt` or `times`");
    wrong("kind = \"drop\"\nafter_ms = 1\nafter_frames = 1", "set only one of `after_ms`, `after_frames`");
    wrong("kind = \"drop\"\ncode = 1000", "`code` does not apply to \"drop\"");
    wrong("kind = \"close\"\ncode = 99", "`code` must be a number from 1000 to 4999");
    wrong(
        "kind = \"refuse\"\nafter_ms = 5",
        "\"refuse\" at \"socket\" happens before the room's clock starts",
    );
    wrong("kind = \"drop\"\ntimes = 0", "`attempt` and `times` must be at least 1");
    let two = "[[fault]]\nat = \"sign\"\nkind = \"empty\"\n[[fault]]\nat = \"sign\"\nkind = \"stub\"\n";
    assert_wrong(two, "line 4, column 1: this fault never happens: fault 1 comes first and never ends");
    let status = |rest: &str| format!("[[fault]]\nat = [\"sign\"]\nkind = \"status\"\n{rest}");
    assert_wrong(&status(""), "line 1, column 1: `status` must be a number from 400 to 599");
    assert_wrong(
        &status("status = 429\nmessage = \"too short\""),
        "line 1, column 1: the `message` of a 429",
    );
    assert_wrong(
        "[[user]]\nname = \"a\"\n[[user]]\nname = \"A\"",
        "line 3, column 1: the user `A` is listed twice",
    );
    let ids = "[[user]]\nname = \"a\"\nroom_id = 7\n[[user]]\nname = \"b\"\nroom_id = 7";
    assert_wrong(ids, "line 4, column 1: the users `a` and `b` have the same `room_id`, 7");
    assert_wrong("[[limit]]\nmax = 1\nseconds = 0", "line 1, column 1: a window of 0 seconds");
}

#[test]
fn mistakes_in_changes_are_reported_at_their_table() {
    let wrong = |changes: &str, message: &str| {
        let text = format!("[[user]]\nname = \"ann\"\nroom_id = 7\n{changes}");
        assert_wrong(&text, message);
    };
    let change = |at: &str, rest: &str| format!("[[user.change]]\nat = {at}\n{rest}\n");
    let offline = change("5", "state = \"offline\"");
    wrong(&change("\"5x\"", ""), "line 5, column 6: `5x` is not a time: write it like 1m30s");
    wrong(&change("-5", ""), "line 5, column 6: `-5` is not a time");
    wrong(&change("true", ""), "line 5, column 6: a time such as \"1m30s\", or a number of seconds");
    wrong(&change("\"9000h\"", ""), "line 5, column 6: `9000h` is longer than a year");
    wrong(&change("5", ""), "line 4, column 1: missing field `state`");
    wrong(&change("5", "state = \"live\"\nroomid = 8"), "line 7, column 1: unknown field `roomid`");
    wrong(&change("0", "state = \"live\""), "line 4, column 1: a change at 0 is the state at the start");
    let late = offline.clone() + &change("\"4s\"", "state = \"live\"");
    wrong(&late, "line 7, column 1: the changes of `ann` must be in order of time: 4s is not after 5s");
    let again = offline.clone() + &change("6", "state = \"live\"\nroom_id = 7");
    wrong(&again, "line 7, column 1: the `room_id` 7 is used before: each LIVE has its own");
    wrong(
        &change("5", "state = \"live\"\nroom_id = -1"),
        "line 4, column 1: a `room_id` must be greater than 0",
    );
    let away = change("5", "state = \"offline\"\nroom_id = 8");
    wrong(&away, "line 4, column 1: `room_id` does not apply to a user without a stream");
    let same = change("5", "state = \"paused\"\nspeed = 2");
    wrong(&same, "line 4, column 1: `recording` and `speed` need a new LIVE");
    wrong(
        &change("5", "state = \"live\"\nroom_id = 8\nspeed = 5000"),
        "line 8, column 9: `5000` is not a speed",
    );
    let other = change("5", "state = \"live\"\nroom_id = 8") + "[[user]]\nname = \"ben\"\nroom_id = 8\n";
    wrong(&other, "line 8, column 1: the users `ann` and `ben` have the same `room_id`, 8");
}

#[test]
fn mistakes_in_networks_are_reported_at_their_table() {
    let wrong = |keys: &str, message: &str| assert_wrong(&format!("[[network]]\n{keys}"), message);
    wrong("", "line 1, column 1: this network has no effect: set `latency_ms`");
    wrong("times = 2", "line 1, column 1: this network has no effect");
    wrong(
        "latency_ms = -5",
        "line 2, column 14: invalid value: integer `-5`, expected a whole number, 0 or more",
    );
    wrong(
        "bytes_per_ms = -5",
        "line 2, column 16: invalid value: integer `-5`, expected a whole number from 0 to",
    );
    wrong("latency_ms = 600001", "line 1, column 1: `latency_ms` is more than ten minutes");
    wrong("jitter_ms = 600001", "line 1, column 1: `jitter_ms` is more than ten minutes");
    wrong("close_ms = 600001", "line 1, column 1: `close_ms` is more than ten minutes");
    wrong("bytes_per_ms = 0", "line 1, column 1: `bytes_per_ms` is 0");
    wrong("cut_after_ms = 99999999999", "line 1, column 1: `cut_after_ms` is more than a year");
    wrong("latency_ms = 1\nattempt = 1\ntimes = 1", "line 1, column 1: set either `attempt` or `times`");
    wrong("latency_ms = 1\ntimes = 0", "line 1, column 1: `attempt` and `times` must be at least 1");
    wrong("at = \"sing\"\nlatency_ms = 1", "line 2, column 6: unknown variant `sing`");
    let error = Scenario::parse("[[network]]\nlatncy_ms = 5").unwrap_err();
    assert!(error.line == 2 && error.message.ends_with("did you mean `latency_ms`?"), "{error}");
    let hidden = "latency_ms = 1\n[[network]]\nlatency_ms = 2";
    wrong(hidden, "line 3, column 1: no connection has this network: network 1 comes first");
    let special = "latency_ms = 1\n[[network]]\nat = \"sign\"\nlatency_ms = 2";
    Scenario::parse(&format!("[[network]]\n{special}")).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_room_id_in_the_scenario_is_not_used_for_another_room() {
    let start = |scenario: Scenario| MockTikTok::in_memory(with_demo(scenario)).unwrap().example().1;
    let recorded = start(Scenario::live("ann"));
    let other = start(Scenario::live("ann").user(User::new("ben").room_id(recorded)));
    assert_ne!(other, recorded);
}

#[tokio::test(start_paused = true)]
async fn missing_recordings_are_reported_with_their_position() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    std::fs::write(&path, "speed = 2\n\n[[user]]\nname = \"a\"\nrecording = \"none.bin\"\n").unwrap();
    let problem = MockTikTok::in_memory(with_demo(ScenarioFile::read(&path).unwrap())).unwrap_err();
    assert_eq!(problem.code.name(), "recording_not_found");
    assert!(problem.message.contains("s.toml: line 3, column 1: recording "), "{problem}");
    std::fs::write(&path, "speed = 2\nrecording = \"s.toml\"\n").unwrap();
    let problem = MockTikTok::in_memory(with_demo(ScenarioFile::read(&path).unwrap())).unwrap_err();
    assert!(problem.message.contains("line 2, column 13: cannot play "), "{problem}");
    assert!(ScenarioFile::read(&folder.path().join("none.toml")).is_err());
}

#[test]
fn each_kind_accepts_only_its_own_keys() {
    let keys = [
        ("status = 503", "status refuse stub"),
        ("message = \"a message that is long\"", "status refuse stub"),
        ("label = \"day\"", "limited"),
        ("retry_after = 7", "limited status"),
        ("headers = { retry-after = \"date\" }", "limited"),
        ("handshake_status = 400", "refuse stub"),
        ("code = 4404", "close"),
        ("reason = \"gone\"", "close"),
        ("bytes_per_ms = 9", "dribble"),
        ("count = 7", "bad_gzip truncated unknown_method duplicate reorder"),
        ("for_ms = 7", "hang quiet"),
        ("methods = [\"WebcastLikeMessage\"]", "lose"),
        ("senders = [\"ann\"]", "lose"),
        ("share = 0.5", "lose"),
        ("anonymous = true", "lose"),
    ];
    let kinds = "limited status empty html captcha endless cut_body not_found offline stub missing_cookie \
        missing_cursor bad_protobuf refuse stall reset dribble drop close close_frame cut bad_gzip truncated \
        unknown_method duplicate reorder repeat_history no_heartbeat no_gifts deaf hang quiet lose";
    for kind in kinds.split_whitespace() {
        let at = ["sign", "socket", "lookup", "gifts"].into_iter();
        let of = |at: &str, key: &str| {
            let (name, status) = match kind {
                "limited" => ("status", "status = 429\n"),
                "status" if !key.starts_with("status") => ("status", "status = 503\n"),
                _ => (kind, ""),
            };
            Scenario::parse(&format!("[[fault]]\nat = \"{at}\"\nkind = \"{name}\"\n{status}{key}\n"))
        };
        let bare = if kind == "status" { "status = 401" } else { "" };
        let at = at.into_iter().find(|at| of(at, bare).is_ok()).unwrap_or_else(|| panic!("{kind}"));
        let usual = of(at, bare).unwrap();
        for (key, takers) in keys {
            if kind == "limited" && key.starts_with("status") {
                continue;
            }
            let takes = takers.split(' ').any(|taker| taker == kind)
                || kind == "limited" && key.starts_with("message");
            match of(at, key) {
                Ok(scenario) => {
                    assert!(takes, "{kind} takes {key}");
                    assert_ne!(scenario, usual, "{kind} forgets {key}");
                    let again = scenario.to_toml();
                    assert!(again.contains(key.split(' ').next().unwrap()), "{kind} loses {key}: {again}");
                    assert_eq!(Scenario::parse(&again).unwrap(), scenario, "{again}");
                }
                Err(error) => {
                    assert!(!takes, "{kind} does not take {key}: {error}");
                    let key = key.split(' ').next().unwrap();
                    let name = format!("`{key}` does not apply to ");
                    assert!(error.message.starts_with(&name), "{error}");
                }
            }
        }
    }
}

#[test]
fn defaults_are_not_written() {
    let text = Scenario::default().rate_limited(2, std::time::Duration::from_secs(2)).to_toml();
    let fault = text.split_once("[[fault]]").unwrap().1;
    assert_eq!(
        fault,
        "\nat = [\"lookup\", \"sign\"]\nkind = \"status\"\ntimes = 2\nstatus = 429\nretry_after = 2\n"
    );
}

#[tokio::test(start_paused = true)]
async fn invalid_scenarios_built_in_rust_are_rejected_too() {
    let scenario = Scenario::default().fault(Fault::new(Endpoint::Socket, FaultKind::Empty));
    let problem = MockTikTok::in_memory(with_demo(scenario)).unwrap_err();
    assert_eq!(
        (problem.code.name(), problem.message.as_str()),
        ("bad_request", "\"empty\" cannot happen at \"socket\"")
    );
}

#[tokio::test(start_paused = true)]
async fn scenarios_round_trip() {
    let fault = Fault::new(Endpoint::Sign, FaultKind::status(500)).times(2);
    let scenario = Scenario::default().fault(fault).wall_ms(5);
    assert_eq!(Scenario::parse(&scenario.to_toml()).unwrap(), scenario);
    for name in scenario_names() {
        let scenario = ScenarioFile::read(&scenario_path(&name)).unwrap().scenario;
        assert_eq!(Scenario::parse(&scenario.to_toml()).unwrap(), scenario, "{name}");
    }
    let missing = Scenario::default().recording("none.bin");
    assert!(MockTikTok::in_memory(missing).is_err());
}
