//! `events`, `cat`, `info` and `verify` show what is in a recording; `synth` makes one.

use std::{
    collections::BTreeSet,
    io::{self, BufWriter, Write},
    path::Path,
    time::Duration,
};

use indicatif::ProgressBar;
use livetape_core::{
    error::{Code, Problem, exit},
    nearest, offset,
    recording::{Reader, Record},
    terminal::{Bracket, printable, thousands},
};
use livetape_engine::source::{Events, OFFLINE, unreadable};
use livetape_tools::{
    cat,
    dissect::{self, Selection},
    info, synth, verify,
};

use crate::{
    cli::{
        args,
        options::config::tape_or_stdin,
        process::output::{
            FileFate, Written, cannot_write, json_line, progress, report_loss, say, say_json, shown, warn,
            write,
        },
    },
    log,
};

pub(crate) fn events(args: &args::Events) -> Result<u8, Problem> {
    let tape = tape_or_stdin(&args.flags, &args.recording)?;
    tape.check_within(Duration::ZERO)?;
    let mut events = tape.events(!args.no_dedup)?;
    match print_events(&mut events, args) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(exit::DONE),
        Err(error) => Err(cannot_write(&error)),
        Ok(()) => Ok(report_loss(&tape.name, events.loss())),
    }
}

fn print_events(events: &mut Events, args: &args::Events) -> io::Result<()> {
    let (mut out, mut line) = (BufWriter::new(io::stdout().lock()), Vec::new());
    let filter = args.filter.to_filter();
    // As on a server, events that are not shown are counted too.
    let mut seq = 0;
    for event in events {
        match event {
            Ok(event) => {
                seq += 1;
                line.clear();
                if filter.encode(OFFLINE, seq, &event, &mut line) {
                    let json = String::from_utf8_lossy(&line);
                    out.write_all(log::for_runner(&json, Bracket::Escaped).as_bytes())?;
                    out.write_all(b"\n")?;
                }
            }
            Err(error) => warn(format_args!("⚠️ {error}")),
        }
    }
    out.flush()
}

pub(crate) fn cat(args: &args::Cat) -> Result<u8, Problem> {
    let tape = tape_or_stdin(&args.flags, &args.recording)?;
    if let Some(at) = args.at {
        tape.check_within(at)?;
    }
    let mut reader = Reader::open(tape.open()?).map_err(|error| unreadable(&tape.name, &error))?;
    let (mut out, mut missing) = (BufWriter::new(io::stdout().lock()), 0);
    let selection =
        Selection { method: args.method.clone(), only_unknown: args.unknown, ..Selection::default() };
    let mut is_empty = args.fields;
    let (mut passed, mut checked) = (Passed::default(), verify::Verification::default());
    loop {
        let record = reader.next().map_err(|error| unreadable(&tape.name, &error))?;
        let found = reader.report().missing;
        let lost = found - std::mem::replace(&mut missing, found);
        let lines = record.as_ref().map(|record| match (args.fields, args.json) {
            (false, false) => log::for_runner(&cat::text(record), Bracket::Apart).into_owned() + "\n",
            (false, true) => json_line(&cat::json(record)),
            (true, _) if args.at.is_some_and(|at| record.item.offset < at) => String::new(),
            (true, false) => log::for_runner(&selection.text(record), Bracket::Apart).into_owned(),
            (true, true) => selection.json(record).iter().map(json_line).collect(),
        });
        let lines = lines.unwrap_or_default();
        is_empty &= lines.is_empty();
        if args.fields
            && let Some(record) = &record
        {
            checked.add(&record.item);
        }
        if is_empty && let Some(record) = &record {
            passed.take(record, args, &selection);
        }
        // At the message asked for, the rest is not read.
        let is_found = args.at.is_some() && !is_empty;
        let mut written =
            print_lost(&mut out, args.json, lost).and_then(|()| out.write_all(lines.as_bytes()));
        if is_found || record.is_none() {
            written = written.and_then(|()| out.flush());
        }
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(exit::DONE),
            result => result.map_err(|error| cannot_write(&error))?,
        }
        if is_found {
            return Ok(exit::DONE);
        }
        if record.is_none() {
            break;
        }
    }
    checked.report = reader.report().clone();
    let lost = report_loss(&tape.name, checked.loss());
    // What is missing may be what was asked for.
    if is_empty && lost == exit::DONE {
        passed.explain(args, &tape.name)?;
    }
    Ok(lost)
}

/// Maximum number of methods to suggest names from. TikTok has a few hundred.
const METHODS_MAX: usize = 2_000;

