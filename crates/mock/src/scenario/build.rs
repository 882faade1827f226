//! Builders for scenarios in Rust: one method for each TOML key.

use std::{collections::BTreeMap, time::Duration};

use super::{
    After, Clock, DEFAULT_MESSAGE, End, Endpoint, Fault, FaultKind, Form, Header, Limit, Per, Scenario,
    State, User,
};
use crate::sans_io::pace::Speed;

/// Defines a setter for each key: its documentation, an example call, the same in TOML, and the value. Each
/// example runs as a doctest.
macro_rules! keys {
    ($owner:ident at $at:literal:
     $($doc:literal, $name:ident($argument:ident: $type:ty), $call:literal, $toml:literal => $value:expr;)*) => {
        impl $owner {
            $(
                #[doc = $doc]
                ///
                /// ```
                /// # use livetape_core::pace::Speed;
                /// # use livetape_mock::*;
                #[doc = concat!("let built = ", $call, ";")]
                #[doc = concat!("let read = Scenario::parse(r#\"", $toml, "\"#).unwrap();")]
                #[doc = concat!("assert_eq!(built, read", $at, ");")]
                /// ```
                #[must_use]
                pub fn $name(mut self, $argument: $type) -> Self {
                    self.$name = $value;
                    self
                }
            )*
        }
    };
}

keys! {
    Scenario at "":
    "Sets the seed of everything that looks random.",
        seed(seed: u64), "Scenario::default().seed(7)", "seed = 7" => seed;
    "Sets the default recording of rooms.",
        recording(name: impl Into<String>), "Scenario::default().recording(\"raid.bin\")",
        "recording = \"raid.bin\"" => name.into();
    "Sets the playback speed of rooms.",
        speed(speed: Speed), "Scenario::default().speed(Speed::Max)", "speed = \"max\"" => speed;
    "Sets the start of a room's clock.",
        clock(clock: Clock), "Scenario::default().clock(Clock::Connection)", "clock = \"connection\"" => clock;
    "Sets how a room ends after its last frame.",
        end(end: End), "Scenario::default().end(End::Stay)", "end = \"stay\"" => end;
    "Sets how long a room keeps its socket open after its last frame, in milliseconds.",
        close_after_ms(ms: u64), "Scenario::default().close_after_ms(0)", "close_after_ms = 0" => ms;
    "Sets the state of a room after its end.",
        after(after: After), "Scenario::default().after(After::Again)", "after = \"again\"" => after;
    "Sets how many recent chats a client receives as history when it joins in the middle.",
        history(chats: usize), "Scenario::default().history(0)", "history = 0" => chats;
    "Sets the WebSocket URL in responses of the sign server, without a query.",
        push_server(url: impl Into<String>), "Scenario::default().push_server(\"ws://localhost/push\")",
        "push_server = \"ws://localhost/push\"" => Some(url.into());
    "Sets the cookie `tt-target-idc` in responses of the sign server; empty for none.",
        tt_target_idc(value: impl Into<String>), "Scenario::default().tt_target_idc(\"\")",
        "tt_target_idc = \"\"" => value.into();
    "Sets the state of users that are not listed.",
        others(state: State), "Scenario::default().others(State::Offline)", "others = \"offline\"" => Some(state);
    "Sets the mock's wall clock at its start, in Unix milliseconds.",
        wall_ms(ms: u64), "Scenario::default().wall_ms(5)", "wall_ms = 5" => Some(ms);
}

keys! {
    User at ".users[0]":
    "Sets the state in lookups.",
        state(state: State), "User::new(\"ann\").state(State::Paused)",
        "[[user]]\nname = \"ann\"\nstate = \"paused\"" => state;
    "Sets the id of the room.",
        room_id(id: i64), "User::new(\"ann\").room_id(7)",
        "[[user]]\nname = \"ann\"\nroom_id = 7" => Some(id);
    "Sets the recording of the room.",
        recording(name: impl Into<String>), "User::new(\"ann\").recording(\"raid.bin\")",
        "[[user]]\nname = \"ann\"\nrecording = \"raid.bin\"" => Some(name.into());
    "Sets the playback speed of the room.",
        speed(speed: Speed), "User::new(\"ann\").speed(Speed::Times(2.0))",
        "[[user]]\nname = \"ann\"\nspeed = 2" => Some(speed);
}

