//! `livetape cat`: prints every record, even while the file is being written.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    time::Duration,
};

use livetape_core::{
    error::{Code, Problem, exit},
    recording::{Reader, Record, What},
};
use livetape_engine::source::unreadable;
use livetape_io::files;
use livetape_tools::cat;

use crate::cli::{
    args,
    options::config::tape_or_stdin,
    process::output::{cannot_write, report_loss},
};

/// Interval at which a growing file is checked.
const FOLLOW_EVERY: Duration = Duration::from_millis(200);

pub(crate) fn cat(args: &args::Cat) -> Result<u8, Problem> {
    let tape = tape_or_stdin(&args.flags, &args.recording)?;
    let input: Box<dyn Read> =
        match tape.path().filter(|_| args.follow) {
            Some(path) => Box::new(Follow(files::open_regular(path).map_err(|error| {
                Problem::new(Code::Io, format!("cannot read {}: {error}", path.display()))
            })?)),
            None => tape.open()?,
        };
    let mut reader = Reader::open(input).map_err(|error| unreadable(&tape.name, &error))?;
    let (mut out, mut missing) = (BufWriter::new(io::stdout().lock()), 0);
    loop {
        let record = reader.next().map_err(|error| unreadable(&tape.name, &error))?;
        let found = reader.report().missing;
        let lost = found - std::mem::replace(&mut missing, found);
        let is_end = matches!(&record, Some(record) if matches!(record.item.what, What::End(_)));
        let is_over = record.is_none() || (args.follow && is_end);
        let mut written = print(&mut out, args.json, lost, record.as_ref());
        if args.follow || is_over {
            written = written.and_then(|()| out.flush());
        }
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(exit::DONE),
            result => result.map_err(|error| cannot_write(&error))?,
        }
        if is_over {
            break;
        }
    }
    Ok(report_loss(&tape.name, reader.report().loss()))
}

fn print(out: &mut impl Write, json: bool, lost: u64, record: Option<&Record>) -> io::Result<()> {
    match lost {
        0 => {}
        lost if json => writeln!(out, "{}", cat::missing_json(lost))?,
        lost => writeln!(out, "⚠️ {lost} missing here")?,
    }
    match record {
        None => Ok(()),
        Some(record) if json => writeln!(out, "{}", cat::json(record)),
        Some(record) => writeln!(out, "{}", cat::text(record)),
    }
}

/// A growing file: at its end, reads wait for more bytes.
struct Follow(File);

impl Read for Follow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer)? {
                0 if !buffer.is_empty() => std::thread::park_timeout(FOLLOW_EVERY),
                count => return Ok(count),
            }
        }
    }
}
