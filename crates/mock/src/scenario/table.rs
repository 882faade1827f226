//! The TOML form of a scenario, whose errors carry line and column. A fault is one table with the keys of all kinds; speeds
//! and times have a form of their own.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use toml::Spanned;

use super::{
    DEFAULT_MESSAGE, Endpoint, Fault, FaultKind as Kind, Form, FrameFault as Frame, Header, Lost, Network,
    Only, Refusal, Repeat, Scenario, Start, check,
};

/// Keys of a fault. Defaults are omitted.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultTable {
    #[serde(deserialize_with = "one_or_more")]
    at: Vec<Endpoint>,
    kind: Name,
    user: Option<String>,
    only: Option<Only>,
    times: Option<u32>,
    attempt: Option<u32>,
    after_ms: Option<u64>,
    after_frames: Option<u64>,
    after_events: Option<u64>,
    status: Option<u16>,
    message: Option<String>,
    label: Option<String>,
    retry_after: Option<u64>,
    headers: Option<BTreeMap<Header, Form>>,
    handshake_status: Option<u16>,
    code: Option<u16>,
    reason: Option<String>,
    bytes_per_ms: Option<u32>,
    count: Option<u32>,
    for_ms: Option<u64>,
    methods: Option<Vec<String>>,
    senders: Option<Vec<String>>,
    share: Option<f64>,
    anonymous: Option<bool>,
}

/// Usual times of an upgrade that is answered late, and of a quiet room, in milliseconds. No client should give up at the
/// same time, because chance would decide: the most popular one gives up after 20 s.
const HANG_MS: u64 = 25_000;
const QUIET_MS: u64 = 120_000;

/// Maps each name to a pattern that matches all kinds with this name, and to the kind with default values.
macro_rules! names {
    ($($name:ident: $pattern:pat => $kind:expr;)*) => {
        #[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub(super) enum Name {
            #[default]
            $($name),*
        }

        impl Name {
            pub(super) fn of(kind: &Kind) -> Self {
                match kind {
                    $($pattern => Self::$name),*
                }
            }

            fn usual(self) -> Kind {
                match self {
                    $(Self::$name => $kind),*
                }
            }
        }
    };
}

names! {
    Status: Kind::Status { .. } | Kind::RateLimited { .. } => Kind::status(0);
    Empty: Kind::Empty => Kind::Empty;
    Html: Kind::Html => Kind::Html;
    Captcha: Kind::Captcha => Kind::Captcha;
    Endless: Kind::Endless => Kind::Endless;
    CutBody: Kind::CutBody => Kind::CutBody;
    NotFound: Kind::NotFound => Kind::NotFound;
    Offline: Kind::Offline => Kind::Offline;
    Stub: Kind::Stub(_) => Kind::Stub(Refusal::stub());
    MissingCookie: Kind::MissingCookie => Kind::MissingCookie;
    NoGifts: Kind::NoGifts => Kind::NoGifts;
    MissingCursor: Kind::MissingCursor => Kind::MissingCursor;
    BadProtobuf: Kind::BadProtobuf => Kind::BadProtobuf;
    Refuse: Kind::Refuse(_) => Kind::Refuse(Refusal::blocked());
    Stall: Kind::Stall => Kind::Stall;
    Reset: Kind::Reset => Kind::Reset;
    Dribble: Kind::Dribble { .. } => Kind::Dribble { bytes_per_ms: 1 };
    Drop: Kind::Drop => Kind::Drop;
    Close: Kind::Close { .. } => Kind::Close { code: 1000, reason: String::new() };
    CloseFrame: Kind::CloseFrame => Kind::CloseFrame;
    Cut: Kind::Cut => Kind::Cut;
    BadGzip: Kind::Frames(Frame::BadGzip, _) => Kind::Frames(Frame::BadGzip, 1);
    Truncated: Kind::Frames(Frame::Truncated, _) => Kind::Frames(Frame::Truncated, 1);
    UnknownMethod: Kind::Frames(Frame::UnknownMethod, _) => Kind::Frames(Frame::UnknownMethod, 1);
    Duplicate: Kind::Frames(Frame::Duplicate, _) => Kind::Frames(Frame::Duplicate, 1);
    Reorder: Kind::Frames(Frame::Reorder, _) => Kind::Frames(Frame::Reorder, 2);
    RepeatHistory: Kind::RepeatHistory => Kind::RepeatHistory;
    NoHeartbeat: Kind::NoHeartbeat => Kind::NoHeartbeat;
    Deaf: Kind::Deaf => Kind::Deaf;
    Hang: Kind::Hang { .. } => Kind::Hang { for_ms: HANG_MS };
    Quiet: Kind::Quiet { .. } => Kind::Quiet { for_ms: QUIET_MS };
    Lose: Kind::Lose(_) => Kind::Lose(Lost::all());
}

