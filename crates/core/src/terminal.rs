//! Formats events as lines of text for a terminal, and numbers with separators between thousands.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::error::{Code, RETRIES, fitting};

/// Maximum length of a displayed name or comment, in characters.
const TEXT_CHARS_MAX: usize = 300;

/// Formats successive events. Of several equal hints in a row, only the first is shown.
#[derive(Debug)]
pub struct Lines {
    /// Whether the command at hand has a flag, so that hints may name it.
    has_flag: fn(&str) -> bool,
    /// Code and hint of the last failure whose hint was displayed.
    hinted: Option<(String, String)>,
    /// Whether a connection was just lost, so that the next failure is not a failure to connect.
    is_lost: bool,
}

impl Lines {
    /// Creates a display for a command, whose flags hints may name.
    #[must_use]
    pub fn new(has_flag: fn(&str) -> bool) -> Self {
        Self { has_flag, hinted: None, is_lost: false }
    }

    /// Formats the next event like [`line()`], without repeating the hint of the previous failure.
    #[must_use]
    pub fn next(&mut self, event: &Value) -> Option<String> {
        match event["type"].as_str()? {
            "connection_created" => *self = Self::new(self.has_flag),
            "connection_closed" => self.is_lost = true,
            "disconnected" => self.is_lost = false,
            "error" => {
                let (message, hint) = failure(event, std::mem::take(&mut self.is_lost), self.has_flag);
                let hinted = (event["data"]["code"].to_string(), hint.clone());
                if self.hinted.as_ref() == Some(&hinted) {
                    return Some(message);
                }
                self.hinted = Some(hinted);
                return Some(with_hint(message, &hint));
            }
            _ => {}
        }
        line(event)
    }
}

/// Formats an event without its time; returns `None` for events that are not displayed.
#[must_use]
pub fn line(event: &Value) -> Option<String> {
    let data = &event["data"];
    let sender = || text(&data["sender"]);
    let username = || text(&event["username"]);
    // A recording names its user with its first connection.
    let with_user = |word: &str| match username() {
        name if name.is_empty() => name,
        name => format!(" {word} {name}"),
    };
    Some(match event["type"].as_str()? {
        "gift" => gift(data)?,
        "chat" => format!("💬 {}: {}", sender(), text(&data["comment"])),
        "like" if data["likeCount"] == 1 => format!("❤️ {} sent 1 like", sender()),
        "like" => format!("❤️ {} sent {} likes", sender(), data["likeCount"]),
        "member" if data["actionId"] == 1 => format!("👥 {} joined", sender()),
        "social" => match data["action"].as_str()? {
            "follow" => format!("➕ {} followed", sender()),
            "share" => format!("🔁 {} shared the LIVE", sender()),
            "repost" => format!("🔁 {} reposted the LIVE", sender()),
            _ => return None,
        },
        "question" => format!("❓ {} asked: {}", sender(), text(&data["questionText"])),
        "emote" => format!("😀 {} sent an emote", sender()),
        "subscribe" => format!("⭐ {} subscribed", sender()),
        "envelope" if data["display"] == 1 => {
            format!("🧧 {} dropped {} diamonds", text(&data["senderName"]), data["diamondCount"])
        }
        "control" => match text(&data["state"]) {
            state if matches!(state.as_str(), "ended" | "resumed") => format!("⏯️ The LIVE has {state}"),
            state => format!("⏯️ The LIVE is {state}"),
        },
        "connection_created" => {
            format!("✅ Connected to {} (Room ID: {})", username(), text(&data["roomId"]))
        }
        "connection_closed" => format!("🔌 Connection{} closed", with_user("to")),
        "disconnected" => {
            format!("🔌 Disconnected{}: {}", with_user("from"), text(&data["reason"]).replace('_', " "))
        }
        "error" => {
            let (message, hint) = failure(event, false, |_| false);
            with_hint(message, &hint)
        }
        "gap" => format!("⚠️ Events {} to {} are missing", event["from"], event["to"]),
        _ => return None,
    })
}

