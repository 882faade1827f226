//! What TOML cannot say: keys that do not go together, faults that never come.

use super::{Endpoint, Fault, FaultKind, Repeat, Scenario, Start, State, table::Name};

/// Which table of TOML is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Top,
    User(usize),
    Limit(usize),
    Fault(usize),
}

type Wrong = (Table, String);

/// Most chats as history.
const HISTORY_MAX: usize = 100;
/// The longest wait and window, in seconds.
const WAIT_MAX: u64 = 366 * 24 * 3600;
/// Shorter messages of a 429 crash peers (docs/protocol.md §5.3), in characters.
const MESSAGE_CHARS_MIN: usize = 19;
/// The room that a close frame has for its reason, in bytes.
const REASON_BYTES_MAX: usize = 123;
/// Most frames that one fault concerns.
const FRAMES_MAX: u32 = 1000;

pub(super) fn check(scenario: &Scenario) -> Result<(), Wrong> {
    if scenario.history > HISTORY_MAX {
        return Err((Table::Top, format!("`history` is {HISTORY_MAX} at most")));
    }
    if scenario.close_after_ms > WAIT_MAX * 1000 {
        return Err((Table::Top, "`close_after_ms` is a year at most".into()));
    }
    if let Some(url) = &scenario.push_server
        && !["ws://", "wss://"].iter().any(|scheme| url.starts_with(scheme))
    {
        return Err((Table::Top, format!("`push_server` must start with ws:// or wss://, not `{url}`")));
    }
    if scenario.tt_target_idc.contains(|c: char| !c.is_ascii_graphic() || c == ';') {
        return Err((
            Table::Top,
            format!("`tt_target_idc` must be the value of a cookie, not `{}`", scenario.tt_target_idc),
        ));
    }
    check_users(scenario)?;
    for (index, limit) in scenario.limits.iter().enumerate() {
        let wrong = |message: &str| Err((Table::Limit(index), message.to_owned()));
        match () {
            () if limit.seconds > WAIT_MAX => wrong("`seconds` is a year at most")?,
            () if limit.seconds == 0 => wrong("a window of 0 seconds limits nothing")?,
            () if limit.at.is_empty() => wrong("`at` is empty: the limit counts nowhere")?,
            () if is_short(&limit.message) => wrong("a `message` has 19 characters at least: peers crash")?,
            () => {}
        }
    }
    for (index, fault) in scenario.faults.iter().enumerate() {
        check_fault(fault).map_err(|message| (Table::Fault(index), message))?;
        let others = scenario.faults[..index].iter().zip(1..);
        if let Some((_, number)) = others.into_iter().find(|(before, _)| hides(before, fault)) {
            let message = format!("this never comes: fault {number} is there before it, for ever");
            return Err((Table::Fault(index), message));
        }
    }
    Ok(())
}

fn check_users(scenario: &Scenario) -> Result<(), Wrong> {
    if scenario.others == Some(State::NotFoundOnce) {
        return Err((Table::Top, "`others` cannot be `not_found_once`: list the user".into()));
    }
    for (index, user) in scenario.users.iter().enumerate() {
        let wrong = |message: String| Err((Table::User(index), message));
        if user.name.is_empty() || user.name.contains(['@', '/', ' ']) {
            return wrong(format!("`{}` is no user's name", user.name));
        }
        if scenario.users[..index].iter().any(|other| other.name.eq_ignore_ascii_case(&user.name)) {
            return wrong(format!("the user `{}` is there twice", user.name));
        }
        if user.room_id.is_some_and(|id| id <= 0) {
            return wrong("a `room_id` is greater than 0".into());
        }
    }
    Ok(())
}

fn is_short(message: &str) -> bool {
    message.chars().count() < MESSAGE_CHARS_MIN
}

