//! `POST /inject`: broadcasts synthetic events as if TikTok had sent them.

use std::time::Duration;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::Uri,
};
use livetape_core::{
    error::{Code, Problem},
    inject::parse,
};
use livetape_feed::control::{Injected, shutting_down};
use livetape_io::clock;
use tokio::{select, time::sleep_until};

use super::{App, body::parse_body, query};
use crate::state::refusal::Refusal;

const WAIT_CLIENTS_MAX: Duration = Duration::from_secs(30);

pub(crate) async fn inject(
    State(app): State<App>,
    uri: Uri,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Injected>, Refusal> {
    let wait_clients = wait_clients(&uri, app.shared.subscribers_max)?;
    let request = parse(parse_body(body)?)?;
    wait_for(&app, wait_clients).await?;
    Ok(Json(app.shared.control.inject(request).await?))
}

/// Number of clients to wait for before injecting.
fn wait_clients(uri: &Uri, clients_max: usize) -> Result<usize, Problem> {
    let mut wait_clients = 0;
    for (key, value) in query::pairs(uri)? {
        if key != "wait_clients" {
            return Err(query::unknown_key(&key, &["wait_clients"]));
        }
        wait_clients = value.parse().ok().filter(|&count| count <= clients_max).ok_or_else(|| {
            let message = format!("`wait_clients` is not a valid number: `{value}`");
            Problem::new(Code::BadRequest, message).hint(format!("write a number from 0 to {clients_max}"))
        })?;
    }
    Ok(wait_clients)
}

async fn wait_for(app: &App, clients: usize) -> Result<(), Problem> {
    select! {
        biased;
        () = app.shared.hub.wait_for_subscribers(clients) => Ok(()),
        () = app.shared.control.shutdown().cancelled() => {
            Err(shutting_down())
        }
        () = sleep_until(clock::now() + WAIT_CLIENTS_MAX) => {
            let (there, seconds) = (app.shared.hub.subscriber_count(), WAIT_CLIENTS_MAX.as_secs());
            let message = format!("{there} of {clients} clients were connected after {seconds} s");
            Err(Problem::new(Code::TooFewClients, message))
        }
    }
}
