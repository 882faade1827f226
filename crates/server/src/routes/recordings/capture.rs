//! Imports an uploaded capture: a HAR, flows of mitmproxy, JSON lines, …

use std::{
    io::{self, BufWriter, Read, Seek, SeekFrom, Write as _},
    path::Path,
};

use livetape_core::error::{Code, Problem};
use livetape_io::files::{self, Draft};
use livetape_tools::import::{self, Error, ImportOptions, Input, Scratch, Source, import_capture};
use tokio_util::sync::CancellationToken;

use super::ImportReport;

/// Maximum number of candidate connections in a message.
const CANDIDATES_MAX: usize = 5;

/// An uploaded capture, which is a single file.
struct Capture<'a> {
    path: &'a Path,
    scratch: &'a Path,
    /// Cancelled when nobody waits for the import any more.
    stop: &'a CancellationToken,
}

/// An input that fails once nobody waits for the import.
struct Stoppable<T> {
    inner: T,
    stop: CancellationToken,
}

impl<T: Read> Read for Stoppable<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_cancelled() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.inner.read(bytes)
    }
}

impl<T: Seek> Seek for Stoppable<T> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

impl Source for Capture<'_> {
    fn open(&self) -> io::Result<Box<dyn Input>> {
        Ok(Box::new(Stoppable { inner: files::open_inside(self.path)?, stop: self.stop.clone() }))
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
    stop: &CancellationToken,
) -> Result<ImportReport, Problem> {
    let capture = Capture { path: uploaded.part(), scratch, stop };
    let options = ImportOptions { name: name.to_owned(), ..ImportOptions::default() };
    let mut out = BufWriter::new(draft);
    let report = import_capture(&capture, &mut out, &options).map_err(|error| problem(name, &error))?;
    out.flush().map_err(|error| Problem::new(Code::Io, format!("cannot write {name}: {}", error.kind())))?;
    Ok(shown(&report))
}

fn shown(report: &import::ImportReport) -> ImportReport {
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
        // Errors of the operating system have a number. The others are about the capture: it unpacks to too
        // much, or refers to another file.
        Error::Read(error) if error.raw_os_error().is_some() => Code::Io,
        Error::Scratch(_) => Code::Io,
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
        Error::Events(producer) => problem.hint(producer.hint()),
        Error::Scratch(_) => problem.hint("free some space on the disk of the recordings"),
        Error::Read(error) if error.kind() == io::ErrorKind::NotFound => {
            problem.hint("zip the capture with the files that it refers to, and send the zip")
        }
        _ => problem.hint("send a HAR, a zipped HAR, flows of mitmproxy or JSON lines"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_that_nobody_waits_for_ends_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("show.bin");
        let mut uploaded = Draft::new(&path.with_extension("capture"), true).unwrap();
        uploaded.write_all(include_bytes!("../../../../../fixtures/webcast/session-1.jsonl")).unwrap();
        let mut draft = Draft::new(&path, true).unwrap();
        let stop = CancellationToken::new();
        let scratch = path.with_extension("scratch");
        convert(&uploaded, &mut draft, &scratch, "show", &stop).unwrap();
        stop.cancel();
        let problem = convert(&uploaded, &mut draft, &scratch, "show", &stop).unwrap_err();
        assert!(problem.message.contains("connection aborted"), "{}", problem.message);
        drop((uploaded, draft));
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
