//! `/recordings`: what there is to replay. Names, never paths: whoever asks may be a web page.

mod cache;
mod change;
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
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub(crate) use shelf::ListedRecording;
pub(crate) use shelf::Shelf;
use shelf::Whole;
pub(crate) use transfer::{download, upload};

use super::App;
use crate::{
    recorder::FOLDER,
    sans_io::{
        error::{Code, Problem},
        recording::is_plain_name,
    },
    server::state::refusal::Refusal,
    tools::{info::Info, timeline::BUCKETS_MAX},
};

/// Which recordings there are, and what may be uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recordings {
    /// Where they are: files with the ending `.bin`.
    pub directory: PathBuf,
    /// The longest upload, in bytes.
    pub upload_bytes_max: u64,
}

/// The longest upload, unless told otherwise: a day of a busy room.
const UPLOAD_BYTES_MAX: u64 = 2 << 30;
/// Buckets of a timeline, unless told otherwise.
const BUCKETS: usize = 120;

impl Default for Recordings {
    fn default() -> Self {
        Self { directory: FOLDER.into(), upload_bytes_max: UPLOAD_BYTES_MAX }
    }
}

/// The answer of `GET /recordings`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct List {
    /// By name; the built-in one first.
    recordings: Vec<ListedRecording>,
    /// Files that are not listed, because there are too many.
    unlisted: usize,
}

/// The answer of `GET /recordings/{name}`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Details {
    name: String,
    /// The size of the file.
    bytes: u64,
    /// Whether it is part of the program, and cannot be changed.
    built_in: bool,
    /// Whether it is being replayed.
    replaying: bool,
    #[serde(flatten)]
    info: Info,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InfoQuery {
    /// How many buckets the timeline has at most.
    buckets: Option<usize>,
}

/// The path's name, as the router hands it out.
type Name = Result<Path<String>, PathRejection>;

pub(crate) async fn list(State(app): State<App>) -> Result<Json<List>, Refusal> {
    let shelf = app.shelf;
    let (recordings, unlisted) = on_thread(move || shelf.list()).await??;
    Ok(Json(List { recordings, unlisted }))
}

pub(crate) async fn info(
    State(app): State<App>,
    name: Name,
    query: Result<Query<InfoQuery>, QueryRejection>,
) -> Result<Json<Details>, Refusal> {
    let name = read_name(name)?;
    let InfoQuery { buckets } = read_query(query)?;
    let buckets = buckets.unwrap_or(BUCKETS);
    if !(1..=BUCKETS_MAX).contains(&buckets) {
        let message = format!("`buckets` is a number from 1 to {BUCKETS_MAX}");
        return Err(Problem::new(Code::BadRequest, message).into());
    }
    let whole = app.shelf.whole(&name).await?;
    let Whole { bytes, built_in, info, chart } = &*whole;
    Ok(Json(Details {
        replaying: app.replays(&name),
        bytes: *bytes,
        built_in: *built_in,
        info: Info { timeline: chart.timeline(buckets), ..info.clone() },
        name,
    }))
}

impl App {
    /// Whether that recording is in the player.
    fn replays(&self, name: &str) -> bool {
        self.shared.control.replay().is_some_and(|replay| replay.recording == name)
    }
}

/// Files are slow, and charts take computing: neither holds up a socket.
async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let broken = |_| Problem::new(Code::Io, "reading the recording broke off");
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

/// A name and no path: REST opens nothing outside the directory.
pub(crate) fn plain(name: String) -> Result<String, String> {
    if is_plain_name(&name) { Ok(name) } else { Err(format!("`{name}` is not the name of a recording")) }
}
