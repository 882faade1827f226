//! Renames and deletes recordings.

use std::{fs, sync::Arc};

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
};
use livetape_core::{
    error::{Code, Problem},
    recording::NAME_BYTES_MAX,
};
use livetape_io::files::{self, Disk as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    App, NAME_PATTERN, Name, Shelf, on_thread, plain, read_name,
    shelf::{Changing, ListedRecording, refuse_written},
};
use crate::{routes::body::parse_body, state::refusal::Refusal};

/// Body of `PATCH /recordings/{name}`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rename {
    /// New name of the recording.
    #[schemars(extend("pattern" = NAME_PATTERN), length(max = NAME_BYTES_MAX))]
    name: String,
}

/// Response of `DELETE /recordings/{name}`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Deleted {
    /// Name of the deleted recording.
    deleted: String,
}

pub(crate) async fn rename(
    State(app): State<App>,
    name: Name,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<ListedRecording>, Refusal> {
    let name = read_name(name)?;
    let Rename { name: new } = parse_body(body)?;
    let new = plain(new).map_err(|message| Problem::new(Code::BadRequest, message))?;
    let from = app.hold(&name)?;
    let to = (new != name).then(|| app.hold(&new)).transpose()?;
    let shelf = app.shelf;
    let entry = on_thread(move || {
        let result = move_file(&shelf, &name, &new);
        drop((from, to));
        result
    });
    Ok(Json(entry.await??))
}

fn move_file(shelf: &Arc<Shelf>, name: &str, new: &str) -> Result<ListedRecording, Problem> {
    let (from, to) = (shelf.path(name), shelf.path(new));
    refuse_written(name, &from)?;
    shelf.version(name)?;
    if new != name {
        if to.symlink_metadata().is_ok() {
            return Err(exists(new, "choose another name, or delete that recording first"));
        }
        fs::rename(&from, &to).map_err(|error| shelf.explain(name, &error))?;
        files::System.sync_folder(&to).map_err(|error| shelf.explain(new, &error))?;
    }
    shelf.entry(new)
}

pub(crate) async fn delete(State(app): State<App>, name: Name) -> Result<Json<Deleted>, Refusal> {
    let deleted = read_name(name)?;
    let changing = app.hold(&deleted)?;
    let shelf = app.shelf;
    let name = deleted.clone();
    let done = on_thread(move || {
        let path = shelf.path(&name);
        let result = refuse_written(&name, &path)
            .and_then(|()| shelf.version(&name))
            .and_then(|_| fs::remove_file(&path).map_err(|error| shelf.explain(&name, &error)));
        drop(changing);
        result
    });
    done.await??;
    Ok(Json(Deleted { deleted }))
}

impl App {
    /// Locks a name while its file changes. Fails for the recording that is being replayed, because a seek
    /// reads its file again.
    pub(super) fn hold(&self, name: &str) -> Result<Changing, Problem> {
        let changing = self.shelf.change(name)?;
        if self.replays(name) {
            return Err(Problem::new(Code::RecordingBusy, format!("`{name}` is being replayed")));
        }
        Ok(changing)
    }
}

pub(super) fn exists(name: &str, hint: &str) -> Problem {
    Problem::new(Code::OutputExists, format!("recording `{name}` already exists")).hint(hint)
}
