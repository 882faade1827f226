//! The handshake of a WebSocket: axum judges the request, the connection behind the answer is ours.

use axum::{
    body::Body,
    extract::{
        FromRequestParts,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use hyper::upgrade::OnUpgrade;
use tungstenite::{handshake::derive_accept_key, protocol::WebSocketConfig};

use super::stream::WsStream;

/// A request for a WebSocket that can be granted.
pub(crate) struct Upgrade {
    accept: String,
    on_upgrade: Option<OnUpgrade>,
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = WebSocketUpgradeRejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let on_upgrade = parts.extensions.get::<OnUpgrade>().cloned();
        let key = parts.headers.get(header::SEC_WEBSOCKET_KEY);
        let accept = derive_accept_key(key.map(HeaderValue::as_bytes).unwrap_or_default());
        let _checked = WebSocketUpgrade::from_request_parts(parts, state).await?;
        Ok(Self { accept, on_upgrade })
    }
}

impl Upgrade {
    /// The 101. Behind it runs `conversation`.
    pub(crate) fn answer<F>(
        self,
        config: WebSocketConfig,
        conversation: impl FnOnce(WsStream) -> F + Send + 'static,
    ) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let on_upgrade = self.on_upgrade;
        tokio::spawn(async move {
            let Some(on_upgrade) = on_upgrade else { return };
            // The client may be gone by then.
            let Ok(io) = on_upgrade.await else { return };
            // A task of its own: this one would keep, as long as it lasts, the room that the handshake took.
            tokio::spawn(conversation(WsStream::new(io, config).await));
        });
        let headers = [
            (header::CONNECTION, "upgrade"),
            (header::UPGRADE, "websocket"),
            (header::SEC_WEBSOCKET_ACCEPT, &self.accept),
        ];
        (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
    }
}
