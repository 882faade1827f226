//! The timeline of a failed case: an SVG that a small script magnifies, and the same as a table.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::Duration,
};

use super::{marked, moment, text};
use crate::trace::{Course, Moment, Opened, PARTS, Parting, Trace, part};

pub(super) const STYLE: &str = "
.trace{margin:.75rem 0}.trace figcaption{font-size:.9rem}.trace p{margin:.25rem 0 0;font-size:.85rem}
.scroll{overflow-x:auto}.plot{min-width:100%}.plot p{position:sticky;left:0;width:max-content;max-width:100%}
.began{padding-left:min(var(--x),100% - 5rem);color:var(--bad);font-size:.8rem;white-space:nowrap}
.y{position:relative}.y::before{content:attr(data-most);position:absolute;left:.2rem;font-size:.75rem;opacity:.8}
.plot svg{display:block;width:100%;background:var(--soft)}.chart{height:9rem}.chart.by{height:3rem}.lane{height:.7rem}
.plot path{fill:none;stroke-width:2;vector-effect:non-scaling-stroke}.plot .ticks{fill:currentColor;opacity:.75}
.right{stroke:var(--good)}.got{stroke:var(--bad);stroke-dasharray:5 3}.break{stroke:currentColor;stroke-dasharray:2 3;opacity:.7}.mark{stroke:var(--bad);stroke-width:1}
.key{display:inline-block;width:1.6rem;height:0;vertical-align:middle;border-top:.15rem solid var(--good)}.key.wrong{border-top:.15rem dashed var(--bad)}
.axis{display:flex;justify-content:space-between;font-size:.8rem}.axis span{width:0;display:flex;justify-content:center;white-space:nowrap}.axis :first-child{justify-content:start}.axis :last-child{justify-content:end}.zoom button{font:inherit;font-size:.85rem;margin:0 .3rem .3rem 0}
.first{border-left:.3rem solid var(--bad);padding-left:.75rem;margin:.75rem 0}summary{cursor:pointer}
.moments{font-size:.85rem;width:100%}.moments td:first-child{white-space:nowrap;width:25%}
.pictures{display:flex;flex-wrap:wrap;gap:1rem;font-size:.85rem}.pictures figure{margin:0;flex:0 1 15rem}.pictures img{display:block;width:100%;border:1px solid var(--line);cursor:zoom-in}.pictures img:focus{position:fixed;inset:0;z-index:1;height:100%;object-fit:contain;background:#000;cursor:auto}
@media print{.zoom{display:none!important}details::details-content{content-visibility:visible;block-size:auto}}
";
pub(super) const SCRIPT: &str = include_str!("zoom.js");
/// SHA-256 of the script, without which browsers do not run it.
pub(super) const SCRIPT_HASH: &str = "ERDvHF/R+AE3J+asfLe3mIoMOQ5pvKyOXMCYaIIXqh0=";

/// Width of a timeline, in units of the SVG.
const WIDTH: u64 = 1000;
const HEIGHT: f64 = 100.0;
/// Number of times that are written below a timeline, less one.
const TIMES: u64 = 4;
/// By how much the script magnifies a timeline at most: as often as many times are written below it.
const ZOOM_MAX: u64 = 64;
/// Maximum number of rows of a table.
const ROWS_MAX: usize = 120;

/// Formats what happened when. `remedy` returns what corrects a mistake.
pub(super) fn timeline(
    trace: &Trace,
    verb: &str,
    remedy: impl Fn(&String) -> Option<&'static str>,
) -> String {
    let mut boxes: Vec<(&Parting, Vec<&Course>)> = Vec::new();
    for course in &trace.numbers {
        let Some(parting) = &course.parting else { continue };
        let is_same = |(other, _): &&mut (&Parting, _)| {
            parting.is_break
                && other.is_break
                && (parting.at_ms, &parting.mistake) == (other.at_ms, &other.mistake)
        };
        match boxes.iter_mut().find(is_same) {
            Some((_, courses)) => courses.push(course),
            None => boxes.push((parting, vec![course])),
        }
    }
    let mut known = Vec::new();
    let partings = boxes.into_iter().map(|(parting, courses)| {
        let is_known = known.contains(&&parting.events);
        known.push(&parting.events);
        let remedy = parting.mistake.as_ref().filter(|_| !is_known || parting.is_break).and_then(&remedy);
        first(&courses, parting, verb, remedy, is_known)
    });
    let partings = String::from_iter(partings);
    // Without events, time in the show says nothing.
    let figure = if trace.sent > 0 { figure(trace, verb) } else { String::new() };
    figure + &partings + &pictures(trace) + &table(trace, verb)
}

/// Formats the first event that was counted wrong, opened unless it `is_known`.
fn first(courses: &[&Course], parting: &Parting, verb: &str, remedy: Option<&str>, is_known: bool) -> String {
    let names = Vec::from_iter(courses.iter().map(|course| format!("<code>{}</code>", text(&course.name))));
    let (names, at) = (names.join(" and "), at(parting.at_ms));
    let Parting { right, got, .. } = parting;
    let total = format!("the right total of {names} is {right} then, and");
    let head = match (&parting.mistake, parting.among, parting.events.len()) {
        (None, ..) if right == got => {
            format!("{names} stopped at {at}: it {verb} {got}, and what came after is missing.")
        }
        (None, ..) if let Some(broken) = parting.break_ms => {
            let until = if broken == parting.at_ms { String::new() } else { format!(", before {at}") };
            format!(
                "It began after the break at {}{until}: {total} it {verb} {got}. Look at what it does when it connects again.",
                self::at(broken)
            )
        }
        (Some(_), ..) if parting.is_break => {
            let first =
                if parting.events.is_empty() { "" } else { " This is the first event that it counts wrong:" };
            let are = if courses.len() == 1 { "is" } else { "are" };
            format!("It began with the break at {at}: {names} {are} wrong after it.{first}")
        }
        (Some(_), ..) => format!("It began at {at}, with this event: {total} this mistake gives {got}."),
        (None, 1, 1) => format!("It began at {at} at the latest, with this event: {total} it {verb} {got}."),
        (None, several, 2..) => {
            format!(
                "It began at {at} at the latest, with one of these {several} events: {total} it {verb} {got}."
            )
        }
        (None, 0, _) => format!(
            "It began at {at} at the latest: {total} it {verb} {got}, and no event had come since it was right."
        ),
        (None, several, _) => format!(
            "It began between {} and {at}, with one of {several} events: {total} it {verb} {got}. To see with which, show \
             each with the total, whenever it changes, or add <code>--speed 20</code>.",
            self::at(parting.from_ms)
        ),
    };
    let is_innocent = is_known || parting.mistake.is_none() && parting.break_ms.is_some();
    let events = if is_innocent { &[] } else { &*parting.events };
    let event = |(number, Opened { at_ms, text: what, json }): (usize, &Opened)| {
        let lines = String::from_iter(json.lines().map(|line| text(line) + "\n"));
        format!(
            "<details{}><summary>{} <strong>{}</strong></summary>\n<pre>{lines}</pre></details>\n",
            if number == 0 && events.len() == 1 { " open" } else { "" },
            self::at(*at_ms),
            marked(what)
        )
    };
    let remedy = remedy.map(|remedy| format!("<p>To correct it: {}.</p>\n", marked(remedy)));
    let remedy = remedy.unwrap_or_default();
    format!(
        "<div class=\"first\">\n{remedy}<p>{head}</p>\n{}</div>\n",
        String::from_iter(events.iter().enumerate().map(event))
    )
}

fn figure(trace: &Trace, verb: &str) -> String {
    let parted = || trace.numbers.iter().filter_map(|course| Some((course, course.parting.as_ref()?)));
    let marks = Vec::from_iter(parted().map(|(_, parting)| x(trace, parting.began_ms())));
    let mark = |height: u64| {
        String::from_iter(marks.iter().map(|x| format!("<path class=\"mark\" d=\"M{x} 0V{height}\"/>")))
    };
    let breaks =
        String::from_iter(trace.happened.iter().map(|it| format!("M{} 0V{HEIGHT}", x(trace, it.at_ms))));
    let (mut plot, mut stopped) = (String::new(), String::new());
    for course in &trace.numbers {
        let (right, got) = (last(&course.right), last(&course.got));
        let scale = Scale::of(course);
        let name = text(&course.name);
        let _ = write!(
            plot,
            "<p><code>{name}</code>: right is <strong>{right}</strong>, it {verb} <strong>{got}</strong></p>\n\
             <div class=\"y\" data-most=\"{}\"><svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
             aria-label=\"{name} over time: the table below has the same\"><path class=\"break\" d=\"{breaks}\"/>{}\
             <path class=\"right\" d=\"{}\"/><path class=\"got\" d=\"{}\"/></svg></div>\n",
            scale.most,
            mark(100),
            scale.line(trace, &course.right),
            scale.line(trace, &course.got),
        );
        // A small difference of large totals cannot be seen; of a number that is seldom read, it means nothing.
        if let Some(by) = difference(course) {
            let by = Course { right: Vec::new(), got: by, ..course.clone() };
            let _ = write!(
                plot,
                "<p>difference: it {verb} <strong>{:+}</strong></p>\n<svg class=\"chart by\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
                 preserveAspectRatio=\"none\" aria-hidden=\"true\">{}<path class=\"got\" d=\"{}\"/></svg>\n",
                by.got.last().map_or(0, |(_, by)| *by),
                mark(100),
                Scale::of(&by).line(trace, &by.got)
            );
        }
    }
    let mut lane = |label: &str, parts: &mut dyn Iterator<Item = u64>| {
        let unit = WIDTH as f64 / PARTS as f64;
        let ticks = String::from_iter(parts.map(|part| format!("M{:.1} 0h3v10h-3z", part as f64 * unit)));
        let _ = write!(
            plot,
            "<p>{label}</p>\n<svg class=\"lane\" viewBox=\"0 0 {WIDTH} 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
             <path class=\"ticks\" d=\"{ticks}\"/>{}</svg>\n",
            mark(10)
        );
    };
    let parts = |moments: &[Moment]| {
        let mut parts = Vec::from_iter(moments.iter().map(|it| part(it.at_ms, trace.length_ms)));
        parts.dedup();
        parts
    };
    if trace.unsent > 0 {
        let _ =
            writeln!(stopped, "<p>The show stopped there: {} more events were not sent.</p>", trace.unsent);
    }
    if !trace.happened.is_empty() {
        lane("connections and breaks", &mut parts(&trace.happened).into_iter());
    }
    for kind in &trace.kinds {
        let name = match kind.kind.as_str() {
            "" => "other events".to_owned(),
            kind => format!("<code>{}</code>", text(kind)),
        };
        lane(&format!("{name}, {}", kind.count), &mut kind.parts.iter().copied());
    }
    if !trace.lines.is_empty() {
        lane("other lines of output", &mut parts(&trace.lines).into_iter());
    }
    let times =
        |parts| Vec::from_iter((0..=parts).map(|part| at(trace.length_ms.saturating_mul(part) / parts)));
    let (written, all) = (times(TIMES), times(TIMES * ZOOM_MAX).join(" "));
    let written = written.iter().map(|time| format!("<span>{time}</span>"));
    let began = parted().next().map(|(course, parting)| {
        let [from, to] = [parting.began_ms(), seen(course, parting)].map(|at_ms| x(trace, at_ms));
        let label = format!(
            "<div class=\"began\" style=\"--x:{}%\">▼ {}</div>\n",
            from as f64 * 100.0 / WIDTH as f64,
            at(parting.began_ms())
        );
        let button = format!(
            "<button type=\"button\" data-from=\"{from}\" data-to=\"{to}\">Show where it began</button>"
        );
        (label, button)
    });
    let (label, zoom_to) = began.unwrap_or_default();
    let lines = if trace.numbers.is_empty() {
        String::new()
    } else {
        format!(": <span class=\"key\"></span> right total, <span class=\"key wrong\"></span> what it {verb}")
    };
    let seldom = trace.numbers.iter().find(|course| !is_often_printed(course));
    if let Some(course) = seldom {
        let times = course.got.len();
        let _ = writeln!(
            stopped,
            "<p>The text of <code>{}</code> was read {times} times, so the dashed line may be late.</p>",
            text(&course.name)
        );
    }
    format!(
        "<figure class=\"trace\">\n<figcaption>Time in the show{lines}{}</figcaption>\n\
         <div class=\"zoom\" hidden><button type=\"button\" data-by=\"2\">Zoom in</button><button type=\"button\" \
         data-by=\"0.5\">Zoom out</button>{zoom_to}</div>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Timeline\">\
         <div class=\"plot\">\n{label}{plot}<div class=\"axis\" data-times=\"{all}\">{}</div>\n</div></div>\n{stopped}</figure>\n",
        if marks.is_empty() {
            "; dotted: connections and breaks"
        } else {
            "; red: where it began; dotted: connections and breaks"
        },
        String::from_iter(written),
    )
}

fn pictures(trace: &Trace) -> String {
    let is_base64 =
        |jpeg: &str| jpeg.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    let pictures = trace.pictures.iter().filter(|picture| is_base64(&picture.jpeg)).map(|picture| {
        let (at, what) = (at(picture.at_ms), text(&picture.what));
        format!(
            "<figure><img tabindex=\"0\" src=\"data:image/jpeg;base64,{}\" alt=\"The page at {at}: {what}\">\
             <figcaption>{at}: {what}</figcaption></figure>\n",
            picture.jpeg
        )
    });
    let pictures = String::from_iter(pictures);
    if pictures.is_empty() {
        pictures
    } else {
        format!(
            "<div class=\"pictures\">\n{pictures}</div>\n<p><small>A click enlarges a picture.</small></p>\n"
        )
    }
}

/// The values of a number, from the bottom to the top of a chart.
struct Scale {
    least: f64,
    most: f64,
}

impl Scale {
    fn of(course: &Course) -> Self {
        let values = || course.right.iter().chain(&course.got).map(|(_, value)| *value as f64);
        Self { least: values().fold(0.0, f64::min), most: values().fold(1.0, f64::max) }
    }

    fn line(&self, trace: &Trace, values: &[(u64, i64)]) -> String {
        let y = |value: i64| {
            HEIGHT - 2.0 - (value as f64 - self.least) / (self.most - self.least) * (HEIGHT - 4.0)
        };
        let mut line = format!("M0 {:.1}", y(0));
        for (at_ms, value) in values {
            let _ = write!(line, "H{}V{:.1}", x(trace, *at_ms), y(*value));
        }
        line + &format!("H{WIDTH}")
    }
}

fn x(trace: &Trace, at_ms: u64) -> u64 {
    at_ms.saturating_mul(WIDTH) / trace.length_ms.max(1)
}

/// Returns by how much the printed number differs over time, if it was printed at most of the changes.
fn difference(course: &Course) -> Option<Vec<(u64, i64)>> {
    let times = BTreeSet::from_iter(course.right.iter().chain(&course.got).map(|(at_ms, _)| *at_ms));
    let by = |at_ms| value(&course.got, at_ms).saturating_sub(value(&course.right, at_ms));
    is_often_printed(course).then(|| times.into_iter().map(|at_ms| (at_ms, by(at_ms))).collect())
}

fn is_often_printed(course: &Course) -> bool {
    course.got.len() * 2 >= course.right.len()
}

/// Returns the value of a number at a time.
fn value(values: &[(u64, i64)], at_ms: u64) -> i64 {
    let known = values.partition_point(|(at, _)| *at <= at_ms);
    known.checked_sub(1).map_or(0, |index| values[index].1)
}

/// Returns when the difference can be seen: after a break, no event has to come for a long time.
fn seen(course: &Course, parting: &Parting) -> u64 {
    if !parting.is_break {
        return parting.at_ms;
    }
    let is_seen =
        |(at_ms, got): &&(u64, i64)| *at_ms >= parting.at_ms && *got != value(&course.right, *at_ms);
    course.got.iter().find(is_seen).map_or(parting.at_ms, |(at_ms, _)| *at_ms)
}

fn last(values: &[(u64, i64)]) -> String {
    values.last().map_or("nothing".to_owned(), |(_, value)| value.to_string())
}

fn at(at_ms: u64) -> String {
    moment(Duration::from_millis(at_ms))
}

/// What a row of the table says: rows of one time come in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Says {
    Right,
    Wrong,
    Got,
    Happened,
    Output,
}

