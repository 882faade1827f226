//! An event as a line for people: what a terminal shows of the outward JSON.

use serde_json::Value;

/// Longest text that is shown of a name or a comment, in characters.
const TEXT_CHARS_MAX: usize = 300;

/// The line of an event, without its time; `None` for events that are not shown.
#[must_use]
pub fn line(event: &Value) -> Option<String> {
    let data = &event["data"];
    let sender = || text(&data["sender"]);
    let username = || text(&event["username"]);
    Some(match event["type"].as_str()? {
        "gift" => gift(data)?,
        "chat" => format!("💬 {}: {}", sender(), text(&data["comment"])),
        "like" => format!("❤️ {} sent {} likes", sender(), data["likeCount"]),
        "member" if data["actionId"] == 1 => format!("👥 {} joined", sender()),
        "social" => match data["action"].as_str()? {
            "follow" => format!("➕ {} followed", sender()),
            "share" => format!("🔁 {} shared the LIVE", sender()),
            _ => return None,
        },
        "question" => format!("❓ {} asked: {}", sender(), text(&data["questionText"])),
        "emote" => format!("😀 {} sent an emote", sender()),
        "subscribe" => format!("⭐ {} subscribed", sender()),
        "envelope" if data["display"] == 1 => {
            format!("🧧 {} dropped {} diamonds", text(&data["senderName"]), data["diamondCount"])
        }
        "control" => format!("⏯️ The LIVE is {}", text(&data["state"])),
        "connection_created" => {
            format!("✅ Connected to {} (Room ID: {})", username(), text(&data["roomId"]))
        }
        "connection_closed" => format!("🔌 Connection to {} closed", username()),
        "disconnected" => {
            format!("🔌 Disconnected from {}: {}", username(), text(&data["reason"]).replace('_', " "))
        }
        "error" => error(data),
        "gap" => format!("⚠️ Events {} to {} are missing", event["from"], event["to"]),
        _ => return None,
    })
}

/// Only what adds something: the final of a streak says again what its last message said.
fn gift(data: &Value) -> Option<String> {
    if data["repeatDelta"] == 0 {
        return None;
    }
    let (sender, gift) = (text(&data["sender"]), text(&data["giftName"]));
    Some(format!("🎁 {sender} sent gift {gift} x{}", data["repeatCount"]))
}

/// What failed; what to do, or when it is tried again.
fn error(data: &Value) -> String {
    let message = text(&data["message"]);
    let failed = if data["code"] == "user_offline" { "" } else { "Failed to connect: " };
    let mut shown = format!("❌ {failed}{message}");
    if data["retrying"] == true {
        let wait = data["retryAfterMs"].as_f64().unwrap_or_default() / 1e3;
        shown += &format!("\n⏳ Attempt {} failed, trying again in {wait:.1} s", data["attempt"]);
    } else if let Some(hint) = data["hint"].as_str().filter(|hint| !hint.is_empty()) {
        shown += &format!("\n💡 {}", printable(hint));
    }
    shown
}

/// A JSON text as it may be shown.
fn text(value: &Value) -> String {
    printable(value.as_str().unwrap_or_default())
}

/// What may be written to a terminal: no control characters, which could move the cursor or worse, and none that turn
/// the direction of writing; not longer than 300 characters.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown: String = text.chars().filter(|&c| is_harmless(c)).take(TEXT_CHARS_MAX + 1).collect();
    if let Some((end, _)) = shown.char_indices().nth(TEXT_CHARS_MAX) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

fn is_harmless(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(event: &Value, expected: &str) {
        assert_eq!(line(event).as_deref(), Some(expected));
    }

    #[test]
    fn the_lines_of_the_seeds() {
        let event = |kind, data| json!({"type": kind, "username": "ann", "data": data});
        check(
            &event("gift", json!({"sender":"user123","giftName":"Rose","repeatCount":1,"repeatDelta":1})),
            "🎁 user123 sent gift Rose x1",
        );
        check(&event("chat", json!({"sender":"alice","comment":"สวัสดีครับ!"})), "💬 alice: สวัสดีครับ!");
        check(&event("like", json!({"sender":"bob","likeCount":5})), "❤️ bob sent 5 likes");
        check(&event("member", json!({"sender":"charlie","actionId":1})), "👥 charlie joined");
        check(
            &event("connection_created", json!({"roomId":"7548125753365269304"})),
            "✅ Connected to ann (Room ID: 7548125753365269304)",
        );
    }

    #[test]
    fn failures_say_what_to_do_or_when_it_goes_on() {
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
    fn nothing_that_steers_a_terminal_gets_through() {
        let event =
            json!({"type":"chat","data":{"sender":"a\u{1b}[2Jb\r\n","comment":"\u{202e}evil\u{7}\u{9b}1m"}});
        check(&event, "💬 a[2Jb: evil1m");
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(printable(&"é".repeat(300)), "é".repeat(300));
        assert_eq!(printable(&"é".repeat(301)), "é".repeat(300) + "…");
    }

    #[test]
    fn whatever_json_it_is_nothing_panics() {
        for kind in crate::sans_io::event::KINDS {
            for data in [json!(null), json!({}), json!([1]), json!({"sender": 7, "action": 3})] {
                let event = json!({"type": kind, "data": data});
                assert!(line(&event).is_none_or(|line| !line.is_empty()));
            }
        }
    }
}
