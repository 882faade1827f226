//! Middleware for sockets on paths that the embedding program handles.

use axum::{
    extract::{FromRequestParts as _, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{
    App,
    interactive::{self, SocketRequest},
    query,
};
use crate::{hub::Join, lobby::Role, server::ws::upgrade::Upgrade};

/// Middleware that takes the sockets of handled paths, before any route of the same path.
pub(crate) async fn intercept(State(app): State<App>, request: Request, next: Next) -> Response {
    let handlers = app.handlers.as_ref().filter(|_| interactive::asks_for_upgrade(request.headers()));
    let Some(hooking) = handlers.and_then(|handlers| handlers.path(request.uri().path())) else {
        return next.run(request).await;
    };
    let (mut parts, _) = request.into_parts();
    let upgrade = match Upgrade::from_request_parts(&mut parts, &app).await {
        Ok(upgrade) => upgrade,
        Err(refusal) => return refusal.into_response(),
    };
    let role = Role::Handled;
    match query::client_id(&parts.uri, app.shared.client_id_chars_max) {
        Err(problem) => interactive::turn_away(&app, upgrade, role, problem),
        Ok(client_id) => {
            let (path, join) = (parts.uri.path().to_owned().into(), Join::default());
            let request = SocketRequest {
                path,
                role,
                client_id,
                feed: None,
                join,
                lease: None,
                hooking: Some(hooking),
            };
            interactive::open(&app, upgrade, request)
        }
    }
}
