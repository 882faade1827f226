//! `livetape events`: decodes a recording without a server.

use std::{
    io::{self, BufWriter, Write},
    time::Duration,
};

use livetape_core::error::{Problem, exit};
use livetape_engine::source::{Events, OFFLINE};

use crate::cli::{
    args,
    options::config::tape_or_stdin,
    process::output::{cannot_write, report_loss, warn},
};

pub(crate) fn events(args: &args::Events) -> Result<u8, Problem> {
    let tape = tape_or_stdin(&args.flags, &args.recording)?;
    tape.check_within(Duration::ZERO)?;
    let mut events = tape.events(!args.no_dedup)?;
    match print(&mut events, args) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(exit::DONE),
        Err(error) => Err(cannot_write(&error)),
        Ok(()) => Ok(report_loss(&tape.name, events.loss())),
    }
}

fn print(events: &mut Events, args: &args::Events) -> io::Result<()> {
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
                    line.push(b'\n');
                    out.write_all(&line)?;
                }
            }
            Err(error) => warn(format_args!("⚠️ {error}")),
        }
    }
    out.flush()
}
