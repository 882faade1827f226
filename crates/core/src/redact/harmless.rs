//! The one list of names whose values may be recorded, logged and shown. Everything else is masked: new
//! signatures, tokens and ids appear in TikTok's requests every few months, so a list of secret names is
//! never complete.

use std::cmp::Ordering;

/// Where a name occurs. A name that is harmless in one place can be that of a secret in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Query or fragment of a URL, or a cookie: `name=value`.
    Pair = 1,
    /// Header of an HTTP message or of a push frame.
    Header = 2,
    /// JSON object.
    Key = 4,
    /// Tag of a recording.
    Tag = 8,
    /// Parameter in the value of a header: `text/html; charset=utf-8`.
    Parameter = 16,
}

const P: u8 = Place::Pair as u8;
const H: u8 = Place::Header as u8;
const K: u8 = Place::Key as u8;
const T: u8 = Place::Tag as u8;
const M: u8 = Place::Parameter as u8;

/// Names in lowercase, sorted, with the places where they are harmless.
///
/// Pairs describe the app, the browser and the room; cursors belong to a closed connection and grant no
/// access; `x-signature` is a part of the public URLs of pictures. Keys are those of public data about a
/// room, its host and gifts. Response headers describe the exchange; those of requests only occur in the
/// mock's log.
const NAMES: &[(&str, u8)] = &[
    ("accept", H),
    ("accept-encoding", H),
    ("accept-language", H),
    ("age_restricted", K),
    ("aid", P),
    ("alive", K),
    ("app_language", P),
    ("app_name", P),
    ("avatar_thumb", K),
    ("avatar_url", K),
    ("avatarlarger", K),
    ("boundary", M),
    ("browser_language", P),
    ("browser_name", P),
    ("browser_online", P),
    ("browser_platform", P),
    ("browser_version", P),
    ("cache-control", H),
    ("channel", P),
    ("charset", M),
    ("client", P),
    ("client_enter", P),
    ("client_max_window_bits", M),
    ("combo", K),
    ("comment_count", K),
    ("compress", P),
    ("compress_type", H),
    ("connection", H),
    ("content-encoding", H),
    ("content-length", H),
    ("content-type", H),
    ("cookie_enabled", P),
    ("cover", K),
    ("cover_url", K),
    ("create_time", K),
    ("current_region", P),
    ("current_viewers", K),
    ("cursor", P | K),
    ("cut", T),
    ("data", K),
    ("data_collection_enabled", P),
    ("date", H),
    ("debug", P),
    ("desc", M),
    ("describe", K),
    ("device_platform", P),
    ("device_type", P),
    ("diamond_count", K),
    ("did_rule", P),
    ("display_id", K),
    ("dur", M),
    ("duration", K),
    ("endpoint", P),
    ("entercount", K),
    ("error", K),
    ("fetch_interval", P),
    ("fetch_rule", P),
    ("fetch_time", P),
    ("focus_state", P),
    ("follow_count", K),
    ("follow_info", K),
    ("follower_count", K),
    ("followercount", K),
    ("followers", K),
    ("following", K),
    ("following_count", K),
    ("followingcount", K),
    ("followstatus", K),
    ("from_page", P),
    ("gift_id", K),
    ("gifts", K),
    ("gifts_info", K),
    ("handshake-msg", H),
    ("handshake-options", H),
    ("handshake-status", H),
    ("heartbeat_duration", P),
    ("heartbeatduration", P),
    ("height", K),
    ("history_comment_count", P),
    ("history_comment_cursor", P),
    ("history_len", P),
    ("host", P | H),
    ("hours", T),
    ("icon", K),
    ("id", K),
    ("id_str", K),
    ("identity", P),
    ("im-cursor", H),
    ("im-fetch_interval", H),
    ("im-internal_ext", H),
    ("im-live_cursor", H),
    ("im-now", H),
    ("im_cursor", H),
    ("im_internal_ext", H),
    ("image", K),
    ("image_url", K),
    ("internal_ext", P | K),
    ("is_fullscreen", P),
    ("is_live", K),
    ("is_page_visible", P),
    ("is_verified", K),
    ("language", P),
    ("last_rtt", P),
    ("like_count", K),
    ("live_id", P),
    ("liveroom", K),
    ("liveroomstats", K),
    ("liveroomuserinfo", K),
    ("max", M),
    ("max-age", M),
    ("message", K),
    ("messages", T),
    ("minutes", T),
    ("msg", K),
    ("name", K),
    ("need_persist_msg_count", P),
    ("nickname", K),
    ("normal_gifts", K),
    ("now", K),
    ("numeric_uid", K),
    ("ok", K),
    ("origin", H),
    ("os", P),
    ("owner", K),
    ("page_gifts", K),
    ("part", T),
    ("part_of", T),
    ("ping-interval", P),
    ("platform", P),
    ("pragma", H),
    ("priority_region", P),
    ("profile", T),
    ("prompts", K),
    ("provenance", T),
    ("q", M),
    ("referer", H),
    ("region", P),
    ("resp_content_type", P),
    ("retry-after", H),
    ("room_id", P | K),
    ("room_id_str", K),
    ("room_ids", P),
    ("room_info", K),
    ("roomid", P | K),
    ("s-maxage", M),
    ("screen_height", P),
    ("screen_width", P),
    ("sec-fetch-dest", H),
    ("sec-fetch-mode", H),
    ("sec-fetch-site", H),
    ("sec-websocket-extensions", H),
    ("sec-websocket-version", H),
    ("sec_uid", K),
    ("secuid", K),
    ("seed", T),
    ("server", H),
    ("server-timing", H),
    ("server_max_window_bits", M),
    ("share_count", K),
    ("sourcetype", P),
    ("stale-if-error", M),
    ("stale-while-revalidate", M),
    ("staletime", P),
    ("start_time", K),
    ("starttime", K),
    ("stats", K),
    ("status", P | K),
    ("status_code", K),
    ("statuscode", K),
    ("sup_ws_ds_opt", P),
    ("timeout", M),
    ("title", K),
    ("total_user", K),
    ("total_viewers", K),
    ("transfer-encoding", H),
    ("tt-target-idc", P),
    ("type", K),
    ("tz_name", P),
    ("unique_id", P | K),
    ("uniqueid", P | K),
    ("update_version_code", P),
    ("upgrade", H),
    ("uri", K),
    ("url_list", K),
    ("urls", K),
    ("user", K | T),
    ("user-agent", H),
    ("user_count", K),
    ("user_is_login", P),
    ("usercount", K),
    ("userinfo", K),
    ("verified", K),
    ("version_code", P),
    ("webcast_language", P),
    ("webcast_sdk_version", P),
    ("width", K),
    ("ws_direct", P),
    ("x-agent-id", H),
    ("x-expires", P),
    ("x-log-code", H),
    ("x-request-id", H),
    ("x-room-id", H),
    ("x-signature", P),
    ("x-tt-logid", H),
];

