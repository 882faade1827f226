//! Checks beyond the TOML format: contradictory keys, and faults that can never occur.

use livetape_core::{
    event,
    nearest::nearest,
    offset::{self, OFFSET_MAX},
    pace::Speed,
    ws_frame::REASON_BYTES_MAX,
};

use super::{Change, Endpoint, Fault, FaultKind, Network, Scenario, State, User, fault::Reach};

/// The way to the TOML table with a mistake: lists of tables, and indexes in them.
pub(super) type Path = Vec<(&'static str, usize)>;

type Wrong = (Path, String);

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
        return Err((vec![], format!("`history` is more than {HISTORY_MAX}")));
    }
    scenario.speed.check().map_err(|message| (vec![], message))?;
    if scenario.close_after_ms > WAIT_MAX * 1000 {
        return Err((vec![], "`close_after_ms` is more than a year".into()));
    }
    if let Some(url) = &scenario.push_server
        && (!["ws://", "wss://"].iter().any(|scheme| url.starts_with(scheme)) || url.contains('?'))
    {
        let message = format!("`push_server` must start with ws:// or wss:// and have no query, not `{url}`");
        return Err((vec![], message));
    }
    if scenario.tt_target_idc.contains(|c: char| !c.is_ascii_graphic() || c == ';') {
        return Err((
            vec![],
            format!("`tt_target_idc` must be the value of a cookie, not `{}`", scenario.tt_target_idc),
        ));
    }
    check_users(scenario)?;
    check_networks(scenario)?;
    for (index, limit) in scenario.limits.iter().enumerate() {
        let wrong = |message: &str| Err((vec![("limit", index)], message.to_owned()));
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
        check_fault(fault).map_err(|message| (vec![("fault", index)], message))?;
        let others = scenario.faults[..index].iter().zip(1..);
        if let Some((_, number)) = others.into_iter().find(|(before, _)| hides(before, fault)) {
            let message = format!("this fault never happens: fault {number} comes first and never ends");
            return Err((vec![("fault", index)], message));
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
    if fault.times.is_some() && fault.attempt.is_some() {
        return Err("set either `attempt` or `times`".into());
    }
    if fault.times == Some(0) || fault.attempt == Some(0) {
        return Err("`attempt` and `times` must be at least 1: this fault never happens".into());
    }
    let starts = [fault.after_ms, fault.after_frames, fault.after_events];
    if starts.into_iter().flatten().count() > 1 {
        return Err("set only one of `after_ms`, `after_frames` and `after_events`".into());
    }
    let starts_now = fault.at != [Endpoint::Socket] || fault.kind.is_answer();
    if starts_now && !fault.is_immediate() {
        return Err(format!(
            "\"{name}\" at {} happens before the room's clock starts: remove `after_…`",
            word(fault.at[0])
        ));
    }
    if !starts_now && fault.only.is_some() {
        return Err(format!("`only` does not apply to \"{name}\", which begins after the upgrade"));
    }
    if fault.after_ms.is_some_and(|ms| ms > WAIT_MAX * 1000) {
        return Err("`after_ms` is more than a year".into());
    }
    if let Some((_, message)) = rules(&fault.kind).into_iter().find(|(is_wrong, _)| *is_wrong) {
        return Err(message.into());
    }
    let FaultKind::Lose { methods, .. } = &fault.kind else { return Ok(()) };
    // A recording can have others, too.
    let unknown = methods.iter().filter(|method| !event::is_known(method));
    let known = Vec::from_iter(event::known_methods());
    match unknown.filter_map(|method| Some((method, nearest(method, &known)?))).next() {
        Some((method, meant)) => Err(format!("unknown method `{method}`: did you mean `{meant}`?")),
        None => Ok(()),
    }
}

/// Returns whether the keys of a kind break a rule, for each.
fn rules(kind: &FaultKind) -> Vec<(bool, &'static str)> {
    use FaultKind as K;
    match kind {
        K::Status { status, message, label, retry_after, headers } => {
            let is_429 = *status == 429;
            let is_short = message.as_ref().is_some_and(|message| is_short(message));
            vec![
                (!matches!(status, 400..=599), "`status` must be a number from 400 to 599"),
                (label.is_some() && !is_429, "`label` does not apply to a `status` other than 429"),
                (headers.is_some() && !is_429, "`headers` does not apply to a `status` other than 429"),
                (
                    retry_after.is_some() && !is_429 && *status != 503,
                    "`retry_after` does not apply to a `status` other than 429 and 503",
                ),
                (
                    is_429 && is_short,
                    "the `message` of a 429 must have at least 19 characters: clients crash otherwise",
                ),
                (*retry_after > Some(WAIT_MAX), "`retry_after` is more than a year"),
            ]
        }
        K::Stub { status, .. } | K::Refuse { status, .. } => {
            vec![(!matches!(status, 200 | 400..=599), "`status` must be 200, or a number from 400 to 599")]
        }
        K::Dribble { bytes_per_ms } => vec![(*bytes_per_ms == 0, "`bytes_per_ms` is 0")],
        K::Close { code, reason } => vec![
            (!matches!(code, 1000..=4999), "`code` must be a number from 1000 to 4999"),
            (reason.len() > REASON_BYTES_MAX, "`reason` is longer than 123 bytes"),
        ],
        K::BadGzip { count }
        | K::Truncated { count }
        | K::UnknownMethod { count }
        | K::Duplicate { count }
        | K::Reorder { count } => {
            vec![(*count == 0, "`count` is 0"), (*count > FRAMES_MAX, "`count` is more than 1000")]
        }
        K::Hang { for_ms } | K::Quiet { for_ms } => {
            vec![(*for_ms == 0, "`for_ms` is 0"), (*for_ms > WAIT_MAX * 1000, "`for_ms` is more than a year")]
        }
        K::Lose { methods, senders, share, .. } => vec![
            (!(*share > 0.0 && *share <= 1.0), "`share` must be more than 0, and at most 1"),
            (methods.len().max(senders.len()) > NAMES_MAX, "`methods` or `senders` has more than 100 names"),
        ],
        K::Empty
        | K::Html
        | K::Captcha
        | K::Endless
        | K::CutBody
        | K::NotFound
        | K::Offline
        | K::MissingCookie
        | K::NoGifts
        | K::MissingCursor
        | K::BadProtobuf
        | K::Stall
        | K::Reset
        | K::Drop
        | K::CloseFrame
        | K::Cut
        | K::RepeatHistory
        | K::NoHeartbeat
        | K::Deaf => vec![],
    }
}

/// Whether this kind of fault can occur at this endpoint.
pub(super) fn fits(kind: &FaultKind, at: Endpoint) -> bool {
    match kind.reach().0 {
        Reach::Anywhere => true,
        Reach::Http => at != Endpoint::Socket,
        Reach::At(places) => places.contains(&at),
        Reach::Upgrade | Reach::Socket => at == Endpoint::Socket,
    }
}

/// Whether `before` always occurs, so that `later` never can.
fn hides(before: &Fault, later: &Fault) -> bool {
    let same_user = before.user.is_none() || before.user == later.user;
    let same_user = same_user && (before.only.is_none() || before.only == later.only);
    let same_place = later.at.iter().all(|at| before.at.contains(at));
    let (_, goes_on) = before.kind.reach();
    let goes_on =
        before.at == [Endpoint::Socket] && goes_on && !(before.kind.is_answer() && later.kind.is_answer());
    before.times.or(before.attempt).is_none() && before.is_immediate() && same_user && same_place && !goes_on
}

/// Maximum number of changes of a user.
const CHANGES_MAX: usize = 1000;

fn check_users(scenario: &Scenario) -> Result<(), Wrong> {
    if scenario.others == Some(State::NotFoundOnce) {
        return Err((vec![], "`others` cannot be `not_found_once`: list the user".into()));
    }
    for (index, user) in scenario.users.iter().enumerate() {
        let wrong = |message: String| Err((vec![("user", index)], message));
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
        check_changes(user)
            .map_err(|(change, message)| (vec![("user", index), ("change", change)], message))?;
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
        let wrong = |message: String| Err((vec![("network", index)], message));
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
    !before.is_limited() && same_rank && same_place && same_user
}
