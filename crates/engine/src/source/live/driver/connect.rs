//! One connection attempt: from a user name to an open socket.

use bytes::Bytes;
use livetape_core::{
    error::Code,
    recording::{
        What,
        records::{ConnOpen, http::Role},
    },
    session::Session,
};
use tungstenite::http::HeaderMap;

use super::{
    super::{
        direct,
        failure::Failure,
        lookup,
        sign::{self, Signed},
        socket,
        transport::{Received, Socket},
        url,
    },
    Driver,
};

/// HTTP status of a successful upgrade.
const SWITCHING_PROTOCOLS: u32 = 101;

pub(super) struct Link {
    pub(super) socket: Socket,
    pub(super) session: Session,
    pub(super) received: Received,
}

/// How to open the socket.
struct SocketTarget {
    url: String,
    cookie: String,
    room_id: i64,
    signed: Option<Signed>,
}

impl Driver {
    /// Looks up the user and opens the socket.
    pub(super) async fn connect(&mut self) -> Result<Link, Failure> {
        let user = self.options.username()?;
        let session_cookie = self.options.session_cookie();
        let cookie = session_cookie.as_deref().unwrap_or_default();
        let room_id = lookup::look_up(&mut self.upstream, &user, cookie).await?.live()?;
        let target = self.find_target(room_id).await?;
        let cookie = [Some(target.cookie.clone()), session_cookie]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("; ");
        let opened = socket::open(&mut self.upstream, target.url.clone(), &cookie).await?;
        self.note_open(user, &target, &opened.headers);
        let mut session = Session::new(target.room_id);
        if let Some(signed) = &target.signed {
            let body = self.note_initial_batch(signed);
            session.handle_initial_batch(&body);
        }
        session.handle_opened(self.upstream.now());
        Ok(Link { socket: opened.socket, session, received: opened.received })
    }

    /// Uses the sign server if configured, otherwise connects directly. Falls back only if the sign server is
    /// unavailable, not if it rejects the request.
    async fn find_target(&mut self, room_id: i64) -> Result<SocketTarget, Failure> {
        if self.options.uses_sign_server() {
            match sign::sign(&mut self.upstream, &self.options, room_id, &mut self.random).await {
                Ok(signed) => {
                    let (url, cookie) = (signed.socket_url.clone(), signed.cookie.clone());
                    return Ok(SocketTarget { url, cookie, room_id: signed.room_id, signed: Some(signed) });
                }
                Err(failure) if failure.may_fall_back => self.note_fallback(&failure),
                Err(failure) => return Err(failure),
            }
        }
        let cookie = match &self.cookie {
            Some(cookie) => cookie.clone(),
            None => direct::get_cookie(&mut self.upstream).await?,
        };
        self.cookie = Some(cookie.clone());
        let url = direct::socket_url(&self.upstream.origins.socket, room_id, &mut self.random);
        Ok(SocketTarget { url, cookie, room_id, signed: None })
    }

    fn note_open(&mut self, unique_id: String, target: &SocketTarget, headers: &HeaderMap) {
        let open = ConnOpen {
            room_id: target.room_id,
            unique_id,
            attempt: self.retry.attempt(),
            url: url::shown(&target.url),
            handshake_status: SWITCHING_PROTOCOLS,
            headers: self.upstream.redact.headers(headers),
        };
        self.upstream.note(What::ConnOpen(open));
    }

    /// Records the first batch after the opening, so that its messages belong to the room that the opening
    /// names.
    fn note_initial_batch(&mut self, signed: &Signed) -> Bytes {
        self.upstream.note_http(Role::InitialBatch, &signed.request, &signed.answer, true);
        signed.answer.body.clone()
    }

    fn note_fallback(&mut self, failure: &Failure) {
        let detail = format!("{}; connecting without it", failure.detail);
        let failure = Failure { detail, ..failure.clone() };
        self.note_status(&failure, Some(std::time::Duration::ZERO));
    }

    /// Discards state that the next attempt should not reuse.
    pub(super) fn forget(&mut self, code: Code) {
        if matches!(code, Code::Blocked | Code::HandshakeRefused) {
            self.cookie = None;
        }
    }
}
