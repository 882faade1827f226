//! Reports with hostile texts.

use livetape_core::terminal::is_invisible;

use super::*;
use crate::trace::{Course, Lane, Moment, Opened, Parting, Picture};

/// What hostile programs print.
pub(super) const HOSTILE: &str = "a]]>&<b>\"'\u{0}\u{1b}[31m\u{202e}txt\rx\u{fffe}|`%0A::error::@ann\u{7}";

fn failure(what: &str, expected: &str, got: &str, message: &str) -> Failure {
    let (expected, got) = (Some(expected.to_owned()), Some(got.to_owned()));
    Failure { expected, got, ..Failure::new(what, message) }
}

fn outcome(case: &'static str, verdict: Verdict, millis: u64, failures: Vec<Failure>) -> Outcome {
    Outcome {
        case,
        verdict,
        took: Duration::from_millis(millis),
        failures,
        same_as: None,
        kept: None,
        library: None,
        ended_wrongly: false,
        swallowed: None,
        shows: BTreeMap::new(),
        output: Vec::new(),
        again: again(case),
        printed: Summary::default(),
        trace: None,
    }
}

fn again(case: &str) -> String {
    format!("livetape test demo --case {case} --expect 'diamonds: {{diamonds}}' -- node bot.mjs")
}

fn outcomes() -> Vec<Outcome> {
    let lost = "did not come back within 30 s after its connection was reset at 0:12.4";
    let streak = Failure {
        diagnosis: Some("only_repeat_end"),
        detail: Some("12 is what counting only gifts with `repeatEnd` gives: 23 streaks\nfirst at 0:12.4: Rose x3 of alice".to_owned()),
        ..failure("diamonds", "114", "12", "printed \"diamonds: 12\", right is 114")
    };
    let word = failure("top_gifter", "12", "bob", "printed \"top bob\", right is \"12\"");
    vec![
        outcome("plain", Verdict::Passed, 412, vec![]),
        outcome("no-final", Verdict::Failed, 600, vec![streak, word]),
        outcome("cut", Verdict::Failed, 30_100, vec![Failure::new("connection", lost)]),
        outcome("offline", Verdict::Skipped("the command ends by itself".to_owned()), 0, vec![]),
    ]
}

#[test]
fn people_read_lines() {
    let expected = "  ok    plain             0.4 s
  FAIL  no-final          0.6 s  printed \"diamonds: 12\", right is 114
        12 is what counting only gifts with `repeatEnd` gives: 23 streaks
        first at 0:12.4: Rose x3 of alice
        printed \"top bob\", right is \"12\"
        again: livetape test demo --case no-final --expect 'diamonds: {diamonds}' -- node bot.mjs
  FAIL  cut              30.1 s  did not come back within 30 s after its connection was reset at 0:12.4
        again: livetape test demo --case cut --expect 'diamonds: {diamonds}' -- node bot.mjs
  skip  offline           0.0 s  the command ends by itself
1 of 3 cases passed in 41 s, 1 skipped";
    let lines = Vec::from_iter(outcomes().iter().map(|outcome| line(outcome, 14))).join("\n");
    assert_eq!(format!("{lines}\n{}", summary(&outcomes(), Duration::from_millis(41_200))), expected);
    assert_eq!(summary(&outcomes()[..1], Duration::from_millis(412)), "1 of 1 case passed in 0.4 s");
}

#[test]
fn the_same_failure_in_every_case_is_said_once() {
    let never = || vec![Failure::new("connection", "never connected")];
    let mut all = vec![outcome("cut", Verdict::Skipped(String::new()), 0, vec![])];
    all.extend(["plain", "again", "names"].map(|case| outcome(case, Verdict::Failed, 30_000, never())));
    let expected =
        "0 of 3 cases passed in 31 s, 1 skipped\nevery case failed in the same way: never connected";
    assert_eq!(summary(&all, Duration::from_secs(31)), expected);
    assert_eq!(annotations(&all).lines().count(), 1);
    all.push(outcome("big", Verdict::Passed, 1, vec![]));
    assert_eq!(same_failure(&all), None);
    assert_eq!(same_failure(&all[1..2]), None, "a single case is shown as ever");
    assert_eq!(same_failure(&[]), None);
}

#[test]
fn programs_read_json() {
    let expected = serde_json::json!({"passed": 1, "failed": 2, "limits": 0, "skipped": 1, "cases": [
        {"name": "plain", "passed": true, "seconds": 0.412, "failures": []},
        {"name": "no-final", "passed": false, "seconds": 0.6, "failures": [
            {"what": "diamonds", "expected": 114, "got": 12, "diagnosis": "only_repeat_end", "candidates": [],
             "message": "printed \"diamonds: 12\", right is 114; 12 is what counting only gifts with `repeatEnd` gives: 23 streaks; first at 0:12.4: Rose x3 of alice"},
            {"what": "top_gifter", "expected": "12", "got": "bob", "diagnosis": null, "candidates": [],
             "message": "printed \"top bob\", right is \"12\""},
        ], "output": ["diamonds: 12"], "again": again("no-final")},
        {"name": "cut", "passed": false, "seconds": 30.1, "failures": [
            {"what": "connection", "expected": null, "got": null, "diagnosis": null, "candidates": [],
             "message": "did not come back within 30 s after its connection was reset at 0:12.4"},
        ], "output": [], "again": again("cut")},
        {"name": "offline", "passed": null, "skipped": "the command ends by itself", "seconds": 0.0, "failures": []},
    ], "groups": [
        {"cases": ["no-final"], "what": "diamonds", "diagnosis": "only_repeat_end",
         "message": "printed \"diamonds: 12\", right is 114; 12 is what counting only gifts with `repeatEnd` gives: 23 streaks; first at 0:12.4: Rose x3 of alice"},
        {"cases": ["cut"], "what": "connection", "diagnosis": null,
         "message": "did not come back within 30 s after its connection was reset at 0:12.4"},
    ], "conclusion": null, "habits": [], "library": null});
    let mut outcomes = outcomes();
    outcomes[1].output = vec!["diamonds: 12".to_owned()];
    assert_eq!(json(&outcomes), expected);
}

