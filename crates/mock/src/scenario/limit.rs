//! How many requests are let through, and what the others are told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Endpoint;

/// The message of a 429, unless told otherwise. Peers crash on one that is shorter than 19 characters (docs/protocol.md §5.3).
///
/// ```
/// assert!(livetape_mock::DEFAULT_MESSAGE.starts_with("You have reached the rate limit."));
/// ```
pub const DEFAULT_MESSAGE: &str =
    "You have reached the rate limit. Sign up for a free API key at https://www.eulerstream.com/pricing.";

/// A window of requests. It starts with the first request in it.
///
/// ```
/// # use livetape_mock::{Limit, Scenario};
/// assert_eq!(Scenario::parse("[[limit]]\nmax = 5\nseconds = 60").unwrap().limits, [Limit::new(5, 60)]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Where it counts: all of these together.
    #[serde(default = "Limit::places")]
    pub at: Vec<Endpoint>,
    /// How many requests are let through …
    pub max: u32,
    /// … in so many seconds.
    pub seconds: u64,
    /// Who is counted apart.
    #[serde(default)]
    pub per: Per,
    /// The `limit_label` of the answer, e.g. `rate_limit_account_day`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// The `message` of the answer.
    #[serde(default = "message")]
    pub message: String,
    /// The headers that tell the time to wait; by default all that clients are known to read.
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

/// Who is counted apart.
///
/// ```
/// # use livetape_mock::{Limit, Per};
/// assert_eq!(Limit::new(5, 60).per, Per::Key);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Each API key; without one each address.
    #[default]
    Key,
    /// Each address.
    Address,
    /// Nobody.
    All,
}

/// A header that tells the time to wait. Which client reads which: docs/protocol.md §1.6.
///
/// ```
/// # use livetape_mock::{Form, Header};
/// assert_eq!(Header::all()[&Header::RetryAfter], Form::Delta);
/// ```
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
    /// All of them, each in the form that is most common.
    ///
    /// ```
    /// # use livetape_mock::Header;
    /// assert_eq!(Header::all().len(), 5);
    /// ```
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

    /// The name as it goes out.
    ///
    /// ```
    /// assert_eq!(livetape_mock::Header::XRatelimitReset.name(), "X-RateLimit-Reset");
    /// ```
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

/// The form of a header's value.
///
/// ```
/// # use livetape_mock::{Form, Header};
/// assert_eq!(Header::all()[&Header::XRatelimitReset], Form::Epoch);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Seconds to wait.
    Delta,
    /// Unix seconds.
    Epoch,
    /// An HTTP date.
    Date,
    /// A number of requests: those of the window, or those that are left, 0.
    Count,
}