impl TryFrom<FaultTable> for Fault {
    type Error = String;

    fn try_from(mut table: FaultTable) -> Result<Self, String> {
        let repeat = match (table.times.take(), table.attempt.take()) {
            (None, None) => Repeat::Always,
            (Some(times), None) => Repeat::Times(times),
            (None, Some(attempt)) => Repeat::Attempt(attempt),
            (Some(_), Some(_)) => return Err("set either `attempt` or `times`".into()),
        };
        let start = match (table.after_ms.take(), table.after_frames.take(), table.after_events.take()) {
            (None, None, None) => Start::Now,
            (Some(ms), None, None) => Start::Ms(ms),
            (None, Some(frames), None) => Start::Frames(frames),
            (None, None, Some(events)) => Start::Events(events),
            _ => return Err("set only one of `after_ms`, `after_frames` and `after_events`".into()),
        };
        let (kind, at, user) = (table.take_kind()?, std::mem::take(&mut table.at), table.user.take());
        let only = table.only.take();
        let left = toml::Table::try_from(&table).unwrap_or_default();
        match left.keys().find(|key| !["at", "kind"].contains(&key.as_str())) {
            Some(key) => Err(format!("`{key}` does not apply to {:?}", table.kind)),
            None => Ok(Self { at, kind, user, only, repeat, start }),
        }
    }
}

impl From<Fault> for FaultTable {
    fn from(Fault { at, kind, user, only, repeat, start }: Fault) -> Self {
        let mut table = Self { at, kind: Name::of(&kind), user, only, ..Self::default() };
        match repeat {
            Repeat::Always => {}
            Repeat::Times(times) => table.times = Some(times),
            Repeat::Attempt(attempt) => table.attempt = Some(attempt),
        }
        match start {
            Start::Now => {}
            Start::Ms(ms) => table.after_ms = Some(ms),
            Start::Frames(frames) => table.after_frames = Some(frames),
            Start::Events(events) => table.after_events = Some(events),
        }
        table.put_keys(kind);
        table
    }
}

impl FaultTable {
    /// Takes the kind and its keys out of the table. Keys left over are reported as not applicable to the
    /// kind.
    fn take_kind(&mut self) -> Result<Kind, String> {
        let mut kind = self.kind.usual();
        if let Kind::Status { .. } = kind {
            kind = Kind::status(self.status.take().ok_or("`status` must be a number from 400 to 599")?);
        }
        if let Kind::Status { status, message, retry_after } = &mut kind {
            *message = self.message.take();
            *retry_after = self.retry_after.take_if(|_| *status == 503);
        } else if let Kind::RateLimited { message, label, retry_after, headers } = &mut kind {
            set(message, &mut self.message);
            set(label, &mut self.label);
            set(retry_after, &mut self.retry_after);
            set(headers, &mut self.headers);
        } else if let Kind::Stub(refusal) | Kind::Refuse(refusal) = &mut kind {
            set(&mut refusal.status, &mut self.status);
            set(&mut refusal.handshake_status, &mut self.handshake_status);
            set(&mut refusal.message, &mut self.message);
        } else if let Kind::Dribble { bytes_per_ms } = &mut kind {
            set(bytes_per_ms, &mut self.bytes_per_ms);
        } else if let Kind::Close { code, reason } = &mut kind {
            set(code, &mut self.code);
            set(reason, &mut self.reason);
        } else if let Kind::Frames(_, count) = &mut kind {
            set(count, &mut self.count);
        } else if let Kind::Hang { for_ms } | Kind::Quiet { for_ms } = &mut kind {
            set(for_ms, &mut self.for_ms);
        } else if let Kind::Lose(lost) = &mut kind {
            set(&mut lost.methods, &mut self.methods);
            set(&mut lost.senders, &mut self.senders);
            set(&mut lost.share, &mut self.share);
            set(&mut lost.anonymous, &mut self.anonymous);
        }
        Ok(kind)
    }