#[test]
fn ci_reads_junit() {
    let mut outcomes = outcomes();
    outcomes[1].output = vec!["diamonds: 12".to_owned()];
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="livetape test" tests="4" failures="2" errors="0" skipped="1" time="41.200">
<testsuite name="livetape test" tests="4" failures="2" errors="0" skipped="1" time="41.200">
<testcase classname="livetape test" name="plain" time="0.412">
</testcase>
<testcase classname="livetape test" name="no-final" time="0.600">
<failure message="printed &quot;diamonds: 12&quot;, right is 114" type="only_repeat_end">printed &quot;diamonds: 12&quot;, right is 114
12 is what counting only gifts with `repeatEnd` gives: 23 streaks
first at 0:12.4: Rose x3 of alice
printed &quot;top bob&quot;, right is &quot;12&quot;
again: livetape test demo --case no-final --expect &apos;diamonds: {diamonds}&apos; -- node bot.mjs</failure>
<system-out>diamonds: 12
</system-out>
</testcase>
<testcase classname="livetape test" name="cut" time="30.100">
<failure message="did not come back within 30 s after its connection was reset at 0:12.4" type="connection">did not come back within 30 s after its connection was reset at 0:12.4
again: livetape test demo --case cut --expect &apos;diamonds: {diamonds}&apos; -- node bot.mjs</failure>
</testcase>
<testcase classname="livetape test" name="offline" time="0.000">
<skipped message="the command ends by itself"/>
</testcase>
</testsuite>
</testsuites>
"#;
    assert_eq!(junit(&outcomes, Duration::from_millis(41_200)), expected);
}

#[test]
fn github_reads_annotations_and_a_table() {
    let expected = "::error title=livetape test%3A no-final::printed \"diamonds: 12\", right is 114%0A12 is what counting only gifts with `repeatEnd` gives: 23 streaks%0Afirst at 0:12.4: Rose x3 of alice%0Aprinted \"top bob\", right is \"12\"%0Aagain: livetape test demo --case no-final --expect 'diamonds: {diamonds}' -- node bot.mjs
::error title=livetape test%3A cut::did not come back within 30 s after its connection was reset at 0:12.4%0Aagain: livetape test demo --case cut --expect 'diamonds: {diamonds}' -- node bot.mjs
";
    assert_eq!(annotations(&outcomes()), expected);
    let mut outcomes = outcomes();
    outcomes.truncate(2);
    outcomes[1].failures.truncate(1);
    outcomes[1].failures[0].detail = Some("a|b <i>".to_owned());
    let expected = "| Case | Verdict | Time | Failures |
|---|---|---:|---|
| plain | ✅ passed | 0.4 s |  |
| no-final | ❌ failed | 0.6 s | printed \"diamonds&#58; 12\", right is 114<br>a&#124;b &#60;i&#62; |
";
    assert_eq!(step_summary(&outcomes), expected);
}

#[test]
fn hostile_texts_stay_texts() {
    let mut bad =
        outcome("names", Verdict::Failed, 1, vec![failure("diamonds.\u{1b}]]>", "1", HOSTILE, HOSTILE)]);
    bad.failures[0].detail = Some(HOSTILE.to_owned());
    bad.output = vec![HOSTILE.to_owned(), "\t|".to_owned()];
    let skipped = outcome("cut", Verdict::Skipped(HOSTILE.to_owned()), 1, vec![]);
    let all = [bad, skipped];
    let reports = [
        line(&all[0], 14) + "\n" + &line(&all[1], 14),
        output(&all[0]),
        junit(&all, Duration::ZERO),
        annotations(&all),
        step_summary(&all),
    ];
    for report in &reports {
        let odd = Vec::from_iter(report.chars().filter(|c| *c != '\n' && is_invisible(*c)));
        assert_eq!(odd, [], "{report}");
    }
    let [_, output, xml, annotations, table] = reports;
    assert_eq!(output.lines().count(), 2, "{output}");
    assert!(!xml.contains(['\u{fffe}']) && !xml.contains("]]>") && !xml.contains("<b>"), "{xml}");
    assert_eq!(unescaped_ampersands(&xml), 0, "{xml}");
    assert_eq!((annotations.lines().count(), annotations.matches("%0A").count()), (1, 2), "{annotations}");
    assert!(annotations.contains("%250A::error::"), "{annotations}");
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(table.lines().all(|row| row.matches('|').count() == 5), "{table}");
    assert!(!table.contains(['@', '`', '\u{1b}']) && !table.contains("<b>"), "{table}");
    let json = json(&all).to_string();
    assert!(!json.contains(is_invisible), "{json}");
    let parsed: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(parsed["cases"][0]["failures"][0]["got"], clean(HOSTILE));
}

fn unescaped_ampersands(xml: &str) -> usize {
    let is_entity =
        |rest: &&str| ["amp;", "lt;", "gt;", "quot;", "apos;"].iter().any(|entity| rest.starts_with(entity));
    xml.split('&').skip(1).filter(|rest| !is_entity(rest)).count()
}

/// A wrong number of diamonds with the mistakes that give it.
fn wrong(got: i64, candidates: &[&'static str]) -> Failure {
    let candidate = |name: &&'static str| {
        let shown_by = if *name == "like_total" { PLAIN } else { "" };
        let needs_break = *name == "counted_again";
        (*name, Candidate { doing: "counting wrong", shown_by, needs_break })
    };
    let candidates = candidates.iter().map(candidate).collect();
    Failure { candidates, ..failure("diamonds", "114", &got.to_string(), "printed another number") }
}