/// Formats all that is known, by time.
fn table(trace: &Trace, verb: &str) -> String {
    // Whether each has to be there, and what it says.
    let mut rows = BTreeMap::<(u64, Says), (bool, Vec<String>)>::new();
    let mut add = |at_ms, says, is_kept: bool, text: String| {
        let (was_kept, texts) = rows.entry((at_ms, says)).or_default();
        *was_kept |= is_kept;
        if !texts.contains(&text) {
            texts.push(text);
        }
    };
    for course in &trace.numbers {
        let name = text(&course.name);
        let near = |at: &u64| {
            course.parting.as_ref().is_some_and(|parting| {
                part(*at, trace.length_ms).abs_diff(part(parting.at_ms, trace.length_ms)) <= 1
            })
        };
        for (says, values) in [(Says::Right, &course.right), (Says::Got, &course.got)] {
            for (at_ms, value) in values {
                add(*at_ms, says, near(at_ms), format!("<code>{name}</code> {value}"));
            }
        }
        for event in course.parting.iter().flat_map(|parting| &parting.events) {
            add(event.at_ms, Says::Wrong, true, marked(&event.text));
        }
    }
    for (says, moments) in [(Says::Happened, &trace.happened), (Says::Output, &trace.lines)] {
        for it in moments {
            let after = Duration::from_millis(it.after_ms).as_secs_f64();
            let line = text(&it.text);
            let line = if says == Says::Output { format!("<code>{line}</code>") } else { line };
            add(it.at_ms, says, says == Says::Happened, format!("{line}, {after:.1} s after the start"));
        }
    }
    let mut rows = Vec::from_iter(rows);
    // Those that nobody has to see are left out evenly.
    let spare = rows.iter().filter(|(_, (is_kept, _))| !is_kept).count();
    let room = ROWS_MAX.saturating_sub(rows.len() - spare).max(1);
    let step = spare.div_ceil(room).max(1);
    let mut number = 0;
    rows.retain(|(_, (is_kept, _))| {
        number += usize::from(!is_kept);
        *is_kept || (number - 1).is_multiple_of(step)
    });
    let mut left_out = Vec::new();
    if step > 1 {
        left_out.push(format!("One of {step} other rows is shown."));
    }
    if trace.line_step > 1 {
        left_out.push(format!("One of {} other lines of output is kept.", trace.line_step));
    }
    if trace.unsent > 0 {
        left_out.push(format!("{} more were not sent.", trace.unsent));
    }
    let left_out = String::from_iter(left_out.iter().map(|sentence| format!(" {sentence}")));
    let rows = rows.iter().map(|((at_ms, says), (_, texts))| {
        let texts = texts.join(", ");
        let what = match says {
            Says::Right => format!("right: {texts}"),
            Says::Wrong => format!("<strong class=\"bad\">{texts}</strong>"),
            Says::Got => format!("{verb}: {texts}"),
            Says::Happened => texts,
            Says::Output => format!("output: {texts}"),
        };
        format!("<tr><td>{}</td><td>{what}</td></tr>\n", at(*at_ms))
    });
    format!(
        "<details><summary>The same as a table</summary>\n<p>{} events were sent.{left_out} A number stands where the total has it, \
         and otherwise, as other lines, where it was read at the latest.</p>\n<div class=\"wide\"><table class=\"moments\">\n\
         <tr><th scope=\"col\">Time in the show</th><th scope=\"col\">What happened</th></tr>\n{}</table></div>\n</details>\n",
        trace.sent,
        String::from_iter(rows)
    )
}
