//! Scenarios, built in Rust: a method for each key of TOML.

use std::{collections::BTreeMap, time::Duration};

use super::{
    After, Clock, DEFAULT_MESSAGE, End, Endpoint, Fault, FaultKind, Form, Header, Limit, Per, Scenario,
    State, User,
};
use crate::sans_io::pace::Speed;

/// Methods that set a key: what it means, a call, the same in TOML, the value. Each is an example that runs.
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
    "All that looks random follows from it.",
        seed(seed: u64), "Scenario::default().seed(7)", "seed = 7" => seed;
    "The recording of rooms that name none.",
        recording(name: impl Into<String>), "Scenario::default().recording(\"raid.bin\")",
        "recording = \"raid.bin\"" => name.into();
    "How fast rooms play.",
        speed(speed: Speed), "Scenario::default().speed(Speed::Max)", "speed = \"max\"" => speed;
    "What the time of a room counts from.",
        clock(clock: Clock), "Scenario::default().clock(Clock::Connection)", "clock = \"connection\"" => clock;
    "What a room does behind its last frame.",
        end(end: End), "Scenario::default().end(End::Stay)", "end = \"stay\"" => end;
    "How long a room keeps its socket open after its last frame, in milliseconds.",
        close_after_ms(ms: u64), "Scenario::default().close_after_ms(0)", "close_after_ms = 0" => ms;
    "What a room is after its end.",
        after(after: After), "Scenario::default().after(After::Again)", "after = \"again\"" => after;
    "How many of the last chats a client that joins in the middle gets as history.",
        history(chats: usize), "Scenario::default().history(0)", "history = 0" => chats;
    "The address of the WebSocket in sign answers, without a query.",
        push_server(url: impl Into<String>), "Scenario::default().push_server(\"ws://localhost/push\")",
        "push_server = \"ws://localhost/push\"" => Some(url.into());
    "The cookie `tt-target-idc` of sign answers; none if empty.",
        tt_target_idc(value: impl Into<String>), "Scenario::default().tt_target_idc(\"\")",
        "tt_target_idc = \"\"" => value.into();
    "The state of users that are not listed.",
        others(state: State), "Scenario::default().others(State::Offline)", "others = \"offline\"" => Some(state);
    "What the mock's wall clock shows when it starts, Unix milliseconds.",
        wall_ms(ms: u64), "Scenario::default().wall_ms(5)", "wall_ms = 5" => Some(ms);
}

keys! {
    User at ".users[0]":
    "What look-ups say.",
        state(state: State), "User::new(\"ann\").state(State::Paused)",
        "[[user]]\nname = \"ann\"\nstate = \"paused\"" => state;
    "The id of the room.",
        room_id(id: i64), "User::new(\"ann\").room_id(7)",
        "[[user]]\nname = \"ann\"\nroom_id = 7" => Some(id);
    "What the room plays.",
        recording(name: impl Into<String>), "User::new(\"ann\").recording(\"raid.bin\")",
        "[[user]]\nname = \"ann\"\nrecording = \"raid.bin\"" => Some(name.into());
    "How fast.",
        speed(speed: Speed), "User::new(\"ann\").speed(Speed::Times(2.0))",
        "[[user]]\nname = \"ann\"\nspeed = 2" => Some(speed);
}

keys! {
    Limit at ".limits[0]":
    "Where it counts: all of these together.",
        at(at: impl Into<Vec<Endpoint>>), "Limit::new(5, 60).at([Endpoint::Sign])",
        "[[limit]]\nmax = 5\nseconds = 60\nat = [\"sign\"]" => at.into();
    "Who is counted apart.",
        per(per: Per), "Limit::new(5, 60).per(Per::All)",
        "[[limit]]\nmax = 5\nseconds = 60\nper = \"all\"" => per;
    "The `limit_label` of the answer.",
        label(label: impl Into<String>), "Limit::new(5, 60).label(\"day\")",
        "[[limit]]\nmax = 5\nseconds = 60\nlabel = \"day\"" => label.into();
    "The `message` of the answer, of 19 characters at least.",
        message(message: impl Into<String>), "Limit::new(5, 60).message(\"Try again in an hour.\")",
        "[[limit]]\nmax = 5\nseconds = 60\nmessage = \"Try again in an hour.\"" => message.into();
    "The headers that tell the time to wait.",
        headers(headers: impl Into<BTreeMap<Header, Form>>),
        "Limit::new(5, 60).headers([(Header::RetryAfter, Form::Date)])",
        "[[limit]]\nmax = 5\nseconds = 60\nheaders = { retry-after = \"date\" }" => headers.into();
}

impl Scenario {
    /// One user, who is live; nobody else exists.
    ///
    /// ```
    /// # use livetape_mock::Scenario;
    /// assert_eq!(Scenario::live("ann"), Scenario::parse("[[user]]\nname = \"ann\"").unwrap());
    /// ```
    #[must_use]
    pub fn live(name: impl Into<String>) -> Self {
        Self::default().user(User::new(name))
    }

    /// One more user.
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

    /// One more window of requests.
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

    /// One more thing that goes wrong, behind those that do already.
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

    /// So many look-ups and sign requests, counted together, are answered with 429 and asked to wait for so long.
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
    /// A user who is live.
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
    /// So many requests in so many seconds are let through.
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
