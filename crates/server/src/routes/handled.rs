//! Middleware for sockets on paths that the embedding program handles.

use axum::{
    extract::{FromRequestParts as _, Request, State},
    http::{HeaderValue, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use livetape_feed::hub::Join;

use super::{
    App,
    interactive::{self, SocketRequest},
    query,
};
use crate::{
    access::bearer::{Removed, protocols},
    lobby::Role,
    state::traffic::Asker,
    ws::{
        handshake::{Handshake, select},
        upgrade::Upgrade,
    },
};

/// Middleware that takes the sockets of handled paths, before any route of the same path.
pub(crate) async fn intercept(State(app): State<App>, request: Request, next: Next) -> Response {
    let handlers = app.handlers.as_ref().filter(|_| interactive::asks_for_upgrade(request.headers()));
    let Some(mut hooking) = handlers.and_then(|handlers| handlers.path(request.uri().path())) else {
        return next.run(request).await;
    };
    let (mut parts, _) = request.into_parts();
    let upgrade = match Upgrade::from_request_parts(&mut parts, &app).await {
        Ok(upgrade) => upgrade,
        Err(refusal) => return refusal.into_response(),
    };
    let protocol = select(&protocols(&parts.headers), &hooking.protocols).cloned();
    let role = Role::Handled;
    let mut response = match query::client_id(&parts.uri, app.shared.client_id_chars_max) {
        Err(problem) => interactive::turn_away(&app, upgrade, role, problem),
        Ok(client_id) => {
            let (path, join) = (parts.uri.path().to_owned().into(), Join::default());
            *hooking.handshake = Handshake { protocol: protocol.clone(), ..handshake(parts) };
            let request = SocketRequest {
                path,
                role,
                client_id,
                feed: None,
                join,
                guard: None,
                hooking: Some(hooking),
            };
            interactive::open(&app, upgrade, request).await
        }
    };
    if let Some(protocol) = protocol.and_then(|name| HeaderValue::try_from(name).ok()) {
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    response
}

/// Returns the request as the client sent it, except for tokens of this server.
fn handshake(mut parts: Parts) -> Handshake {
    let address = parts.extensions.get::<Asker>().and_then(|asker| asker.0);
    if let Some(Removed { uri, authorization }) = parts.extensions.remove() {
        parts.uri = uri;
        parts.headers.extend(authorization.map(|value| (header::AUTHORIZATION, value)));
    }
    Handshake::new(&parts.uri, &parts.headers, address.map(|address| address.to_canonical()))
}
