//! Connecting without a sign server: TikTok's own `ttwid` cookie, and a socket URL without cursor and
//! signature. Follows the crate piratetok-live-rs 0.5.0.

use std::time::Duration;

use livetape_core::{error::Code, recording::records::http::Role, retry::SplitMix};

use super::{
    failure::Failure,
    transport::{HttpResponse, Request},
    upstream::{Upstream, browser_headers},
    url,
};

/// Maximum number of requests for the cookie, because not every response sets it.
const COOKIE_TRIES: u32 = 8;
const COOKIE_EVERY: Duration = Duration::from_millis(750);

/// Requests the cookie: `ttwid=…`.
pub(super) async fn get_cookie(upstream: &mut Upstream) -> Result<String, Failure> {
    let request = Request { url: url::with_path(&upstream.origins.www, "/"), headers: browser_headers("") };
    let mut due = upstream.now();
    for _ in 0..COOKIE_TRIES {
        tokio::time::sleep_until(upstream.at(due)).await;
        due += COOKIE_EVERY;
        // The body of the page is long and not needed.
        let answer = upstream.get(Role::Unknown, &request, false).await?;
        if answer.status == 429 {
            return Err(Failure::rate_limited(&answer, upstream.wall()));
        }
        if let Some(cookie) = ttwid(&answer) {
            upstream.redact.hide(&cookie);
            return Ok(cookie);
        }
    }
    Err(Failure::new(Code::Blocked, format!("TikTok sent no cookie in {COOKIE_TRIES} responses")))
}

fn ttwid(answer: &HttpResponse) -> Option<String> {
    let cookies = answer.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.filter_map(|cookie| cookie.split(';').next()).map(str::trim);
    pairs.find(|pair| pair.strip_prefix("ttwid=").is_some_and(|value| !value.is_empty())).map(str::to_owned)
}

pub(super) fn socket_url(origin: &str, room_id: i64, random: &mut SplitMix) -> String {
    let base = url::with_path(origin, "/webcast/im/ws_proxy/ws_reuse_supplement/");
    let (room_id, last_rtt) = (room_id.to_string(), last_rtt(random));
    url::with_query(&base, parameters(&room_id, &last_rtt, "1"))
}

/// Parameters that every client sends, in the order that working clients use.
pub(super) fn parameters<'a>(
    room_id: &'a str,
    last_rtt: &'a str,
    ws_direct: &'a str,
) -> [(&'a str, &'a str); 28] {
    [
        ("version_code", "180800"),
        ("device_platform", "web"),
        ("cookie_enabled", "true"),
        ("screen_width", "1920"),
        ("screen_height", "1080"),
        ("browser_language", "en-US"),
        ("browser_platform", "Linux x86_64"),
        ("browser_name", "Mozilla"),
        ("browser_version", "5.0 (X11)"),
        ("browser_online", "true"),
        ("tz_name", "Etc/UTC"),
        ("app_name", "tiktok_web"),
        ("sup_ws_ds_opt", "1"),
        ("update_version_code", "2.0.0"),
        ("compress", "gzip"),
        ("webcast_language", "en"),
        ("ws_direct", ws_direct),
        ("aid", "1988"),
        ("live_id", "12"),
        ("app_language", "en"),
        ("client_enter", "1"),
        ("room_id", room_id),
        ("identity", "audience"),
        ("history_comment_count", "6"),
        ("last_rtt", last_rtt),
        ("heartbeat_duration", "10000"),
        ("resp_content_type", "protobuf"),
        ("did_rule", "3"),
    ]
}

/// Returns a random value from 100.000 to 200.000 ms.
pub(super) fn last_rtt(random: &mut SplitMix) -> String {
    let micros = 100_000 + random.up_to(100_000);
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_url_contains_the_room_and_is_reproducible() {
        let url = socket_url("wss://webcast-ws.tiktok.com", 7, &mut SplitMix(1));
        assert!(url.starts_with(
            "wss://webcast-ws.tiktok.com/webcast/im/ws_proxy/ws_reuse_supplement/?version_code=180800&"
        ));
        assert!(url.contains("&browser_version=5.0%20%28X11%29&") && url.contains("&room_id=7&"), "{url}");
        assert_eq!(url, socket_url("wss://webcast-ws.tiktok.com", 7, &mut SplitMix(1)));
    }

    #[test]
    fn the_cookie_is_found_among_other_cookies() {
        let mut answer = HttpResponse::default();
        assert_eq!(ttwid(&answer), None);
        for cookie in
            ["tt_csrf_token=1; Path=/", "ttwid=; Path=/", "ttwid=1%7Cabc; Domain=.tiktok.com; HttpOnly"]
        {
            answer.headers.append("set-cookie", cookie.parse().unwrap());
        }
        assert_eq!(ttwid(&answer).as_deref(), Some("ttwid=1%7Cabc"));
    }
}
