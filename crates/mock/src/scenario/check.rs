//! What TOML cannot say: keys that do not go together, faults that never come.

use super::{Endpoint, Fault, FaultKind, Scenario, State};

/// Where something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Top,
    User(usize),
    Limit(usize),
    Fault(usize),
}

type Wrong = (Place, String);

/// Most chats as history.
const HISTORY_MAX: usize = 100;
/// The longest wait and window, in seconds.
const WAIT_MAX: u64 = 366 * 24 * 3600;
/// Shorter messages of a 429 crash peers (docs/protocol.md §5.3), in characters.
const MESSAGE_CHARS_MIN: usize = 19;

pub(super) fn check(scenario: &Scenario) -> Result<(), Wrong> {
    if scenario.history > HISTORY_MAX {
        return Err((Place::Top, format!("`history` is {HISTORY_MAX} at most")));
    }
    if scenario.close_after_ms > WAIT_MAX * 1000 {
        return Err((Place::Top, "`close_after_ms` is a year at most".into()));
    }
    if let Some(url) = &scenario.push_server
        && !["ws://", "wss://"].iter().any(|scheme| url.starts_with(scheme))
    {
        return Err((Place::Top, format!("`push_server` must start with ws:// or wss://, not `{url}`")));
    }
    if scenario.tt_target_idc.contains(|c: char| !c.is_ascii_graphic() || c == ';') {
        return Err((
            Place::Top,
            format!("`tt_target_idc` must be the value of a cookie, not `{}`", scenario.tt_target_idc),
        ));
    }
    check_users(scenario)?;
    for (index, limit) in scenario.limits.iter().enumerate() {
        let wrong = |message: &str| Err((Place::Limit(index), message.to_owned()));
        match () {
            () if limit.seconds > WAIT_MAX => wrong("`seconds` is a year at most")?,
            () if limit.seconds == 0 => wrong("a window of 0 seconds limits nothing")?,
            () if limit.at.is_empty() => wrong("`at` is empty: the limit counts nowhere")?,
            () if is_short(&limit.message) => wrong("a `message` has 19 characters at least: peers crash")?,
            () => {}
        }
    }
    for (index, fault) in scenario.faults.iter().enumerate() {
        check_fault(fault).map_err(|message| (Place::Fault(index), message))?;
        let others = scenario.faults[..index].iter().zip(1..);
        if let Some((_, number)) = others.into_iter().find(|(before, _)| hides(before, fault)) {
            let message = format!("this never comes: fault {number} is there before it, for ever");
            return Err((Place::Fault(index), message));
        }
    }
    Ok(())
}

fn check_users(scenario: &Scenario) -> Result<(), Wrong> {
    if scenario.others == Some(State::NotFoundOnce) {
        return Err((Place::Top, "`others` cannot be `not_found_once`: list the user".into()));
    }
    for (index, user) in scenario.users.iter().enumerate() {
        let wrong = |message: String| Err((Place::User(index), message));
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
    let kind = format!("{:?}", fault.kind);
    if fault.at.is_empty() {
        return Err("`at` is empty: the fault comes nowhere".into());
    }
    if let Some(at) = fault.at.iter().find(|at| !fault.kind.fits(**at)) {
        return Err(format!("{kind} cannot come at {at:?}"));
    }
    if fault.attempt.is_some() && fault.times.is_some() {
        return Err("`attempt` and `times` contradict each other".into());
    }
    if fault.attempt == Some(0) || fault.times == Some(0) {
        return Err("attempts and times count from 1: this never comes".into());
    }
    let triggers = [fault.after_ms, fault.after_frames, fault.after_events];
    let triggers = triggers.iter().flatten().count();
    if triggers > 1 {
        return Err("`after_ms`, `after_frames` and `after_events` contradict each other".into());
    }
    if triggers > 0 && (fault.at != [Endpoint::Socket] || fault.kind == FaultKind::Refuse) {
        return Err(format!("{kind} at {:?} happens before a room has time: no `after_…`", fault.at[0]));
    }
    check_values(fault)?;
    for (key, is_there, allowed) in fault.keys() {
        if is_there && !allowed {
            return Err(format!("`{key}` means nothing to {kind}"));
        }
    }
    Ok(())
}

fn check_values(fault: &Fault) -> Result<(), String> {
    if fault.kind == FaultKind::Status && !matches!(fault.status, Some(400..=599)) {
        return Err("`status` is a number from 400 to 599".into());
    }
    if fault.status.is_some_and(|status| !matches!(status, 200 | 400..=599)) {
        return Err("`status` is 200, or a number from 400 to 599".into());
    }
    if fault.status == Some(429) && fault.message.as_deref().is_some_and(is_short) {
        return Err("a `message` of a 429 has 19 characters at least: peers crash".into());
    }
    if fault.code.is_some_and(|code| !matches!(code, 1000..=4999)) {
        return Err("`code` is a number from 1000 to 4999".into());
    }
    if fault.reason.as_ref().is_some_and(|reason| reason.len() > 123) {
        return Err("`reason` is 123 bytes long at most".into());
    }
    if fault.retry_after.is_some_and(|seconds| seconds > WAIT_MAX) {
        return Err("`retry_after` is a year at most".into());
    }
    if fault.after_ms.is_some_and(|ms| ms > WAIT_MAX * 1000) {
        return Err("`after_ms` is a year at most".into());
    }
    if fault.bytes_per_ms == Some(0) || fault.count == Some(0) {
        return Err("0 of them is nothing".into());
    }
    if fault.count.is_some_and(|count| count > 1000) {
        return Err("`count` is 1000 at most".into());
    }
    Ok(())
}

/// Whether `later` can never come, because `before` always does.
fn hides(before: &Fault, later: &Fault) -> bool {
    let always = before.times.is_none()
        && before.attempt.is_none()
        && [before.after_ms, before.after_frames, before.after_events].iter().all(Option::is_none);
    let same_user = before.user.is_none() || before.user == later.user;
    let same_place = later.at.iter().all(|at| before.at.contains(at));
    let is_end = !fault_goes_on(before);
    always && same_user && same_place && is_end
}

/// Whether a connection goes on behind it.
fn fault_goes_on(fault: &Fault) -> bool {
    use FaultKind as K;
    fault.at == [Endpoint::Socket]
        && matches!(
            fault.kind,
            K::Dribble
                | K::BadGzip
                | K::Truncated
                | K::UnknownMethod
                | K::Duplicate
                | K::Reorder
                | K::RepeatHistory
                | K::NoHeartbeat
        )
}

impl Fault {
    /// The keys that only some kinds take: whether each is there, and whether it may be.
    fn keys(&self) -> [(&'static str, bool, bool); 10] {
        use FaultKind as K;
        let kind = self.kind;
        let limited = kind == K::Status && self.status == Some(429);
        let refuses = matches!(kind, K::Refuse | K::Stub);
        let says = refuses || kind == K::Status;
        [
            ("status", self.status.is_some(), says),
            ("message", self.message.is_some(), says),
            ("label", self.label.is_some(), limited),
            ("retry_after", self.retry_after.is_some(), limited || self.status == Some(503)),
            ("headers", self.headers.is_some(), limited),
            ("handshake_status", self.handshake_status.is_some(), refuses),
            ("code", self.code.is_some(), kind == K::Close),
            ("reason", self.reason.is_some(), kind == K::Close),
            ("bytes_per_ms", self.bytes_per_ms.is_some(), kind == K::Dribble),
            ("count", self.count.is_some(), kind.is_in_frames()),
        ]
    }
}
