//! Whether a user could be connected to, without connecting.

use std::time::Duration;

use super::{LiveOptions, Transport, failure::Failure, lookup, upstream::Upstream};
use crate::{
    clock,
    sans_io::{
        error::{Code, Problem},
        retry::{Retry, Verdict},
    },
};

/// What a look-up says. What it could not find out is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Whether there is such a user.
    pub exists: Option<bool>,
    /// Whether they are live.
    pub live: Option<bool>,
    /// Their room, if they ever were live.
    pub room_id: Option<i64>,
    /// Whether a connection may be tried with some hope.
    pub can_connect: bool,
    /// Why not.
    pub why: Option<Problem>,
    /// How long the server says to wait before anybody asks again.
    pub wait: Option<Duration>,
}

/// Looks a user up; one who is not found once more, as when connecting. It takes a minute at most.
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

async fn look_up<T: Transport>(options: &LiveOptions, transport: &T) -> Result<lookup::Room, Failure> {
    let user = options.username()?;
    let wall_anchor = options.wall_anchor.unwrap_or_else(clock::wall);
    let mut upstream = Upstream::new(options, transport.clone(), wall_anchor);
    let cookie = options.session_cookie().unwrap_or_default();
    let mut retry = Retry::new(options.attempts_max, options.seed);
    loop {
        let found = lookup::look_up(&mut upstream, &user, &cookie).await;
        let Err(failure) = found else { return found };
        // TikTok says this of users who are live, too. Other failures are the answer.
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
