//! A scenario with access to its recordings, and with them loaded, ready to play.

use std::{
    collections::BTreeMap,
    fmt,
    io::{BufReader, Cursor, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use livetape_core::{
    error::{Code, Problem},
    recording::{Error, Loss},
};
use livetape_io::files;

use super::{
    RoomConfig,
    show::{RoomShow, Show},
};
use crate::{
    random::Random,
    scenario::{Change, DEMO, Scenario, State},
};

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

/// Maximum length of a recording, in bytes: its frames are copied, and where they are is held in memory.
const RECORDING_BYTES_MAX: u64 = 1 << 30;

/// Recordings available to scenarios.
#[derive(Clone, Debug)]
pub(crate) struct Recordings {
    /// Base folder of relative paths; the current folder if empty.
    pub(crate) folder: PathBuf,
    /// Recordings that do not come from a file, by name.
    built_in: BTreeMap<String, Opener>,
}

/// Opens a recording for reading.
#[derive(Clone)]
struct Opener(Arc<dyn Fn() -> Opened + Send + Sync>);

type Opened = Result<Box<dyn Read + Send>, Problem>;

impl Opener {
    fn new(open: impl Fn() -> Opened + Send + Sync + 'static) -> Self {
        Self(Arc::new(open))
    }

    fn of_bytes(bytes: Bytes) -> Self {
        Self::new(move || Ok(Box::new(Cursor::new(bytes.clone()))))
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").finish_non_exhaustive()
    }
}

impl Default for Recordings {
    fn default() -> Self {
        #[cfg(feature = "demo")]
        let built_in = [(
            DEMO.to_owned(),
            Opener::of_bytes(Bytes::from_static(include_bytes!("../../recordings/demo.bin"))),
        )];
        // livetape's own program passes the demo in, as it has it already.
        #[cfg(not(feature = "demo"))]
        let built_in = [];
        Self { folder: PathBuf::new(), built_in: built_in.into() }
    }
}

/// A scenario, ready to play.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) scenario: Scenario,
    /// The stages of each user, in order of time; never empty.
    users: Vec<Vec<Stage>>,
    default: Arc<Show>,
    /// Data missing from its recordings.
    pub(crate) loss: Loss,
}

/// A user from a point in time on.
#[derive(Clone, Debug)]
struct Stage {
    /// Time since the start of the mock.
    at: Duration,
    known: Resolved,
}

/// A resolved user and their room.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) name: String,
    pub(crate) room_id: i64,
    pub(crate) state: State,
    /// When the LIVE ends, as time since the start of the mock.
    pub(crate) until: Option<Duration>,
    pub(crate) settings: RoomConfig,
}

impl Resolved {
    /// Whether the room has no stream. The mock reports this to a new socket and closes it.
    pub(crate) fn is_away(&self) -> bool {
        self.state.is_away()
    }

    /// Whether this is the name of the user or the id of the room.
    pub(crate) fn is(&self, user: &str) -> bool {
        self.name.eq_ignore_ascii_case(user) || self.room_id.to_string() == user
    }
}

/// A recording that cannot be played: the index of its user (`None` for the scenario's default) and the
/// reason.
#[derive(Debug)]
pub(crate) struct Unplayable {
    pub(crate) user: Option<usize>,
    pub(crate) message: String,
}

impl Script {
    /// Loads the recordings.
    pub(crate) fn load(scenario: Scenario, recordings: &Recordings) -> Result<Self, Unplayable> {
        let mut shows = BTreeMap::new();
        let mut show = |name: &str, user| match shows.get(name) {
            Some(show) => Ok(Arc::clone(show)),
            None => {
                let show = read(name, recordings).map_err(|message| Unplayable { user, message })?;
                Ok(shows.entry(name.to_owned()).or_insert(Arc::new(show)).clone())
            }
        };
        let default = show(&scenario.recording, None)?;
        let mut script = Self { users: Vec::new(), default, scenario, loss: Loss::default() };
        for (index, user) in script.scenario.users.clone().into_iter().enumerate() {
            let mut show = |name: &str| show(name, Some(index)).map(|show| show.room(&user.name));
            let played = show(user.recording.as_ref().unwrap_or(&script.scenario.recording))?;
            let listed =
                |id: i64| script.scenario.users.iter().any(|other| other.room_ids().any(|it| it == id));
            let taken = |id: i64| listed(id) || script.users.iter().any(|other| other[0].known.room_id == id);
            let free = Some(played.room_id).filter(|id| *id > 0 && !taken(*id));
            let room_id = user.room_id.or(free).unwrap_or_else(|| derived_id(&user.name));
            let mut settings = script.settings(played);
            settings.speed = user.speed.unwrap_or(settings.speed);
            let known =
                Resolved { name: user.name.clone(), room_id, state: user.state, until: None, settings };
            script.users.push(stages(known, &user.changes, &mut show)?);
        }
        shows.values().for_each(|show| script.loss += show.loss);
        Ok(script)
    }

