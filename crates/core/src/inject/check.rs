//! The limits of requests.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{GIFTS_MAX, InjectRequest, InjectUser, LIKES_MAX, MONTHS_MAX, OPTIONS_MAX, OPTIONS_MIN};
use crate::error::{Code, Problem};

impl InjectRequest {
    /// Validates the request, such as number ranges and names.
    ///
    /// # Errors
    /// `bad_request`.
    pub fn check(&self) -> Result<(), Problem> {
        let within = |name: &str, value: i64, min: i64, max: i64| {
            let wrong =
                || wrong(format!("`{name}` is {value}"), format!("choose a number from {min} to {max}"));
            (min..=max).contains(&value).then_some(()).ok_or_else(wrong)
        };
        match self {
            Self::Gift { count, diamonds, .. } => {
                within("count", i64::from(*count), 1, i64::from(GIFTS_MAX))?;
                within("diamonds", i64::from(diamonds.unwrap_or(0)), 0, i64::from(i32::MAX))?;
            }
            Self::Like { count, total, .. } => {
                within("count", i64::from(*count), 1, i64::from(LIKES_MAX))?;
                within("total", total.unwrap_or(0), 0, i64::MAX)?;
            }
            Self::Subscribe { months, .. } => within("months", *months, 1, MONTHS_MAX)?,
            Self::RoomUser { viewer_count } => within("viewerCount", *viewer_count, 0, i64::MAX)?,
            other => check_others(other)?,
        }
        match self.who() {
            Some(who) if who.unique_id().trim().is_empty() => {
                Err(wrong("`user` has no name", "name a user, for example `ann`"))
            }
            _ => Ok(()),
        }
    }
}

/// Validates the fields of rarely injected kinds.
fn check_others(request: &InjectRequest) -> Result<(), Problem> {
    match request {
        InjectRequest::Envelope { diamonds, people, .. } if *diamonds < 1 || *people < 1 => {
            Err(wrong(format!("{diamonds} `diamonds` for {people} `people`"), "set both to 1 or more"))
        }
        InjectRequest::Battle { points, opponent_points, .. } if *points < 0 || *opponent_points < 0 => {
            Err(wrong("`points` or `opponentPoints` is negative", "set both to 0 or more"))
        }
        InjectRequest::Battle { user, opponent, .. } if is_same(user, opponent) => {
            Err(wrong("`opponent` is not another host", "name a host other than `user`"))
        }
        InjectRequest::Poll { options, .. } if !(OPTIONS_MIN..=OPTIONS_MAX).contains(&options.len()) => {
            let hint = format!("send {OPTIONS_MIN} to {OPTIONS_MAX} answers");
            Err(wrong(format!("the length of `options` is {}", options.len()), hint))
        }
        InjectRequest::Raw { method, .. } if method.is_empty() => {
            Err(wrong("`method` is empty", "name a message, for example `WebcastChatMessage`"))
        }
        InjectRequest::Raw { payload, .. } if STANDARD.decode(payload).is_err() => {
            Err(wrong("`payload` is not base64", "encode the protobuf of the message in base64"))
        }
        _ => Ok(()),
    }
}

fn is_same(user: &InjectUser, opponent: &InjectUser) -> bool {
    user.unique_id() == opponent.unique_id() || opponent.unique_id().trim().is_empty()
}

/// Returns the error for an invalid field.
fn wrong(message: impl fmt::Display, hint: impl fmt::Display) -> Problem {
    Problem::new(Code::BadRequest, message).hint(hint)
}
