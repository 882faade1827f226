//! Which connections of a capture are imported, and how.

use std::io::Write;

use serde::Serialize;

use super::{
    Error, Options, Report, Target,
    captured::{Capture, Connection, Survey},
    format::{Format, PEEK_BYTES, Recognised, recognise},
    gotiktoklive::Gotiktoklive,
    har::{Har, Messages},
    import,
    mitm::Mitmproxy,
    piratetok::Piratetok,
    source::{Source, Unpacked, read_full},
    times::Times,
    weave::{Plan, weave},
};
use crate::sans_io::recording::records::header::Timing;

/// A connection that may be meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// What [`Options::entries`] takes, from 1.
    pub number: u64,
    /// Its address, without what stands behind `?`.
    pub url: String,
    /// Its messages.
    pub messages: u64,
    /// Whether it looks like one to TikTok LIVE.
    pub is_webcast: bool,
}

/// Reads a capture of any format and writes a recording, in bounded memory. What could be read of a capture that is cut
/// off or broken is imported, and [`Report::broken`] tells why the rest is not. Nothing is written before it is known that
/// there is something to import.
///
/// # Errors
/// [`Error`]
pub fn import_capture(source: &dyn Source, output: impl Write, options: &Options) -> Result<Report, Error> {
    let input = Unpacked::new(source)?;
    let format = match options.format {
        Some(format) => format,
        None => find_format(&input)?,
    };
    match format {
        Format::Lines => import(input.open()?, output, options),
        Format::Har => import_from(&Har(input), format, output, options),
        Format::Messages => import_from(&Messages(input), format, output, options),
        Format::Mitmproxy => import_from(&Mitmproxy(input), format, output, options),
        Format::Piratetok => import_from(&Piratetok(input), format, output, options),
        Format::Gotiktoklive => import_from(&Gotiktoklive(input), format, output, options),
    }
}

fn find_format(input: &Unpacked<'_>) -> Result<Format, Error> {
    if input.is_zip() {
        return Ok(Format::Har);
    }
    let mut start = vec![0; PEEK_BYTES];
    let read = read_full(&mut input.open()?, &mut start).map_err(Error::Read)?;
    match recognise(&start[..read]) {
        Recognised::As(format) => Ok(format),
        Recognised::Recording => Err(Error::Recording),
        Recognised::Nothing => Err(Error::Unrecognised),
    }
}

fn import_from(
    capture: &dyn Capture,
    format: Format,
    output: impl Write,
    options: &Options,
) -> Result<Report, Error> {
    let (survey, error) = Survey::of(capture);
    let broken = match error {
        Some(error) if survey.connections.iter().all(|connection| connection.messages == 0) => {
            return Err(error);
        }
        Some(error) if !is_break(&error) => return Err(error),
        error => error.map(|error| error.to_string()),
    };
    let chosen = choose(&survey, options)?;
    let left_out = survey.connections.len() - chosen.len();
    let times: Vec<Times> = chosen.iter().map(|connection| times_of(&survey, connection)).collect();
    let mut plan = plan(&survey, &chosen, &times, options);
    let start_ms = Some(plan.start_ms as i64).filter(|ms| *ms > 0);
    let header =
        Options { source: source_name(format).to_owned(), timing: timing(&times), ..options.clone() };
    let mut target = Target::new(output, &header, start_ms)?;
    plan.start_ms = start_ms.unwrap_or_default() as f64;
    let broken_later = weave(capture, &survey, &plan, &mut target)?;
    let mut report = target.finish()?;
    report.format = format;
    report.producer = format!("{} {}", survey.producer, survey.version).trim().to_owned();
    report.left_out = left_out as u64 + survey.too_many;
    report.broken = broken.or_else(|| broken_later.map(|error| error.to_string()));
    report.notes = notes(&survey, &times, options);
    Ok(report)
}

/// Whether the capture just ends there, so that what comes before is as good as ever.
fn is_break(error: &Error) -> bool {
    matches!(error, Error::CutOff { .. } | Error::Broken { .. } | Error::NotJsonAt { .. } | Error::Read(_))
}

