//! Cuts a range out of a recording and stores it as a new one, scrubbed by default.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write as _},
    sync::Arc,
    time::Duration,
};

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::StatusCode,
};
use livetape_core::{
    error::{Code, Problem},
    recording::NAME_BYTES_MAX,
};
use livetape_io::files::Draft;
use livetape_tools::{
    edit,
    scrub::{self, KEY_BYTES, Key, Scrubber},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{
    App, NAME_PATTERN, Name, Shelf,
    change::exists,
    on_thread, plain, read_name,
    shelf::{Changing, ListedRecording},
    transfer::unwritable,
};
use crate::{
    routes::{
        body::parse_body,
        offset::{Offset, read_offset},
    },
    state::refusal::Refusal,
};

/// Body of `POST /recordings/{name}/cut`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cut {
    /// Name of the new recording.
    #[schemars(extend("pattern" = NAME_PATTERN), length(max = NAME_BYTES_MAX))]
    name: String,
    /// Start of the range; the start of the recording by default.
    #[schemars(with = "Option<Offset>")]
    from: Option<Value>,
    /// End of the range (exclusive); the end of the recording by default.
    #[schemars(with = "Option<Offset>")]
    to: Option<Value>,
    /// Whether to replace names, ids and texts of people.
    #[serde(default = "yes")]
    scrub: bool,
}

fn yes() -> bool {
    true
}

struct Range {
    start: Duration,
    end: Option<Duration>,
    scrub: bool,
}

pub(crate) async fn cut(
    State(app): State<App>,
    name: Name,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<ListedRecording>), Refusal> {
    let name = read_name(name)?;
    let Cut { name: new, from, to, scrub } = parse_body(body)?;
    let new = plain(new).map_err(|message| Problem::new(Code::BadRequest, message))?;
    let read = |value: Option<Value>| {
        let bad = |message| Problem::new(Code::BadRequest, message);
        value.map(|value| read_offset(&value).map_err(bad)).transpose()
    };
    let (start, end) = (read(from)?.unwrap_or_default(), read(to)?);
    let changing = app.hold(&new)?;
    let shelf = app.shelf;
    let made = on_thread(move || make(&shelf, &changing, &name, &new, &Range { start, end, scrub }));
    Ok((StatusCode::CREATED, Json(made.await??)))
}

fn make(
    shelf: &Arc<Shelf>,
    _changing: &Changing,
    name: &str,
    new: &str,
    range: &Range,
) -> Result<ListedRecording, Problem> {
    shelf.version(name)?;
    fs::create_dir_all(&shelf.options.directory).map_err(|error| shelf.explain(new, &error))?;
    let path = shelf.path(new);
    if path.symlink_metadata().is_ok() {
        return Err(exists(new, "choose another name, or delete that recording first"));
    }
    let mut draft = Draft::new(&path, false).map_err(|error| unwritable(shelf, new, error))?;
    if range.scrub {
        // Scrubbing reads the range twice.
        let named = Draft::new(&path.with_extension("named"), true);
        let mut named = named.map_err(|error| unwritable(shelf, new, error))?;
        write_range(shelf, name, new, range, &mut named)?;
        let open =
            || File::open(named.part()).map(BufReader::new).map_err(|error| shelf.explain(new, &error));
        let mut out = BufWriter::new(&mut draft);
        scrub::scrub(open()?, open()?, &mut out, Scrubber::new(random_key()))
            .map_err(|error| Problem::new(Code::BadRecording, format!("cannot scrub {name}: {error}")))?;
        out.flush().map_err(|error| shelf.explain(new, &error))?;
    } else {
        write_range(shelf, name, new, range, &mut draft)?;
    }
    draft.keep().map_err(|error| unwritable(shelf, new, error))?;
    shelf.entry(new)
}

fn write_range(
    shelf: &Arc<Shelf>,
    name: &str,
    new: &str,
    range: &Range,
    draft: &mut Draft,
) -> Result<(), Problem> {
    let mut out = BufWriter::new(draft);
    edit::cut(shelf.bytes(name)?, &mut out, range.start, range.end).map_err(|error| match error {
        edit::Error::Recording(error) => Problem::new(error.code(), format!("cannot cut {name}: {error}")),
        error => Problem::new(Code::BadRequest, format!("cannot cut {name}: {error}")),
    })?;
    out.flush().map_err(|error: io::Error| shelf.explain(new, &error))
}

/// Makes a key that is used once and never stored, so that nobody can link the replaced names.
fn random_key() -> Key {
    let mut bytes = [0; KEY_BYTES];
    for half in bytes.chunks_mut(KEY_BYTES / 2) {
        half.copy_from_slice(Uuid::new_v4().as_bytes());
    }
    Key::new(&bytes)
}
