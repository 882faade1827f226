//! Recordings that a case changes.

use bytes::Bytes;

use super::{Gates, Step, Tape};
use crate::{
    cases::{change, table::Case},
    sans_io::{
        error::{Code, Problem},
        recording::{self, Item, MINOR, What, Writer},
    },
};

impl Tape {
    /// Returns the recording as a case changes it. A changed one is held in memory.
    ///
    /// # Errors
    /// `bad_request` if it has more than `bytes_max`; any failure of reading it.
    pub(crate) fn changed(&self, case: &Case, bytes_max: u64) -> Result<Self, Problem> {
        if self.bytes() > bytes_max {
            let message =
                format!("{} has more than {} MiB, the maximum for a case", self.name, bytes_max >> 20);
            return Err(Problem::new(Code::BadRequest, message).hint("use a part of it: `livetape cut`"));
        }
        let mut tape = self.clone();
        if let Some(change) = case.change {
            let mut items = self.items()?;
            items.retain(|item| !matches!(item.what, What::Checkpoint(_) | What::End(_)));
            items = change::change(change, items);
            tape = Self::from_items(&self.name, &items)?;
        }
        tape.case = Some(case.name);
        Ok(tape)
    }

    /// Returns a recording with these items, which is held in memory.
    ///
    /// # Errors
    /// If an item cannot be written.
    pub(crate) fn from_items(name: &str, items: &[Item]) -> Result<Self, Problem> {
        let written = write(items);
        written.map(|bytes| Self::from_bytes(name, bytes)).map_err(|error| unwritable(&error))
    }

    /// Lets replays wait at these places.
    pub(crate) fn with_gates(self, gates: Gates) -> Self {
        Self { gates: Some(gates), ..self }
    }

    /// Returns all items.
    ///
    /// # Errors
    /// Any failure of reading it.
    pub(crate) fn items(&self) -> Result<Vec<Item>, Problem> {
        let item = |step| match step {
            Step::Item(item) => Some(item),
            _ => None,
        };
        Ok(self.steps()?.filter_map(item).collect())
    }
}

fn write(items: &[Item]) -> Result<Bytes, recording::Error> {
    let mut file = Vec::new();
    let mut writer = Writer::transcribe(&mut file, MINOR)?;
    items.iter().try_for_each(|item| writer.write(item))?;
    writer.finish()?;
    Ok(file.into())
}

fn unwritable(error: &recording::Error) -> Problem {
    Problem::new(Code::Io, format!("cannot write the changed recording: {error}"))
}