fn choose<'a>(survey: &'a Survey, options: &Options) -> Result<Vec<&'a Connection>, Error> {
    let there = &survey.connections;
    let mut chosen: Vec<&Connection> = Vec::new();
    for &entry in &options.entries {
        let found = usize::try_from(entry).ok().and_then(|entry| there.get(entry.checked_sub(1)?));
        chosen.push(found.ok_or(Error::NoEntry { entry, there: there.len() as u64 })?);
    }
    if chosen.is_empty() {
        if there.iter().all(|connection| connection.messages == 0) {
            return Err(Error::NoFrames(why_no_frames(survey)));
        }
        chosen = there.iter().filter(|connection| connection.is_webcast()).collect();
        if chosen.is_empty() {
            return Err(Error::Unsure(candidates(there)));
        }
    }
    let start = |connection: &&Connection| connection.started_ms.unwrap_or(f64::MAX);
    chosen.sort_by(|a, b| start(a).total_cmp(&start(b)));
    chosen.dedup_by_key(|connection| connection.id);
    Ok(chosen)
}

fn candidates(connections: &[Connection]) -> Vec<Candidate> {
    let candidate = |(number, connection): (u64, &Connection)| Candidate {
        number,
        url: connection.url.split(['?', '#']).next().unwrap_or_default().to_owned(),
        messages: connection.messages,
        is_webcast: connection.is_webcast(),
    };
    (1..).zip(connections).map(candidate).collect()
}

/// Who writes no frames, and what to do about it.
fn why_no_frames(survey: &Survey) -> String {
    let producer = survey.producer.as_str();
    let is_old = producer == "Playwright";
    if producer.contains("Firefox") || producer.contains("Waterfox") || producer.contains("LibreWolf") {
        return format!("there are no WebSocket frames in it: {producer} does not save them, Chrome does");
    }
    if is_old && !survey.connections.is_empty() {
        return format!(
            "there are no WebSocket frames in it: Playwright {} does not save them, 1.62 and later do",
            survey.version
        );
    }
    let what = match survey.connections.len() {
        0 => "no WebSocket at all: open the developer tools before the page",
        _ => "only WebSockets on which nothing was said",
    };
    format!("there are no WebSocket frames in it, {what}")
}

fn times_of(survey: &Survey, connection: &Connection) -> Times {
    Times::of(&survey.producer, &survey.version, connection.started_ms, connection.first_time)
}

fn plan<'a>(
    survey: &'a Survey,
    chosen: &[&'a Connection],
    times: &[Times],
    options: &'a Options,
) -> Plan<'a> {
    let connections: Vec<_> = chosen.iter().copied().zip(times.iter().copied()).collect();
    let first = |(connection, times): &(&Connection, Times)| {
        let first_ms = connection.first_time.map(|time| times.ms(time));
        [connection.started_ms, first_ms].into_iter().flatten().reduce(f64::min)
    };
    let starts = connections.iter().filter_map(first).chain(survey.exchanges_from_ms);
    let user = options.user.as_ref().or(survey.user.as_ref()).unwrap_or(&options.name);
    Plan {
        user,
        room_id: options.room_id,
        start_ms: starts.reduce(f64::min).unwrap_or_default(),
        untimed_ms: 1e3 / options.rate,
        connections,
    }
}

fn timing(times: &[Times]) -> Timing {
    let is_guessed = |times: &Times| matches!(times, Times::Squeezed { .. } | Times::SecondsSince { .. });
    if times.contains(&Times::Untimed) {
        Timing::Untimed
    } else if times.iter().any(is_guessed) {
        Timing::Estimated
    } else {
        Timing::Original
    }
}

/// The `source` of the header.
fn source_name(format: Format) -> &'static str {
    match format {
        Format::Lines => "lines",
        Format::Har | Format::Messages => "har",
        Format::Mitmproxy => "mitm",
        Format::Piratetok => "piratetok",
        Format::Gotiktoklive => "gotiktoklive",
    }
}

fn notes(survey: &Survey, times: &[Times], options: &Options) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    if times.contains(&Times::Untimed) {
        notes.push(format!("It has no times: {} frames a second were made of it (--rate)", options.rate));
    }
    for note in times.iter().filter_map(|times| times.note(&survey.producer)) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}
