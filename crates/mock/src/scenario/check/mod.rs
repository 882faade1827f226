//! Checks beyond the TOML format: contradictory keys, and faults that can never occur.

mod networks;
mod users;

use livetape_core::{offset::OFFSET_MAX, ws_frame::REASON_BYTES_MAX};

use super::{Endpoint, Fault, FaultKind, Repeat, Scenario, Start, table::Name};

/// The TOML table with the mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Top,
    User(usize),
    /// The change of a user.
    Change(usize, usize),
    Limit(usize),
    Fault(usize),
    Network(usize),
}

type Wrong = (Table, String);

/// Maximum number of chats in the history.
const HISTORY_MAX: usize = 100;
/// Longest wait and longest window, in seconds.
const WAIT_MAX: u64 = OFFSET_MAX.as_secs();
/// Minimum length of a 429's message, in characters. Shorter ones crash some clients (docs/protocol.md §5.3).
const MESSAGE_CHARS_MIN: usize = 19;
/// Maximum number of frames that one fault affects.
const FRAMES_MAX: u32 = 1000;

pub(super) fn check(scenario: &Scenario) -> Result<(), Wrong> {
    if scenario.history > HISTORY_MAX {
        return Err((Table::Top, format!("`history` is more than {HISTORY_MAX}")));
    }
    scenario.speed.check().map_err(|message| (Table::Top, message))?;
    if scenario.close_after_ms > WAIT_MAX * 1000 {
        return Err((Table::Top, "`close_after_ms` is more than a year".into()));
    }
    if let Some(url) = &scenario.push_server
        && (!["ws://", "wss://"].iter().any(|scheme| url.starts_with(scheme)) || url.contains('?'))
    {
        let message = format!("`push_server` must start with ws:// or wss:// and have no query, not `{url}`");
        return Err((Table::Top, message));
    }
    if scenario.tt_target_idc.contains(|c: char| !c.is_ascii_graphic() || c == ';') {
        return Err((
            Table::Top,
            format!("`tt_target_idc` must be the value of a cookie, not `{}`", scenario.tt_target_idc),
        ));
    }
    users::check(scenario)?;
    networks::check(scenario)?;
    for (index, limit) in scenario.limits.iter().enumerate() {
        let wrong = |message: &str| Err((Table::Limit(index), message.to_owned()));
        match () {
            () if limit.seconds > WAIT_MAX => wrong("`seconds` is more than a year")?,
            () if limit.seconds == 0 => wrong("a window of 0 seconds has no effect")?,
            () if limit.at.is_empty() => wrong("`at` is empty: the limit has no effect")?,
            () if is_short(&limit.message) => {
                wrong("a `message` must have at least 19 characters: clients crash otherwise")?;
            }
            () => {}
        }
    }
    for (index, fault) in scenario.faults.iter().enumerate() {
        check_fault(fault).map_err(|message| (Table::Fault(index), message))?;
        let others = scenario.faults[..index].iter().zip(1..);
        if let Some((_, number)) = others.into_iter().find(|(before, _)| hides(before, fault)) {
            let message = format!("this fault never happens: fault {number} comes first and never ends");
            return Err((Table::Fault(index), message));
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
        return Err("`at` is empty: the fault never happens".into());
    }
    if let Some(at) = fault.at.iter().find(|at| !fits(&fault.kind, **at)) {
        return Err(format!("{name:?} cannot happen at {at:?}"));
    }
    if matches!(fault.repeat, Repeat::Times(0) | Repeat::Attempt(0)) {
        return Err("`attempt` and `times` must be at least 1: this fault never happens".into());
    }
    let starts_now = fault.at != [Endpoint::Socket] || matches!(fault.kind, FaultKind::Refuse(_));
    if starts_now && fault.start != Start::Now {
        return Err(format!(
            "{name:?} at {:?} happens before the room's clock starts: remove `after_…`",
            fault.at[0]
        ));
    }
    use FaultKind as K;
    let rules = [
        (
            matches!(fault.kind, K::Status { status, .. } if !matches!(status, 400..=599)),
            "`status` must be a number from 400 to 599",
        ),
        (
            matches!(&fault.kind, K::Refuse(it) | K::Stub(it) if !matches!(it.status, 200 | 400..=599)),
            "`status` must be 200, or a number from 400 to 599",
        ),
        (
            matches!(&fault.kind, K::RateLimited { message, .. } if is_short(message)),
            "the `message` of a 429 must have at least 19 characters: clients crash otherwise",
        ),
        (
            matches!(fault.kind, K::Close { code, .. } if !matches!(code, 1000..=4999)),
            "`code` must be a number from 1000 to 4999",
        ),
        (
            matches!(&fault.kind, K::Close { reason, .. } if reason.len() > REASON_BYTES_MAX),
            "`reason` is longer than 123 bytes",
        ),
        (
            matches!(fault.kind, K::Status { retry_after: Some(wait), .. } | K::RateLimited { retry_after: wait, .. }
                if wait > WAIT_MAX),
            "`retry_after` is more than a year",
        ),
        (matches!(fault.start, Start::Ms(ms) if ms > WAIT_MAX * 1000), "`after_ms` is more than a year"),
        (matches!(fault.kind, K::Dribble { bytes_per_ms: 0 }), "`bytes_per_ms` is 0"),
        (matches!(fault.kind, K::Frames(_, 0)), "`count` is 0"),
        (matches!(fault.kind, K::Frames(_, count) if count > FRAMES_MAX), "`count` is more than 1000"),
    ];
    let wrong = rules.into_iter().find(|(is_wrong, _)| *is_wrong);
    wrong.map_or(Ok(()), |(_, message)| Err(message.into()))
}

/// Whether this kind of fault can occur at this endpoint.
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

/// Whether `before` always occurs, so that `later` never can.
fn hides(before: &Fault, later: &Fault) -> bool {
    use FaultKind as K;
    let same_user = before.user.is_none() || before.user == later.user;
    let same_place = later.at.iter().all(|at| before.at.contains(at));
    let goes_on = before.at == [Endpoint::Socket]
        && matches!(before.kind, K::Dribble { .. } | K::Frames(..) | K::RepeatHistory | K::NoHeartbeat);
    (before.repeat, before.start) == (Repeat::Always, Start::Now) && same_user && same_place && !goes_on
}
