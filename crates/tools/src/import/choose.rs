//! Selects the connections of a capture to import.

use std::{io::Write, ops::RangeInclusive};

use livetape_core::{recording::records::header::Timing, redact::redact_url};

use super::{
    BAD_LINES_LISTED_MAX, BadLine, Error, ImportOptions, ImportReport, Target,
    captured::{Capture, CapturedConnection, Scratch, Survey, survey},
    clock::{DAY_MS, HOUR_MS, Steps},
    decoded::Producer,
    format::{CaptureFormat, PEEK_BYTES, recognise},
    import,
    merge::{Chosen, DATE_MS_MIN, Plan, Times, merge},
    source::{Source, Unpacked, read_full},
    without_times,
};

/// A connection that the user could select.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Number for [`ImportOptions::entries`], from 1.
    pub number: u64,
    /// URL without the query.
    pub url: String,
    pub messages: u64,
    /// What decoded its messages, if they are events.
    pub events_of: Option<Producer>,
}

/// Imports a capture of any format, in bounded memory. A truncated or malformed capture is imported up to the
/// error, which [`ImportReport::broken`] describes. Nothing is written until there is something to import.
///
/// # Errors
/// See [`Error`].
pub fn import_capture(
    source: &dyn Source,
    output: impl Write,
    options: &ImportOptions,
) -> Result<ImportReport, Error> {
    let input = Unpacked::new(source)?;
    let format = match options.format {
        Some(format) => format,
        None => find_format(&input)?,
    };
    match (format.row().read)(&input) {
        None => import(input.open_lines()?, output, options),
        Some(capture) => {
            let scratch = source.scratch().map_err(Error::Scratch)?;
            import_from(&*capture, scratch, format, output, options)
        }
    }
}

fn find_format(input: &Unpacked<'_>) -> Result<CaptureFormat, Error> {
    let part = input.parts().first().map(|part| part.to_ascii_lowercase()).unwrap_or_default();
    if part.ends_with(".har") {
        return Ok(CaptureFormat::Har);
    }
    if part.ends_with(".network") {
        return Ok(CaptureFormat::Trace);
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
) -> Result<ImportReport, Error> {
    let (survey, kept, error) = survey(capture, options, scratch)?;
    let broken = match error {
        Some(error) if survey.connections.iter().all(|connection| connection.messages == 0) => {
            return Err(error);
        }
        Some(error) if !is_break(&error) => return Err(error),
        error => error.map(|error| error.to_string()),
    };
    let (chosen, mut steps) = choose(&survey, options)?;
    let left_out = survey.connections.len() - chosen.len();
    let mut plan = plan(&survey, chosen, options);
    for ms in &survey.exchanges_ms {
        let believed_ms = ms.clamp(*plan.exchanges_ms.start(), *plan.exchanges_ms.end());
        if believed_ms != *ms {
            steps.add(believed_ms, ms - believed_ms);
        }
    }
    let start_ms = Some(plan.start_ms as i64).filter(|ms| *ms > 0);
    let timing = timing(&plan, &steps);
    let notes = notes(&survey, &plan, options);
    let header = ImportOptions { source: format.row().source.to_owned(), timing, ..options.clone() };
    let mut target = Target::new(output, &header, start_ms)?;
    plan.start_ms = start_ms.unwrap_or_default() as f64;
    merge(&kept, &survey, &plan, &mut target)?;
    let mut report = target.finish(!options.entries.is_empty())?;
    report.add_steps(steps, plan.start_ms);
    report.format = format;
    report.producer = format!("{} {}", survey.producer, survey.version).trim().to_owned();
    report.left_out = left_out as u64 + survey.too_many;
    report.broken = broken;
    report.bad_lines += survey.skipped;
    let skipped = survey.skipped_listed.iter().map(|reason| BadLine { line: 0, reason: reason.clone() });
    report.bad_lines_listed.extend(skipped);
    report.bad_lines_listed.truncate(BAD_LINES_LISTED_MAX);
    report.notes = notes;
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

/// Returns the connections to import, in the order in which they open, and the steps of their clocks.
fn choose<'a>(survey: &'a Survey, options: &ImportOptions) -> Result<(Vec<Chosen<'a>>, Steps), Error> {
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
    chosen.sort_by_key(|connection| connection.id);
    chosen.dedup_by_key(|connection| connection.id);
    let of = |connection: &'a CapturedConnection| {
        let (mut started_ms, first) = (connection.started_ms, connection.first_time);
        // The dates of most messages say when it started.
        if connection.shift_ms >= DATE_MS_MIN {
            started_ms = first.map(|first| first * 1e3);
        }
        let times = Times::of(&survey.producer, &survey.version, started_ms, first);
        Chosen { connection, times, shift_ms: connection.shift_ms, opens_ms: None }
    };
    let mut chosen: Vec<_> = chosen.into_iter().map(of).collect();
    let steps = align(&mut chosen, options.keep_clock);
    chosen.sort_by(|a, b| {
        let [a, b] = [a, b].map(|chosen| chosen.opens_ms.unwrap_or(f64::MAX));
        a.total_cmp(&b)
    });
    Ok((chosen, steps))
}