#[test]
fn what_is_wrong_as_in_plain_has_no_other_cause() {
    let failed = |case, failures| outcome(case, Verdict::Failed, 1000, failures);
    let plain = failed("plain", vec![wrong(115, &["same_gift"])]);
    let mut other = wrong(116, &["counted_again"]);
    other.expected = Some("115".to_owned());
    let mut same = failed("cut", vec![other]);
    same.compare_with_plain(&plain);
    assert_eq!(same.same_as.as_deref(), Some("plain"));
    assert_eq!(line(&same, 14), "  FAIL  cut               1.0 s  the same as in plain");
    // What explains `plain` does not explain this case, and the reverse.
    assert!(same.failures[0].candidates.is_empty());
    // Two mistakes explain `plain`, and this case leaves one.
    let open = failed("plain", vec![wrong(115, &["same_gift", "same_user"])]);
    for (found, candidates) in [("same_gift", vec!["same_gift"]), ("counted_again", vec![])] {
        let failure = Failure { diagnosis: Some(found), ..wrong(115, &[found]) };
        let mut narrower = failed("no-final", vec![failure]);
        narrower.compare_with_plain(&open);
        assert_eq!(Vec::from_iter(narrower.failures[0].candidates.keys().copied()), candidates);
    }
    let mut contradicted = failed("missing", vec![wrong(115, &["like_total"]), wrong(120, &["same_gift"])]);
    contradicted.failures.iter_mut().for_each(|failure| failure.detail = Some("explained".to_owned()));
    contradicted.compare_with_plain(&outcome("plain", Verdict::Passed, 1000, vec![]));
    let [shown, other] = &contradicted.failures[..] else { panic!("{contradicted:?}") };
    assert!(shown.candidates.is_empty() && shown.detail.is_none(), "plain would show it");
    assert!(other.candidates.len() == 1 && other.detail.is_some());
    // What this show of `plain` reveals, others may not.
    let plain_with = |what: &str| {
        let shows = BTreeMap::from([(what.to_owned(), BTreeSet::from(["lost_update"]))]);
        Outcome { shows, ..outcome("plain", Verdict::Passed, 1, vec![]) }
    };
    for (what, left) in [("diamonds", 0), ("likes", 1)] {
        let mut missing = failed("missing", vec![wrong(115, &["lost_update"])]);
        missing.compare_with_plain(&plain_with(what));
        assert_eq!(missing.failures[0].candidates.len(), left, "{what}");
    }
    let mut more =
        failed("cut", vec![wrong(115, &["counted_again"]), wrong(120, &["counted_again", "same_user"])]);
    more.failures[1].diagnosis = Some("counted_again");
    more.compare_with_plain(&plain);
    assert_eq!(more.same_as, None);
    // The number is wrong in `plain` as well, and neither mistake explains it there.
    assert!(more.failures[1].candidates.is_empty());
    assert_eq!(more.failures[1].diagnosis, None);
    let mut likes =
        failed("cut", vec![Failure { what: "likes".to_owned(), ..wrong(120, &["counted_again"]) }]);
    likes.compare_with_plain(&plain);
    assert_eq!(Vec::from_iter(likes.failures[0].candidates.keys()), [&"counted_again"]);
}

#[test]
fn a_number_that_several_mistakes_give_has_the_cause_of_one_of_them() {
    let named = Failure { diagnosis: Some("counted_again"), ..wrong(172, &["counted_again"]) };
    let both = wrong(115, &["counted_again", "same_user"]);
    for (one, other, is_same) in [
        (&named, &both, true),
        (&both, &named, true),
        (&named, &wrong(115, &["same_user", "same_gift"]), false),
        (&named, &wrong(9, &["counted_again", "same_user"]), false),
        (&named, &Failure { what: "likes".to_owned(), ..both.clone() }, false),
    ] {
        assert_eq!(one.has_cause_of(other), is_same, "{one:?} {other:?}");
    }
}

/// What gives the wrong number of one case, but not that of `plain`, does so by chance.
#[test]
fn a_mistake_has_to_explain_the_plain_show() {
    let left = |plain: Failure, mut case: Outcome| {
        case.compare_with_plain(&outcome("plain", Verdict::Failed, 1, vec![plain]));
        Vec::from_iter(case.failures[0].candidates.clone().into_keys())
    };
    let case = || outcome("again", Verdict::Failed, 1, vec![wrong(32, &["same_gift", "same_user"])]);
    assert_eq!(left(wrong(20, &["same_user"]), case()), ["same_user"]);
    assert!(left(wrong(20, &[]), case()).is_empty());
    // One that `plain` cannot show may be the second mistake.
    let mut second = case();
    second.failures[0].candidates.values_mut().for_each(|mistake| mistake.shown_by = "no-final");
    assert_eq!(left(wrong(20, &[]), second).len(), 2);
    let unclear = Failure { is_unclear: true, ..wrong(20, &[]) };
    assert_eq!(left(unclear, case()).len(), 2);
}

/// The last line accuses nobody of what a single number gave by chance.
#[test]
fn a_conclusion_leaves_no_wrong_number_unexplained() {
    let end = |failures: &[Failure]| {
        let cases = failures.iter().map(|failure| outcome("cut", Verdict::Failed, 1, vec![failure.clone()]));
        let cases = Vec::from_iter(cases);
        let mistakes = json(&cases)["conclusion"]["mistakes"].clone();
        (summary(&cases, Duration::ZERO).lines().nth(1).unwrap_or_default().to_owned(), mistakes)
    };
    let found = wrong(12, &["same_user"]);
    let unexplained = wrong(13, &[]);
    let (text, mistakes) = end(&[found.clone(), found.clone(), unexplained.clone()]);
    let expected = "2 of 3 wrong numbers may come from counting wrong (`same_user`)";
    assert_eq!((text.as_str(), mistakes), (expected, json!(["same_user"])));
    // Less than half may be chance.
    assert_eq!(end(&[found.clone(), unexplained.clone(), unexplained.clone()]).1, Value::Null);
    // A wrong number of a client without its connection, or on a busy machine, says nothing.
    let excused = [
        Failure { habit: Some(Habit::StaysAway), ..Failure::new("connection", "did not come back") },
        Failure { known: Some("this machine was busy".to_owned()), ..found.clone() },
    ];
    for excuse in excused {
        let cases = [outcome("cut", Verdict::Failed, 1, vec![found.clone(), excuse])];
        assert_eq!(json(&cases)["conclusion"], Value::Null);
    }
    // Nothing can be computed where it is not known what arrived.
    let unclear = Failure { is_unclear: true, ..unexplained.clone() };
    assert_eq!(end(&[found.clone(), unclear]).0, "most likely: counting wrong (`same_user`)");
    // Several mistakes give a small number.
    let small = wrong(9, &["same_user"]);
    assert_eq!(end(&[small.clone(), small.clone()]).1, Value::Null);
    let two = [small.clone(), wrong(8, &["same_user"])];
    assert_eq!(end(&two).0, "most likely: counting wrong (`same_user`), in 2 cases");
    assert_eq!(end(&[small, found.clone()]).0, "most likely: counting wrong (`same_user`), in 2 cases");
    // What happened to the connection is a reason.
    let lost = vec![unexplained, Failure::new("connection", "did not come back within 30 s")];
    let cases = [outcome("cut", Verdict::Failed, 1, lost), outcome("late", Verdict::Failed, 1, vec![found])];
    assert!(summary(&cases, Duration::ZERO).contains("most likely: counting wrong (`same_user`)"));
}

