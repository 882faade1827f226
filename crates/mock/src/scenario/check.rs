//! Checks beyond the TOML format: contradictory keys, and faults that can never occur.

use livetape_core::{
    event,
    nearest::nearest,
    offset::{self, OFFSET_MAX},
    pace::Speed,
    ws_frame::REASON_BYTES_MAX,
};

use super::{Change, Endpoint, Fault, FaultKind, Network, Repeat, Scenario, Start, State, User};

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
/// Maximum number of methods, and of senders, of lost messages.
const NAMES_MAX: usize = 100;

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
    check_users(scenario)?;
    check_networks(scenario)?;
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
    let name = fault.kind.name();
    let word =
        |at: Endpoint| serde_json::to_value(at).map_or_else(|_| format!("{at:?}"), |word| word.to_string());
    if fault.at.is_empty() {
        return Err("`at` is empty: the fault never happens".into());
    }
    if let Some(at) = fault.at.iter().find(|at| !fits(&fault.kind, **at)) {
        return Err(format!("\"{name}\" cannot happen at {}", word(*at)));
    }
    if matches!(fault.repeat, Repeat::Times(0) | Repeat::Attempt(0)) {
        return Err("`attempt` and `times` must be at least 1: this fault never happens".into());
    }
    let starts_now = fault.at != [Endpoint::Socket] || fault.kind.is_answer();
    if starts_now && fault.start != Start::Now {
        return Err(format!(
            "\"{name}\" at {} happens before the room's clock starts: remove `after_…`",
            word(fault.at[0])
        ));
    }
    if !starts_now && fault.only.is_some() {
        return Err(format!("`only` does not apply to \"{name}\", which begins after the upgrade"));
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
        (matches!(fault.kind, K::Hang { for_ms: 0 } | K::Quiet { for_ms: 0 }), "`for_ms` is 0"),
        (
            matches!(fault.kind, K::Hang { for_ms } | K::Quiet { for_ms } if for_ms > WAIT_MAX * 1000),
            "`for_ms` is more than a year",
        ),
        (
            matches!(&fault.kind, K::Lose(lost) if !(lost.share > 0.0 && lost.share <= 1.0)),
            "`share` must be more than 0, and at most 1",
        ),
        (
            matches!(&fault.kind, K::Lose(lost) if lost.methods.len().max(lost.senders.len()) > NAMES_MAX),
            "`methods` or `senders` has more than 100 names",
        ),
    ];
    if let Some((_, message)) = rules.into_iter().find(|(is_wrong, _)| *is_wrong) {
        return Err(message.into());
    }
    let K::Lose(lost) = &fault.kind else { return Ok(()) };
    // A recording can have others, too.
    let unknown = lost.methods.iter().filter(|method| !event::is_known(method));
    let known = Vec::from_iter(event::known_methods());
    match unknown.filter_map(|method| Some((method, nearest(method, &known)?))).next() {
        Some((method, meant)) => Err(format!("unknown method `{method}`: did you mean `{meant}`?")),
        None => Ok(()),
    }
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
        K::NoGifts => at == E::Gifts,
        K::MissingCookie => matches!(at, E::Sign | E::Cookie | E::Profile),
        K::Refuse(_)
        | K::Drop
        | K::Close { .. }
        | K::CloseFrame
        | K::Cut
        | K::Frames(..)
        | K::RepeatHistory
        | K::NoHeartbeat
        | K::Deaf
        | K::Hang { .. }
        | K::Quiet { .. }
        | K::Lose(_) => at == E::Socket,
    }
}

/// Whether `before` always occurs, so that `later` never can.
fn hides(before: &Fault, later: &Fault) -> bool {
    use FaultKind as K;
    let same_user = before.user.is_none() || before.user == later.user;
    let same_user = same_user && (before.only.is_none() || before.only == later.only);
    let same_place = later.at.iter().all(|at| before.at.contains(at));
    let goes_on = before.at == [Endpoint::Socket]
        && matches!(
            before.kind,
            K::Dribble { .. }
                | K::Frames(..)
                | K::RepeatHistory
                | K::NoHeartbeat
                | K::Hang { .. }
                | K::Quiet { .. }
                | K::Lose(_)
        )
        && !(before.kind.is_answer() && later.kind.is_answer());
    (before.repeat, before.start) == (Repeat::Always, Start::Now) && same_user && same_place && !goes_on
}

/// Maximum number of changes of a user.
const CHANGES_MAX: usize = 1000;

fn check_users(scenario: &Scenario) -> Result<(), Wrong> {
    if scenario.others == Some(State::NotFoundOnce) {
        return Err((Table::Top, "`others` cannot be `not_found_once`: list the user".into()));
    }
    for (index, user) in scenario.users.iter().enumerate() {
        let wrong = |message: String| Err((Table::User(index), message));
        let others = &scenario.users[..index];
        if user.name.is_empty() || user.name.contains(['@', '/', ' ']) {
            return wrong(format!("`{}` is not a user name", user.name));
        }
        if others.iter().any(|other| other.name.eq_ignore_ascii_case(&user.name)) {
            return wrong(format!("the user `{}` is listed twice", user.name));
        }
        let taken = |other: &&User| other.room_ids().any(|id| user.room_ids().any(|own| own == id));
        if let Some(other) = others.iter().find(taken) {
            let id = user.room_ids().find(|id| other.room_ids().any(|it| it == *id)).unwrap_or_default();
            return wrong(format!(
                "the users `{}` and `{}` have the same `room_id`, {id}",
                other.name, user.name
            ));
        }
        if user.room_id.is_some_and(|id| id <= 0) {
            return wrong("a `room_id` must be greater than 0".into());
        }
        user.speed.map_or(Ok(()), Speed::check).or_else(wrong)?;
        check_changes(user).map_err(|(change, message)| (Table::Change(index, change), message))?;
    }
    Ok(())
}