/// Determines when connections open, and the shifts that place all of them on one clock. Returns the steps of the clocks.
fn align(chosen: &mut [Chosen<'_>], keeps_clock: bool) -> Steps {
    let mut steps = Steps::default();
    // Most frames have the right times.
    let longest = chosen.iter().copied().max_by_key(|chosen| chosen.connection.messages);
    for chosen in chosen.iter_mut() {
        if let Some(longest) = longest.filter(|_| !keeps_clock) {
            chosen.shift_ms += shift_ms(chosen, &longest);
        }
        let (first_ms, shift_ms) = (chosen.first_ms(), chosen.shift_ms - chosen.connection.shift_ms);
        let started_ms = chosen.connection.started_ms.map(|ms| ms + shift_ms);
        let stray_ms = match (started_ms, first_ms) {
            (Some(started_ms), Some(first_ms)) if !keeps_clock => started_ms - first_ms,
            _ => 0.0,
        };
        let is_stray = stray_ms < -HOUR_MS;
        let started_ms = started_ms.filter(|_| !is_stray);
        chosen.opens_ms = [started_ms, first_ms].into_iter().flatten().reduce(f64::min);
        chosen.opens_ms = chosen.opens_ms.filter(|_| chosen.times != Times::Untimed);
        let opens_ms = chosen.opens_ms.unwrap_or_default();
        if is_stray {
            steps.add(opens_ms, stray_ms);
        }
        if shift_ms != 0.0 {
            steps.add(opens_ms, -shift_ms);
        }
        let own = &chosen.connection.steps;
        own.listed.iter().for_each(|(at_ms, by_ms)| steps.add(at_ms + chosen.shift_ms, *by_ms));
        steps.count += own.count - own.listed.len() as u64;
    }
    steps
}

/// Returns what has to be added to the times of a connection so that they fit to those of the longest one.
fn shift_ms(chosen: &Chosen<'_>, longest: &Chosen<'_>) -> f64 {
    let Some((ours, theirs)) = chosen.range_ms().zip(longest.range_ms()) else { return 0.0 };
    let apart_ms =
        |a: &RangeInclusive<f64>, b: &RangeInclusive<f64>| (b.start() - a.end()).max(a.start() - b.end());
    let Some((our_lag, their_lag)) = chosen.lag_ms().zip(longest.lag_ms()) else {
        let is_stray = apart_ms(&ours, &theirs) > STRAY_MS_MIN;
        return if is_stray { theirs.start() - ours.start() } else { 0.0 };
    };
    let stated = [chosen, longest].map(Chosen::stated_ms);
    let [Some(our_stated), Some(their_stated)] = &stated else { return 0.0 };
    // A mock may start its show again for each connection: then its times say nothing.
    let is_contradicted = apart_ms(&ours, &theirs) < 0.0 || apart_ms(our_stated, their_stated) > 0.0;
    let shift_ms = their_lag - our_lag;
    if is_contradicted && shift_ms.abs() > LAG_MS_MAX { shift_ms } else { 0.0 }
}

/// Minimum time between connections to doubt the clock if servers state no time, in milliseconds.
const STRAY_MS_MIN: f64 = 30.0 * DAY_MS;
/// Maximum difference between the clock and the servers, in milliseconds: frames can be late.
const LAG_MS_MAX: f64 = 60_000.0;

impl Chosen<'_> {
    fn first_ms(&self) -> Option<f64> {
        self.connection.first_time.map(|time| self.times.ms(time) + self.shift_ms)
    }

    fn last_ms(&self) -> Option<f64> {
        self.connection.last_time.map(|time| self.times.ms(time) + self.shift_ms)
    }

    fn range_ms(&self) -> Option<RangeInclusive<f64>> {
        Some(self.first_ms()?..=self.last_ms()?)
    }

    /// Returns when its messages were sent according to the servers.
    fn stated_ms(&self) -> Option<RangeInclusive<f64>> {
        Some(self.connection.first_stated?.1..=self.connection.last_stated_ms?)
    }

    /// Returns how far the clock was ahead of the servers.
    fn lag_ms(&self) -> Option<f64> {
        self.connection.first_stated.map(|(time, stated_ms)| self.times.ms(time) + self.shift_ms - stated_ms)
    }
}