#[test]
fn a_known_defect_of_the_library_stays() {
    let known =
        || Failure { known: Some("known of it".to_owned()), ..Failure::new("connection", "came too early") };
    let mut late = outcome("rate-limited", Verdict::Failed, 1, vec![known()]);
    late.compare_with_plain(&outcome("plain", Verdict::Passed, 1, vec![]));
    assert!(line(&late, 14).contains("came too early\n        known of it"), "{}", line(&late, 14));
    // The bot is not accused of it, whatever else is wrong in this case.
    let early = Failure { habit: Some(Habit::ComesEarly), ..Failure::new("connection", "came too early") };
    let end = |failures: Vec<Failure>| {
        summary(&[outcome("rate-limited", Verdict::Failed, 1, failures)], Duration::ZERO)
    };
    assert!(end(vec![early.clone()]).contains("in 1 case it tried again too early"));
    assert!(!end(vec![early, known()]).contains("too early"));
}

#[test]
fn a_report_ends_with_one_conclusion() {
    let end = |all: &[&[&'static str]]| {
        let cases = all.iter().map(|names| outcome("cut", Verdict::Failed, 1, vec![wrong(12, names)]));
        let text = summary(&Vec::from_iter(cases), Duration::from_secs(1));
        text.split_once('\n').map(|(_, end)| end.to_owned())
    };
    let one = "most likely: counting wrong (`only_repeat_end`), in 2 cases".to_owned();
    assert_eq!(end(&[&["only_repeat_end", "same_gift"], &["only_repeat_end", "same_user"]]), Some(one));
    let several = end(&[&["same_user", "same_gift"], &["same_user", "same_gift", "like_total"]]).unwrap();
    assert!(several.starts_with("one of 2 mistakes: "), "{several}");
    let none = "no single known mistake explains all wrong numbers".to_owned();
    assert_eq!(end(&[&["same_user"], &["same_gift"]]), Some(none));
    let most = "2 of 3 wrong numbers may come from counting wrong (`same_user`)".to_owned();
    assert_eq!(end(&[&["same_user"], &["same_gift"], &["same_user", "like_total"]]), Some(most));
    assert_eq!(end(&[&[]]), None);
    let likes = Failure { what: "likes".to_owned(), ..wrong(12, &["like_total"]) };
    // The case that shows a mistake best has a number that it does not give.
    let shown = |names: &[&'static str]| {
        let mut failure = wrong(12, names);
        failure.candidates.values_mut().for_each(|mistake| mistake.shown_by = "again");
        failure
    };
    let refuted = [
        outcome("plain", Verdict::Failed, 1, vec![shown(&["same_user"])]),
        outcome("again", Verdict::Failed, 1, vec![shown(&[])]),
    ];
    let text = summary(&refuted, Duration::ZERO);
    assert!(text.ends_with("no single known mistake explains all wrong numbers"), "{text}");
    let two = outcome("cut", Verdict::Failed, 1, vec![wrong(12, &["same_user"]), likes]);
    let text = summary(&[two], Duration::ZERO);
    let together = "most likely, together: counting wrong (`like_total`); counting wrong (`same_user`)";
    assert!(text.ends_with(together), "{text}");
    let both = wrong(12, &["like_total", "same_user"]);
    let cases =
        |plain| [outcome("plain", plain, 1, vec![]), outcome("cut", Verdict::Failed, 1, vec![both.clone()])];
    let end = |plain| summary(&cases(plain), Duration::from_secs(1));
    assert!(
        end(Verdict::Passed).ends_with("most likely: counting wrong (`same_user`)"),
        "plain would show it"
    );
    assert!(end(Verdict::Failed).contains("one of 2 mistakes"));
}

#[test]
fn one_line_says_what_is_wrong_in_many_cases() {
    let hammers =
        || vec![Failure { habit: Some(Habit::Hammers), ..Failure::new("connection", "tried 31 times") }];
    let cases = ["offline", "unauthorized"].map(|case| outcome(case, Verdict::Failed, 1, hammers()));
    let text = summary(&[cases.as_slice(), &[Outcome::skipped("ends", "stopped")]].concat(), Duration::ZERO);
    let line = "in 2 cases it tried too often: wait longer after each failed attempt, and start over only once the show goes on";
    assert!(text.starts_with("0 of 2 cases passed in 0.0 s, 1 skipped\n") && text.ends_with(line), "{text}");
}

#[test]
fn a_report_names_the_library_and_who_has_to_change() {
    let undone = || Failure {
        habit: Some(Habit::StaysAway),
        ..Failure::new("connection", "did not come back within 30 s")
    };
    let end = |agent: &str, failures: Vec<Failure>| {
        let cases = ["drop", "reset"].map(|case| Outcome {
            library: Library::of_agent(agent),
            ..outcome(case, Verdict::Failed, 1, failures.clone())
        });
        let report = json(&cases);
        let text = summary(&cases, Duration::from_secs(1));
        (text.lines().last().unwrap().to_owned(), report["library"].clone())
    };
    let (text, library) = end("tiktok-live-connector/2.5.0 linux", vec![undone()]);
    let expected = "in 2 cases it did not connect again: tiktok-live-connector 2.5.0 leaves that to the bot: \
                    call `connect()` again, also when it was rejected, in `disconnected`, and when nothing \
                    arrives for a minute";
    assert_eq!((text.as_str(), library.as_str()), (expected, Some("tiktok-live-connector 2.5.0")));
    let (text, library) = end("Mozilla/5.0", vec![undone()]);
    let expected = "in 2 cases it did not connect again: the bot or its library has to, after each failed attempt and each break";
    assert_eq!((text.as_str(), library.is_null()), (expected, true));
    let (text, _) = end("TikTokLive.py/7.0.1", vec![wrong(119, &["repeated_messages"])]);
    let expected = "most likely: counting wrong (`repeated_messages`), in 2 cases; TikTokLive 7.0.1 passes them on, so the bot has to \
                    drop ids that it knows";
    assert_eq!(text, expected);
}

fn about(_: &str, name: &str) -> Option<[&'static str; 2]> {
    (name == "no-final").then_some(["no streak's last message arrives", "all gifts count"])
}

/// A timeline with a text in each place.
fn trace(text: &str) -> Trace {
    let moment = || Moment { at_ms: 500, after_ms: 70, text: text.to_owned() };
    let event = Opened { at_ms: 500, text: text.to_owned(), json: format!("{{\n  {text:?}: 1\n}}") };
    Trace {
        pictures: vec![Picture { at_ms: 500, what: text.to_owned(), jpeg: "/9j/4A==".to_owned() }],
        length_ms: 1000,
        sent: 3,
        unsent: 2,
        kinds: vec![Lane { kind: text.to_owned(), count: 3, parts: vec![0, 150, 299] }],
        happened: vec![moment()],
        numbers: vec![Course {
            name: text.to_owned(),
            right: vec![(0, 0), (500, 5), (1000, 9)],
            got: vec![(500, 10), (1000, i64::MIN)],
            parting: Some(Parting {
                from_ms: 0,
                among: 1,
                is_break: false,
                break_ms: None,
                at_ms: 500,
                right: 5,
                got: 10,
                mistake: Some("repeated_total".to_owned()),
                events: vec![event],
            }),
            unexplained: None,
            wrong_after_ms: None,
        }],
        lines: vec![moment()],
        line_step: 2,
    }
}

#[test]
fn a_timeline_opens_the_first_event_that_was_counted_wrong() {
    let mut outcomes = outcomes();
    outcomes[1].trace = Some(Box::new(trace("x")));
    outcomes[1].trace.as_mut().unwrap().numbers[0].name = "diamonds".to_owned();
    outcomes[1].failures[0].diagnosis = Some("repeated_total");
    let page = html(&[json(&outcomes)], &about).unwrap();
    let places = [
        "printed &quot;diamonds: 12&quot;",
        "<button type=\"button\" data-from=\"500\" data-to=\"500\">Show where it began</button>",
        "<div class=\"began\" style=\"--x:50%\">▼ 0:00.5</div>",
        "<code>diamonds</code>: right is <strong>9</strong>, it printed",
        "<path class=\"right\" d=\"M0 2.0H0V2.0H500V2.0H1000V2.0H1000\"/>",
        "To correct it: add <code>repeatDelta</code>",
        "It began at 0:00.5, with this event: the right total of <code>diamonds</code> is 5 then, and this mistake gives 10.",
        "<details open><summary>0:00.5 <strong>x</strong></summary>",
        "<summary>The same as a table</summary>",
        "3 events were sent. One of 2 other lines of output is kept. 2 more were not sent.",
        "<tr><td>0:00.5</td><td>right: <code>diamonds</code> 5</td></tr>",
        "<tr><td>0:00.5</td><td><strong class=\"bad\">x</strong></td></tr>",
        "<tr><td>0:00.5</td><td>x, 0.1 s after the start</td></tr>",
    ];
    let found = places.map(|text| page.find(text).unwrap_or_else(|| panic!("{text}: {page}")));
    assert!(found.is_sorted(), "{found:?}");
    // Another case has shown that it is none of this mistake.
    outcomes[1].failures[0].diagnosis = None;
    let page = html(&[json(&outcomes)], &about).unwrap();
    assert!(!page.contains("It began at"), "{page}");
    // Where nothing was sent in between, no event is to blame.
    let mut timeline = trace("x");
    let parting = timeline.numbers[0].parting.as_mut().unwrap();
    (parting.among, parting.mistake, parting.events) = (0, None, Vec::new());
    outcomes[1].trace = Some(Box::new(timeline));
    let page = html(&[json(&outcomes)], &about).unwrap();
    assert!(page.contains("it printed 10, and no event had come since it was right."), "{page}");
    // What was sent until it stopped is right.
    let mut timeline = trace("x");
    timeline.numbers[0].name = "diamonds".to_owned();
    let parting = timeline.numbers[0].parting.as_mut().unwrap();
    (parting.got, parting.mistake) = (parting.right, None);
    outcomes[1].trace = Some(Box::new(timeline));
    let page = html(&[json(&outcomes)], &about).unwrap();
    let stopped = "<code>diamonds</code> stopped at 0:00.5: it printed 5, and what came after is missing.";
    assert!(page.contains(stopped), "{page}");
}

#[test]
fn mistakes_at_a_break_begin_there() {
    let mut outcomes = outcomes();
    let mut timeline = trace("Rose x1 of alice");
    let course = &mut timeline.numbers[0];
    course.name = "diamonds".to_owned();
    course.got = vec![(500, 5), (900, 2)];
    let parting = course.parting.as_mut().unwrap();
    (parting.is_break, parting.mistake) = (true, Some("reset_at_break".to_owned()));
    // No event is to blame: all of before were right.
    parting.events.clear();
    let more = Course { name: "gifts".to_owned(), ..course.clone() };
    timeline.numbers.push(more);
    outcomes[1].trace = Some(Box::new(timeline));
    let failure = &mut outcomes[1].failures[0];
    failure.diagnosis = Some("reset_at_break");
    let candidate = Candidate { doing: "starting over after each break", shown_by: "", needs_break: true };
    failure.candidates = BTreeMap::from([("reset_at_break", candidate)]);
    let gifts = Failure { what: "gifts".to_owned(), ..failure.clone() };
    outcomes[1].failures.push(gifts);
    let page = html(&[json(&outcomes)], &about).unwrap();
    let places = [
        "Where it began: in <code>no-final</code>, with the break at 0:00.5.",
        "To correct it: keep the totals when the connection breaks",
        "data-from=\"500\" data-to=\"900\"",
        "It began with the break at 0:00.5: <code>diamonds</code> and <code>gifts</code> are wrong after it.</p>",
    ];
    let found = places.map(|text| page.find(text).unwrap_or_else(|| panic!("{text}: {page}")));
    assert!(found.is_sorted(), "{found:?}");
    assert_eq!(page.matches("It began").count(), 1, "{page}");
}

/// What is right narrows down what is wrong.
#[test]
fn a_single_case_says_what_is_right_and_what_to_do() {
    let detail = Some("12 is what keeping gives: 3 streaks".to_owned());
    let failure =
        Failure { diagnosis: Some("never_starts_over"), detail, ..wrong(12, &["never_starts_over"]) };
    let what = failure.what.clone();
    let mut result = json(&[outcome("restart", Verdict::Failed, 1, vec![failure])]);
    result["conclusion"] = Value::Null;
    result["cases"][0]["printed"] = json!({ "values": { (what): 12, "likes": 5 }, "fields": {} });
    let page = html(&[result], &about).unwrap();
    assert!(page.contains("<p>Right: <code>likes</code>.</p>"), "{page}");
    assert!(
        page.contains("In <code>restart</code>: 12 is what keeping gives: 3 streaks. To correct it:"),
        "{page}"
    );
}

#[test]
fn mistakes_of_their_own_are_told_each() {
    let case = |case, code: &'static str, why: &str| {
        let detail = Some(format!("12 is what {why} gives: 3 streaks"));
        let failure = Failure { diagnosis: Some(code), detail, ..wrong(12, &[code]) };
        outcome(case, Verdict::Failed, 1, vec![failure])
    };
    let outcomes =
        [case("cut", "counted_again", "repeating"), case("restart", "never_starts_over", "keeping")];
    let page = html(&[json(&outcomes)], &about).unwrap();
    let places = [
        "No single known mistake explains all wrong numbers",
        "In <code>cut</code>: 12 is what repeating gives: 3 streaks. To correct it: use one connection, and skip events",
        "In <code>restart</code>: 12 is what keeping gives: 3 streaks. To correct it: set the totals to 0",
        "<h3>What failed</h3>",
    ];
    let found = places.map(|text| page.find(text).unwrap_or_else(|| panic!("{text}: {page}")));
    assert!(found.is_sorted(), "{found:?}");
}