/// Formats what a gift adds, so that the lines of a streak add up, and the streak's total if that is
/// different. Returns `None` for a final that only repeats the streak's last message.
fn gift(data: &Value) -> Option<String> {
    let (total, added) = (&data["repeatCount"], &data["repeatDelta"]);
    if *added == 0 {
        return None;
    }
    let worth = data["diamonds"].as_i64().filter(|diamonds| *diamonds > 0);
    let worth = worth.map(|diamonds| format!("{diamonds} diamond{}", if diamonds == 1 { "" } else { "s" }));
    let in_total = (total != added).then(|| format!("{total} in total"));
    let details = Vec::from_iter(worth.into_iter().chain(in_total)).join(", ");
    let (sender, gift) = (text(&data["sender"]), text(&data["giftName"]));
    let details = if details.is_empty() { details } else { format!(" ({details})") };
    Some(format!("🎁 {sender} sent gift {gift} x{added}{details}"))
}

/// Appends a hint, unless it is empty.
fn with_hint(message: String, hint: &str) -> String {
    if hint.is_empty() { message } else { format!("{message}\n💡 {hint}") }
}

/// Formats the failure and, if it is known, when livetape or the user can try again. Also returns the hint. `is_lost` means that an open connection was lost, rather than that
/// an attempt to connect failed.
fn failure(event: &Value, is_lost: bool, has_flag: fn(&str) -> bool) -> (String, String) {
    let data = &event["data"];
    let message = text(&data["message"]);
    let is_numbered = data["attempt"].as_u64().is_some_and(|number| number > 0);
    let is_attempt = !is_lost && is_numbered && data["code"] != "user_offline";
    let failed = if is_attempt { "Failed to connect: " } else { "" };
    let mut shown = format!("❌ {failed}{message}");
    let (code, hint) = (data["code"].as_str(), data["hint"].as_str().unwrap_or_default());
    let (retrying, wait) = (data["retrying"] == true, data["retryAfterMs"].as_u64());
    // Older servers send it as it is.
    let hint = fitting(hint, retrying, wait.is_some());
    let hint = code.and_then(Code::from_name).map_or(hint, |code| code.terminal_hint(hint, has_flag));
    let hint = match event["username"].as_str().unwrap_or_default() {
        // The next line says so.
        _ if hint == RETRIES => String::new(),
        "" => hint.to_owned(),
        user => hint.replace("@USER/", &format!("@{user}/")),
    };
    let wait = Duration::from_millis(wait.unwrap_or_default());
    if wait.is_zero() {
        // Nothing is known, or the message says what follows at once.
    } else if retrying && is_numbered {
        let seconds = wait.as_secs_f64();
        shown += &if is_lost {
            format!("\n⏳ Trying again in {seconds:.1} s")
        } else {
            format!("\n⏳ Attempt {} failed, trying again in {seconds:.1} s", data["attempt"])
        };
    } else if !retrying {
        shown += &format!("\n⏳ The server requires a wait of {}{}", length(wait), until(event, wait));
    }
    (shown, printable(&hint))
}