keys! {
    Limit at ".limits[0]":
    "Sets the endpoints whose requests are counted, all together.",
        at(at: impl Into<Vec<Endpoint>>), "Limit::new(5, 60).at([Endpoint::Sign])",
        "[[limit]]\nmax = 5\nseconds = 60\nat = [\"sign\"]" => at.into();
    "Sets which clients are counted separately.",
        per(per: Per), "Limit::new(5, 60).per(Per::All)",
        "[[limit]]\nmax = 5\nseconds = 60\nper = \"all\"" => per;
    "Sets the `limit_label` of the 429 response.",
        label(label: impl Into<String>), "Limit::new(5, 60).label(\"day\")",
        "[[limit]]\nmax = 5\nseconds = 60\nlabel = \"day\"" => label.into();
    "Sets the `message` of the 429 response, at least 19 characters.",
        message(message: impl Into<String>), "Limit::new(5, 60).message(\"Try again in an hour.\")",
        "[[limit]]\nmax = 5\nseconds = 60\nmessage = \"Try again in an hour.\"" => message.into();
    "Sets the headers that tell the client how long to wait.",
        headers(headers: impl Into<BTreeMap<Header, Form>>),
        "Limit::new(5, 60).headers([(Header::RetryAfter, Form::Date)])",
        "[[limit]]\nmax = 5\nseconds = 60\nheaders = { retry-after = \"date\" }" => headers.into();
}

impl Scenario {
    /// Creates a scenario with one live user. No other users exist.
    ///
    /// ```
    /// # use livetape_mock::Scenario;
    /// assert_eq!(Scenario::live("ann"), Scenario::parse("[[user]]\nname = \"ann\"").unwrap());
    /// ```
    #[must_use]
    pub fn live(name: impl Into<String>) -> Self {
        Self::default().user(User::new(name))
    }

    /// Adds a user.
    ///
    /// ```
    /// # use livetape_mock::{Scenario, State, User};
    /// let scenario = Scenario::live("ann").user(User::new("ben").state(State::Offline));
    /// assert_eq!(scenario.users[1].name, "ben");
    /// ```
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    /// Adds a rate limit.
    ///
    /// ```
    /// # use livetape_mock::{Limit, Scenario};
    /// assert_eq!(Scenario::live("ann").limit(Limit::new(5, 60)).limits[0].max, 5);
    /// ```
    #[must_use]
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limits.push(limit);
        self
    }

    /// Adds a fault, after the existing ones.
    ///
    /// ```
    /// # use livetape_mock::{Endpoint, Fault, FaultKind, Scenario};
    /// let drop = Fault::new(Endpoint::Socket, FaultKind::Drop).after_frames(20).times(1);
    /// assert_eq!(Scenario::live("ann").fault(drop).faults.len(), 1);
    /// ```
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Answers the first `times` lookups and sign requests, counted together, with 429 and asks the client to
    /// wait for `wait`.
    ///
    /// ```
    /// # use livetape_mock::{Repeat, Scenario};
    /// # use std::time::Duration;
    /// let scenario = Scenario::live("ann").rate_limited(2, Duration::from_secs(2));
    /// assert_eq!(scenario.faults[0].repeat, Repeat::Times(2));
    /// ```
    #[must_use]
    pub fn rate_limited(self, times: u32, wait: Duration) -> Self {
        let kind = FaultKind::rate_limited(wait);
        self.fault(Fault::new(Endpoint::Lookup, kind).and_at(Endpoint::Sign).times(times))
    }
}

impl User {
    /// Creates a live user.
    ///
    /// ```
    /// # use livetape_mock::{State, User};
    /// assert_eq!(User::new("ann").state, State::Live);
    /// ```
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

impl Limit {
    /// Creates a limit of `max` requests in each window of `seconds` seconds.
    ///
    /// ```
    /// # use livetape_mock::{Endpoint, Limit};
    /// assert_eq!(Limit::new(5, 60).at, [Endpoint::Lookup, Endpoint::Page, Endpoint::Sign]);
    /// ```
    #[must_use]
    pub fn new(max: u32, seconds: u64) -> Self {
        let (at, message, headers) = (Self::places(), DEFAULT_MESSAGE.into(), Header::all());
        Self { at, max, seconds, per: Per::default(), label: String::new(), message, headers }
    }
}