/// Without its script, the page has the times of a timeline that is not magnified.
#[test]
fn the_time_axis_has_times_for_each_step_of_its_zoom() {
    let mut outcomes = outcomes();
    outcomes[1].trace = Some(Box::new(Trace { length_ms: 3_605_000, ..trace("x") }));
    let page = html(&[json(&outcomes)], &about).unwrap();
    let (_, axis) = page.split_once("<div class=\"axis\" data-times=\"").unwrap();
    let (times, axis) = axis.split_once("\">").unwrap();
    let times = Vec::from_iter(times.split(' '));
    assert_eq!((times.len(), &times[..3]), (257, &["0:00.0", "0:14.0", "0:28.1"][..]));
    let quarters = [0, 64, 128, 192, 256].map(|at: usize| format!("<span>{}</span>", times[at]));
    assert!(axis.starts_with(&quarters.concat()), "{axis}");
    assert!(quarters[4].contains("1:00:05.0"), "{quarters:?}");
}

/// Two cases fail by one mistake: the second one has its numbers beside its name. A single failure is said once.
#[test]
fn a_page_says_what_is_wrong_once_and_where_it_is_listed() {
    let streak = || Failure {
        diagnosis: Some("only_repeat_end"),
        detail: Some("12 is what counting only gifts with `repeatEnd` gives".to_owned()),
        ..failure("diamonds", "114", "12", "printed \"diamonds: 12\", right is 114")
    };
    let word = failure("top_gifter", "12", "bob", "printed \"top bob\", right is \"12\"");
    let lost = || Failure::new("connection", "did not come back");
    let same = Outcome {
        same_as: Some("no-final".to_owned()),
        ..outcome("again", Verdict::Failed, 1, vec![streak(), word])
    };
    let passed = outcome("plain", Verdict::Passed, 1, vec![]);
    let all = [passed.clone(), outcome("no-final", Verdict::Failed, 1, vec![streak()]), same];
    let page = html(&[json(&all)], &about).unwrap();
    let listed = "<li><code>again</code> <span class=\"bad\">printed &quot;diamonds: 12&quot;, right is 114</span> <small>";
    assert!(page.contains(listed), "{page}");
    assert!(page.contains("<li><code>plain</code> <small>"), "{page}");
    let cut = outcome("cut", Verdict::Failed, 1, vec![lost()]);
    let page = html(&[json(&[passed.clone(), cut.clone()])], &about).unwrap();
    assert_eq!(page.matches("did not come back").count(), 1, "{page}");
    assert!(!page.contains("Most likely cause") && page.contains("To run this case again"), "{page}");
    // Of several, each is named before all cases.
    let away = outcome("closed", Verdict::Failed, 1, vec![Failure::new("connection", "stayed away")]);
    let page = html(&[json(&[passed, cut, away])], &about).unwrap();
    assert!(page.contains("<p>Did not come back</p>"), "{page}");
    assert!(page.contains("Besides numbers: stayed away"), "{page}");
}

