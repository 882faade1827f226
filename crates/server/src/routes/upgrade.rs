//! The WebSocket handshake.

use std::net::IpAddr;

use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::upgrade::{OnUpgrade, Upgraded};
use livetape_core::error::{Code, Problem};
use tungstenite::handshake::derive_accept_key;

use crate::{
    access::bearer::MaskedQuery,
    state::{Asker, Refusal, Traffic},
};

/// Protocol version of RFC 6455.
const VERSION: &str = "13";
/// Length of a decoded `Sec-WebSocket-Key`, in bytes.
const KEY_BYTES: usize = 16;

/// Maximum length of a header that says what the client is, in bytes; the rest is cut off.
const SAID_BYTES_MAX: usize = 256;

/// A valid request for a WebSocket upgrade.
pub(crate) struct Upgrade {
    accept: String,
    on_upgrade: Option<OnUpgrade>,
    /// The query as the client sent it, except for tokens of this server.
    pub(crate) query: String,
    /// Address of the client; `None` for a connection in memory.
    pub(crate) address: Option<IpAddr>,
    /// Headers of the request that say what the client is; empty if absent.
    pub(crate) origin: String,
    pub(crate) agent: String,
    pub(crate) traffic: Traffic,
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let on_upgrade = parts.extensions.remove::<OnUpgrade>();
        let headers = &parts.headers;
        check_version(headers)?;
        if !lists(headers, header::CONNECTION, "upgrade") {
            return Err(upgrade_required().into());
        }
        let key = headers.get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
        let is_key = STANDARD.decode(key).is_ok_and(|key| key.len() == KEY_BYTES);
        let checks = [
            (parts.method == Method::GET, "the method is not `GET`"),
            (lists(headers, header::UPGRADE, "websocket"), "`Upgrade` does not list `websocket`"),
            (headers.contains_key(header::SEC_WEBSOCKET_VERSION), "there is no `Sec-WebSocket-Version`"),
            (is_key, "`Sec-WebSocket-Key` is not 16 bytes in base64"),
            (on_upgrade.is_some(), "HTTP/1.1 is needed"),
        ];
        if let Some((_, message)) = checks.iter().find(|(holds, _)| !holds) {
            let hint = "connect with a WebSocket client, version 13";
            return Err(Problem::new(Code::BadRequest, *message).hint(hint).into());
        }
        let said = |name| {
            let value = headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
            let value = String::from_utf8_lossy(&value[..value.len().min(SAID_BYTES_MAX)]);
            value.into_owned()
        };
        let extensions = &parts.extensions;
        let masked = extensions.get::<MaskedQuery>().map(|query| query.0.as_str());
        Ok(Self {
            accept: derive_accept_key(key),
            on_upgrade,
            origin: said(header::ORIGIN),
            agent: said(header::USER_AGENT),
            query: masked.or(parts.uri.query()).unwrap_or_default().to_owned(),
            address: extensions
                .get::<Asker>()
                .and_then(|asker| asker.0)
                .map(|address| address.to_canonical()),
            traffic: extensions.get::<Traffic>().cloned().unwrap_or_default(),
        })
    }
}

/// Builds the error of a request for a WebSocket that does not ask for an upgrade.
pub(super) fn upgrade_required() -> Problem {
    Problem::new(Code::UpgradeRequired, "WebSocket upgrade required")
}

/// Whether a header that may have several lines lists a word.
fn lists(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let mut listed = lines.flat_map(|line| line.split(|&byte| byte == b','));
    listed.any(|listed| listed.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
}

/// Rejects versions other than the supported one, which the response names.
fn check_version(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(other) = headers.get(header::SEC_WEBSOCKET_VERSION).filter(|version| *version != VERSION) else {
        return Ok(());
    };
    let other = String::from_utf8_lossy(other.as_bytes());
    Err(Problem::new(Code::WebsocketVersion, format!("WebSocket version `{other}` is not supported")))
}

impl Upgrade {
    /// Responds with 101, and then runs a task with the connection.
    pub(crate) fn answer<F>(self, task: impl FnOnce(Upgraded) -> F + Send + 'static) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let on_upgrade = self.on_upgrade;
        tokio::spawn(async move {
            let Some(on_upgrade) = on_upgrade else { return };
            // The client may be gone by now.
            let Ok(io) = on_upgrade.await else { return };
            // Spawn another task: this one would keep the memory of the handshake for the whole session.
            tokio::spawn(task(io));
        });
        let headers = [
            (header::CONNECTION, "upgrade"),
            (header::UPGRADE, "websocket"),
            (header::SEC_WEBSOCKET_ACCEPT, &self.accept),
        ];
        (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
    }
}
