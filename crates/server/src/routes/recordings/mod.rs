//! `/recordings`: lists, reads and changes recordings. Takes names rather than paths, because the client may
//! be a web page.

mod cache;
#[cfg(feature = "import")]
mod capture;
mod change;
mod excerpt;
mod report;
mod shelf;
mod transfer;

use std::path::PathBuf;

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
};
pub(crate) use change::{Deleted, Rename, delete, rename};
pub(crate) use excerpt::{Cut, cut};
use livetape_core::{
    error::{Code, Problem},
    recording::is_plain_name,
};
use livetape_engine::recorder::FOLDER;
use livetape_tools::{info::Info, timeline::BUCKETS_MAX};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shelf::Whole;
pub(crate) use shelf::{ListedRecording, Shelf};
pub(crate) use transfer::{download, upload};

use super::App;
use crate::state::refusal::Refusal;

/// Where recordings are stored, and limits of uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recordings {
    /// Directory with the recordings: files that end in `.bin`.
    pub directory: PathBuf,
    pub upload_bytes_max: u64,
}

/// Default maximum length of an upload, in bytes: about a day of a busy room.
const UPLOAD_BYTES_MAX: u64 = 2 << 30;
/// Default number of buckets in a timeline.
const BUCKETS: usize = 120;

impl Default for Recordings {
    fn default() -> Self {
        Self { directory: FOLDER.into(), upload_bytes_max: UPLOAD_BYTES_MAX }
    }
}

/// Response of `GET /recordings`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RecordingList {
    /// By name; the built-in recording comes first.
    recordings: Vec<ListedRecording>,
    /// Number of files that are not listed: too many, or their names are not allowed.
    unlisted: usize,
}

/// Response of `GET /recordings/{name}`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecordingDetails {
    name: String,
    /// Size of the file, in bytes.
    bytes: u64,
    /// Whether it is part of the program and read-only.
    built_in: bool,
    /// Whether it is being replayed.
    replaying: bool,
    #[serde(flatten)]
    info: Info,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InfoQuery {
    /// Maximum number of buckets in the timeline.
    buckets: Option<usize>,
}

/// The recording's name in the path, as the router extracts it.
type Name = Result<Path<String>, PathRejection>;

pub(crate) async fn list(State(app): State<App>) -> Result<Json<RecordingList>, Refusal> {
    let shelf = app.shelf;
    let (recordings, unlisted) = on_thread(move || shelf.list()).await??;
    Ok(Json(RecordingList { recordings, unlisted }))
}

pub(crate) async fn info(
    State(app): State<App>,
    name: Name,
    query: Result<Query<InfoQuery>, QueryRejection>,
) -> Result<Json<RecordingDetails>, Refusal> {
    let name = read_name(name)?;
    let InfoQuery { buckets } = read_query(query)?;
    let buckets = buckets.unwrap_or(BUCKETS);
    if !(1..=BUCKETS_MAX).contains(&buckets) {
        let message = format!("`buckets` must be a number from 1 to {BUCKETS_MAX}");
        return Err(Problem::new(Code::BadRequest, message).into());
    }
    let whole = app.shelf.whole(&name).await?;
    let Whole { bytes, built_in, info, chart } = &*whole;
    Ok(Json(RecordingDetails {
        replaying: app.replays(&name),
        bytes: *bytes,
        built_in: *built_in,
        info: Info { timeline: chart.timeline(buckets), ..info.clone() },
        name,
    }))
}

impl App {
    fn replays(&self, name: &str) -> bool {
        self.shared.control.replay().is_some_and(|replay| replay.recording == name)
    }
}

/// Runs blocking work on another thread, so that file access and chart computation delay no socket.
async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let broken = |_| Problem::new(Code::Io, "reading the recording failed");
    tokio::task::spawn_blocking(work).await.map_err(broken)
}

fn read_name(name: Name) -> Result<String, Problem> {
    let Path(name) = name.map_err(|rejection| Problem::new(Code::BadRequest, rejection.body_text()))?;
    plain(name).map_err(|message| Problem::new(Code::BadRequest, message))
}

fn read_query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    let Query(query) = query.map_err(|rejection| Problem::new(Code::BadRequest, rejection.body_text()))?;
    Ok(query)
}

/// Names that [`plain`] accepts, apart from their length and from invisible characters.
pub(crate) const NAME_PATTERN: &str = r#"^[^\s./\\:"%]([^/\\:"%]*[^\s/\\:"%])?$"#;

/// Accepts plain names only, so that REST opens no file outside the directory.
pub(crate) fn plain(name: String) -> Result<String, String> {
    if is_plain_name(&name) {
        return Ok(name);
    }
    Err(format!("`{}` is not the name of a recording", name.escape_debug()))
}
