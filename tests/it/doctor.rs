//! `livetape doctor USER` against the mock in every scenario, in memory.

use std::{fmt::Write as _, fs, time::Duration};

use livetape_core::error::flags_of;
use livetape_engine::source::live::{
    Cookies, Diagnosis, LiveOptions, MemoryTransport, StepResult, Url, Way, diagnose,
};
use livetape_mock::{MockTikTok, ScenarioFile};

use crate::support::demo::with_demo;

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/scenarios");

/// Whether `livetape doctor` has a flag.
fn has_flag(flag: &str) -> bool {
    let command = livetape::cli::command();
    let doctor = command.find_subcommand("doctor").unwrap();
    doctor.get_arguments().filter_map(|arg| arg.get_long()).any(|long| flag == format!("--{long}"))
}

async fn examine(scenario: &str, options: &LiveOptions) -> Diagnosis {
    let path = format!("{SCENARIOS}/{scenario}.toml");
    let mock = MockTikTok::in_memory(with_demo(ScenarioFile::read(path.as_ref()).unwrap())).unwrap();
    let connector = mock.connector().unwrap();
    let transport = MemoryTransport::new(move || {
        let connector = connector.clone();
        async move { connector.connect().await }
    });
    let mut told = Vec::new();
    let found = diagnose(options, transport, has_flag, |step| told.push(format!("{step:?}"))).await.unwrap();
    let steps: Vec<_> = found.steps.iter().map(|step| format!("{step:?}")).collect();
    assert_eq!(told, steps, "{scenario}");
    found
}

fn options() -> LiveOptions {
    LiveOptions {
        upstream: Some(Url::parse("http://127.0.0.1:3100").unwrap()),
        ways: vec![Way::Direct, Way::Sign],
        wall_anchor: Some(Duration::from_secs(1_767_225_600)),
        ..LiveOptions::new("demo")
    }
}

/// Returns the steps that fail with their codes, or `ok`.
fn verdict(found: &Diagnosis) -> String {
    let failed = found.steps.iter().filter(|step| step.verdict == StepResult::Fails);
    let failed: Vec<_> = failed
        .map(|step| {
            let way = step.way.map(|way| format!("{way} ")).unwrap_or_default();
            format!("{way}{} {}", step.step, step.code.unwrap())
        })
        .collect();
    if failed.is_empty() { "ok".to_owned() } else { failed.join(", ") }
}

#[tokio::test(start_paused = true)]
async fn each_scenario_has_its_verdict() {
    let files = fs::read_dir(SCENARIOS).unwrap().map(|file| file.unwrap().path());
    let mut names: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|it| it == "toml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    let mut failures = String::new();
    for name in names {
        let found = examine(&name, &options()).await;
        let verdict = verdict(&found);
        if verdict != "ok" {
            writeln!(failures, "{name}: {verdict}").unwrap();
        }
        for advice in &found.next {
            assert!(flags_of(advice).all(has_flag), "{name}: {advice}");
        }
        let works = found.next[0].starts_with("run `livetape live demo");
        assert_eq!(works, !found.works.is_empty(), "{name}: {found:?}");
    }
    insta::assert_snapshot!(failures);
}

#[tokio::test(start_paused = true)]
async fn a_diagnosis_has_every_step_and_no_secret() {
    let key = Some("planted-key".to_owned().into());
    let session = Some(Cookies::parse("sessionid=planted-session", "it", Duration::ZERO).unwrap());
    let found = examine("sign-401", &LiveOptions { sign_key: key, session, ..options() }).await;
    let steps: Vec<_> = found.steps.iter().map(|step| (step.way.unwrap_or(""), step.step)).collect();
    let direct = ["cookie", "handshake", "first frame", "first chat"].map(|step| ("direct", step));
    let expected = [&[("", "page"), ("", "API")], &direct[..], &[("sign", "sign"), ("tab", "tab")]].concat();
    assert_eq!(steps, expected);
    assert_eq!(found.works, ["direct"]);
    assert!(found.steps[..4].iter().all(|step| step.status.is_some()), "{found:?}");
    let json = serde_json::to_string(&found).unwrap();
    assert!(!json.contains("planted") && !json.contains("ttwid"), "{json}");
}

#[tokio::test(start_paused = true)]
async fn only_ways_that_are_set_count_and_each_that_fails_has_its_hint() {
    let hint = "set an API key of 127.0.0.1:3100: `sign_key` under [live], or LIVETAPE_SIGN_KEY";
    let found = examine("sign-401", &LiveOptions { ways: vec![Way::Sign], ..options() }).await;
    assert!(found.works.is_empty() && found.next.contains(&hint.to_owned()), "{:?}", found.next);
    let direct = found.steps.iter().find(|step| step.way == Some("direct")).unwrap();
    assert_eq!((direct.verdict, direct.detail.as_str()), (StepResult::Skipped, "not one of `live.ways`"));
    let found = examine("sign-401", &options()).await;
    let run = "run `livetape live demo --upstream http://127.0.0.1:3100`".to_owned();
    assert_eq!(found.next, [run, format!("sign: {hint}")]);
    // With a sign server, both are the default.
    let sign_url = Some(Url::parse("http://127.0.0.1:3100").unwrap());
    let found = examine("sign-401", &LiveOptions { sign_url: sign_url.clone(), ..options() }).await;
    assert_eq!((found.works.len(), found.next.len()), (1, 2), "{found:?}");
    // If another way is named, nothing goes to it.
    let found = examine("sign-401", &LiveOptions { ways: vec![Way::Direct], sign_url, ..options() }).await;
    let sign = found.steps.iter().find(|step| step.way == Some("sign")).unwrap();
    assert_eq!(sign.verdict, StepResult::Skipped, "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn advice_names_no_way_that_was_tried_and_begins_with_the_network() {
    let found = examine("silent", &options()).await;
    assert!(found.works.is_empty());
    assert!(!found.next.iter().any(|advice| advice.contains("sign server")), "{:?}", found.next);
    let unresolved =
        || async { Err::<tokio::io::DuplexStream, _>(std::io::ErrorKind::ConnectionRefused.into()) };
    let found = diagnose(&options(), MemoryTransport::new(unresolved), has_flag, |_| ()).await.unwrap();
    assert!(found.next[0].starts_with("check that the upstream server is running"), "{:?}", found.next);
    assert!(!found.next.iter().any(|advice| advice.contains("log in")), "{:?}", found.next);
}

#[tokio::test(start_paused = true)]
async fn a_sign_server_is_only_asked_if_it_is_a_way() {
    let found = examine("handshake-403", &LiveOptions { ways: vec![Way::Direct], ..options() }).await;
    let sign = found.steps.iter().find(|step| step.way == Some("sign")).unwrap();
    assert_eq!(sign.verdict, StepResult::Skipped);
    assert!(
        found.next[0].starts_with(
            "run `livetape doctor demo --upstream http://127.0.0.1:3100 --way direct --way sign`"
        ),
        "{:?}",
        found.next
    );
    assert!(found.works.is_empty());
}
