//! Where a subscriber starts in a channel.

use std::{fmt, str::FromStr};

use super::choice::choice;

/// Value of `?since=`: `0` or `STREAM:SEQ`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// From the oldest event in the backlog.
    Start,
    /// After this event.
    After {
        /// Name of the channel, as in its events.
        stream: String,
        /// Sequence number of the last event already received; 0 for none.
        seq: u64,
    },
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "0" {
            return Ok(Self::Start);
        }
        let parts = text.rsplit_once(':').filter(|(stream, _)| !stream.is_empty());
        let position = parts.and_then(|(stream, seq)| {
            Some(Self::After { stream: stream.to_owned(), seq: seq.parse().ok()? })
        });
        position.ok_or_else(|| {
            format!(
                "`since` must be 0 or STREAM:SEQ, from `stream` and `seq` of the last event, not `{text}`"
            )
        })
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("0"),
            Self::After { stream, seq } => write!(f, "{stream}:{seq}"),
        }
    }
}

choice! {
    /// Value of `?on_gap=`: what to do if the event after `since` is no longer in the backlog.
    pub enum OnGap {
        /// Reject the position.
        #[default]
        Close = "close",
        /// Send `{"type":"gap","from":…,"to":…}` for the missing events, then continue with the oldest event.
        Skip = "skip",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_parsed_into_a_stream_and_a_number() {
        let after = |stream: &str, seq| Ok(Since::After { stream: stream.to_owned(), seq });
        assert_eq!("0".parse(), Ok(Since::Start));
        assert_eq!("a1b2:17".parse(), after("a1b2", 17));
        assert_eq!("a:b:0".parse(), after("a:b", 0));
        for text in ["", "17", ":17", "a:", "a:-1", "a:x", "a:99999999999999999999"] {
            assert!(text.parse::<Since>().is_err(), "{text}");
        }
    }
}
