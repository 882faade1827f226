//! Builders for scenarios in Rust: one method for each TOML key.

use std::{collections::BTreeMap, time::Duration};

use livetape_core::pace::Speed;

use super::{
    After, Change, Clock, Compress, DEFAULT_MESSAGE, End, Endpoint, Fault, FaultKind, Form, Header, Limit,
    Network, Only, Per, Scenario, State, User,
};

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
    "Sets the sockets whose frames are compressed.",
        compress(compress: Compress), "Scenario::default().compress(Compress::Never)",
        "compress = \"never\"" => compress;
    "Sets how many recent chats a client receives as history when it joins in the middle.",
        history(chats: usize), "Scenario::default().history(0)", "history = 0" => chats;
    "Sets the WebSocket URL in responses of the sign server, without a query.",
        push_server(url: impl Into<String>), "Scenario::default().push_server(\"ws://localhost/push\")",
        "push_server = \"ws://localhost/push\"" => Some(url.into());
    "Sets the cookie `tt-target-idc` in responses of the sign server; empty, the default, for none.",
        tt_target_idc(value: impl Into<String>), "Scenario::default().tt_target_idc(\"useast1a\")",
        "tt_target_idc = \"useast1a\"" => value.into();
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
    Change at ".users[0].changes[0]":
    "Sets the id of the new room.",
        room_id(id: i64), "Change::new(std::time::Duration::from_secs(5), State::Live).room_id(7)",
        "[[user]]\nname = \"ann\"\nchange = [{ at = 5, state = \"live\", room_id = 7 }]" => Some(id);
    "Sets the recording of the new room.",
        recording(name: impl Into<String>),
        "Change::new(std::time::Duration::from_secs(5), State::Live).room_id(7).recording(\"raid.bin\")",
        "[[user]]\nname = \"ann\"\nchange = [{ at = 5, state = \"live\", room_id = 7, recording = \"raid.bin\" }]"
        => Some(name.into());
    "Sets the playback speed of the new room.",
        speed(speed: Speed),
        "Change::new(std::time::Duration::from_secs(5), State::Live).room_id(7).speed(Speed::Max)",
        "[[user]]\nname = \"ann\"\nchange = [{ at = 5, state = \"live\", room_id = 7, speed = \"max\" }]" => Some(speed);
}

keys! {
    Network at ".networks[0]":
    "Sets the endpoints whose connections it affects.",
        at(at: impl Into<Vec<Endpoint>>), "Network::default().at([Endpoint::Socket]).latency_ms(5)",
        "[[network]]\nat = \"socket\"\nlatency_ms = 5" => at.into();
    "Sets the user name or room id whose connections it affects.",
        user(user: impl Into<String>), "Network::default().user(\"ann\").latency_ms(5)",
        "[[network]]\nuser = \"ann\"\nlatency_ms = 5" => Some(user.into());
    "Limits it to the first connections, this many.",
        times(times: u32), "Network::default().times(2).latency_ms(5)",
        "[[network]]\ntimes = 2\nlatency_ms = 5" => Some(times);
    "Limits it to a single connection, by its number from 1.",
        attempt(attempt: u32), "Network::default().attempt(2).latency_ms(5)",
        "[[network]]\nattempt = 2\nlatency_ms = 5" => Some(attempt);
    "Sets the time that each packet takes, each way, in milliseconds.",
        latency_ms(ms: u64), "Network::default().latency_ms(200)", "[[network]]\nlatency_ms = 200" => ms;
    "Sets the maximum of the random time added to each packet, in milliseconds.",
        jitter_ms(ms: u64), "Network::default().jitter_ms(50)", "[[network]]\njitter_ms = 50" => ms;
    "Sets the maximum rate each way, in bytes per millisecond.",
        bytes_per_ms(bytes: u32), "Network::default().bytes_per_ms(10)",
        "[[network]]\nbytes_per_ms = 10" => Some(bytes);
    "Sets how much later than its last byte clients see the end of a connection, in milliseconds.",
        close_ms(ms: u64), "Network::default().close_ms(5000)", "[[network]]\nclose_ms = 5000" => ms;
    "Cuts the connection once a client has received this many bytes.",
        cut_after_bytes(bytes: u64), "Network::default().cut_after_bytes(4096)",
        "[[network]]\ncut_after_bytes = 4096" => Some(bytes);
    "Cuts the connection after this time, in milliseconds.",
        cut_after_ms(ms: u64), "Network::default().cut_after_ms(5000)",
        "[[network]]\ncut_after_ms = 5000" => Some(ms);
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
    "Sets whether the response is 200 without a body instead of a 429.",
        empty(empty: bool), "Limit::new(5, 60).empty(true)",
        "[[limit]]\nmax = 5\nseconds = 60\nempty = true" => empty;
}