    /// Sets the keys of a kind that differ from its defaults.
    fn put_keys(&mut self, kind: Kind) {
        match (kind, self.kind.usual()) {
            (Kind::Status { status, message, retry_after }, _) => {
                (self.status, self.message, self.retry_after) = (Some(status), message, retry_after);
            }
            (Kind::RateLimited { message, label, retry_after, headers }, _) => {
                (self.status, self.retry_after) = (Some(429), Some(retry_after));
                self.message = unless(message, &DEFAULT_MESSAGE.to_owned());
                self.label = unless(label, &String::new());
                self.headers = unless(headers, &Header::all());
            }
            (Kind::Stub(refusal), Kind::Stub(usual)) | (Kind::Refuse(refusal), Kind::Refuse(usual)) => {
                self.status = unless(refusal.status, &usual.status);
                self.handshake_status = unless(refusal.handshake_status, &usual.handshake_status);
                self.message = unless(refusal.message, &usual.message);
            }
            (Kind::Dribble { bytes_per_ms }, _) => self.bytes_per_ms = unless(bytes_per_ms, &1),
            (Kind::Close { code, reason }, _) => {
                (self.code, self.reason) = (unless(code, &1000), unless(reason, &String::new()));
            }
            (Kind::Frames(_, count), Kind::Frames(_, usual)) => self.count = unless(count, &usual),
            (Kind::Hang { for_ms }, Kind::Hang { for_ms: usual })
            | (Kind::Quiet { for_ms }, Kind::Quiet { for_ms: usual }) => {
                self.for_ms = unless(for_ms, &usual);
            }
            (Kind::Lose(lost), Kind::Lose(usual)) => {
                self.methods = unless(lost.methods, &usual.methods);
                self.senders = unless(lost.senders, &usual.senders);
                self.share = unless(lost.share, &usual.share);
                self.anonymous = unless(lost.anonymous, &usual.anonymous);
            }
            _ => {}
        }
    }
}

fn set<T>(value: &mut T, key: &mut Option<T>) {
    if let Some(given) = key.take() {
        *value = given;
    }
}

fn unless<T: PartialEq>(value: T, usual: &T) -> Option<T> {
    Some(value).filter(|value| value != usual)
}

pub(super) fn one_or_more<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Endpoint>, D::Error> {
    struct OneOrMore;

    impl<'de> serde::de::Visitor<'de> for OneOrMore {
        type Value = Vec<Endpoint>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an endpoint, or a list of endpoints")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
            use serde::de::IntoDeserializer as _;
            Endpoint::deserialize(text.into_deserializer()).map(|endpoint| vec![endpoint])
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(serde::de::value::SeqAccessDeserializer::new(seq))
        }
    }

    deserializer.deserialize_any(OneOrMore)
}

/// A speed in TOML: a number or `"max"`.
pub(super) mod speed {
    use livetape_core::pace::Speed;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};

    #[derive(serde::Deserialize)]
    #[serde(untagged, expecting = "a number or \"max\"")]
    enum Written {
        Number(f64),
        Text(String),
    }

    pub(in crate::scenario) fn serialize<S: Serializer>(
        speed: &Speed,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        speed.serialize(serializer)
    }

    pub(in crate::scenario) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Speed, D::Error> {
        let text = match Written::deserialize(deserializer)? {
            Written::Number(number) => number.to_string(),
            Written::Text(text) => text,
        };
        text.parse().map_err(D::Error::custom)
    }

    /// The same for an optional speed.
    pub(in crate::scenario) mod option {
        use super::{Deserializer, Serializer, Speed};

        pub(in crate::scenario) fn serialize<S: Serializer>(
            speed: &Option<Speed>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            serde::Serialize::serialize(speed, serializer)
        }

        pub(in crate::scenario) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Speed>, D::Error> {
            super::deserialize(deserializer).map(Some)
        }
    }
}

/// A time in TOML: `30s`, `1m30s`, or a number of seconds.
pub(super) mod time {
    use std::time::Duration;

    use livetape_core::offset;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    #[derive(serde::Deserialize)]
    #[serde(untagged, expecting = "a time such as \"1m30s\", or a number of seconds")]
    enum Written {
        Number(f64),
        Text(String),
    }

    pub(in crate::scenario) fn serialize<S: Serializer>(
        time: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&offset::shown(*time))
    }

    pub(in crate::scenario) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let text = match Written::deserialize(deserializer)? {
            Written::Number(number) => number.to_string(),
            Written::Text(text) => text,
        };
        let time = offset::parse(&text).map_err(D::Error::custom)?;
        Ok(Duration::new(time.as_secs(), time.subsec_millis() * 1_000_000))
    }
}

/// Maximum edit distance of a suggested correction.
const NEAR: usize = 3;

/// A mistake in a scenario.
///
/// ```
/// let error = livetape_mock::Scenario::parse("sed = 1").unwrap_err();
/// assert!(error.to_string().starts_with("line 1, column 1: unknown field `sed`"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Description of the mistake.
    pub message: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ScenarioError {}

