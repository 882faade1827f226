//! `share`, `scrub` and `audit`: make recordings that can be shared.

use std::{
    io::{Read as _, Write as _},
    path::Path,
};

use livetape_core::{
    error::{Code, Problem, exit},
    offset,
};
use livetape_engine::source::{Tape, unreadable};
use livetape_io::files;
use livetape_tools::{
    audit,
    scrub::{self, Auditor, KEY_BYTES, Key, Scrubber, WORD_CHARS_MIN, WORDS_MAX},
    share,
};

use super::{convert::beside, look::unwritable};
use crate::cli::{
    args,
    options::config::{tape, tape_or_stdin},
    process::output::{
        Failure, FileFate, Written, check_apart, file_problem, progress, say, say_json, say_made, shown,
        warn, write,
    },
};

const WORDS_BYTES_MAX: u64 = 4 << 20;

pub(crate) fn scrub(args: &args::Scrub) -> Result<u8, Problem> {
    check_apart(args.key_file.iter().chain([&args.new.output]))?;
    let tape = tape_or_stdin(&args.flags, &args.recording)?;
    // Both passes read the whole recording.
    let bar = progress(2 * tape.bytes());
    let (first, second) = (bar.wrap_read(tape.open()?), bar.wrap_read(tape.open()?));
    let written = write(&args.new.output, args.new.force, |out| {
        let key = match &args.key_file {
            Some(path) => kept_key(path)?,
            None => Key::new(&random_key()?),
        };
        let report = scrub::scrub(first, second, out, Scrubber::new(key));
        report.map(FileFate::Keep).map_err(|error| failure("scrub", &tape, error))
    })?;
    bar.finish_and_clear();
    match written {
        Written::Broken(code) => Ok(code),
        Written::Whole(report) | Written::Dropped(report) => {
            say_made(&args.new.output, &report, args.json)?;
            Ok(if report.lost() { exit::LOST } else { exit::DONE })
        }
    }
}

fn failure(what: &str, tape: &Tape, error: scrub::Error) -> Failure {
    match error {
        scrub::Error::Read(error) => unreadable(&tape.name, &error).into(),
        scrub::Error::Write(error) => error.into(),
        error => {
            let hint = match error {
                scrub::Error::TooMany(_) => {
                    "cut the recording into parts, and scrub them with one key: `livetape scrub --key-file people.key`"
                }
                _ => "run `livetape verify` to find the damage",
            };
            let message = format!("cannot {what} {}: {error}", tape.name);
            Problem::new(Code::BadRecording, message).hint(hint).into()
        }
    }
}

pub(crate) fn share(args: &args::Share) -> Result<u8, Problem> {
    let tape = tape(&args.flags, &args.recording)?;
    let auditor = auditor(args.words.as_deref())?;
    let output = args.output.clone().unwrap_or_else(|| beside(&tape, "html"));
    let options = share::Options {
        title: args.title.clone(),
        from: args.from.unwrap_or_default(),
        to: args.to,
        idle_limit: args.idle_limit,
    };
    let bar = progress(tape.bytes());
    let input = bar.wrap_read(tape.open()?);
    let written = write(&output, args.force, |out| {
        let scrubber = Scrubber::new(Key::new(&random_key()?));
        let report = share::share(input, out, scrubber, auditor, &options)
            .map_err(|error| cannot_share(&tape, error))?;
        Ok(if report.page.is_some() { FileFate::Keep(report) } else { FileFate::Drop(report) })
    })?;
    bar.finish_and_clear();
    match written {
        Written::Broken(code) => Ok(code),
        Written::Whole(report) => {
            say_made(&output, &report, args.json)?;
            Ok(if report.is_lossy() { exit::LOST } else { exit::DONE })
        }
        Written::Dropped(report) => {
            if args.json {
                say_json(&report)?;
            } else {
                say(&report)?;
            }
            warn(format_args!(
                "❌ {} was not written, because the audit of the scrubbed copy found something\n\
                 💡 leave out these places with --from and --to, or with `livetape cut`",
                shown(&output)
            ));
            Ok(report.audit.exit_code())
        }
    }
}

