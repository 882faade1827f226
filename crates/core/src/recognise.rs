//! Recognises TikTok LIVE traffic in a browser, by URLs and frames.

use bytes::Bytes;

use super::{host::is_in, recording::records::http::Role, username::USERNAME_CHARS_MAX, wire::read_push};

/// Payload types of push frames.
const PAYLOAD_TYPES: [&str; 6] = ["msg", "hb", "ack", "im_enter_room", "im_enter_room_resp", "close"];
/// Paths of sign servers that contain a room id, as in `/webcast/rooms/7/connect`.
const SIGN_ROOMS: &str = "/webcast/rooms/";
/// Query parameters that name a user.
const USER_PARAMETERS: [&str; 2] = ["uniqueId=", "unique_id="];

/// Returns the role of an HTTP exchange, if it is worth recording.
#[must_use]
pub fn role_of(url: &str) -> Option<Role> {
    let roles = [
        ("/webcast/im/fetch", Role::InitialBatch),
        ("/webcast/fetch", Role::InitialBatch),
        ("/webcast/room/info", Role::RoomInfo),
        ("/webcast/room/info_by_user", Role::RoomInfo),
        ("/webcast/gift/list", Role::Gifts),
        ("/api-live/user/room", Role::Lookup),
    ];
    let path = path_of(url).trim_end_matches('/');
    if path.starts_with(SIGN_ROOMS) && path.ends_with("/connect") {
        return Some(Role::InitialBatch);
    }
    roles.into_iter().find(|(known, _)| path == *known).map(|(_, role)| role)
}

/// Whether a WebSocket with this URL belongs to TikTok LIVE.
#[must_use]
pub fn is_webcast_address(url: &str) -> bool {
    let host = url.split('/').nth(2).unwrap_or_default();
    let is_host = host.starts_with("webcast") && host.contains("-ws") && host.contains(".tiktok.com");
    is_host || path_of(url).starts_with("/webcast/im/")
}

/// Whether a WebSocket with this URL belongs to TikTok but not to a LIVE: direct messages have push frames
/// too.
#[must_use]
pub fn is_other_address(url: &str) -> bool {
    let host = url.split('/').nth(2).unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
    let host = host.to_ascii_lowercase();
    ["tiktok.com", "tiktokv.com"].iter().any(|domain| is_in(&host, domain)) && !is_webcast_address(url)
}

/// Whether these bytes are a complete push frame of TikTok LIVE.
#[must_use]
pub fn is_push_frame(bytes: &Bytes) -> bool {
    let mut faults = Vec::new();
    let push = read_push(bytes, &mut faults);
    faults.is_empty() && PAYLOAD_TYPES.contains(&push.payload_type.as_str())
}

/// Returns the room id in a URL.
#[must_use]
pub fn room_in(url: &str) -> Option<i64> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let in_query = query.split('&').find_map(|pair| pair.strip_prefix("room_id=")?.parse().ok());
    let in_path = || address.split_once(SIGN_ROOMS)?.1.split('/').next()?.parse().ok();
    in_query.or_else(in_path).filter(|id| *id != 0)
}

/// Returns the user name in the URL of a LIVE page: `https://www.tiktok.com/@ann/live`.
#[must_use]
pub fn user_in(url: &str) -> Option<&str> {
    plain_user(url.split_once("/@")?.1.split_once("/live")?.0)
}

/// Returns the user name that a request asks for: in the URL of a LIVE page, or in the query of a look-up.
#[must_use]
pub fn user_asked(url: &str) -> Option<&str> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut values = query.split('&').filter_map(|pair| {
        USER_PARAMETERS
            .iter()
            .find_map(|name| pair.strip_prefix(name))
            .map(|name| name.trim_start_matches('@'))
    });
    user_in(url).or_else(|| values.find_map(plain_user))
}

fn plain_user(name: &str) -> Option<&str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    (!name.is_empty() && name.len() <= USERNAME_CHARS_MAX && name.chars().all(is_plain)).then_some(name)
}

fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    path.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_recognised() {
        assert!(is_webcast_address("wss://webcast-ws.us.tiktok.com/any?x"));
        assert!(is_webcast_address("ws://127.0.0.1:3100/webcast/im/ws_proxy/ws_reuse_supplement/?room_id=7"));
        assert!(!is_webcast_address("wss://chat.example/?to=/webcast/im/") && !is_webcast_address(""));
        assert!(
            is_other_address("wss://im-ws.tiktok.com/ws/v2?aid=1")
                && is_other_address("wss://A.TikTok.com:443/")
        );
        for url in
            ["", "wss://webcast-ws.tiktok.com/any", "wss://www.tiktok.com/webcast/im/x", "ws://127.0.0.1/x"]
        {
            assert!(!is_other_address(url), "{url}");
        }
        assert_eq!(role_of("https://webcast.tiktok.com/webcast/im/fetch/?a=b"), Some(Role::InitialBatch));
        assert_eq!(role_of("https://webcast.tiktok.com/webcast/im/fetcher"), None);
        assert_eq!(role_of("https://sign.example/webcast/rooms/7/connect?a"), Some(Role::InitialBatch));
        assert_eq!(room_in("wss://x/?a=1&room_id=77"), Some(77));
        assert_eq!(room_in("https://x/webcast/rooms/78/connect?a=1"), Some(78));
        assert_eq!(user_asked("https://www.tiktok.com/api-live/user/room/?aid=1&uniqueId=@ann"), Some("ann"));
        assert_eq!(user_asked("https://www.tiktok.com/@ben/live?unique_id=ann"), Some("ben"));
        assert_eq!(user_asked("https://www.tiktok.com/?uniqueId=a+b&unique_id=ann"), Some("ann"));
        assert_eq!(user_in("https://www.tiktok.com/@an_n.1/live?x"), Some("an_n.1"));
        assert_eq!(
            (user_in("https://www.tiktok.com/@an n/live"), user_in("https://www.tiktok.com/@ann")),
            (None, None)
        );
    }
}