fn check_fault(fault: &Fault) -> Result<(), String> {
    let name = Name::of(&fault.kind);
    if fault.at.is_empty() {
        return Err("`at` is empty: the fault comes nowhere".into());
    }
    if let Some(at) = fault.at.iter().find(|at| !fits(&fault.kind, **at)) {
        return Err(format!("{name:?} cannot come at {at:?}"));
    }
    if matches!(fault.repeat, Repeat::Times(0) | Repeat::Attempt(0)) {
        return Err("attempts and times count from 1: this never comes".into());
    }
    let starts_now = fault.at != [Endpoint::Socket] || matches!(fault.kind, FaultKind::Refuse(_));
    if starts_now && fault.start != Start::Now {
        return Err(format!("{name:?} at {:?} happens before a room has time: no `after_…`", fault.at[0]));
    }
    use FaultKind as K;
    let rules = [
        (
            matches!(fault.kind, K::Status { status, .. } if !matches!(status, 400..=599)),
            "`status` is a number from 400 to 599",
        ),
        (
            matches!(&fault.kind, K::Refuse(it) | K::Stub(it) if !matches!(it.status, 200 | 400..=599)),
            "`status` is 200, or a number from 400 to 599",
        ),
        (
            matches!(&fault.kind, K::RateLimited { message, .. } if is_short(message)),
            "a `message` of a 429 has 19 characters at least: peers crash",
        ),
        (
            matches!(fault.kind, K::Close { code, .. } if !matches!(code, 1000..=4999)),
            "`code` is a number from 1000 to 4999",
        ),
        (
            matches!(&fault.kind, K::Close { reason, .. } if reason.len() > REASON_BYTES_MAX),
            "`reason` is 123 bytes long at most",
        ),
        (
            matches!(fault.kind, K::Status { retry_after: Some(wait), .. } | K::RateLimited { retry_after: wait, .. }
                if wait > WAIT_MAX),
            "`retry_after` is a year at most",
        ),
        (matches!(fault.start, Start::Ms(ms) if ms > WAIT_MAX * 1000), "`after_ms` is a year at most"),
        (matches!(fault.kind, K::Dribble { bytes_per_ms: 0 } | K::Frames(_, 0)), "0 of them is nothing"),
        (matches!(fault.kind, K::Frames(_, count) if count > FRAMES_MAX), "`count` is 1000 at most"),
    ];
    let wrong = rules.into_iter().find(|(is_wrong, _)| *is_wrong);
    wrong.map_or(Ok(()), |(_, message)| Err(message.into()))
}

/// Whether something can go wrong there.
pub(super) fn fits(kind: &FaultKind, at: Endpoint) -> bool {
    use {Endpoint as E, FaultKind as K};
    match kind {
        K::Stall | K::Reset | K::Dribble { .. } => true,
        K::Status { .. }
        | K::RateLimited { .. }
        | K::Empty
        | K::Html
        | K::Captcha
        | K::Endless
        | K::CutBody => at != E::Socket,
        K::NotFound => matches!(at, E::Lookup | E::Page | E::RoomId | E::Profile),
        K::Offline => matches!(at, E::Lookup | E::Page | E::RoomId),
        K::Stub(_) | K::MissingCursor | K::BadProtobuf => at == E::Sign,
        K::MissingCookie => matches!(at, E::Sign | E::Cookie | E::Profile),
        K::Refuse(_)
        | K::Drop
        | K::Close { .. }
        | K::CloseFrame
        | K::Cut
        | K::Frames(..)
        | K::RepeatHistory
        | K::NoHeartbeat => at == E::Socket,
    }
}

/// Whether `later` can never come, because `before` always does.
fn hides(before: &Fault, later: &Fault) -> bool {
    use FaultKind as K;
    let same_user = before.user.is_none() || before.user == later.user;
    let same_place = later.at.iter().all(|at| before.at.contains(at));
    let goes_on = before.at == [Endpoint::Socket]
        && matches!(before.kind, K::Dribble { .. } | K::Frames(..) | K::RepeatHistory | K::NoHeartbeat);
    (before.repeat, before.start) == (Repeat::Always, Start::Now) && same_user && same_place && !goes_on
}
