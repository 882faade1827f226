//! Recordings that a case changes.

use std::io;

use livetape_cases::{change, table::Case};
use livetape_core::{
    error::{Code, Problem},
    recording::{self, Item, MINOR, What, Writer},
};
use livetape_io::files::Spool;

use super::{Gates, Step, Storage, Tape};

impl Tape {
    /// Returns the recording as a case changes it.
    ///
    /// # Errors
    /// `bad_request` if it has more than `bytes_max`; any failure of reading it.
    pub fn changed(&self, case: &Case, bytes_max: u64) -> Result<Self, Problem> {
        if self.bytes() > bytes_max {
            let message =
                format!("{} has more than {} MiB, the maximum for a case", self.name, bytes_max >> 20);
            return Err(Problem::new(Code::BadRequest, message).hint("use a part of it: `livetape cut`"));
        }
        let mut tape = self.clone();
        if let Some(change) = case.change {
            let items = self.items()?.filter(|item| !matches!(item.what, What::Checkpoint(_) | What::End(_)));
            tape = Self::from_items(&self.name, &change::change(change, items.collect()))?;
        }
        tape.case = Some(case.name);
        Ok(tape)
    }

    /// # Errors
    /// If an item cannot be written.
    pub fn from_items(name: &str, items: &[Item]) -> Result<Self, Problem> {
        let spool = Spool::written(|file| {
            let written = || {
                let mut writer = Writer::transcribe(file, MINOR)?;
                items.iter().try_for_each(|item| writer.write(item))?;
                writer.finish().map(drop)
            };
            written().map_err(io::Error::other::<recording::Error>)
        });
        let unwritable =
            |error| Problem::new(Code::Io, format!("cannot write the changed recording: {error}"));
        Ok(Self::new(name, Storage::Spool(spool.map_err(unwritable)?)))
    }

    /// Lets replays wait at these places.
    #[must_use]
    pub fn with_gates(self, gates: Gates) -> Self {
        Self { gates: Some(gates), ..self }
    }

    /// # Errors
    /// Any failure of reading it.
    pub fn items(&self) -> Result<impl Iterator<Item = Item> + use<>, Problem> {
        let item = |step| match step {
            Step::Item(item) => Some(item),
            _ => None,
        };
        Ok(self.steps()?.filter_map(item))
    }
}
