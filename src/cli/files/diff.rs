//! `livetape diff`: compares the events of two recordings, or what their messages consist of.

use std::{
    cell::Cell,
    collections::VecDeque,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
    rc::Rc,
};

use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    error::{Code, Problem, exit},
    event::{Millis, finish_json},
    recording::{Loss, Reader},
    terminal::{Bracket, printable},
};
use livetape_engine::source::{Step, Tape, unreadable};
use livetape_io::clock;
use livetape_tools::{diff, drift};
use serde_json::{Value, json};

use crate::{
    cli::{
        args,
        options::config::tape,
        process::output::{cannot_write, complain, json_line, report_loss, say},
    },
    log,
};

/// Exit code for differences.
const DIFFERENT: u8 = 1;

type Events = Box<dyn Iterator<Item = Result<Value, Problem>>>;

/// Baseline of [`fields`] that needs no recording.
pub(crate) const SCHEMA: &str = "schema";

/// Any failure has another exit code than differences.
pub(crate) fn diff(args: &args::Diff) -> Result<u8, Problem> {
    let done = check_schema(args).and_then(|()| if args.fields { fields(args) } else { events(args) });
    Ok(done.unwrap_or_else(|problem| complain(&problem).max(exit::USAGE)))
}

/// Checks that the schema is only compared as what is OLD, by its fields.
fn check_schema(args: &args::Diff) -> Result<(), Problem> {
    let is_schema = |name: &Path| name == Path::new(SCHEMA) && !name.exists();
    let new = match (is_schema(&args.before), is_schema(&args.after)) {
        (false, false) => return Ok(()),
        (true, false) if args.fields => return Ok(()),
        (true, false) => printable(&args.after.to_string_lossy()),
        (false, true) => printable(&args.before.to_string_lossy()),
        (true, true) => "NEW".to_owned(),
    };
    Err(Problem::new(Code::BadRequest, "`schema` can only be OLD, and needs --fields")
        .hint(format!("run `livetape diff {SCHEMA} {new} --fields`")))
}

/// Compares the events.
fn events(args: &args::Diff) -> Result<u8, Problem> {
    let losses = [&args.before, &args.after].map(|name| (name, Rc::<Cell<Loss>>::default()));
    let open = |(name, loss): &(&PathBuf, Rc<Cell<Loss>>)| {
        tape(&args.flags, name).and_then(|tape| decoded(&tape, Rc::clone(loss)))
    };
    let (before, after) = (open(&losses[0])?, open(&losses[1])?);
    let mut out = BufWriter::new(io::stdout().lock());
    let told = diff::diff(before, after, |change| {
        let written = if args.json {
            out.write_all(json_line(&json!(change)).as_bytes())
        } else {
            out.write_all(log::for_runner(&change.to_string(), Bracket::Apart).as_bytes())
        };
        written.map_err(|error| closed_or_failed(&error))
    });
    let counts = match told {
        // The reader of stdout has closed it.
        Err(problem) if problem.message == CLOSED => return Ok(DIFFERENT),
        told => told?,
    };
    let last = if args.json { json_line(&json!({"counts": counts})) } else { counts.to_string() };
    let code = if counts.is_same() { exit::DONE } else { DIFFERENT };
    match out.write_all(last.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(code),
        result => result.map_err(|error| cannot_write(&error))?,
    }
    // A loss outweighs the result: parts of the recordings were not compared.
    let lost = losses.iter().map(|(name, loss)| report_loss(&name.to_string_lossy(), loss.get())).max();
    Ok(lost.filter(|lost| *lost != exit::DONE).unwrap_or(code))
}

/// Compares what the messages consist of.
fn fields(args: &args::Diff) -> Result<u8, Problem> {
    let (baseline, old_loss) = baseline(&args.before, |name| tape(&args.flags, name))?;
    let tape = tape(&args.flags, &args.after)?;
    let (new, new_loss) = profile(&tape)?;
    let comparison = drift::compare(&baseline, &new);
    let names = [printable(&args.before.to_string_lossy()), printable(&args.after.to_string_lossy())];
    if args.json {
        let lines = comparison.findings.iter().map(|finding| json_line(&json!(finding)));
        let counts = json!({"changes": comparison.findings.len() as u64 + comparison.more, "messages": new.messages,
            "unnamed": comparison.unnamed, "appeared": comparison.appeared, "skipped": new.skipped,
            "malformed": new.malformed});
        say(lines.collect::<String>() + &json_line(&json!({ "counts": counts })))?;
    } else {
        let names = names.each_ref().map(String::as_str);
        let today = Millis::from(clock::wall()).to_string();
        let date = today.split('T').next().unwrap_or_default();
        let (baseline, comparison) = (&baseline, &comparison);
        say(drift::DriftReport { names, baseline, new: &new, comparison, date, markdown: args.markdown })?;
    }
    let lost = report_loss(&names[0], old_loss).max(report_loss(&names[1], new_loss));
    let is_whole = new.skipped + new.malformed == 0;
    let code = match () {
        () if !is_whole => exit::LOST,
        () if comparison.findings.is_empty() => exit::DONE,
        () => DIFFERENT,
    };
    Ok(if lost == exit::DONE { code } else { lost })
}

/// Reads what messages are compared with, and what is missing in it.
pub(crate) fn baseline(
    name: &Path,
    find: impl FnOnce(&Path) -> Result<Tape, Problem>,
) -> Result<(drift::Baseline, Loss), Problem> {
    if name == Path::new(SCHEMA) {
        return Ok((drift::Baseline::Schema, Loss::default()));
    }
    let (old, loss) = profile(&find(name)?)?;
    Ok((drift::Baseline::Capture(old), loss))
}

fn profile(tape: &Tape) -> Result<(drift::Profile, Loss), Problem> {
    let mut reader = Reader::open(tape.open()?).map_err(|error| unreadable(&tape.name, &error))?;
    let mut profile = drift::Profile::default();
    while let Some(record) = reader.next().map_err(|error| unreadable(&tape.name, &error))? {
        profile.take(&record.item, record.rec_no.into());
    }
    if profile.messages == 0 {
        let message = format!("{} has no messages of TikTok", printable(&tape.name));
        return Err(Problem::new(Code::BadRecording, message).hint("compare recordings of TikTok LIVE rooms"));
    }
    Ok((profile, reader.report().loss()))
}

/// Message of the failure after stdout was closed.
const CLOSED: &str = "the output is closed";

fn closed_or_failed(error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Problem::new(Code::Io, CLOSED),
        _ => cannot_write(error),
    }
}

/// Decodes the events of a recording. At the end, `loss` holds what is missing.
fn decoded(tape: &Tape, loss: Rc<Cell<Loss>>) -> Result<Events, Problem> {
    let mut steps = tape.steps()?;
    let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup: true });
    let mut ready = VecDeque::new();
    Ok(Box::new(std::iter::from_fn(move || {
        while ready.is_empty() {
            match steps.next()? {
                Step::Item(item) => decoder.handle(&item),
                Step::Missing(missing) => decoder.count_missing(&missing),
                Step::Failed(error) => return Some(Err(Problem::new(Code::Io, error))),
                Step::End(offset) => decoder.flush(offset),
            }
            loss.set(decoder.counts().loss());
            for event in decoder.take_events() {
                let mut json = Vec::new();
                event.begin_json("diff", &mut json);
                finish_json(0, &mut json);
                ready.push_back(serde_json::from_slice(&json).unwrap_or_default());
            }
        }
        ready.pop_front().map(Ok)
    })))
}
