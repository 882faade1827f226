//! `repair`, `cut`, `merge` and `mark`: write new recordings from existing ones.

use std::{io::Write as _, path::Path, time::Duration};

use livetape_core::{
    error::{Code, Problem},
    offset,
    recording::{Loss, Reader},
};
use livetape_engine::source::{Tape, unreadable};
use livetape_tools::edit;
use serde::Serialize;

use crate::cli::{
    args,
    options::config::tape,
    process::output::{
        FileFate, Written, draft, draft_of_changed, loss_code, progress, report_loss, say, say_made, shown,
        write, write_to,
    },
};

pub(crate) fn repair(args: &args::Repair) -> Result<u8, Problem> {
    let tape = tape(&args.flags, &args.recording)?;
    let output = match &args.output {
        Some(output) => output.clone(),
        None => file_of(&tape)?.with_extension("repaired.bin"),
    };
    let bar = progress(tape.bytes());
    let input = bar.wrap_read(tape.open()?);
    let written = write(&output, args.force, |out| {
        let repaired = edit::repair(input, out)?;
        // An output that was named is always written.
        let is_wanted = repaired.is_change() || args.output.is_some();
        Ok(if is_wanted { FileFate::Keep(repaired) } else { FileFate::Drop(repaired) })
    })?;
    bar.finish_and_clear();
    let repaired = match written {
        Written::Broken(code) => return Ok(code),
        Written::Dropped(repaired) => {
            say(format!("✅ {} needs no repair\n", tape.name))?;
            return Ok(report_loss(&tape.name, repaired.loss()));
        }
        Written::Whole(repaired) => repaired,
    };
    say(format!("📼 {}\n{repaired}", shown(&output)))?;
    Ok(loss_code(repaired.loss()))
}

pub(crate) fn cut(args: &args::Cut) -> Result<u8, Problem> {
    let tape = tape(&args.flags, &args.recording)?;
    let (start, end) = range(args, &tape)?;
    let bar = progress(tape.bytes());
    let input = bar.wrap_read(tape.open()?);
    let written = write(&args.new.output, args.new.force, |out| {
        Ok(FileFate::Keep(edit::cut(input, out, start, end)?))
    })?;
    bar.finish_and_clear();
    conclude(&args.new.output, written, args.json, |cut: &edit::Cut| cut.loss)
}

fn range(args: &args::Cut, tape: &Tape) -> Result<(Duration, Option<Duration>), Problem> {
    if let Some(label) = &args.around {
        let at = edit::find_marker(tape.open()?, label)?;
        return Ok((at.saturating_sub(args.before), Some(at.saturating_add(args.after))));
    }
    if args.from.is_none() && args.to.is_none() {
        let problem = Problem::new(Code::BadRequest, "no range to cut");
        return Err(problem.hint("set --from and --to, or --around MARKER"));
    }
    Ok((args.from.unwrap_or_default(), args.to))
}

pub(crate) fn merge(args: &args::Merge) -> Result<u8, Problem> {
    let others = args.inputs.len() - 1;
    if !args.offset.is_empty() && args.offset.len() != others {
        let message = format!("--offset flags: {}; recordings after the first: {others}", args.offset.len());
        return Err(Problem::new(Code::BadRequest, message)
            .hint("set --offset once for each recording after the first, e.g. --offset 0s --offset 1m30s"));
    }
    if args.inputs.len() > edit::INPUTS_MAX {
        let message = format!("cannot merge {} recordings at once", args.inputs.len());
        return Err(Problem::new(Code::BadRequest, message)
            .hint(format!("merge at most {} at once, then merge the results", edit::INPUTS_MAX)));
    }
    let tapes = args.inputs.iter().map(|name| tape(&args.flags, name)).collect::<Result<Vec<_>, _>>()?;
    let bar = progress(tapes.iter().map(Tape::bytes).sum());
    let mut inputs = Vec::new();
    for (at, tape) in tapes.iter().enumerate() {
        let told = || if at == 0 { Some(Duration::ZERO) } else { args.offset.get(at - 1).copied() };
        let offset = if args.offset.is_empty() { None } else { told() };
        inputs.push(edit::Input { name: tape.name.clone(), file: bar.wrap_read(tape.open()?), offset });
    }
    let written =
        write(&args.output, args.force, |out| Ok(FileFate::Keep(edit::merge(inputs, out, args.force)?)))?;
    bar.finish_and_clear();
    conclude(&args.output, written, false, |merged: &edit::Merged| merged.loss)
}

pub(crate) fn mark(args: &args::Mark) -> Result<u8, Problem> {
    let tape = tape(&args.flags, &args.recording)?;
    let in_place = args.output.is_none();
    let output = args.output.clone().map_or_else(|| file_of(&tape).map(Path::to_owned), Ok)?;
    let draft = if in_place { draft_of_changed(&output)? } else { draft(&output, args.force)? };
    if in_place {
        check_complete(&tape)?;
    }
    let bar = progress(tape.bytes());
    let input = bar.wrap_read(tape.open()?);
    let written = write_to(draft, &output, |out| {
        let loss = edit::mark(input, &mut *out, args.at, &args.label)?;
        out.flush()?;
        Ok(FileFate::Keep(loss))
    })?;
    bar.finish_and_clear();
    match written {
        Written::Broken(code) => Ok(code),
        Written::Whole(loss) | Written::Dropped(loss) => {
            say(format!("📼 {}: `{}` at {}\n", shown(&output), args.label, offset::shown(args.at)))?;
            Ok(report_loss(&tape.name, loss))
        }
    }
}

/// Rejects recordings that may still be written to, or that are damaged: neither is overwritten.
fn check_complete(tape: &Tape) -> Result<(), Problem> {
    let mut reader = Reader::open(tape.open()?).map_err(|error| unreadable(&tape.name, &error))?;
    while reader.next_head().map_err(|error| unreadable(&tape.name, &error))?.is_some() {}
    let problem = |what: &str| {
        let message = format!("{} {what}, so it is not changed in place", tape.name);
        Err(Problem::new(Code::BadRequest, message).hint("write to another file with -o"))
    };
    match reader.report() {
        report if !report.sealed => problem("is not sealed and may still be in progress"),
        report if report.is_whole() => Ok(()),
        // A repaired recording still has gaps, which no repair can fill.
        report if report.loss().bytes == 0 => problem("has missing records"),
        _ => problem("is damaged"),
    }
}

fn file_of(tape: &Tape) -> Result<&Path, Problem> {
    let built_in = || Problem::new(Code::BadRequest, format!("`{}` is built in", tape.name));
    tape.path().ok_or_else(|| built_in().hint("choose a new file with -o"))
}

fn conclude<T: Serialize + std::fmt::Display>(
    output: &Path,
    written: Written<T>,
    json: bool,
    loss: impl FnOnce(&T) -> Loss,
) -> Result<u8, Problem> {
    match written {
        Written::Broken(code) => Ok(code),
        Written::Whole(report) | Written::Dropped(report) => {
            say_made(output, &report, json)?;
            Ok(loss_code(loss(&report)))
        }
    }
}
