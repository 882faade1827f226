//! A recording in the forms of others.

mod har;

use std::{
    collections::BTreeSet,
    fmt,
    io::{self, Read, Write},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

pub use har::har;

use super::text::count;
use crate::sans_io::recording::{self, Body, Loss, Opcode, Reader, record_type};

/// Connections that are counted, where they are only counted.
const CONNECTIONS_COUNTED_MAX: usize = 65_536;

/// What was exported, and what the form has no place for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exported {
    /// Frames.
    pub frames: u64,
    /// Connections that they are of.
    pub connections: u64,
    /// HTTP exchanges.
    pub exchanges: u64,
    /// Frames that were left out: sent ones and texts, where the form knows received binary ones alone.
    pub left_out: u64,
    /// What is missing in the recording.
    pub loss: Loss,
}

/// Why nothing was exported, or not all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The recording cannot be read.
    #[error(transparent)]
    Recording(#[from] recording::Error),
    /// The file cannot be written.
    #[error("cannot write on: {0}")]
    Write(#[from] io::Error),
}

/// Writes the lines that `livetape import` reads: `{"offset_ms":350,"conn":1,"frame":"<base64>"}`.
///
/// # Errors
/// [`Error`]
pub fn jsonl(input: impl Read, mut output: impl Write, conn: Option<u32>) -> Result<Exported, Error> {
    each_frame(input, conn, |offset_ms, conn, bytes| {
        writeln!(
            output,
            "{{\"offset_ms\":{offset_ms},\"conn\":{conn},\"frame\":\"{}\"}}",
            STANDARD.encode(bytes)
        )
    })
}

/// Writes what piratetok captures are: each frame behind its length, 4 bytes, the lowest first. There are no times in it.
///
/// # Errors
/// [`Error`]
pub fn piratetok(input: impl Read, mut output: impl Write, conn: Option<u32>) -> Result<Exported, Error> {
    each_frame(input, conn, |_, _, bytes| {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        output.write_all(&length.to_le_bytes())?;
        output.write_all(bytes)
    })
}

/// Every binary frame that was received, in file order.
fn each_frame(
    input: impl Read,
    only: Option<u32>,
    mut write: impl FnMut(f64, u32, &[u8]) -> io::Result<()>,
) -> Result<Exported, Error> {
    let mut reader = Reader::open(input)?;
    let (mut exported, mut conns) = (Exported::default(), BTreeSet::new());
    while let Some(head) = reader.next_head()? {
        if head.record_type != record_type::FRAME || only.is_some_and(|only| only != head.conn) {
            continue;
        }
        if head.flags.is_sent() || head.opcode != Opcode::BINARY.0 {
            exported.left_out += 1;
            continue;
        }
        let payload = reader.body().map(Body::payload).unwrap_or_default();
        write(head.offset.as_nanos() as f64 / 1e6, head.conn, payload)?;
        exported.frames += 1;
        if conns.len() < CONNECTIONS_COUNTED_MAX {
            conns.insert(head.conn);
        }
    }
    exported.connections = conns.len() as u64;
    exported.loss = reader.report().loss();
    Ok(exported)
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [frames, connections] = [(self.frames, "frame"), (self.connections, "connection")]
            .map(|(number, noun)| count(number, noun));
        write!(f, "{frames} of {connections}")?;
        if self.exchanges > 0 {
            write!(f, ", {}", count(self.exchanges, "HTTP exchange"))?;
        }
        writeln!(f)?;
        if self.left_out > 0 {
            writeln!(f, "left out: {} that were sent or are text", count(self.left_out, "frame"))?;
        }
        if self.loss.is_some() {
            writeln!(f, "⚠️ Something is missing: {}", self.loss)?;
        }
        Ok(())
    }
}
