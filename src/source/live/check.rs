//! Checks whether a user can be connected to, without connecting.

use std::time::Duration;

use super::{LiveOptions, Transport, failure::Failure, lookup, upstream::Upstream};
use crate::{
    clock,
    sans_io::{
        error::{Code, Problem},
        retry::{Retry, Verdict},
    },
};

/// Result of a check. Fields that could not be determined are `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Whether the user exists.
    pub exists: Option<bool>,
    /// Whether the user is live.
    pub live: Option<bool>,
    /// Id of the user's room; `None` if the user has never been live.
    pub room_id: Option<i64>,
    /// Whether connecting is likely to succeed.
    pub can_connect: bool,
    /// Why the user cannot be connected to.
    pub why: Option<Problem>,
    /// Time to wait before the next request, according to the server.
    pub wait: Option<Duration>,
}

/// Looks up a user, and retries like a connection attempt if the user is not found. Takes at most a minute.
pub async fn check<T: Transport>(options: &LiveOptions, transport: &T) -> Check {
    match look_up(options, transport).await {
        Ok(room) => Check {
            exists: Some(true),
            live: Some(room.is_live()),
            room_id: Some(room.room_id).filter(|room_id| *room_id != 0),
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

async fn look_up<T: Transport>(options: &LiveOptions, transport: &T) -> Result<lookup::FoundRoom, Failure> {
    let user = options.username()?;
    let wall_anchor = options.wall_anchor.unwrap_or_else(clock::wall);
    let mut upstream = Upstream::new(options, transport.clone(), wall_anchor);
    let cookie = options.session_cookie().unwrap_or_default();
    let mut retry = Retry::new(options.attempts_max, options.seed);
    loop {
        let found = lookup::look_up(&mut upstream, &user, &cookie).await;
        let Err(failure) = found else { return found };
        // TikTok sometimes reports this for users who are live. Other failures are final.
        if failure.code == Code::UserNotFound
            && let Verdict::Again(after) = retry.failed(failure.code, failure.wait, Duration::ZERO)
        {
            retry.start_next();
            tokio::time::sleep_until(clock::now() + after).await;
            continue;
        }
        return Err(Failure { detail: upstream.redact.text(&failure.detail), ..failure });
    }
}