    fn settings(&self, show: Arc<RoomShow>) -> RoomConfig {
        let &Scenario { speed, clock, end, after, compress, history, close_after_ms, .. } = &self.scenario;
        let close_after = Duration::from_millis(close_after_ms);
        RoomConfig { show, speed, clock, end, close_after, after, compress, history }
    }

    /// Returns the user with this name, at a time since the start. Unlisted users get the state in `others`.
    pub(crate) fn by_name(&self, name: &str, now: Duration) -> Resolved {
        let mut users = self.users.iter().map(|stages| current(stages, now));
        let listed = users.find(|user| user.name.eq_ignore_ascii_case(name));
        listed.cloned().unwrap_or_else(|| {
            let played = self.default.room(name);
            let room_id = if played.room_id > 0 { played.room_id } else { derived_id(name) };
            self.other(name, room_id, played)
        })
    }

    /// Returns the room with this id, at a time since the start. A room whose LIVE has ended or not yet begun
    /// is offline. Unlisted ids are rooms too, because a client can connect without a lookup by name.
    pub(crate) fn by_id(&self, room_id: i64, now: Duration) -> Resolved {
        let is_room = |known: &Resolved| known.room_id == room_id;
        let mut users = self.users.iter();
        let listed = users.find_map(|stages| {
            let other = stages.iter().map(|stage| &stage.known).find(|known| is_room(known))?;
            let now = current(stages, now);
            let ended = || Resolved { state: State::Offline, until: None, ..other.clone() };
            Some(if is_room(now) { now.clone() } else { ended() })
        });
        listed.unwrap_or_else(|| {
            let played = self.default.room(&room_id.to_string());
            let name = if played.unique_id.is_empty() { "host".into() } else { played.unique_id.clone() };
            self.other(&name, room_id, played)
        })
    }

    /// Returns the first user of the scenario, or the unlisted user `demo`.
    pub(crate) fn example(&self, now: Duration) -> Resolved {
        let first = self.users.first().map(|stages| current(stages, now));
        first.cloned().unwrap_or_else(|| self.by_name(DEMO, now))
    }

    fn other(&self, name: &str, room_id: i64, played: Arc<RoomShow>) -> Resolved {
        let usual = if self.users.is_empty() { State::Live } else { State::NotFound };
        let state = self.scenario.others.unwrap_or(usual);
        Resolved { name: name.to_owned(), room_id, state, until: None, settings: self.settings(played) }
    }
}

/// Returns the user at a time since the start.
fn current(stages: &[Stage], now: Duration) -> &Resolved {
    let later = stages.partition_point(|stage| stage.at <= now);
    &stages[later.saturating_sub(1)].known
}

/// Applies the changes to a user, one after the other. Each LIVE has its own room, as on TikTok.
fn stages(
    mut known: Resolved,
    changes: &[Change],
    show: &mut impl FnMut(&str) -> Result<Arc<RoomShow>, Unplayable>,
) -> Result<Vec<Stage>, Unplayable> {
    let (name, mut lives) = (known.name.clone(), u32::from(!known.is_away()));
    let mut stages = vec![Stage { at: Duration::ZERO, known: known.clone() }];
    for change in changes {
        if change.starts_live(known.state) {
            if lives > 0 || change.room_id.is_some() {
                known.room_id = change.room_id.unwrap_or_else(|| derived_id(&format!("{name} {lives}")));
            }
            if let Some(recording) = &change.recording {
                known.settings.show = show(recording)?;
            }
            known.settings.speed = change.speed.unwrap_or(known.settings.speed);
            lives += 1;
        }
        known.state = change.state;
        stages.push(Stage { at: change.at, known: known.clone() });
    }
    for index in 0..stages.len() {
        let room_id = stages[index].known.room_id;
        let is_over = |later: &&Stage| later.known.is_away() || later.known.room_id != room_id;
        stages[index].known.until = stages[index + 1..].iter().find(is_over).map(|later| later.at);
    }
    Ok(stages)
}

fn read(name: &str, recordings: &Recordings) -> Result<Show, String> {
    let unplayable = |error| {
        let message = format!("cannot play {name}: {error}");
        if let Error::Write(_) = error {
            return format!("{message}; set {} to another folder", files::TEMPORARY);
        }
        message
    };
    if let Some(Opener(open)) = recordings.built_in.get(name) {
        return Show::read(open().map_err(|problem| problem.to_string())?).map_err(unplayable);
    }
    let path = recordings.folder.join(name);
    let file = files::open_regular(&path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            format!("recording {name} not found")
        } else {
            format!("cannot read {name}: {error}")
        }
    })?;
    if file.metadata().is_ok_and(|metadata| metadata.len() > RECORDING_BYTES_MAX) {
        return Err(format!("{name} is too large: the mock plays up to {} GiB", RECORDING_BYTES_MAX >> 30));
    }
    Show::read(BufReader::new(file)).map_err(unplayable)
}

/// Returns an id derived from a name, always the same.
fn derived_id(name: &str) -> i64 {
    Random::new(0, u64::from(crc32fast::hash(name.to_ascii_lowercase().as_bytes()))).id()
}