/// Formats a duration as `90 s`, `42 min` or `1 h 5 min`, rounded up.
fn length(wait: Duration) -> String {
    const SECONDS_MAX: u128 = 120;
    let seconds = wait.as_millis().div_ceil(1000);
    let minutes = seconds.div_ceil(60);
    match (minutes / 60, minutes % 60) {
        _ if seconds <= SECONDS_MAX => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// Formats the end of the wait, if the event has a time.
fn until(event: &Value, wait: Duration) -> String {
    let received = event["ts"].as_str().and_then(|ts| ts.parse::<Timestamp>().ok());
    let end = received.and_then(|received| received.checked_add(wait).ok());
    end.map(|end| format!(", until {end:.0}")).unwrap_or_default()
}

/// Returns a JSON string in a form safe to display.
fn text(value: &Value) -> String {
    printable(value.as_str().unwrap_or_default())
}

/// Makes a text safe for a terminal. Removes control characters, which could move the cursor or worse, and
/// characters that change the text direction; cuts the text at 300 characters.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown: String = text.chars().filter(|&c| !is_invisible(c)).take(TEXT_CHARS_MAX + 1).collect();
    if let Some((end, _)) = shown.char_indices().nth(TEXT_CHARS_MAX) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

/// What stands for the `[` of `##[` in lines that are not commands to the runner of GitHub Actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bracket {
    /// For people: a space precedes it.
    Apart,
    /// Within strings of JSON and in the log: an escape.
    Escaped,
}

/// Makes a text one that the runner of GitHub Actions does not execute. It takes `##[command]` anywhere in a line for
/// a command, and `::command::` after white space at its start. As it compares texts by language, it ignores
/// characters without weight, such as U+200B, in between; all that are not printable ASCII may be such.
#[must_use]
pub fn without_commands(text: &str, bracket: Bracket) -> String {
    let mut plain = String::with_capacity(text.len());
    // The last two characters with weight in this line, and whether there was any but white space before them.
    let (mut last, mut is_start) = ([' ', ' '], true);
    for c in text.chars() {
        if matches!(c, '\n' | '\r') {
            (last, is_start) = ([' ', ' '], true);
        } else if c == ' ' || c.is_ascii_graphic() {
            match (last, c) {
                (['#', '#'], '[') if bracket == Bracket::Apart => plain.push(' '),
                (['#', '#'], '[') => {
                    plain.push_str("\\u005b");
                    last = [' ', ' '];
                    continue;
                }
                ([_, ':'], ':') if is_start => plain.push(' '),
                _ => {}
            }
            is_start &= matches!(c, ' ' | ':') && last[1] == ' ';
            last = [last[1], c];
        }
        plain.push(c);
    }
    plain
}

/// Whether a character controls the terminal or changes the text direction. No name may contain one, because
/// it can make one name look like another.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Formats a number: `18,233`
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(event: &Value, expected: &str) {
        assert_eq!(line(event).as_deref(), Some(expected));
    }

    #[test]
    fn lines_match_the_specification() {
        let event = |kind, data| json!({"type": kind, "username": "ann", "data": data});
        check(
            &event("gift", json!({"sender":"user123","giftName":"Rose","repeatCount":1,"repeatDelta":1})),
            "🎁 user123 sent gift Rose x1",
        );
        check(&event("chat", json!({"sender":"alice","comment":"สวัสดีครับ!"})), "💬 alice: สวัสดีครับ!");
        check(&event("like", json!({"sender":"bob","likeCount":5})), "❤️ bob sent 5 likes");
        check(&event("member", json!({"sender":"charlie","actionId":1})), "👥 charlie joined");
        check(&event("social", json!({"sender":"bob","action":"repost"})), "🔁 bob reposted the LIVE");
        check(
            &event("connection_created", json!({"roomId":"7548125753365269304"})),
            "✅ Connected to ann (Room ID: 7548125753365269304)",
        );
    }

    #[test]
    fn the_lines_of_a_streak_add_up() {
        let line = |count: i64, delta: i64, diamonds: i64| {
            let data = json!({"sender":"ann","giftName":"Star","repeatCount":count,"repeatDelta":delta,"diamonds":diamonds});
            line(&json!({"type": "gift", "data": data}))
        };
        let streak = [line(1, 1, 1), line(3, 2, 198), line(3, 0, 0), line(8, 3, 0)];
        let lines =
            streak.iter().map(|line| line.as_deref().map(|line| &line["🎁 ann sent gift Star ".len()..]));
        let expected =
            [Some("x1 (1 diamond)"), Some("x2 (198 diamonds, 3 in total)"), None, Some("x3 (8 in total)")];
        assert!(lines.eq(expected), "{streak:?}");
    }

    #[test]
    fn failures_show_a_hint_or_the_next_attempt() {
        let error = |data| json!({"type": "error", "data": data});
        check(
            &error(
                json!({"code":"user_offline","message":"User is not currently live","hint":"wait","retrying":false}),
            ),
            "❌ User is not currently live\n💡 wait",
        );
        check(
            &error(
                json!({"code":"rate_limited","message":"[Rate Limited] x","attempt":1,"retrying":true,"retryAfterMs":1500}),
            ),
            "❌ Failed to connect: [Rate Limited] x\n⏳ Attempt 1 failed, trying again in 1.5 s",
        );
    }

    #[test]
    fn nobody_is_told_to_do_what_livetape_does() {
        let shown = |retrying: bool| {
            let data = json!({"code":"sign_failed","message":"x","hint":"try again later","attempt":1,"retrying":retrying,"retryAfterMs":1500});
            line(&json!({"type": "error", "data": data})).unwrap().contains("💡")
        };
        assert_eq!([shown(true), shown(false)], [false, true]);
    }

    #[test]
    fn failures_of_the_feed_are_not_attempts_to_connect() {
        let error = |data| json!({"type": "error", "data": data});
        for attempt in [json!(0), Value::Null] {
            let data =
                json!({"code":"too_large","message":"x","hint":"check","attempt":attempt,"retrying":true});
            check(&error(data), "❌ x\n💡 check");
        }
        let offline =
            json!({"code":"user_offline","message":"x","attempt":2,"retrying":true,"retryAfterMs":1500});
        check(&error(offline), "❌ x\n⏳ Attempt 2 failed, trying again in 1.5 s");
    }

    #[test]
    fn a_failure_never_shows_two_different_waits() {
        let hint = Code::RateLimited.hint();
        let data = json!({"code":"rate_limited","message":"x","hint":hint,"attempt":1,"retrying":true,"retryAfterMs":1500});
        let shown = line(&json!({"type": "error", "data": data})).unwrap();
        assert!(shown.contains("in 1.5 s\n💡 try another user; or"), "{shown}");
        let data = json!({"code":"rate_limited","message":"x","hint":hint,"attempt":5,"retrying":false});
        let shown = line(&json!({"type": "error", "data": data})).unwrap();
        assert!(shown.contains("x\n💡 wait 5-10 minutes"), "{shown}");
        let data = json!({"code":"rate_limited","message":"x","hint":hint,"attempt":5,"retrying":false,"retryAfterMs":6500});
        let shown = line(&json!({"type": "error", "data": data})).unwrap();
        assert!(
            shown.contains("x\n⏳ The server requires a wait of 7 s\n💡 try another user; or"),
            "{shown}"
        );
    }

    #[test]
    fn a_missing_username_leaves_no_gap() {
        let ended = |username| json!({"type":"disconnected","username":username,"data":{"reason":"deleted"}});
        check(&ended("ann"), "🔌 Disconnected from ann: deleted");
        check(&ended(""), "🔌 Disconnected: deleted");
        check(&json!({"type":"connection_closed","username":"","data":{}}), "🔌 Connection closed");
    }

    #[test]
    fn a_wait_shows_its_duration_and_end() {
        let error = |ms: u64| {
            let data =
                json!({"code":"rate_limited","message":"x","attempt":1,"retrying":false,"retryAfterMs":ms});
            json!({"type":"error","ts":"2026-01-01T23:30:00.250Z","data":data})
        };
        check(&error(0), "❌ Failed to connect: x");
        for (ms, wait) in [
            (6_001, "7 s, until 2026-01-01T23:30:06Z"),
            (120_000, "120 s, until 2026-01-01T23:32:00Z"),
            (120_001, "3 min, until 2026-01-01T23:32:00Z"),
            (900_001, "16 min, until 2026-01-01T23:45:00Z"),
        ] {
            let expected = format!("❌ Failed to connect: x\n⏳ The server requires a wait of {wait}");
            check(&error(ms), &expected);
        }
        let shown = line(&error(3_900_000)).unwrap();
        assert!(shown.ends_with("wait of 1 h 5 min, until 2026-01-02T00:35:00Z"), "{shown}");
        assert!(line(&error(u64::MAX)).is_some());
    }

    #[test]
    fn only_the_first_of_equal_failures_shows_its_hint() {
        let mut lines = Lines::new(|_| true);
        let mut has_hint = |kind, code| {
            let data = json!({"code":code,"message":"x","hint":"wait","retrying":true,"retryAfterMs":1});
            lines.next(&json!({"type": kind, "data": data})).unwrap().contains("💡")
        };
        let limited = [(); 3].map(|()| has_hint("error", "rate_limited"));
        assert_eq!(limited, [true, false, false]);
        assert!(has_hint("error", "user_offline"), "another failure has another hint");
        has_hint("connection_created", "");
        assert!(has_hint("error", "user_offline"), "it failed again");
    }

    #[test]
    fn a_lost_connection_is_not_a_failure_to_connect() {
        let mut lines = Lines::new(|_| true);
        assert!(lines.next(&json!({"type":"connection_closed","username":"ann","data":{}})).is_some());
        let data =
            json!({"code":"connection_lost","message":"x","attempt":1,"retrying":true,"retryAfterMs":1500});
        let failure = json!({"type":"error","data":data});
        assert_eq!(lines.next(&failure).as_deref(), Some("❌ x\n⏳ Trying again in 1.5 s"));
        assert!(lines.next(&failure).unwrap().starts_with("❌ Failed to connect: x"));
    }

    #[test]
    fn terminal_control_characters_are_removed() {
        let event = json!({"type":"chat","data":{"sender":"a\u{1b}[2Jb\r\n","comment":"\u{202e}e\u{61c}v\u{200f}il\u{7}\u{9b}1m"}});
        check(&event, "💬 a[2Jb: evil1m");
    }

    #[test]
    fn the_runner_of_github_reads_no_commands() {
        for (text, plain) in [
            ("##[error]x", "## [error]x"),
            ("a ###[group]b ##[endgroup]", "a ### [group]b ## [endgroup]"),
            ("#\u{200b}#\u{ad}[error]", "#\u{200b}#\u{ad} [error]"),
            ("::error::x", ": :error::x"),
            (" \t\u{2003}\u{feff}::error::x", " \t\u{2003}\u{feff}: :error::x"),
            (":\u{200d}:error::x", ":\u{200d} :error::x"),
            (":::error::x", ": ::error::x"),
            ("one\n::error::two\r::warning::three", "one\n: :error::two\r: :warning::three"),
            ("#\n#[error]", "#\n#[error]"),
            ("std::vec::Vec #[test] ## [x] # #[", "std::vec::Vec #[test] ## [x] # #["),
            ("a ::b:: :", "a ::b:: :"),
            (": ::x", ": ::x"),
        ] {
            assert_eq!(without_commands(text, Bracket::Apart), plain, "{text:?}");
        }
        let line = "{\"a\":\"##[x] # #[\"}";
        assert_eq!(without_commands(line, Bracket::Escaped), line.replace("##[", "##\\u005b"));
        let json = serde_json::to_string_pretty(&json!({"a": ["##[x]", "::b"]})).unwrap();
        let plain = without_commands(&json, Bracket::Escaped);
        assert!(!plain.contains("##["));
        assert_eq!(serde_json::from_str::<Value>(&plain).unwrap(), json!({"a": ["##[x]", "::b"]}));
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(printable(&"é".repeat(300)), "é".repeat(300));
        assert_eq!(printable(&"é".repeat(301)), "é".repeat(300) + "…");
    }

    #[test]
    fn no_json_panics() {
        for kind in crate::event::KINDS {
            for data in [json!(null), json!({}), json!([1]), json!({"sender": 7, "action": 3})] {
                let event = json!({"type": kind, "data": data});
                assert!(line(&event).is_none_or(|line| !line.is_empty()));
            }
        }
    }
}
