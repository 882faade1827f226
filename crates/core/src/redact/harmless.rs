//! The one list of names whose values may be recorded, logged and shown. Everything else is masked: new signatures,
//! tokens and ids appear in TikTok's requests every few months, so a list of secret names is never complete.

/// Where a name occurs. A name that is harmless in one place can be that of a secret in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Query or fragment of a URL, or a cookie: `name=value`.
    Pair,
    /// Header of an HTTP message or of a push frame.
    Header,
    /// Tag of a recording.
    Tag,
    /// Parameter in the value of a header: `text/html; charset=utf-8`.
    Parameter,
}

/// Names in lowercase. Pairs describe the app, the browser and the room; cursors belong to a closed connection
/// and grant no access; `x-signature` is a part of the public URLs of pictures.
const PAIRS: &str = "\
    aid app_language app_name browser_language browser_name browser_online browser_platform browser_version \
    channel client client_enter compress cookie_enabled current_region cursor data_collection_enabled debug \
    device_platform device_type did_rule endpoint fetch_interval fetch_rule fetch_time focus_state from_page \
    heartbeat_duration heartbeatduration history_comment_count history_comment_cursor history_len host \
    identity internal_ext is_fullscreen is_page_visible language last_rtt live_id need_persist_msg_count os \
    ping-interval platform priority_region region resp_content_type room_id room_ids roomid screen_height \
    screen_width sourcetype staletime status sup_ws_ds_opt tt-target-idc tz_name unique_id uniqueid \
    update_version_code user_is_login version_code webcast_language webcast_sdk_version ws_direct x-expires \
    x-signature";
/// Response headers describe the exchange; those of requests only occur in the mock's log.
const HEADERS: &str = "\
    accept accept-encoding accept-language cache-control compress_type connection content-encoding \
    content-length content-type date handshake-msg handshake-options handshake-status host im-cursor \
    im-fetch_interval im-internal_ext im-live_cursor im-now im_cursor im_internal_ext origin pragma referer \
    retry-after sec-fetch-dest sec-fetch-mode sec-fetch-site sec-websocket-extensions sec-websocket-version \
    server server-timing transfer-encoding upgrade user-agent x-agent-id x-log-code x-request-id x-room-id \
    x-tt-logid";
const TAGS: &str = "cut hours messages minutes part part_of profile provenance seed user";
const PARAMETERS: &str = "\
    boundary charset client_max_window_bits desc dur max max-age q s-maxage server_max_window_bits \
    stale-if-error stale-while-revalidate timeout";
/// Beginnings of names of headers of which there are many.
const HEADER_PREFIXES: [&str; 4] = ["rate-limit", "ratelimit", "x-rate-limit", "x-ratelimit"];

/// Whether values of this name may be kept in this place. The case of the name does not matter.
#[must_use]
pub fn is_harmless(place: Place, name: &[u8]) -> bool {
    let is = |known: &str, name: &[u8]| known.as_bytes().eq_ignore_ascii_case(name);
    let names = match place {
        Place::Pair => PAIRS,
        Place::Header => HEADERS,
        Place::Tag => TAGS,
        Place::Parameter => PARAMETERS,
    };
    let starts = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| is(prefix, start));
    !name.is_empty() && names.split(' ').any(|known| is(known, name))
        || place == Place::Header && HEADER_PREFIXES.into_iter().any(starts)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (Place::Tag, "token"),
        ] {
            assert!(!is_harmless(place, name.as_bytes()), "{name}");
        }
    }
}
