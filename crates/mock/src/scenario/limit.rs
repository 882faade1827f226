//! Rate limits and their 429 answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Endpoint;

/// Default message of a 429. Some clients crash on fewer than 19 characters (docs/protocol.md §5.3).
pub const DEFAULT_MESSAGE: &str =
    "You have reached the rate limit. Sign up for a free API key at https://www.eulerstream.com/pricing.";

/// A rate limit. Each window starts with its first request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Endpoints whose requests are counted, all together.
    #[serde(default = "Limit::places")]
    pub at: Vec<Endpoint>,
    /// Number of requests allowed per window.
    pub max: u32,
    /// Length of the window, in seconds.
    pub seconds: u64,
    /// Clients that are counted separately.
    #[serde(default)]
    pub per: Per,
    /// `limit_label` of the response, e.g. `rate_limit_account_day`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// `message` of the response.
    #[serde(default = "message")]
    pub message: String,
    /// Headers that tell the client how long to wait; defaults to all that known clients read.
    #[serde(default = "Header::all")]
    pub headers: BTreeMap<Header, Form>,
}

impl Limit {
    pub(super) fn places() -> Vec<Endpoint> {
        vec![Endpoint::Lookup, Endpoint::Page, Endpoint::Sign]
    }
}

fn message() -> String {
    DEFAULT_MESSAGE.into()
}

/// Clients that a rate limit counts separately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Each API key, or each address for requests without a key.
    #[default]
    Key,
    /// Each address.
    Address,
    /// None: all requests count together.
    All,
}

/// A header that tells the client how long to wait. docs/protocol.md §1.6 lists which client reads which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum Header {
    RetryAfter,
    #[serde(rename = "x-ratelimit-reset")]
    XRatelimitReset,
    RatelimitLimit,
    RatelimitRemaining,
    RatelimitReset,
}

impl Header {
    /// Returns all headers, each in its most common form.
    #[must_use]
    pub fn all() -> BTreeMap<Self, Form> {
        BTreeMap::from([
            (Self::RetryAfter, Form::Delta),
            (Self::XRatelimitReset, Form::Epoch),
            (Self::RatelimitLimit, Form::Count),
            (Self::RatelimitRemaining, Form::Count),
            (Self::RatelimitReset, Form::Delta),
        ])
    }

    /// Returns the name with its usual capitalisation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RetryAfter => "Retry-After",
            Self::XRatelimitReset => "X-RateLimit-Reset",
            Self::RatelimitLimit => "RateLimit-Limit",
            Self::RatelimitRemaining => "RateLimit-Remaining",
            Self::RatelimitReset => "RateLimit-Reset",
        }
    }
}

/// Form of a header value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Seconds to wait.
    Delta,
    /// Unix time in seconds.
    Epoch,
    /// An HTTP date.
    Date,
    /// Number of requests: the maximum in `RateLimit-Limit`, 0 in any other header.
    Count,
}