keys! {
    Fault at ".faults[0]":
    "Limits the fault to this user name or room id.",
        user(user: impl Into<String>), "Fault::new(Endpoint::Sign, FaultKind::Empty).user(\"ann\")",
        "[[fault]]\nat = \"sign\"\nkind = \"empty\"\nuser = \"ann\"" => Some(user.into());
    "Limits the fault to such requests.",
        only(only: Only), "Fault::new(Endpoint::Sign, FaultKind::Empty).only(Only::AgentDiffers)",
        "[[fault]]\nat = \"sign\"\nkind = \"empty\"\nonly = \"agent_differs\"" => Some(only);
    "Limits the fault to this many times; later attempts succeed. Either this or `attempt`.",
        times(times: u32), "Fault::new(Endpoint::Sign, FaultKind::Empty).times(2)",
        "[[fault]]\nat = \"sign\"\nkind = \"empty\"\ntimes = 2" => Some(times);
    "Limits the fault to a single request, or to a single connection of the room, by its number from 1.",
        attempt(attempt: u32), "Fault::new(Endpoint::Sign, FaultKind::Empty).attempt(2)",
        "[[fault]]\nat = \"sign\"\nkind = \"empty\"\nattempt = 2" => Some(attempt);
    "On a socket, delays the fault until this many frames of the connection were sent.",
        after_frames(frames: u64), "Fault::new(Endpoint::Socket, FaultKind::Cut).after_frames(20)",
        "[[fault]]\nat = \"socket\"\nkind = \"cut\"\nafter_frames = 20" => Some(frames);
    "On a socket, delays the fault until this many messages of the connection were sent.",
        after_events(events: u64), "Fault::new(Endpoint::Socket, FaultKind::Cut).after_events(20)",
        "[[fault]]\nat = \"socket\"\nkind = \"cut\"\nafter_events = 20" => Some(events);
}

impl Scenario {
    /// Creates a scenario with one live user. No other users exist.
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

    /// Changes the state of the user who was added last, at a time since the start of the mock.
    /// [`User::change`] has more options.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use livetape_mock::{Change, Scenario, State};
    /// let at = Duration::from_secs(30);
    /// let scenario = Scenario::live("ann").change(at, State::Offline);
    /// assert_eq!(scenario.users[0].changes, [Change::new(at, State::Offline)]);
    /// ```
    ///
    /// # Panics
    /// If the scenario has no users.
    #[must_use]
    #[track_caller]
    pub fn change(mut self, at: Duration, state: State) -> Self {
        let Some(user) = self.users.last_mut() else { panic!("add a user before the change of their state") };
        user.changes.push(Change::new(at, state));
        self
    }

    /// Adds a bad network, after the existing ones.
    ///
    /// ```
    /// # use livetape_mock::{Network, Scenario};
    /// let slow = Network::default().latency_ms(200).jitter_ms(100);
    /// assert_eq!(Scenario::live("ann").network(slow).networks[0].latency_ms, 200);
    /// ```
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.networks.push(network);
        self
    }

    /// Adds a rate limit.
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
    /// # use livetape_mock::Scenario;
    /// # use std::time::Duration;
    /// let scenario = Scenario::live("ann").rate_limited(2, Duration::from_secs(2));
    /// assert_eq!(scenario.faults[0].times, Some(2));
    /// ```
    #[must_use]
    pub fn rate_limited(self, times: u32, wait: Duration) -> Self {
        let kind = FaultKind::rate_limited(wait);
        self.fault(Fault::new(Endpoint::Lookup, kind).and_at(Endpoint::Sign).times(times))
    }
}

impl User {
    /// Creates a live user.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a change of the state, after the existing ones.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use livetape_mock::{Change, State, User};
    /// let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    /// let user = User::new("ann")
    ///     .change(Change::new(minutes(5), State::Offline))
    ///     .change(Change::new(minutes(6), State::Live).room_id(7));
    /// assert_eq!(user.changes.len(), 2);
    /// ```
    #[must_use]
    pub fn change(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }
}

impl Limit {
    /// Creates a limit of `max` requests in each window of `seconds` seconds.
    #[must_use]
    pub fn new(max: u32, seconds: u64) -> Self {
        let (at, message, headers) = (Self::places(), DEFAULT_MESSAGE.into(), Header::all());
        Self { at, max, seconds, per: Per::default(), label: String::new(), message, headers, empty: false }
    }
}