fn candidates(connections: &[CapturedConnection]) -> Vec<Candidate> {
    let candidate = |(number, connection): (u64, &CapturedConnection)| Candidate {
        number,
        url: redact_url(connection.url.split(['?', '#']).next().unwrap_or_default()).into_owned(),
        messages: connection.messages,
        events_of: connection.events_of,
    };
    (1..).zip(connections).map(candidate).collect()
}

/// Explains why this producer's capture has no frames, with advice.
fn why_no_frames(survey: &Survey) -> String {
    let producer = survey.producer.as_str();
    if producer.contains("Firefox") || producer.contains("Waterfox") || producer.contains("LibreWolf") {
        return format!("no WebSocket frames: {producer} does not save them, Chrome does");
    }
    if producer == "Playwright" && is_before_frames(&survey.version) {
        return format!(
            "no WebSocket frames: Playwright {} does not save them, 1.62 and later do",
            survey.version
        );
    }
    let what = match (survey.connections.len(), &survey.unread) {
        (0, _) => {
            "no request opened a WebSocket: in a browser, open the developer tools before the page".to_owned()
        }
        (_, Some(unread)) => {
            format!("its WebSockets have `{unread}`, an unknown list, instead of `_webSocketMessages`")
        }
        _ if survey.lacks_messages => "its WebSockets were saved without their messages".to_owned(),
        _ => "its WebSockets carried no messages".to_owned(),
    };
    format!("no WebSocket frames: {what}")
}

/// Whether this version of Playwright stores no frames.
fn is_before_frames(version: &str) -> bool {
    let mut parts = version.split('.').map(str::parse::<u32>);
    matches!((parts.next(), parts.next()), (Some(Ok(1)), Some(Ok(..61))))
}

fn plan<'a>(survey: &'a Survey, connections: Vec<Chosen<'a>>, options: &'a ImportOptions) -> Plan<'a> {
    let starts = connections.iter().flat_map(|chosen| [chosen.opens_ms, chosen.first_ms()]);
    let starts = starts.flatten().reduce(f64::min);
    let end = connections.iter().filter_map(Chosen::last_ms).reduce(f64::max);
    let user = options.user.as_ref().or(survey.user.as_ref()).unwrap_or(&options.name);
    let believed = match (starts, end) {
        (Some(start), Some(end)) if !options.keep_clock => start - HOUR_MS..=end + HOUR_MS,
        _ => f64::MIN..=f64::MAX,
    };
    let exchanges = survey.exchanges_ms.iter().copied().filter(|ms| believed.contains(ms));
    let (first, last) = exchanges.fold((starts, end), |(first, last), ms| {
        (Some(first.map_or(ms, |first| first.min(ms))), Some(last.map_or(ms, |last| last.max(ms))))
    });
    let start_ms = first.unwrap_or_default();
    Plan {
        user,
        room_id: options.room_id,
        start_ms,
        untimed_ms: 1e3 / options.rate,
        exchanges_ms: start_ms..=last.unwrap_or(start_ms).max(start_ms),
        connections,
    }
}

fn timing(plan: &Plan<'_>, steps: &Steps) -> Timing {
    let mut times = plan.connections.iter().map(|chosen| chosen.times);
    let is_guessed = |times: Times| matches!(times, Times::Squeezed { .. } | Times::SecondsSince { .. });
    if times.clone().any(|times| times == Times::Untimed) {
        Timing::Untimed
    } else if times.any(is_guessed) || steps.count > 0 {
        Timing::Estimated
    } else {
        Timing::Original
    }
}

fn notes(survey: &Survey, plan: &Plan<'_>, options: &ImportOptions) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    // A clock that started without a date may have got one.
    let is_dated = |chosen: &&Chosen<'_>| {
        let mut steps = chosen.connection.steps.listed.iter();
        steps.any(|(_, by_ms)| *by_ms >= DATE_MS_MIN)
    };
    let others = plan.connections.iter().filter(|chosen| !is_dated(chosen));
    let times: Vec<Times> = others.map(|chosen| chosen.times).collect();
    if times.contains(&Times::Untimed) {
        notes.push(without_times(options.rate));
    }
    for note in times.iter().filter_map(|times| times.note(&survey.producer)) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}
