//! A scenario with access to its recordings.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use livetape_core::error::{Code, Problem};

use super::script::{Opener, Recordings, Script};
use crate::scenario::Scenario;
use livetape_io::files;

/// Hint for mistakes in a scenario.
const CHECK_PATH: &str =
    "check the path of the scenario, a file in TOML; it is relative to the current folder";
const FORMAT: &str = r#"write TOML such as: others = "offline", then [[fault]] with at = "sign", kind = "status", status = 429, times = 2"#;

/// A scenario together with its recordings, which are read from files or passed in.
///
/// ```
/// # const DEMO_BYTES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/demo.bin"));
/// use livetape_mock::{MockTikTok, Scenario, ScenarioFile};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let file = ScenarioFile::from(Scenario::live("ann").recording("show"));
/// assert!(MockTikTok::in_memory(file.clone()).is_err(), "there is no such recording");
/// let mock = MockTikTok::in_memory(file.with_recording("show", DEMO_BYTES)).unwrap();
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct ScenarioFile {
    /// The behaviour of the mock.
    pub scenario: Scenario,
    recordings: Recordings,
    /// Path and text of the scenario's file.
    read_from: Option<(PathBuf, String)>,
}

impl From<Scenario> for ScenarioFile {
    fn from(scenario: Scenario) -> Self {
        Self { scenario, ..Self::default() }
    }
}

impl ScenarioFile {
    /// Reads a scenario from a file. Paths of recordings are relative to its folder.
    ///
    /// ```
    /// # use livetape_mock::ScenarioFile;
    /// assert!(ScenarioFile::read("no such file.toml".as_ref()).is_err());
    /// ```
    ///
    /// # Errors
    /// Fails with `io` or `bad_request`; the message contains file, line and column.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        let shown = path.display();
        let text = files::read_text(path).map_err(|error| {
            Problem::new(Code::Io, format!("cannot read {shown}: {error}")).hint(CHECK_PATH)
        })?;
        let scenario = Scenario::parse(&text)
            .map_err(|error| Problem::new(Code::BadRequest, format!("{shown}: {error}")).hint(FORMAT))?;
        let file = Self { scenario, read_from: Some((path.to_owned(), text)), ..Self::default() };
        Ok(file.in_folder(path.parent().unwrap_or(Path::new(""))))
    }

    /// Resolves paths of recordings relative to this folder instead of the current one.
    #[must_use]
    pub fn in_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.recordings.folder = folder.into();
        self
    }

    /// Adds a recording that scenarios can use by this name, without a file.
    #[must_use]
    pub fn with_recording(mut self, name: impl Into<String>, recording: impl Into<Bytes>) -> Self {
        self.recordings.built_in.insert(name.into(), Opener::of_bytes(recording.into()));
        self
    }

    /// Like [`with_recording`](Self::with_recording), for one that is too large for memory. Hidden, because only the
    /// judge of `livetape` plays such recordings.
    #[doc(hidden)]
    #[must_use]
    pub fn with_opener(
        mut self,
        name: impl Into<String>,
        open: impl Fn() -> Result<Box<dyn Read + Send>, Problem> + Send + Sync + 'static,
    ) -> Self {
        self.recordings.built_in.insert(name.into(), Opener::new(open));
        self
    }

    /// Loads the recordings. Also returns them, because a later scenario can use them.
    pub(crate) fn load(self) -> Result<(Script, Recordings), Problem> {
        let Self { scenario, recordings, read_from } = self;
        scenario.check().map_err(|message| Problem::new(Code::BadRequest, message).hint(FORMAT))?;
        let recording = scenario.recording.clone();
        let script = Script::load(scenario, &recordings).map_err(|error| {
            // If the scenario was changed after parsing, its text cannot locate the error.
            let is_there = |text: &str| Scenario::parse(text).is_ok_and(|read| read.recording == recording);
            let message = match read_from.filter(|(_, text)| is_there(text)) {
                Some((path, text)) => {
                    let error = Scenario::error_at_user(&text, error.user, &error.message);
                    format!("{}: {error}", path.display())
                }
                None => error.message,
            };
            Problem::new(Code::RecordingNotFound, message)
                .hint("use `demo`, or the path of a recording relative to the scenario")
        })?;
        Ok((script, recordings))
    }
}
