//! Imports an uploaded capture: a HAR, flows of mitmproxy, JSON lines, …

use std::{
    io::{self, BufWriter, Write as _},
    path::Path,
};

use super::report::ImportReport;
use crate::{
    files::{self, Draft},
    sans_io::error::{Code, Problem},
    tools::import::{Error, ImportOptions, Input, Report, Scratch, Source, import_capture},
};

/// Maximum number of candidate connections in a message.
const CANDIDATES_MAX: usize = 5;

/// An uploaded capture, which is a single file.
struct Capture<'a> {
    path: &'a Path,
    scratch: &'a Path,
}

impl Source for Capture<'_> {
    fn open(&self) -> io::Result<Box<dyn Input>> {
        Ok(Box::new(files::open_inside(self.path)?))
    }

    fn open_beside(&self, _: &str) -> io::Result<Box<dyn Input>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn scratch(&self) -> io::Result<Box<dyn Scratch>> {
        let draft = Draft::new(self.scratch, true);
        draft.map(|draft| Box::new(draft) as Box<dyn Scratch>).map_err(io::Error::other)
    }
}

/// Converts the capture in `uploaded` to a recording in `draft`.
pub(super) fn convert(
    uploaded: &Draft,
    draft: &mut Draft,
    scratch: &Path,
    name: &str,
) -> Result<ImportReport, Problem> {
    let capture = Capture { path: uploaded.part(), scratch };
    let options = ImportOptions { name: name.to_owned(), ..ImportOptions::default() };
    let mut out = BufWriter::new(draft);
    let report = import_capture(&capture, &mut out, &options).map_err(|error| problem(name, &error))?;
    out.flush().map_err(|error| Problem::new(Code::Io, format!("cannot write {name}: {}", error.kind())))?;
    Ok(shown(&report))
}

fn shown(report: &Report) -> ImportReport {
    ImportReport {
        format: report.format.row().title,
        producer: report.producer.clone(),
        frames: report.frames,
        messages: report.messages,
        bad_lines: report.bad_lines,
        complete: !report.is_lossy(),
        summary: report.to_string(),
    }
}

fn problem(name: &str, error: &Error) -> Problem {
    let code = match error {
        Error::Write(error) => error.code(),
        Error::Read(_) | Error::Scratch(_) => Code::Io,
        _ => Code::BadCapture,
    };
    let problem = Problem::new(code, format!("{name} was not stored: {error}"));
    match error {
        Error::Recording => problem.hint("upload it without `?import=1`"),
        Error::Unsure(candidates) => {
            let numbers =
                candidates.iter().take(CANDIDATES_MAX).map(|it| format!("{} {}", it.number, it.url));
            let list = numbers.collect::<Vec<_>>().join(", ");
            problem.hint(format!("import it with `livetape import --entry N`; the first connections: {list}"))
        }
        Error::Scratch(_) => problem.hint("free some space on the disk of the recordings"),
        _ => problem.hint("send a HAR, a zipped HAR, flows of mitmproxy or JSON lines"),
    }
}