impl Scenario {
    /// Parses a scenario from TOML and validates it.
    ///
    /// # Errors
    /// The first mistake, with its position.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = read(text)?;
        let spans: Spans = toml::from_str(text).unwrap_or_default();
        if let Err((table, message)) = check::check(&scenario) {
            return Err(ScenarioError::at(text, spans.of(table), &message));
        }
        Ok(scenario)
    }

    /// Parses a list of networks from TOML: tables `[[network]]`, as in a scenario.
    pub(crate) fn parse_networks(text: &str) -> Result<Vec<Network>, ScenarioError> {
        let Networks { networks } = read(text)?;
        // The same checks as in a scenario.
        Self::parse(text).map(|_| networks)
    }

    /// Serialises a list of networks as [`Self::parse_networks`] reads it.
    pub(crate) fn networks_to_toml(networks: Vec<Network>) -> String {
        to_toml(&Networks { networks })
    }

    /// Validates a scenario that was not parsed from TOML.
    pub(crate) fn check(&self) -> Result<(), String> {
        check::check(self).map_err(|(_, message)| message)
    }

    /// Serialises the scenario as TOML.
    ///
    /// ```
    /// # use livetape_mock::Scenario;
    /// let scenario = Scenario::live("ann");
    /// assert_eq!(Scenario::parse(&scenario.to_toml()).unwrap(), scenario);
    /// ```
    #[must_use]
    pub fn to_toml(&self) -> String {
        to_toml(self)
    }

    /// Reports an error at the table of this user in `text`, for mistakes that only reading the recordings
    /// reveals.
    pub(crate) fn error_at_user(text: &str, index: Option<usize>, message: &str) -> ScenarioError {
        let spans: Spans = toml::from_str(text).unwrap_or_default();
        let table = index.map_or(check::Table::Top, check::Table::User);
        ScenarioError::at(text, spans.of(table), message)
    }
}

impl ScenarioError {
    fn at(text: &str, position: usize, message: &str) -> Self {
        let before = &text[..text.floor_char_boundary(position)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: message.to_owned(),
        }
    }
}

/// Positions of the tables in a scenario. The table names are repeated here because positions in the public
/// types would burden everyone who builds a scenario in Rust.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Spans {
    recording: Option<Spanned<IgnoredAny>>,
    user: Vec<Spanned<UserSpans>>,
    limit: Vec<Spanned<IgnoredAny>>,
    fault: Vec<Spanned<IgnoredAny>>,
    network: Vec<Spanned<IgnoredAny>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct UserSpans {
    change: Vec<Spanned<IgnoredAny>>,
}

impl Spans {
    fn of(&self, table: check::Table) -> usize {
        fn start<T>(table: &Spanned<T>) -> usize {
            table.span().start
        }
        let start = match table {
            check::Table::Top => self.recording.as_ref().map(start),
            check::Table::User(index) => self.user.get(index).map(start),
            check::Table::Change(user, index) => {
                self.user.get(user).and_then(|user| user.get_ref().change.get(index)).map(start)
            }
            check::Table::Limit(index) => self.limit.get(index).map(start),
            check::Table::Fault(index) => self.fault.get(index).map(start),
            check::Table::Network(index) => self.network.get(index).map(start),
        };
        start.unwrap_or_default()
    }
}

/// A list of networks outside a scenario.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Networks {
    #[serde(default, rename = "network")]
    networks: Vec<Network>,
}

fn to_toml(value: &impl Serialize) -> String {
    // Every field can be written as TOML. If one could not, the comment would show the error.
    toml::to_string(value).unwrap_or_else(|error| format!("# {error}\n"))
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, ScenarioError> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        ScenarioError::at(text, at, &nearest(&plain(error.message())))
    })
}

/// Replaces what only programmers understand.
fn plain(message: &str) -> String {
    const WORDS: [(&str, &str); 5] = [
        ("u64", "a whole number, 0 or more"),
        ("usize", "a whole number, 0 or more"),
        ("u32", "a whole number from 0 to 4294967295"),
        ("u16", "a whole number from 0 to 65535"),
        ("i64", "a whole number"),
    ];
    if message == "invalid type: map, expected a sequence" {
        return "this table is a list: write it in double brackets, as in [[network]], and [[user.change]] after its [[user]]".into();
    }
    let plain = |(name, words): (&str, &str)| Some(format!("{}{words}", message.strip_suffix(name)?));
    WORDS.into_iter().find_map(plain).unwrap_or_else(|| message.to_owned())
}

/// Replaces the list of known words in an error with the nearest one, if any is near: a long list would be
/// cut.
fn nearest(message: &str) -> String {
    let mut words = message.split('`').skip(1).step_by(2);
    let is_list = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let (true, Some(written)) = (is_list, words.next()) else { return message.to_owned() };
    let near = words.map(|word| (strsim::damerau_levenshtein(written, word), word)).min();
    match near {
        Some((distance, word)) if distance <= NEAR => {
            let unknown = message.split(", expected").next().unwrap_or(message);
            format!("{unknown}; did you mean `{word}`?")
        }
        _ => message.to_owned(),
    }
}
