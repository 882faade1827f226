//! `/connect` and `/test`: connect to a room, or check whether a user is live.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use livetape_core::error::{Code, Problem};
use livetape_feed::control::{Check, Status};

use super::App;
use crate::state::refusal::Refusal;

type User = Result<Path<String>, PathRejection>;

/// Responds once the first attempt has succeeded or failed.
pub(crate) async fn connect(State(app): State<App>, user: User) -> Result<Json<Status>, Refusal> {
    Ok(Json(app.shared.control.connect(name(user)?).await?))
}

pub(crate) async fn disconnect(State(app): State<App>, user: User) -> Result<Json<Status>, Refusal> {
    Ok(Json(app.shared.control.disconnect(name(user)?).await?))
}

pub(crate) async fn test(State(app): State<App>, user: User) -> Result<Json<Check>, Refusal> {
    Ok(Json(app.shared.control.test(name(user)?).await?))
}

/// Returns the parameters of a path.
pub(crate) fn name<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Problem> {
    let Path(name) = path.map_err(|rejection| Problem::new(Code::BadRequest, rejection.body_text()))?;
    Ok(name)
}