/// Beginnings of names of which there are many, in lowercase.
const PREFIXES: &[(&str, u8)] =
    &[("rate-limit", H), ("ratelimit", H), ("x-rate-limit", H), ("x-ratelimit", H)];

/// Whether values of this name may be kept in this place. The case of the name does not matter.
#[must_use]
pub fn is_harmless(place: Place, name: &[u8]) -> bool {
    let is_in = |places: u8| places & place as u8 != 0;
    let exact = NAMES.binary_search_by(|(known, _)| compare(known.as_bytes(), name));
    let starts = |prefix: &str| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    exact.is_ok_and(|at| is_in(NAMES[at].1))
        || PREFIXES.iter().any(|(prefix, places)| is_in(*places) && starts(prefix))
}

/// Compares a name of the list with any other one.
fn compare(known: &[u8], name: &[u8]) -> Ordering {
    known.iter().copied().cmp(name.iter().map(u8::to_ascii_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_in_lowercase() {
        assert!(NAMES.is_sorted_by(|(a, _), (b, _)| a < b));
        let names = NAMES.iter().chain(PREFIXES).map(|(name, _)| *name);
        names.for_each(|name| assert_eq!(name, name.to_ascii_lowercase()));
    }

    #[test]
    fn only_listed_names_are_harmless() {
        for (place, name) in [
            (Place::Pair, "aid"),
            (Place::Pair, "uniqueId"),
            (Place::Pair, "ROOM_ID"),
            (Place::Pair, "tt-target-idc"),
            (Place::Header, "Content-Type"),
            (Place::Header, "X-RateLimit-Remaining-Minute"),
            (Place::Header, "handshake-msg"),
            (Place::Key, "url_list"),
            (Place::Tag, "user"),
            (Place::Parameter, "charset"),
        ] {
            assert!(is_harmless(place, name.as_bytes()), "{name}");
        }
        for (place, name) in [
            (Place::Pair, ""),
            (Place::Pair, "X-Dynosaur"),
            (Place::Pair, "X-Mssdk-Info"),
            (Place::Pair, "user"),
            (Place::Pair, "data"),
            (Place::Pair, "aid2"),
            (Place::Pair, "ai"),
            (Place::Pair, "desc"),
            (Place::Header, "cookie"),
            (Place::Header, "Set-Cookie"),
            (Place::Header, "x-anything"),
            (Place::Header, "x-handshake-msg"),
            (Place::Header, "handshake-token"),
            (Place::Key, "aid"),
            (Place::Key, "msToken"),
            (Place::Tag, "token"),
        ] {
            assert!(!is_harmless(place, name.as_bytes()), "{name}");
        }
    }
}
