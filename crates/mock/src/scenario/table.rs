//! The TOML form of a fault: one table with the keys of all kinds. Also that of speeds and times.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    DEFAULT_MESSAGE, Endpoint, Fault, FaultKind as Kind, Form, FrameFault as Frame, Header, Lost, Only,
    Refusal, Repeat, Start,
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

/// Usual times of an upgrade that is answered late, and of a quiet room, in milliseconds.
const HANG_MS: u64 = 20_000;
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

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