#[test]
fn timelines_of_many_cases_fit_into_a_page_for_an_issue() {
    let line = |at_ms| Moment { at_ms, after_ms: at_ms, text: "&".repeat(200) };
    let long = Trace { happened: (0..200).map(line).collect(), ..trace("x") };
    let all = (0..100).map(|_| Outcome { trace: Some(Box::new(long.clone())), ..outcomes()[1].clone() });
    let page = html(&[json(&Vec::from_iter(all))], &about).unwrap();
    assert!((3_000_000..5_000_000).contains(&page.len()), "{}", page.len());
    assert!(page.contains("Its timeline does not fit into this page"));
}

#[test]
fn a_page_escapes_all_texts_and_runs_nothing() {
    let mut outcomes = outcomes();
    outcomes[1].output = vec![HOSTILE.to_owned(), "<script>alert(1)</script>".to_owned()];
    outcomes[1].failures[0].message = "printed `</code><img src=x onerror=alert(1)>`".to_owned();
    outcomes[1].again = "livetape test -- '<b>' `x` \u{202e}".to_owned();
    outcomes[1].trace = Some(Box::new(trace(HOSTILE)));
    let mut result = json(&outcomes);
    result["tested"] = "\"><script>".into();
    result["recording"] = "<i>".into();
    let page = html(&[result.clone(), result], &about).unwrap();
    let tags =
        page.split('<').skip(1).map(|rest| rest.split([' ', '>']).next().unwrap().trim_start_matches('/'));
    let known = [
        "!doctype",
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "h2",
        "h3",
        "h4",
        "p",
        "em",
        "code",
        "div",
        "table",
        "tr",
        "th",
        "td",
        "a",
        "br",
        "section",
        "article",
        "small",
        "span",
        "pre",
        "ul",
        "li",
        "footer",
        "main",
        "strong",
        "details",
        "summary",
        "figure",
        "figcaption",
        "img",
        "button",
        "svg",
        "path",
        "script",
    ];
    assert_eq!(Vec::from_iter(tags.filter(|tag| !known.contains(tag))), Vec::<&str>::new());
    assert!(!page.chars().any(|c| c != '\n' && is_invisible(c)));
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(
        (page.matches("onerror").count(), page.matches("<code>&lt;/code&gt;&lt;img src=x").count()),
        (2, 2)
    );
    assert!(page.contains("<td class=\"bad\">✗ failed</td>") && page.contains("<h3>What is known</h3>"));
}

