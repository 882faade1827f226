//! Network logs of Playwright's traces: an entry of a HAR per line, with its frames in a separate file.

use std::io::{BufRead, Read as _};

use serde::Deserialize;

use super::{Error, Json, TEXT_BYTES_MAX, Unpacked, entry, next_line};
use crate::import::captured::{About, Capture, Visit};

/// Maximum length of the first line of a trace's list of actions, in bytes.
const START_BYTES_MAX: u64 = 64 << 10;
/// Ending of the list of actions.
const ACTIONS: &str = ".trace";
const NETWORK: &str = ".network";
/// The list of actions next to a network log that was unpacked.
const UNPACKED_ACTIONS: &str = "trace.trace";

pub(in crate::import) struct Trace<'a>(pub(in crate::import) &'a Unpacked<'a>);

impl Capture for Trace<'_> {
    fn read(&self, visit: &mut dyn Visit) -> Result<(), Error> {
        visit.about(About::Producer("Playwright".into(), self.version().unwrap_or_default()));
        let mut id = 0;
        if self.0.parts().is_empty() {
            return self.lines(self.0.open()?, &mut id, visit);
        }
        self.0.parts().iter().try_for_each(|part| self.lines(self.0.open_part(part)?, &mut id, visit))
    }
}

impl Trace<'_> {
    /// Returns the version of Playwright, on which the times depend.
    fn version(&self) -> Option<String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Start {
            playwright_version: String,
        }
        let actions = match self.0.parts().first() {
            Some(part) => self.0.open_part(&format!("{}{ACTIONS}", part.strip_suffix(NETWORK)?)),
            None => self.0.open_beside(UNPACKED_ACTIONS),
        };
        let mut line = Vec::new();
        actions.ok()?.take(START_BYTES_MAX).read_until(b'\n', &mut line).ok()?;
        serde_json::from_slice(&line).ok().map(|start: Start| start.playwright_version)
    }

    fn lines(&self, mut input: impl BufRead, id: &mut u64, visit: &mut dyn Visit) -> Result<(), Error> {
        let mut line = Vec::new();
        while next_line(&mut input, &mut line, TEXT_BYTES_MAX)? {
            let mut json = Json::whole(std::mem::take(&mut line));
            let read = json.object(|json, name| match name {
                "snapshot" => entry(self.0, *id, json, visit).map(|()| true),
                _ => Ok(false),
            });
            match read.and_then(|()| json.end()) {
                Err(error @ (Error::CutOff { .. } | Error::NotJsonAt { .. } | Error::TooDeep { .. })) => {
                    visit.about(About::Skipped(*id, error.to_string()));
                }
                read => read?,
            }
            line = json.into_bytes();
            *id += 1;
        }
        Ok(())
    }
}