fn cannot_share(tape: &Tape, error: share::Error) -> Failure {
    let message = format!("cannot share {}: {error}", tape.name);
    match error {
        share::Error::Edit(error) => error.into(),
        share::Error::Scrub(error) => failure("share", tape, error),
        share::Error::Write(error) => error.into(),
        share::Error::TooLarge { fits, .. } => {
            let hint = match fits {
                Some(end) => format!("share a part of it, such as up to --to {}", offset::shown(end)),
                None => "share a part of it with --from and --to".to_owned(),
            };
            Problem::new(Code::TooLarge, message).hint(hint).into()
        }
    }
}

pub(crate) fn audit(args: &args::Audit) -> Result<u8, Problem> {
    let tape = tape_or_stdin(&args.flags, &args.recording)?;
    let auditor = auditor(args.words.as_deref())?;
    let bar = progress(tape.bytes());
    let report = audit::audit(bar.wrap_read(tape.open()?), auditor);
    let report = report.map_err(|error| unreadable(&tape.name, &error))?;
    bar.finish_and_clear();
    if args.json {
        say_json(&report)?;
    } else {
        say(&report)?;
    }
    Ok(report.exit_code())
}

fn auditor(words: Option<&Path>) -> Result<Auditor, Problem> {
    let words = words.map(read_words).transpose()?.unwrap_or_default();
    Auditor::new(&words).map_err(|line| {
        let word = words.lines().nth(line - 1).unwrap_or_default().trim();
        let message = if word.chars().count() < WORD_CHARS_MIN {
            format!("line {line} of the word list has fewer than {WORD_CHARS_MIN} characters")
        } else {
            format!("the word list has more than {WORDS_MAX} words")
        };
        Problem::new(Code::BadRequest, message).hint("write names, ids and phrases, one per line")
    })
}

fn random_key() -> Result<[u8; KEY_BYTES], Problem> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        Problem::new(Code::Io, format!("the system cannot provide random bytes: {error}"))
    })?;
    Ok(bytes)
}

/// Maximum size of the file of a key, in bytes: its digits in any encoding.
const KEY_FILE_BYTES_MAX: u64 = 1024;

/// Reads the key in a file. If the file does not exist, creates one that only its owner can read.
fn kept_key(path: &Path) -> Result<Key, Problem> {
    if !path.exists()
        && let Some(key) = new_key(path)?
    {
        return Ok(key);
    }
    read_key(path)
}

/// Creates the file of a key, which gets its name when it is whole. Returns `None` if another command was faster.
fn new_key(path: &Path) -> Result<Option<Key>, Problem> {
    let bytes = random_key()?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let created = files::Draft::new(path, false).and_then(|mut draft| match writeln!(draft, "{hex}") {
        Ok(()) => draft.keep().map(Ok),
        Err(error) => Ok(Err(error)),
    });
    match created {
        Ok(written) => written.map(|()| Some(Key::new(&bytes))).map_err(|error| unwritable(path, error)),
        Err(files::Error::Exists { .. }) => Ok(None),
        Err(error) => Err(file_problem(&error)),
    }
}

fn read_key(path: &Path) -> Result<Key, Problem> {
    let file = files::open(path).map_err(|error| file_problem(&error))?;
    let mut bytes = Vec::new();
    let read = file.take(KEY_FILE_BYTES_MAX).read_to_end(&mut bytes);
    let text = read.and_then(|_| files::text(bytes)).map_err(|error| {
        Problem::new(Code::Io, format!("cannot read the key in {}: {error}", path.display()))
    })?;
    parse_key(text.trim()).map(|bytes| Key::new(&bytes)).ok_or_else(|| {
        Problem::new(Code::BadRequest, format!("{} has no key", path.display()))
            .hint("use a file with 64 hexadecimal digits, or name a new file to create a key")
    })
}

fn parse_key(hex: &str) -> Option<[u8; KEY_BYTES]> {
    let mut bytes = [0; KEY_BYTES];
    if hex.len() != 2 * KEY_BYTES || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

fn read_words(path: &Path) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    let file = files::open(path).map_err(|error| file_problem(&error))?;
    let read = file.take(WORDS_BYTES_MAX).read_to_end(&mut bytes);
    let text = read.and_then(|_| files::text(bytes));
    text.map_err(|error| Problem::new(Code::Io, format!("cannot read {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_64_hexadecimal_digits() {
        let hex = "00ff".repeat(16);
        assert_eq!(parse_key(&hex).unwrap()[..2], [0, 255]);
        for wrong in ["", "00", &"zz".repeat(32), &"é".repeat(32), &hex[1..]] {
            assert_eq!(parse_key(wrong), None, "{wrong}");
        }
    }
}