#[test]
fn a_page_says_what_was_tested_what_is_wrong_and_what_to_do() {
    let mut result = json(&outcomes());
    result["tested"] = "node bot.mjs".into();
    result["recording"] = "demo".into();
    let page = html(&[result.clone()], &about).unwrap();
    let places = [
        "2 of 3 cases failed: node bot.mjs</title>",
        "livetape played recorded TikTok LIVE shows to this program",
        "✗ 2 of 3 cases failed",
        "<h3>What is known</h3>",
        "What to do:",
        "<h3>What failed</h3>",
        "What happens: ",
        "right is 114",
        "To run this case again",
        "<h3>What passed</h3>",
        "<h3>What did not run</h3>",
        "the command ends by itself",
    ];
    let found = places.map(|text| page.find(text).unwrap_or_else(|| panic!("{text}: {page}")));
    assert!(found.is_sorted(), "{found:?}");
    assert!(!page.contains("<table>"));
    // Only cases of the feed can be played by hand.
    assert!(page.contains("livetape replay RECORDING --case NAME"), "{page}");
    result["suite"] = "room".into();
    assert!(!html(&[result.clone()], &about).unwrap().contains("by hand"));
    result["cases"] = serde_json::json!([{ "name": "x", "passed": true, "seconds": 0.1 }]);
    assert!(html(&[result], &about).unwrap().contains("✓ 1 of 1 case passed"));
    assert!(
        html(&[serde_json::json!({ "cases": 7 })], &about).is_err()
            && html(&[serde_json::json!([])], &about).is_err()
    );
}

#[test]
fn a_case_keeps_the_hints_that_are_about_no_mistake() {
    let plain = outcome("plain", Verdict::Passed, 1, Vec::new());
    let hint = Failure {
        detail: Some("use `textContent`".to_owned()),
        ..Failure::new("page", "showed a name or a comment as HTML")
    };
    let mut names = outcome("names", Verdict::Failed, 1, vec![hint.clone()]);
    names.compare_with_plain(&plain);
    assert_eq!(names.failures, [hint]);
}

/// One bug, one block: in text, annotations, JSON and on the page.
#[test]
fn cases_with_one_mistake_are_one_group() {
    let by = |case, got, diagnosis| {
        let failure = Failure { diagnosis, ..wrong(got, &["same_user", "same_gift"]) };
        outcome(case, Verdict::Failed, 1, vec![failure])
    };
    let away = |case| {
        let failure = Failure::new("connection", &format!("did not come back in {case}"));
        outcome(case, Verdict::Failed, 1, vec![Failure { habit: Some(Habit::StaysAway), ..failure }])
    };
    let mut both = away("late");
    both.failures.push(wrong(7, &[]));
    let mut all = vec![
        by("plain", 113, None),
        by("again", 120, Some("same_user")),
        by("names", 60, Some("same_user")),
        by("big", 7, None),
        away("cut"),
        away("closed"),
        both,
        outcome("burst", Verdict::Passed, 1, vec![]),
    ];
    group(&mut all);
    let same = Vec::from_iter(all.iter().map(|outcome| outcome.same_as.as_deref().unwrap_or_default()));
    // What is narrower than in the first case is new, and so is a second failure.
    assert_eq!(same, ["", "", "again", "again", "", "cut", "", ""]);
    let groups = json(&all)["groups"].clone();
    let cases = Vec::from_iter(groups.as_array().unwrap().iter().map(|group| group["cases"].clone()));
    let expected =
        [json!(["plain"]), json!(["again", "names", "big"]), json!(["cut", "closed"]), json!(["late"])];
    assert_eq!(cases, expected);
    assert_eq!(groups[1]["diagnosis"], "same_user");
    let text = summary(&all, Duration::ZERO);
    assert!(text.contains("in 3 cases it did not connect again: "), "{text}");
    assert!(
        text.contains("most likely: counting wrong (`same_user`), in 4 cases") || text.contains("one of 2")
    );
    assert_eq!(line(&all[2], 14), "  FAIL  names             0.0 s  the same as in again");
    let closed = "  FAIL  closed            0.0 s  did not come back in closed: the same as in cut";
    assert_eq!(line(&all[5], 14), closed);
    let told = annotations(&all);
    assert_eq!(told.lines().count(), 4, "{told}");
    assert!(told.contains("%0Athe same in 2 cases: names, big%0A"), "{told}");
    let page = html(&[json(&all)], &about).unwrap();
    assert!(page.contains("These fail in the same way as <code>again</code>:"), "{page}");
    assert_eq!(page.matches("<h4>").count(), 4);
    // CI counts cases.
    assert_eq!(junit(&all, Duration::ZERO).matches("<failure ").count(), 7);
}