/// What was read while nothing was printed.
#[derive(Default)]
struct Passed {
    methods: BTreeSet<String>,
    /// Number of messages of the method asked for, at the offset asked for or later.
    messages: u64,
}

impl Passed {
    fn take(&mut self, record: &Record, args: &args::Cat, selection: &Selection) {
        for method in dissect::methods(record) {
            let is_late = args.at.is_none_or(|at| record.item.offset >= at);
            self.messages += u64::from(is_late && selection.has_method(&method));
            if self.methods.len() < METHODS_MAX {
                self.methods.insert(method);
            }
        }
    }

    /// Says why nothing was printed.
    fn explain(&self, args: &args::Cat, recording: &str) -> Result<(), Problem> {
        let recording = printable(recording);
        let selection = Selection { method: args.method.clone(), ..Selection::default() };
        let message = match (&args.method, args.at) {
            // Only `--unknown` leaves out messages.
            _ if self.messages > 0 => {
                let messages = thousands(self.messages);
                warn(format_args!("✅ every field is as in the schema; messages: {messages}"));
                return Ok(());
            }
            (Some(method), _) if !self.methods.iter().any(|it| selection.has_method(it)) => {
                let names = Vec::from_iter(self.methods.iter().map(|method| dissect::short_name(method)));
                let method = printable(method);
                let message = format!("{recording} has no messages of the method `{method}`");
                let problem = Problem::new(Code::BadRequest, message);
                return Err(if names.is_empty() {
                    problem
                } else {
                    problem.hint(nearest::hint(&method, &names))
                });
            }
            (_, Some(at)) => format!("{recording} has no such message at {} or later", offset::shown(at)),
            _ => format!("{recording} has no messages of TikTok"),
        };
        let hint = format!("run `livetape cat {recording}` to see which messages are where");
        Err(Problem::new(Code::BadRequest, message).hint(hint))
    }
}

fn print_lost(out: &mut impl Write, json: bool, lost: u64) -> io::Result<()> {
    match lost {
        0 => Ok(()),
        lost if json => out.write_all(json_line(&cat::missing_json(lost)).as_bytes()),
        lost => writeln!(out, "⚠️ {lost} missing here"),
    }
}

pub(crate) fn info(args: &args::Info) -> Result<u8, Problem> {
    let tape = tape_or_stdin(&args.flags, &args.recording)?;
    let bar = progress(tape.bytes());
    let found = info::info(bar.wrap_read(tape.open()?)).map_err(|error| unreadable(&tape.name, &error))?;
    bar.finish_and_clear();
    match (args.totals, args.json) {
        (false, false) => say(&found)?,
        (false, true) => say_json(&found)?,
        (true, false) => say(found.totals())?,
        (true, true) => say_json(&found.truth)?,
    }
    let code = report_loss(&tape.name, found.loss);
    if found.records == 0 {
        tape.check_within(Duration::ZERO)?;
    }
    Ok(code)
}

pub(crate) fn verify(args: &args::Verify) -> Result<u8, Problem> {
    let tape = tape_or_stdin(&args.flags, &args.recording)?;
    let (input, length) = (tape.open()?, tape.bytes());
    let bar = progress(length);
    let verdict = verify::verify(bar.wrap_read(input)).map_err(|error| unreadable(&tape.name, &error))?;
    bar.finish_and_clear();
    if args.json {
        say_json(&verdict)?;
    } else {
        say(&verdict)?;
    }
    Ok(verdict.exit_code())
}

pub(crate) fn synth(args: &args::Synth) -> Result<u8, Problem> {
    // The size of a recording of given length is unknown in advance.
    let bar = args.size.map_or_else(ProgressBar::no_length, progress);
    let written = write(&args.new.output, args.new.force, |out| {
        synth::synth(bar.wrap_write(out), &args.options())?;
        Ok(FileFate::Keep(()))
    })?;
    bar.finish_and_clear();
    if let Written::Broken(code) = written {
        return Ok(code);
    }
    say(format!("📼 {}\n", shown(&args.new.output)))?;
    Ok(exit::DONE)
}

pub(super) fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

pub(super) fn valid_user(name: &str) -> Result<String, Problem> {
    let name = name.trim().trim_start_matches('@').to_owned();
    if name.is_empty() {
        return Err(Problem::new(Code::InvalidUsername, "the user name is empty"));
    }
    Ok(name)
}

pub(crate) fn unwritable(path: &Path, error: impl std::fmt::Display) -> Problem {
    Problem::new(Code::Io, format!("cannot write {}: {error}", path.display()))
}
