//! Selects the connections of a capture to import.

use std::io::Write;

use livetape_core::{recording::records::header::Timing, redact::redact_url};

use super::{
    BAD_LINES_LISTED_MAX, BadLine, Error, ImportOptions, Report, Target,
    captured::{Capture, CapturedConnection, Scratch, Survey, survey},
    format::{CaptureFormat, PEEK_BYTES, recognise},
    import,
    merge::{Plan, Times, merge},
    source::{Source, Unpacked, read_full},
};

/// A connection that the user could select.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Number for [`ImportOptions::entries`], from 1.
    pub number: u64,
    /// URL without the query.
    pub url: String,
    pub messages: u64,
}

/// Imports a capture of any format, in bounded memory. A truncated or malformed capture is imported up to the
/// error, which [`Report::broken`] describes. Nothing is written until there is something to import.
///
/// # Errors
/// See [`Error`].
pub fn import_capture(
    source: &dyn Source,
    output: impl Write,
    options: &ImportOptions,
) -> Result<Report, Error> {
    let input = Unpacked::new(source)?;
    let format = match options.format {
        Some(format) => format,
        None => find_format(&input)?,
    };
    match (format.row().read)(&input) {
        None => import(input.open()?, output, options),
        Some(capture) => {
            let scratch = source.scratch().map_err(Error::Scratch)?;
            import_from(&*capture, scratch, format, output, options)
        }
    }
}

fn find_format(input: &Unpacked<'_>) -> Result<CaptureFormat, Error> {
    if input.is_zip() {
        return Ok(CaptureFormat::Har);
    }
    let mut start = vec![0; PEEK_BYTES];
    let read = read_full(&mut input.open()?, &mut start).map_err(Error::Read)?;
    recognise(&start[..read])
}

fn import_from(
    capture: &dyn Capture,
    scratch: Box<dyn Scratch>,
    format: CaptureFormat,
    output: impl Write,
    options: &ImportOptions,
) -> Result<Report, Error> {
    let (survey, kept, error) = survey(capture, &options.entries, scratch)?;
    let broken = match error {
        Some(error) if survey.connections.iter().all(|connection| connection.messages == 0) => {
            return Err(error);
        }
        Some(error) if !is_break(&error) => return Err(error),
        error => error.map(|error| error.to_string()),
    };
    let chosen = choose(&survey, options)?;
    let left_out = survey.connections.len() - chosen.len();
    let times = |connection: &&CapturedConnection| {
        Times::of(&survey.producer, &survey.version, connection.started_ms, connection.first_time)
    };
    let times: Vec<Times> = chosen.iter().map(times).collect();
    let mut plan = plan(&survey, &chosen, &times, options);
    let start_ms = Some(plan.start_ms as i64).filter(|ms| *ms > 0);
    let header =
        ImportOptions { source: format.row().source.to_owned(), timing: timing(&times), ..options.clone() };
    let mut target = Target::new(output, &header, start_ms)?;
    plan.start_ms = start_ms.unwrap_or_default() as f64;
    merge(&kept, &survey, &plan, &mut target)?;
    let mut report = target.finish()?;
    report.format = format;
    report.producer = format!("{} {}", survey.producer, survey.version).trim().to_owned();
    report.left_out = left_out as u64 + survey.too_many;
    report.broken = broken;
    report.bad_lines += survey.skipped;
    let skipped = survey.skipped_listed.iter().map(|reason| BadLine { line: 0, reason: reason.clone() });
    report.bad_lines_listed.extend(skipped);
    report.bad_lines_listed.truncate(BAD_LINES_LISTED_MAX);
    report.notes = notes(&survey, &times, options);
    Ok(report)
}

/// Whether the error only ends the capture, so that everything before it is valid.
fn is_break(error: &Error) -> bool {
    use Error::{Broken, CutOff, NotJsonAt, Read, TooDeep, TooLong};
    matches!(
        error,
        CutOff { .. } | Broken { .. } | NotJsonAt { .. } | TooDeep { .. } | TooLong { .. } | Read(_)
    )
}

fn choose<'a>(survey: &'a Survey, options: &ImportOptions) -> Result<Vec<&'a CapturedConnection>, Error> {
    let there = &survey.connections;
    let mut chosen: Vec<&CapturedConnection> = Vec::new();
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
    let start = |connection: &&CapturedConnection| connection.started_ms.unwrap_or(f64::MAX);
    chosen.sort_by(|a, b| start(a).total_cmp(&start(b)));
    chosen.dedup_by_key(|connection| connection.id);
    Ok(chosen)
}

fn candidates(connections: &[CapturedConnection]) -> Vec<Candidate> {
    let candidate = |(number, connection): (u64, &CapturedConnection)| Candidate {
        number,
        url: redact_url(connection.url.split(['?', '#']).next().unwrap_or_default()).into_owned(),
        messages: connection.messages,
    };
    (1..).zip(connections).map(candidate).collect()
}

/// Explains why this producer's capture has no frames, with advice.
fn why_no_frames(survey: &Survey) -> String {
    let producer = survey.producer.as_str();
    if producer.contains("Firefox") || producer.contains("Waterfox") || producer.contains("LibreWolf") {
        return format!("no WebSocket frames: {producer} does not save them, Chrome does");
    }
    if producer == "Playwright" && !survey.connections.is_empty() {
        return format!(
            "no WebSocket frames: Playwright {} does not save them, 1.62 and later do",
            survey.version
        );
    }
    let what = match survey.connections.len() {
        0 => "no WebSocket was opened: open the developer tools before the page",
        _ => "its WebSockets carried no messages",
    };
    format!("no WebSocket frames: {what}")
}

fn plan<'a>(
    survey: &'a Survey,
    chosen: &[&'a CapturedConnection],
    times: &[Times],
    options: &'a ImportOptions,
) -> Plan<'a> {
    let connections: Vec<_> = chosen.iter().copied().zip(times.iter().copied()).collect();
    let first = |(connection, times): &(&CapturedConnection, Times)| {
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

fn notes(survey: &Survey, times: &[Times], options: &ImportOptions) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    if times.contains(&Times::Untimed) {
        notes.push(format!(
            "The capture has no times: imported at {} frames per second (--rate)",
            options.rate
        ));
    }
    for note in times.iter().filter_map(|times| times.note(&survey.producer)) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}