#[test]
fn crashes_are_one_group_if_they_name_the_same_error() {
    let crash = |case, error: &str| Outcome {
        output: vec!["chats: 7".to_owned(), error.to_owned(), "Node.js v24".to_owned()],
        ..outcome(case, Verdict::Failed, 1, vec![Failure::new("exit", "exited with 1")])
    };
    let mut all =
        [crash("again", "KeyError: 'a'"), crash("names", "KeyError: 'b'"), crash("big", "KeyError: 'a'")];
    group(&mut all);
    assert_eq!(all.map(|outcome| outcome.same_as), [None, None, Some("again".to_owned())]);
}

#[test]
fn what_a_library_cannot_do_is_counted_apart() {
    let date = "rate-limited-http-date";
    let early = Failure { habit: Some(Habit::ComesEarly), ..Failure::new("connection", "came too early") };
    let by = |case, library: &str| {
        let library = Library::of_agent(library);
        Outcome { library, ..outcome(case, Verdict::Failed, 1, vec![early.clone()]) }
    };
    let node = "tiktok-live-connector/2.5.0 linux";
    let mut all = [by(date, node), by("rate-limited-twice", node), by(date, "Mozilla/5.0")];
    let strict = json(&all);
    assert_eq!((&strict["failed"], &strict["limits"]), (&json!(3), &json!(0)));
    all.iter_mut().for_each(Outcome::excuse);
    let is_limit = |outcome: &Outcome| matches!(outcome.verdict, Verdict::KnownLimit(_));
    assert_eq!(all.each_ref().map(is_limit), [true, false, false]);
    let limit = "known limit of tiktok-live-connector 2.5.0: it reads only a number of seconds";
    let shown = line(&all[0], 24);
    assert!(shown.starts_with("  limit rate-limited-http-date") && shown.contains(limit), "{shown}");
    assert!(shown.contains("came too early") && shown.contains("again: livetape test"), "{shown}");
    let one = &all[..1];
    let text = summary(one, Duration::ZERO);
    let expected = "0 of 1 case passed in 0.0 s, 1 failed by a known limit of tiktok-live-connector 2.5.0";
    assert_eq!(text, expected);
    let report = json(one);
    assert_eq!((&report["failed"], &report["limits"], &report["groups"]), (&json!(0), &json!(1), &json!([])));
    let case = &report["cases"][0];
    assert!(case["known_limit"].as_str().unwrap().starts_with(limit) && case["passed"] == false, "{case}");
    let xml = junit(one, Duration::ZERO);
    assert!(
        xml.contains("failures=\"0\" errors=\"0\" skipped=\"1\"")
            && xml.contains("<skipped message=\"known limit of")
    );
    assert!(annotations(one).starts_with("::notice title="), "{}", annotations(one));
    assert!(step_summary(one).contains("⚠️ known limit of"), "{}", step_summary(one));
    let page = html(&[report], &about).unwrap();
    let apart = "<h3>What the client library cannot do</h3>";
    assert!(page.contains("✓ 0 of 1 case passed") && page.contains(apart) && !page.contains("✗"), "{page}");
}

#[test]
fn only_what_time_may_explain_comes_from_a_busy_machine() {
    for (failure, may) in [
        (Failure::late("connection", "did not come back within 30 s"), true),
        (wrong(113, &[]), true),
        (wrong(113, &["same_user"]), false),
        (Failure::new("exit", "exited with 101"), false),
        (Failure::new("connection", "tried to connect 31 times"), false),
        (Failure::new("page", "showed a name or a comment as HTML"), false),
    ] {
        assert_eq!(failure.may_come_from_waiting(), may, "{failure:?}");
    }
}

#[test]
fn a_failure_is_narrowed_to_a_mistake_that_gives_it() {
    let mut failure = wrong(2, &["same_user", "counted_again"]);
    failure.detail = Some("one of 2 mistakes".to_owned());
    failure.narrow("no_such");
    assert_eq!(failure.diagnosis, None);
    failure.narrow("counted_again");
    assert_eq!(failure.diagnosis, Some("counted_again"));
    assert_eq!(failure.detail.as_deref(), Some("2 is what counting wrong gives"));
}

#[test]
fn a_kept_show_that_fails_still_is_told_with_what_is_wrong() {
    let kept = Outcome {
        kept: Some("failures/cut@9.bin".to_owned()),
        ..outcome("cut@9", Verdict::Failed, 1, vec![wrong(2, &[])])
    };
    assert!(line(&kept, 14).contains("\n        still failing: failures/cut@9.bin\n"), "{}", line(&kept, 14));
    let same =
        Outcome { same_as: kept.kept.clone(), ..outcome("cut@7", Verdict::Failed, 1, vec![wrong(2, &[])]) };
    let groups = json(&[kept, same])["groups"].clone();
    assert_eq!(groups[0]["cases"], json!(["cut@9", "cut@7"]));
}
