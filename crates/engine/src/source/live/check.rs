//! Checks whether a user can be connected to, without connecting.

use std::time::Duration;

use livetape_core::{
    error::{Code, Problem},
    retry::{Decision, Retry},
};
use livetape_feed::control::LookedUp;
use livetape_io::clock;

use super::{LiveOptions, SharedTransport, failure::Failure, lookup, upstream::Upstream};

/// Result of a check. Fields that could not be determined are `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub exists: Option<bool>,
    pub live: Option<bool>,
    /// Id of the user's room; `None` if the user has never been live.
    pub room_id: Option<i64>,
    /// Whether connecting is likely to succeed.
    pub can_connect: bool,
    pub why: Option<Problem>,
    /// Time to wait before the next request, according to the server.
    pub wait: Option<Duration>,
}

impl From<LookedUp> for Check {
    fn from(LookedUp { problem, room_id, .. }: LookedUp) -> Self {
        let exists = Some(problem.code != Code::UserNotFound);
        Self { exists, live: Some(false), room_id, can_connect: false, why: Some(problem), wait: None }
    }
}

/// Looks up a user, and retries like a connection attempt if the user is not found. Takes at most a minute,
/// unless other look-ups are queued.
pub async fn check(options: &LiveOptions, transport: impl Into<SharedTransport>) -> Check {
    match look_up(options, transport.into()).await {
        Ok(room) => Check {
            exists: Some(true),
            live: Some(room.is_live()),
            room_id: room.known_id(),
            can_connect: room.is_live(),
            why: room.live().err().map(Problem::from),
            wait: None,
        },
        Err(failure) => Check {
            exists: match failure.code {
                Code::UserNotFound | Code::InvalidUsername => Some(false),
                Code::AgeRestricted => Some(true),
                _ => None,
            },
            live: matches!(failure.code, Code::UserNotFound | Code::InvalidUsername).then_some(false),
            room_id: None,
            can_connect: false,
            wait: failure.wait,
            why: Some(failure.into()),
        },
    }
}

async fn look_up(options: &LiveOptions, transport: SharedTransport) -> Result<lookup::FoundRoom, Failure> {
    let user = options.username()?;
    let wall_anchor = options.wall_anchor.unwrap_or_else(clock::wall);
    let mut upstream = Upstream::new(options, transport, wall_anchor);
    let cookie = options.session_cookie().unwrap_or_default();
    let mut retry = Retry::new(options.attempts_max, options.seed);
    loop {
        let found = lookup::look_up(&mut upstream, &user, &cookie).await;
        let Err(failure) = found else { return found };
        // TikTok sometimes reports this for users who are live. Other failures are final.
        if failure.code == Code::UserNotFound
            && let Decision::Again(after) = retry.failed(failure.code, failure.wait, Duration::ZERO)
        {
            retry.start_next();
            tokio::time::sleep_until(clock::now() + after).await;
            continue;
        }
        let failure = Failure { detail: upstream.redact.text(&failure.detail), ..failure };
        if failure.code == Code::UserNotFound {
            options.limit.remember(&user, failure.clone().into(), None);
        }
        return Err(failure);
    }
}
