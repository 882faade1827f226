//! `/overlays.json`, `/overlays/{kind}/{name}` and its settings: overlays that are saved under a name, whose links stay.

mod store;

use axum::{
    body::Bytes,
    extract::{
        Path, State,
        rejection::{BytesRejection, PathRejection},
    },
    http::StatusCode,
};
use livetape_core::error::{Code, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{App, given, parse_body, path_params};
use crate::{
    state::{ErrorResponse, Json},
    ws::session::Session,
};

pub(crate) use store::{OverlayId, Overlays};
use store::{SETTINGS_BYTES_MAX, SETTINGS_PATTERN, Saved, check};

/// A saved overlay in responses.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SavedOverlay {
    /// `alerts`, `battle`, `chat`, `goal`, `leaderboard` or `viewers`.
    kind: &'static str,
    /// Name of the overlay, as it was first saved.
    name: String,
    /// Its settings, as in the query of a link: `colour=gold&size=30`.
    settings: String,
}

impl From<Saved> for SavedOverlay {
    fn from(Saved { id: OverlayId { kind, name }, settings }: Saved) -> Self {
        Self { kind, name, settings }
    }
}

/// Response of `GET /overlays.json`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OverlayList {
    /// By kind and name.
    overlays: Vec<SavedOverlay>,
    /// Why the file of overlays cannot be read; `null` if it can.
    problem: Option<String>,
    /// Names of damaged files that were kept beside it.
    damaged: Vec<String>,
}

/// Body of `PUT /overlays/{kind}/{name}/settings`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSettings {
    /// The settings, as in the query of a link.
    #[schemars(extend("pattern" = SETTINGS_PATTERN), length(max = SETTINGS_BYTES_MAX))]
    settings: String,
    /// The settings that they replace, as last read. Without them, the name has to be new.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "String")]
    replaces: Option<String>,
}

/// Kind and name in the path.
pub(super) type KindAndName = Result<Path<(String, String)>, PathRejection>;

pub(super) fn read_id(path: KindAndName) -> Result<OverlayId, Problem> {
    let (kind, name) = path_params(path)?;
    OverlayId::new(&kind, &name)
}

pub(super) fn missing(id: &OverlayId) -> Problem {
    Problem::new(Code::NotFound, format!("the overlay `{id}` is not saved"))
        .hint("GET /overlays.json lists those that are")
}

pub(crate) async fn list(State(app): State<App>) -> Result<Json<OverlayList>, ErrorResponse> {
    let (saved, damaged) = app.overlays.list().await?;
    let problem = saved.as_ref().err().cloned();
    let overlays = saved.unwrap_or_default().into_iter().map(SavedOverlay::from).collect();
    Ok(Json(OverlayList { overlays, problem, damaged }))
}

pub(crate) async fn settings(
    State(app): State<App>,
    path: KindAndName,
) -> Result<Json<SavedOverlay>, ErrorResponse> {
    let id = read_id(path)?;
    let saved = app.overlays.find(&id).await?.ok_or_else(|| missing(&id))?;
    Ok(Json(saved.into()))
}

pub(crate) async fn save(
    State(app): State<App>,
    path: KindAndName,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<SavedOverlay>), ErrorResponse> {
    let NewSettings { settings, replaces } = parse_body(body)?;
    check(&settings)?;
    let id = read_id(path)?;
    let task = async move |app: App| {
        let turn = app.overlays.turn().await;
        let (saved, is_new) = turn.save(id, settings, replaces).await?;
        app.tell_pages(&saved.id, Some(&saved));
        Ok((saved, is_new))
    };
    let (saved, is_new) = to_its_end(app, task).await?;
    Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, Json(saved.into())))
}

pub(crate) async fn delete(
    State(app): State<App>,
    path: KindAndName,
) -> Result<Json<SavedOverlay>, ErrorResponse> {
    let id = read_id(path)?;
    let task = async move |app: App| {
        let turn = app.overlays.turn().await;
        let deleted = turn.delete(&id).await?.ok_or_else(|| missing(&id))?;
        app.tell_pages(&deleted.id, None);
        Ok(deleted)
    };
    Ok(Json(to_its_end(app, task).await?.into()))
}

/// Runs a change to its end, even if the client leaves: open pages have to learn of all that is saved.
async fn to_its_end<T: Send + 'static, F: Future<Output = Result<T, Problem>> + Send + 'static>(
    app: App,
    task: impl FnOnce(App) -> F,
) -> Result<T, Problem> {
    let broken = |_| Problem::new(Code::Io, "saving the overlay failed");
    let writing = app.shelf.writing.clone();
    writing.spawn(task(app)).await.map_err(broken)?
}

/// Tells a page the settings of the overlay that it shows, when it connects and when they change.
#[derive(Serialize)]
#[serde(tag = "type", rename = "overlay")]
struct OverlayMessage<'a> {
    overlay: String,
    settings: Option<&'a str>,
}

fn message(id: &OverlayId, saved: Option<&Saved>) -> Bytes {
    let settings = saved.map(|saved| saved.settings.as_str());
    serde_json::to_vec(&OverlayMessage { overlay: id.to_string(), settings }).unwrap_or_default().into()
}

impl App {
    /// Tells the open pages of an overlay its settings, or that it is no longer saved.
    fn tell_pages(&self, id: &OverlayId, saved: Option<&Saved>) {
        self.sockets.with(|lobby| lobby.tell_overlay(&id.key(), message(id, saved)));
    }

    /// Registers a socket that shows an overlay, and tells it the settings. Changes wait, so that it learns of the
    /// last one last.
    pub(super) async fn admit_overlay<E>(
        &self,
        id: &OverlayId,
        admit: impl FnOnce() -> Result<Box<Session>, E>,
    ) -> Result<Box<Session>, E> {
        let turn = self.overlays.turn().await;
        let session = admit()?;
        match turn.find(id).await {
            Ok(saved) => session.handle.tell(message(id, saved.as_ref())),
            // The page keeps the settings that it has.
            Err(problem) => warn!(code = problem.code.name(), "❌ {problem}"),
        }
        Ok(session)
    }
}
