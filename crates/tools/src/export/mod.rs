//! Exports a recording to other formats.

mod har;

use std::{
    collections::BTreeSet,
    fmt,
    io::{self, Read, Write},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

pub use har::har;
use livetape_core::recording::{self, Body, Loss, Opcode, Reader, record_type};

use super::text::count;

const CONNECTIONS_COUNTED_MAX: usize = 65_536;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exported {
    pub frames: u64,
    /// Number of connections with exported frames.
    pub connections: u64,
    pub exchanges: u64,
    /// Number of frames left out because the format only supports received binary ones.
    pub left_out: u64,
    pub loss: Loss,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Recording(#[from] recording::Error),
    #[error("writing failed: {0}")]
    Write(#[from] io::Error),
    #[error("no connection {conn}")]
    UnknownConnection { conn: u32, known: BTreeSet<u32> },
}

/// Writes lines for `livetape import`: `{"offset_ms":350,"conn":1,"frame":"<base64>"}`.
///
/// # Errors
/// See [`Error`].
pub fn jsonl(input: impl Read, mut output: impl Write, conn: Option<u32>) -> Result<Exported, Error> {
    each_frame(input, conn, |offset_ms, conn, bytes| {
        writeln!(
            output,
            "{{\"offset_ms\":{offset_ms},\"conn\":{conn},\"frame\":\"{}\"}}",
            STANDARD.encode(bytes)
        )
    })
}

/// Writes a piratetok capture: each frame follows its length, a 4-byte little-endian number. The format has
/// no times.
///
/// # Errors
/// See [`Error`].
pub fn piratetok(input: impl Read, mut output: impl Write, conn: Option<u32>) -> Result<Exported, Error> {
    each_frame(input, conn, |_, _, bytes| {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        output.write_all(&length.to_le_bytes())?;
        output.write_all(bytes)
    })
}

/// Passes each received binary frame to `write`, in file order.
fn each_frame(
    input: impl Read,
    only: Option<u32>,
    mut write: impl FnMut(f64, u32, &[u8]) -> io::Result<()>,
) -> Result<Exported, Error> {
    let mut reader = Reader::open(input)?;
    let (mut exported, mut conns, mut known) = (Exported::default(), BTreeSet::new(), BTreeSet::new());
    while let Some(head) = reader.next_head()? {
        let is_of_connection = matches!(head.record_type, record_type::FRAME | record_type::CONN_OPEN);
        if is_of_connection && (known.len() < CONNECTIONS_COUNTED_MAX || only == Some(head.conn)) {
            known.insert(head.conn);
        }
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
    if let Some(conn) = only.filter(|only| !known.contains(only)) {
        return Err(Error::UnknownConnection { conn, known });
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
            writeln!(
                f,
                "skipped: {} (only received binary frames are exported)",
                count(self.left_out, "frame")
            )?;
        }
        if self.loss.is_some() {
            writeln!(f, "⚠️ Incomplete: {}", self.loss)?;
        }
        Ok(())
    }
}
