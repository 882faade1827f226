//! `livetape events`: decodes a recording without a server.

use std::{
    io::{self, BufWriter, Write},
    time::Duration,
};

use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    error::{Problem, exit},
    recording::Loss,
};
use livetape_engine::source::Step;

use crate::cli::{
    args,
    options::config::tape_or_stdin,
    process::output::{cannot_write, report_loss, warn},
};

/// `stream` of events that no server broadcast.
const STREAM: &str = "offline";

pub(crate) fn events(args: &args::Events) -> Result<u8, Problem> {
    let tape = tape_or_stdin(&args.flags, &args.recording)?;
    tape.check_within(Duration::ZERO)?;
    let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup: !args.no_dedup });
    let mut out = Output { out: BufWriter::new(io::stdout().lock()), seq: 0, line: Vec::new(), args };
    for step in tape.steps()? {
        match step {
            Step::Item(item) => decoder.handle(&item),
            Step::Missing(loss) => decoder.count_missing(&loss),
            Step::Failed(error) => {
                warn(format_args!("⚠️ {error}"));
                decoder.count_missing(&Loss::ONE);
            }
            Step::End(offset) => {
                decoder.flush(offset);
                decoder.disconnect(offset, "recording_ended");
            }
        }
        match out.write(&mut decoder) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(exit::DONE),
            result => result.map_err(|error| cannot_write(&error))?,
        }
    }
    match out.out.flush() {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(exit::DONE),
        result => result.map_err(|error| cannot_write(&error))?,
    }
    Ok(report_loss(&tape.name, decoder.counts().loss()))
}

struct Output<'a, W> {
    out: W,
    /// Number of the last event. As on a server, events that are not shown are counted too.
    seq: u64,
    line: Vec<u8>,
    args: &'a args::Events,
}

impl<W: Write> Output<'_, W> {
    fn write(&mut self, decoder: &mut Decoder) -> io::Result<()> {
        let filter = self.args.filter.to_filter();
        for event in decoder.take_events() {
            self.seq += 1;
            self.line.clear();
            if filter.encode(STREAM, self.seq, &event, &mut self.line) {
                self.line.push(b'\n');
                self.out.write_all(&self.line)?;
            }
        }
        Ok(())
    }
}
