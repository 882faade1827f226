//! Checks of users and the changes of their states.

use livetape_core::{
    offset::{self, OFFSET_MAX},
    pace::Speed,
};

use super::{
    super::{Change, Scenario, State, User},
    Table, Wrong,
};

/// Maximum number of changes of a user.
const CHANGES_MAX: usize = 1000;

pub(super) fn check(scenario: &Scenario) -> Result<(), Wrong> {
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
