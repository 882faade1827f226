//! Looks ahead in the lines for the room: a recording has it at the start of a connection, lines only have
//! it in messages.

use std::{
    collections::VecDeque,
    io::{self, BufRead},
};

use super::{
    BAD_LINES_LISTED_MAX, BadLine, Error, Report,
    lines::{Line, Lines},
};

const LINES_MAX: usize = 1000;
/// Maximum decoded bytes to look ahead, not counting the last line.
const BYTES_MAX: usize = 8 << 20;

/// The input with some lines read in advance. Counts unusable lines.
#[derive(Debug)]
pub(super) struct LookAhead<R> {
    lines: Lines<R>,
    queue: VecDeque<Line>,
    queued_bytes: usize,
    ended: bool,
    count: u64,
    bad_lines: u64,
    listed: Vec<BadLine>,
    any_json: bool,
}

impl<R: BufRead> LookAhead<R> {
    pub(super) fn new(lines: Lines<R>) -> Self {
        Self {
            lines,
            queue: VecDeque::new(),
            queued_bytes: 0,
            ended: false,
            count: 0,
            bad_lines: 0,
            listed: Vec::new(),
            any_json: false,
        }
    }

    /// Reads ahead as far as allowed.
    pub(super) fn fill(&mut self) -> io::Result<()> {
        while !self.ended && self.queue.len() < LINES_MAX && self.queued_bytes < BYTES_MAX {
            match self.lines.next()? {
                None => self.ended = true,
                Some(Ok(line)) => {
                    self.count += 1;
                    self.any_json = true;
                    self.queued_bytes += line.content.bytes();
                    self.queue.push_back(line);
                }
                Some(Err(unusable)) => {
                    self.count += 1;
                    self.any_json |= unusable.is_json;
                    self.reject(self.lines.number(), unusable.reason);
                }
            }
        }
        Ok(())
    }

    pub(super) fn front(&self) -> Option<&Line> {
        self.queue.front()
    }

    /// Returns the lines read in advance.
    pub(super) fn coming(&self) -> impl Iterator<Item = &Line> {
        self.queue.iter()
    }

    pub(super) fn next(&mut self) -> Result<Option<Line>, Error> {
        let line = self.queue.pop_front();
        if let Some(line) = &line {
            self.queued_bytes -= line.content.bytes();
            self.fill().map_err(Error::Read)?;
        }
        Ok(line)
    }

    pub(super) fn reject(&mut self, line: u64, reason: String) {
        self.bad_lines += 1;
        if self.listed.len() < BAD_LINES_LISTED_MAX {
            self.listed.push(BadLine { line, reason });
        }
    }

    /// Returns the error for an input without any usable line.
    pub(super) fn why_nothing(&self) -> Error {
        match self.listed.first().cloned() {
            None => Error::Empty,
            Some(first) if self.any_json => Error::NoUsableLine { lines: self.count, first },
            Some(first) => Error::NotJson(first),
        }
    }

    /// Adds the line counts to the report.
    pub(super) fn report(self, report: &mut Report) {
        report.lines = self.count;
        report.bad_lines = self.bad_lines;
        report.bad_lines_listed = self.listed;
        // Some lines are only rejected after reading ahead.
        report.bad_lines_listed.sort_by_key(|bad| bad.line);
    }
}
