//! One HTML page about one or several programs: a file that can be attached to an issue, for readers who have never heard of
//! livetape. It says the same without its only script, which magnifies timelines.
//!
//! It is made from the JSON of results, so that those of several runs can be in one page. Programs and recordings may be
//! hostile: all texts are escaped, and the page may load nothing.

mod timeline;

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use livetape_core::{markup::escaped, terminal::is_invisible};
use serde::Deserialize;
use serde_json::Value;

use super::{
    ALIKE, Against, PLAIN,
    against::{Changed, How},
    moment,
};
use crate::trace::{Parting, Summary, Trace};
use timeline::{SCRIPT, SCRIPT_HASH, timeline};

const STYLE: &str = "
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--bad:light-dark(#b3261e,#ff8a80);--good:light-dark(#1b6e34,#7ddb95)}
html{background:light-dark(#fff,#121212)}
body{max-width:52rem;margin:0 auto;padding:1.5rem 1rem;font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .5rem}h2{font-size:1.25rem;margin:2.5rem 0 .5rem}h3{font-size:1.1rem;margin:1.5rem 0 .5rem}h4{margin:0;font-size:1.05rem}
.bad{color:var(--bad)}.good{color:var(--good)}.verdict{font-size:1.2rem;font-weight:600;margin:.25rem 0 1rem}
.cause{border-left:.3rem solid var(--bad);background:var(--soft);padding:.75rem 1rem;font-size:1.1rem}.cause p{margin:.25rem 0}
article{border:1px solid var(--line);border-radius:.5rem;padding:.75rem 1rem;margin:1rem 0;break-inside:avoid}
article p,article ul{margin:.4rem 0}.why{font-weight:600}small,.about{opacity:.8}
pre{background:var(--soft);padding:.6rem;border-radius:.3rem;white-space:pre-wrap;unicode-bidi:plaintext;font-size:.85rem;margin:.3rem 0}
code{font-family:ui-monospace,monospace;font-size:.9em}
.wide{overflow-x:auto}table{border-collapse:collapse}th,td{border-bottom:1px solid var(--line);padding:.25rem .6rem;text-align:left}th[scope=row]{white-space:nowrap}
footer{margin-top:3rem;border-top:1px solid var(--line);padding-top:.5rem;opacity:.8}
@media print{body{max-width:none;padding:0;font-size:10pt}a{color:inherit;text-decoration:none}}
";

/// Maximum size of all timelines, in bytes. The page is attached to issues and sent by mail.
const TIMELINES_BYTES_MAX: usize = 4_500_000;

/// Maximum length of a text, in characters: commands are shown in full.
const TEXT_CHARS_MAX: usize = 10_000;

/// The result of a program, as `livetape test --json` prints it.
#[derive(Deserialize)]
struct Tested {
    /// The command or page; results of older versions have none.
    #[serde(default)]
    tested: String,
    #[serde(default)]
    recording: String,
    #[serde(default)]
    suite: String,
    #[serde(default)]
    version: String,
    /// Whether the program said numbers that were compared.
    #[serde(default = "yes")]
    compares: bool,
    cases: Vec<Judged>,
    conclusion: Option<Conclusion>,
    #[serde(default)]
    habits: Vec<String>,
    library: Option<String>,
    /// What an older result has in other ways.
    against: Option<Against>,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct Conclusion {
    message: String,
    #[serde(default)]
    mistakes: Vec<String>,
}

#[derive(Deserialize)]
struct Judged {
    name: String,
    passed: Option<bool>,
    skipped: Option<String>,
    seconds: f64,
    #[serde(default)]
    failures: Vec<Message>,
    #[serde(default)]
    as_in_plain: bool,
    /// The case that failed by the same mistake.
    same_as: Option<String>,
    /// What the client library cannot do, if that is why it failed.
    known_limit: Option<String>,
    #[serde(default)]
    again: String,
    #[serde(default)]
    output: Vec<String>,
    /// File with the smallest recording that fails.
    kept: Option<String>,
    trace: Option<Trace>,
    #[serde(default)]
    printed: Summary,
}

#[derive(Deserialize)]
struct Message {
    message: String,
    #[serde(default)]
    what: String,
    diagnosis: Option<String>,
}

/// What is not a number, and so not explained by mistakes.
const OTHER_KINDS: [&str; 5] = ["page", "connection", "exit", "result", "output"];
/// Maximum number of other problems that are listed before the cases.
const OTHERS_MAX: usize = 5;

/// What corrects mistakes, for the feed and for a room; their codes begin so.
pub(crate) const REMEDIES: [(&[&str], [&str; 2]); 15] = [
    (
        &[
            "sum_of_repeat_count",
            "repeated_total",
            "only_",
            "every_final",
            "without_count",
            "same_",
            "one_streak",
            "forgotten_streak",
            "messages_as_gifts",
            "streaks_as_gifts",
            "gifts_as_diamonds",
        ],
        [
            "add `repeatDelta` (gifts) or `diamonds` of every gift event",
            "in each streak (user, gift and `groupId`), add by how much `repeatCount` rose, times the price",
        ],
    ),
    (
        &["two_connections"],
        [
            "use one connection, and add its handlers once, not at each reconnect",
            "add handlers once, not at each reconnect, and close the old connection",
        ],
    ),
    (
        &["reset_at_break"],
        ["keep the totals when the connection breaks: set them to 0 once, before the first connection"; 2],
    ),
    (
        &["never_starts_over"],
        [
            "set the totals to 0 when the events have another `stream`",
            "set the totals to 0 when the show starts over",
        ],
    ),
    (
        &["missed_after_break"],
        ["handle the events of each new connection, too", "handle the messages of each new connection, too"],
    ),
    (
        &["ids_rounded"],
        [
            "compare ids as text: `Number` rounds them",
            "compare ids as text or `BigInt`: `Number` rounds them",
        ],
    ),
    (
        &["counted_again", "repeated_messages"],
        [
            "use one connection, and skip events whose `seq` is not above the last one of the same `stream`",
            "skip messages whose id has come before",
        ],
    ),
    (&["like_total", "sum_of_like_totals"], ["add up `likeCount`", "add up the likes of each message"]),
    (
        &["empty_text"],
        ["the text of a `chat` event is `comment`", "look up the name of the text in the library's version"],
    ),
    (&["by_nickname", "nickname_for_id"], ["use `uniqueId`", "use the unique id"]),
    (
        &["texts_as_ids"],
        [
            "two comments may have the same text: use `seq`",
            "two comments may have the same text: use the message's id",
        ],
    ),
    (
        &["sender_as_receiver"],
        ["the user who gets a gift is `receiver`", "the user who gets a gift is its `toUser`"],
    ),
    (&["integer_overflow"], ["add up in 64 bits", "add up in 64 bits"]),
    (
        &["lost_update", "tail_of_batch"],
        [
            "handle each event to its end before the next one, or change totals without waiting in between",
            "handle each message of a batch to its end before the next one",
        ],
    ),
    (&["forgotten_filter"], ["connect again with the same address", "connect again with the same options"]),
];

/// Returns what happens in a case of a suite, and what is right then; `None` for one of another version.
pub type About<'a> = &'a dyn Fn(&str, &str) -> Option<[&'static str; 2]>;

/// Formats results, each in the form of [`json`](super::json()), as a page.
///
/// # Errors
/// If a value does not have this form.
pub fn html(results: &[Value], about: About<'_>) -> Result<String, serde_json::Error> {
    let results = results.iter().map(Tested::deserialize).collect::<Result<Vec<_>, _>>()?;
    let failed = results.iter().map(Tested::failed).sum::<usize>();
    let all = results.iter().map(Tested::ran).sum::<usize>();
    let title = match &results[..] {
        [one] => one.title(0),
        several => format!("{} programs", several.len()),
    };
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{SCRIPT_HASH}'\">\n\
         <title>{failed} of {all} cases failed: {title}</title>\n<style>{STYLE}{}</style>\n</head>\n<body>\n<main>\n\
         <h1>Does it count a TikTok LIVE right?</h1>\n\
         <p>livetape played recorded TikTok LIVE shows to {}: unchanged, changed in one way, and with broken connections. \
         Each of these <em>cases</em> has right numbers and a right way to connect again. A failed case shows what a viewer or \
         streamer would have seen.</p>\n",
        timeline::STYLE,
        if results.len() == 1 { "this program" } else { "these programs" }
    );
    if results.len() > 1 {
        page += &overview(&results);
    }
    let mut room = TIMELINES_BYTES_MAX;
    for (number, result) in results.iter().enumerate() {
        page += &result.section(number, about, &mut room);
    }
    let versions = results.first().map(|result| text(&result.version)).unwrap_or_default();
    let by_hand = match results.iter().any(|result| result.suite != "room") {
        true => {
            ", and the dashboard of <code>livetape replay RECORDING --case NAME</code> shows one that you play by hand"
        }
        false => "",
    };
    let _ = write!(
        page,
        "</main>\n<footer>Made by <code>livetape test --html</code> {versions}. <code>livetape test --list</code> describes all cases{by_hand}.</footer>\n\
         <script>{SCRIPT}</script>\n</body>\n</html>\n"
    );
    Ok(page)
}

/// Formats a table of cases and programs.
fn overview(results: &[Tested]) -> String {
    let mut names = Vec::new();
    for case in results.iter().flat_map(|result| &result.cases) {
        if !names.contains(&&case.name) {
            names.push(&case.name);
        }
    }
    let number = |number: usize, result: &Tested| {
        format!("<th scope=\"col\"><a href=\"#p{number}\">{}</a></th>", result.title(number))
    };
    let head = String::from_iter(results.iter().enumerate().map(|(at, result)| number(at, result)));
    let cell = |result: &Tested, name: &String| match result.cases.iter().find(|case| case.name == *name) {
        Some(case) if case.passed == Some(true) => "<td class=\"good\">✓ passed</td>",
        Some(case) if case.is_failed() => "<td class=\"bad\">✗ failed</td>",
        Some(case) if case.known_limit.is_some() => "<td>known limit</td>",
        _ => "<td>not run</td>",
    };
    let row = |name: &&String| {
        let cells = String::from_iter(results.iter().map(|result| cell(result, name)));
        format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", text(name))
    };
    let rows = String::from_iter(names.iter().map(row));
    format!("<div class=\"wide\"><table>\n<tr><th scope=\"col\">Case</th>{head}</tr>\n{rows}</table></div>\n")
}

impl Judged {
    /// Whether it failed, and not because of its library.
    fn is_failed(&self) -> bool {
        self.passed == Some(false) && self.known_limit.is_none()
    }

    /// Whether an earlier one says the same.
    fn is_repeated(&self) -> bool {
        self.as_in_plain || self.same_as.is_some()
    }

    fn has_wrong_number(&self) -> bool {
        self.failures.iter().any(|failure| !OTHER_KINDS.contains(&&*failure.what))
    }

    /// Returns the first wrong number beside the right one, or what else was wrong, of a case that failed.
    fn first_wrong(&self) -> Option<&str> {
        let failures = || self.failures.iter().filter(|_| self.is_failed());
        let number = failures().find(|failure| !OTHER_KINDS.contains(&&*failure.what));
        number.or(failures().next())?.message.split("; ").next()
    }
}

impl Tested {
    fn title(&self, number: usize) -> String {
        if self.tested.is_empty() { format!("Program {}", number + 1) } else { text(&self.tested) }
    }

    fn failed(&self) -> usize {
        self.cases.iter().filter(|case| case.is_failed()).count()
    }

    fn limits(&self) -> Vec<&Judged> {
        self.cases.iter().filter(|case| case.known_limit.is_some()).collect()
    }

    fn ran(&self) -> usize {
        self.cases.iter().filter(|case| case.passed.is_some()).count()
    }

    fn section(&self, number: usize, about: About<'_>, room: &mut usize) -> String {
        let (ran, failed, limits) = (self.ran(), self.failed(), self.limits());
        let cases = if ran == 1 { "case" } else { "cases" };
        let verdict = match (ran, failed) {
            (0, _) => "<p class=\"verdict\">No case ran</p>".to_owned(),
            (_, 0) if !self.compares => format!(
                "<p class=\"verdict\">{ran} of {ran} {cases} passed, but no number was compared: only errors and connections were</p>"
            ),
            (_, 0) => {
                format!("<p class=\"verdict good\">✓ {} of {ran} {cases} passed</p>", ran - limits.len())
            }
            _ => format!("<p class=\"verdict bad\">✗ {failed} of {ran} {cases} failed</p>"),
        };
        let plays = match (text(&self.recording), &self.library) {
            (recording, _) if recording.is_empty() => String::new(),
            (recording, None) => format!("<p class=\"about\">Recording: {recording}</p>\n"),
            (recording, Some(library)) => {
                format!("<p class=\"about\">Recording: {recording}. Client library: {}</p>\n", text(library))
            }
        };
        let mut section = format!(
            "<section id=\"p{number}\">\n<h2><code>{}</code></h2>\n{verdict}\n{plays}",
            self.title(number)
        );
        section += &self.against.as_ref().map(changed).unwrap_or_default();
        if failed > 0 {
            section += &self.cause(about);
            section += "<h3>What failed</h3>\n";
            let failed = self.cases.iter().filter(|case| case.is_failed());
            let (same, own): (Vec<_>, Vec<_>) = failed.partition(|case| case.is_repeated());
            for case in own {
                section += &self.failure(case, about, room);
                let is_same = |other: &&&Judged| match &other.same_as {
                    Some(first) => *first == case.name || case.kept.as_ref() == Some(first),
                    None => case.name == PLAIN,
                };
                let head = format!("<p>These fail in the same way as <code>{}</code>:</p>", text(&case.name));
                let same = Vec::from_iter(same.iter().filter(is_same).copied());
                section += &self.list(&head, &same, about, room);
            }
        }
        section += &self.list("<h3>What the client library cannot do</h3>", &limits, about, room);
        let with = |passed| Vec::from_iter(self.cases.iter().filter(|case| case.passed == passed));
        section += &self.list("<h3>What passed</h3>", &with(Some(true)), about, room);
        section += &self.list("<h3>What did not run</h3>", &with(None), about, room);
        section + "</section>\n"
    }

    /// Formats what explains the failures, and what to do; nothing if a single case says all of it.
    fn cause(&self, about: About<'_>) -> String {
        let failed = || self.cases.iter().filter(|case| case.is_failed());
        let first = failed().next();
        let is_single = failed().count() == 1;
        let message = first.and_then(|case| case.failures.first()).map(|failure| failure.message.as_str());
        let is_alike =
            failed().all(|case| case.failures.first().map(|failure| failure.message.as_str()) == message);
        let alike = message.filter(|_| is_alike && !is_single);
        let alike = alike.map(|message| format!("{ALIKE}: {message}"));
        let conclusion = self.conclusion.as_ref().map(|conclusion| conclusion.message.clone());
        let mut lines = Vec::from_iter(conclusion.or(alike).into_iter().chain(self.habits.iter().cloned()));
        let mistakes = self.mistakes();
        let began = self.began(&mistakes);
        if lines.is_empty() && is_single && mistakes.is_empty() && began.is_none() {
            return String::new();
        }
        let is_known = !lines.is_empty() || !mistakes.is_empty();
        if !is_known {
            let first = first.and_then(|case| case.failures.first());
            let other = first.filter(|failure| OTHER_KINDS.contains(&&*failure.what));
            let other = other.and_then(|failure| failure.message.split("; ").next());
            let nothing = "no known mistake explains this: the first failed case is a good start";
            lines.push(other.unwrap_or(nothing).to_owned());
        }
        let (common, apart): (Vec<_>, Vec<_>) = mistakes.iter().partition(|(_, why)| why.is_empty());
        let remedy = |remedy: &str| format!("To correct it: {remedy}.");
        for (code, why) in apart {
            let remedy = self.remedies([*code]).first().copied().map(remedy);
            lines.push(format!("{why}. {}", remedy.unwrap_or_default()));
        }
        if let Some((case, place)) = &began {
            lines.push(format!("Where it began: in `{case}`, {place}."));
            if let Some([what, right]) = about(&self.suite, case).filter(|_| !is_known) {
                lines.push(format!("What happens there: {what}. Right: {right}."));
            }
        }
        let common = common.into_iter().map(|(code, _)| *code);
        lines.extend(self.remedies(common).into_iter().map(remedy));
        let others =
            Vec::from_iter(self.others().into_iter().filter(|other| !lines.iter().any(|it| it == other)));
        if !others.is_empty() && !is_single {
            lines.push(format!("Besides numbers: {}", others.join("; ")));
        }
        let lines =
            String::from_iter(lines.iter().map(|line| {
                format!("<p>{}</p>\n", marked(&sentence(line.trim_start_matches("most likely: "))))
            }));
        let is_one =
            is_known && self.conclusion.as_ref().is_none_or(|conclusion| !conclusion.mistakes.is_empty());
        let (heading, to_do) = if is_one {
            ("Most likely cause", "correct this, then run this case again")
        } else {
            ("What is known", "look at what it does in this case")
        };
        let shown = began.as_ref().and_then(|(name, _)| failed().find(|case| case.name == *name)).or(first);
        let again = shown.map(|case| text(&case.again)).filter(|again| !again.is_empty());
        let again = again.map(|again| {
            format!("<p>What to do: {to_do}:</p>\n<pre>{again}</pre>\n<p>At the end, run all cases: the same without <code>--case</code>.</p>\n")
        });
        format!("<h3>{heading}</h3>\n<div class=\"cause\">\n{lines}</div>\n{}", again.unwrap_or_default())
    }

    /// Returns the mistakes that the conclusion names; or else those that explain some numbers each, with where.
    fn mistakes(&self) -> BTreeMap<&String, String> {
        let common = self.conclusion.iter().flat_map(|conclusion| &conclusion.mistakes);
        let mut mistakes = BTreeMap::from_iter(common.map(|code| (code, String::new())));
        let is_apart = mistakes.is_empty() && (self.conclusion.is_some() || self.failed() == 1);
        let failed = self.cases.iter().filter(|case| is_apart && case.is_failed());
        let explained = failed.flat_map(|case| case.failures.iter().map(move |failure| (case, failure)));
        let explained = explained.filter_map(|(case, failure)| {
            let why = failure.message.split("; ").nth(1)?;
            Some((failure.diagnosis.as_ref()?, format!("In `{}`: {why}", case.name)))
        });
        for (code, why) in Vec::from_iter(explained) {
            mistakes.entry(code).or_insert(why);
        }
        mistakes
    }

    /// Returns in which case a number became wrong first, and where: by one of the mistakes, if any is known.
    fn began(&self, mistakes: &BTreeMap<&String, String>) -> Option<(&str, String)> {
        let partings = || {
            let failed = self.cases.iter().filter(|case| case.is_failed());
            let numbers = failed.flat_map(|case| Some(case).into_iter().zip(&case.trace));
            let numbers = numbers.flat_map(|(case, trace)| trace.numbers.iter().map(move |it| (case, it)));
            numbers.filter_map(|(case, number)| Some((case, number.parting.as_ref()?)))
        };
        let is_known = |(_, it): &(&Judged, &Parting)| {
            it.mistake.as_ref().is_some_and(|code| mistakes.contains_key(code))
        };
        let first = partings().find(is_known).or_else(|| partings().find(|(_, it)| it.mistake.is_none()));
        first.map(|(case, parting)| {
            let at = moment(Duration::from_millis(parting.began_ms()));
            let how = match (&parting.mistake, parting.events.first()) {
                _ if parting.is_break => format!("with the break at {at}"),
                (None, _) if parting.break_ms.is_some() => format!("after the break at {at}"),
                (Some(_), Some(event)) => format!("at {at}, with {}", event.text),
                (Some(_), None) => format!("at {at}"),
                (None, Some(event)) if parting.events.len() == 1 => format!("at {at}, with {}", event.text),
                (None, _) => format!("at {at} at the latest"),
            };
            (&*case.name, how)
        })
    }

    /// Returns what corrects mistakes.
    fn remedies<'a>(&self, codes: impl IntoIterator<Item = &'a String>) -> Vec<&'static str> {
        let codes = Vec::from_iter(codes);
        let is_of = |of: &[&str]| codes.iter().any(|code| of.iter().any(|start| code.starts_with(start)));
        let index = usize::from(self.suite == "room");
        let known = REMEDIES.iter().filter(|(of, _)| is_of(of));
        known.map(|(_, texts)| texts[index]).collect()
    }

    /// Formats what happened when in a case, as far as there is room for it.
    fn timeline(&self, case: &Judged, room: &mut usize) -> String {
        let Some(mut trace) = case.trace.clone() else { return String::new() };
        // What is wrong without a break, too, did not begin with one.
        let partings = trace.numbers.iter_mut().filter_map(|number| number.parting.as_mut());
        partings.filter(|parting| case.as_in_plain && !parting.is_break).for_each(|it| it.break_ms = None);
        let is_shown = case.failures.iter().any(|failure| failure.message.starts_with("showed "));
        let verb = if is_shown { "showed" } else { "printed" };
        let timeline = timeline(&trace, verb, |code| self.remedies([code]).first().copied());
        match room.checked_sub(timeline.len()) {
            Some(left) => {
                *room = left;
                timeline
            }
            None => "<p>Its timeline does not fit into this page: run the case alone.</p>\n".to_owned(),
        }
    }

    /// Returns what else is wrong: each message once.
    fn others(&self) -> Vec<&str> {
        let mut others = Vec::new();
        let own = self.cases.iter().filter(|case| case.is_failed() && !case.is_repeated());
        for failure in own.flat_map(|case| &case.failures) {
            let first = failure.message.split("; ").next().unwrap_or_default();
            if OTHER_KINDS.contains(&&*failure.what) && !others.contains(&first) && others.len() < OTHERS_MAX
            {
                others.push(first);
            }
        }
        others
    }

    fn failure(&self, case: &Judged, about: About<'_>, room: &mut usize) -> String {
        let about = about(&self.suite, &case.name).map(|[what, right]| {
            format!("<p class=\"about\">What happens: {}. Right: {}.</p>\n", marked(what), marked(right))
        });
        let failure = |failure: &Message| {
            let (what, more) = failure.message.split_once("; ").unwrap_or((&failure.message, ""));
            let more = String::from_iter(more.split("; ").map(|line| format!("<br>{}", marked(line))));
            format!("<p><span class=\"why bad\">{}</span>{more}</p>\n", marked(what))
        };
        let mut failures = String::from_iter(case.failures.iter().map(failure));
        let is_right = |name: &&String| !case.failures.iter().any(|failure| failure.what == **name);
        let right =
            Vec::from_iter(case.printed.values.keys().filter(is_right).map(|name| format!("`{name}`")));
        if !right.is_empty() && case.has_wrong_number() {
            let _ = writeln!(failures, "<p>Right: {}.</p>", marked(&right.join(", ")));
        }
        let timeline = self.timeline(case, room);
        let output = String::from_iter(case.output.iter().map(|line| text(line) + "\n"));
        let output = if output.is_empty() {
            output
        } else {
            format!("<p>The last lines of its output:</p>\n<pre>{output}</pre>\n")
        };
        let again = text(&case.again);
        let again = if again.is_empty() {
            again
        } else {
            format!("<p>To run this case again:</p>\n<pre>{again}</pre>\n")
        };
        let kept =
            case.kept.as_ref().map(|file| format!("<p>The smallest show: <code>{}</code></p>\n", text(file)));
        let again = kept.unwrap_or_default() + &again;
        format!(
            "<article>\n<h4>{} <small>{:.1} s</small></h4>\n{}{failures}{timeline}{output}{again}</article>\n",
            text(&case.name),
            case.seconds,
            about.unwrap_or_default()
        )
    }

    fn list(&self, head: &str, cases: &[&Judged], about: About<'_>, room: &mut usize) -> String {
        if cases.is_empty() {
            return String::new();
        }
        let mut item = |case: &&Judged| {
            let timeline = self.timeline(case, room);
            let timeline = match timeline.is_empty() {
                true => timeline,
                false => format!("<details><summary>Its timeline</summary>\n{timeline}</details>\n"),
            };
            let why = match case.skipped.as_ref().or(case.known_limit.as_ref()) {
                Some(why) => marked(why),
                None => about(&self.suite, &case.name).map(|[what, _]| marked(what)).unwrap_or_default(),
            };
            let wrong =
                case.first_wrong().map(|wrong| format!(" <span class=\"bad\">{}</span>", marked(wrong)));
            let wrong = wrong.unwrap_or_default();
            format!("<li><code>{}</code>{wrong} <small>{why}</small>{timeline}</li>\n", text(&case.name))
        };
        format!("{head}\n<ul>\n{}</ul>\n", String::from_iter(cases.iter().map(&mut item)))
    }
}

/// Formats what changed since an older result.
fn changed(against: &Against) -> String {
    let item = |changed: &Changed| {
        let cases = changed.cases.iter().map(|case| format!("<code>{}</code>", text(case)));
        let cases = Vec::from_iter(cases).join(", ");
        let changes = changed.changes.iter().map(|change| format!("<li>{}</li>\n", marked(change)));
        let class = match changed.how {
            How::Worse => " class=\"bad\"",
            How::Better => " class=\"good\"",
            How::Differs => "",
        };
        let (how, changes) = (changed.how.name(), String::from_iter(changes));
        format!("<p><strong{class}>{how}</strong>: {cases}</p>\n<ul>\n{changes}</ul>\n")
    };
    let items = String::from_iter(against.changed.iter().map(item));
    format!("<h3>What changed</h3>\n<p>{}.</p>\n{items}", text(&against.counted()))
}

/// Makes a line safe to display.
fn text(line: &str) -> String {
    let shown = line.chars().take(TEXT_CHARS_MAX).filter(|c| !is_invisible(*c));
    escaped(&String::from_iter(shown)).into_owned()
}

/// Makes the first letter large.
fn sentence(line: &str) -> String {
    let mut rest = line.chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    first.chain(rest.clone()).collect()
}

/// Formats a line with parts in backticks.
fn marked(line: &str) -> String {
    let line = text(line);
    let mut parts = Vec::from_iter(line.split('`'));
    // The last backtick has no partner.
    let last = if parts.len() % 2 == 0 { parts.pop().map(|last| format!("`{last}")) } else { None };
    let part = |(at, part): (usize, &&str)| {
        if at % 2 == 1 { format!("<code>{part}</code>") } else { (*part).to_owned() }
    };
    String::from_iter(parts.iter().enumerate().map(part).chain(last))
}