/// Checks the changes of a user. Returns the index of the first wrong one.
fn check_changes(user: &User) -> Result<(), (usize, String)> {
    let mut state = user.state;
    for (index, change) in user.changes.iter().enumerate() {
        let checked = check_change(user, &user.changes[..index], state, change);
        checked.map_err(|message| (index, message))?;
        state = change.state;
    }
    Ok(())
}

/// Checks a change, given those before it and the state that they lead to.
fn check_change(user: &User, earlier: &[Change], before: State, change: &Change) -> Result<(), String> {
    let Change { at, state, room_id, recording, speed } = change;
    let name = &user.name;
    if earlier.len() >= CHANGES_MAX {
        return Err(format!("the user `{name}` has more than {CHANGES_MAX} changes"));
    }
    if at.is_zero() {
        return Err("a change at 0 is the state at the start: set the `state` of the user".into());
    }
    if *at > OFFSET_MAX {
        return Err("`at` is more than a year".into());
    }
    if let Some(last) = earlier.last().filter(|last| last.at >= *at) {
        let (at, last) = (offset::shown(*at), offset::shown(last.at));
        return Err(format!("the changes of `{name}` must be in order of time: {at} is not after {last}"));
    }
    if let Some(id) = room_id {
        if *id <= 0 {
            return Err("a `room_id` must be greater than 0".into());
        }
        let mut used = user.room_id.into_iter().chain(earlier.iter().filter_map(|change| change.room_id));
        if used.any(|used| used == *id) {
            return Err(format!("the `room_id` {id} is used before: each LIVE has its own"));
        }
    }
    if state.is_away() && room_id.is_some() {
        return Err("`room_id` does not apply to a user without a stream".into());
    }
    if !change.starts_live(before) && (recording.is_some() || speed.is_some()) {
        return Err(
            "`recording` and `speed` need a new LIVE: set `room_id`, or an offline user before".into()
        );
    }
    speed.map_or(Ok(()), Speed::check)
}

/// Maximum number of networks.
const NETWORKS_MAX: usize = 1000;
/// Maximum of each delay, in milliseconds: ten minutes, longer than the timeout of any client.
const DELAY_MS_MAX: u64 = 10 * 60 * 1000;

fn check_networks(scenario: &Scenario) -> Result<(), Wrong> {
    let networks = &scenario.networks;
    for (index, network) in networks.iter().enumerate() {
        let wrong = |message: String| Err((Table::Network(index), message));
        check_network(network).or_else(|message| wrong(message.into()))?;
        if index >= NETWORKS_MAX {
            return wrong(format!("there are more than {NETWORKS_MAX} networks"));
        }
        if let Some(before) = networks[..index].iter().position(|before| hides_network(before, network)) {
            let number = before + 1;
            return wrong(format!(
                "no connection has this network: network {number} comes first and has no limit"
            ));
        }
    }
    Ok(())
}

fn check_network(network: &Network) -> Result<(), &'static str> {
    let without_effect = Network {
        at: network.at.clone(),
        user: network.user.clone(),
        times: network.times,
        attempt: network.attempt,
        ..Network::default()
    };
    let rules = [
        (
            *network == without_effect,
            "this network has no effect: set `latency_ms`, `jitter_ms`, `bytes_per_ms`, `close_ms`, `cut_after_bytes` or \
             `cut_after_ms`",
        ),
        (network.times.is_some() && network.attempt.is_some(), "set either `attempt` or `times`"),
        (
            network.times == Some(0) || network.attempt == Some(0),
            "`attempt` and `times` must be at least 1: no connection has this network",
        ),
        (network.latency_ms > DELAY_MS_MAX, "`latency_ms` is more than ten minutes"),
        (network.jitter_ms > DELAY_MS_MAX, "`jitter_ms` is more than ten minutes"),
        (network.close_ms > DELAY_MS_MAX, "`close_ms` is more than ten minutes"),
        (network.bytes_per_ms == Some(0), "`bytes_per_ms` is 0"),
        (network.cut_after_ms.is_some_and(|ms| ms > WAIT_MAX * 1000), "`cut_after_ms` is more than a year"),
    ];
    let wrong = rules.into_iter().find(|(is_wrong, _)| *is_wrong);
    wrong.map_or(Ok(()), |(_, message)| Err(message))
}

/// Whether `before` affects every connection that `later` could affect.
fn hides_network(before: &Network, later: &Network) -> bool {
    let same_place =
        before.at.is_empty() || !later.at.is_empty() && later.at.iter().all(|at| before.at.contains(at));
    let same_user = before.user.is_none() || before.user == later.user;
    let same_rank = before.is_special() == later.is_special();
    before.repeat() == Repeat::Always && same_rank && same_place && same_user
}
