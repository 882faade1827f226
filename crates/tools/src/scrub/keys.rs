//! Keys of JSON that belong to the protocol. Any other one may be the id or the name of a person.

use livetape_core::redact::{self, is_harmless};

use super::class::{self, Class};

/// Keys that neither [`is_harmless`] nor [`class::of_json`] lists, sorted: those of the JSON in the included
/// recordings, and those of the answers of sign servers.
const KEYS: &[&str] = &[
    "1xx",
    "2xx",
    "3xx",
    "4xx",
    "_just_anchor",
    "activity_name",
    "activity_time",
    "anchor_crowd_result",
    "apply_info",
    "as_anchor",
    "audience_crowd_result",
    "banner_data",
    "banner_switch_ranklist",
    "bitrate",
    "bitrate_kbps",
    "byte_rtc_ext_info",
    "code",
    "create_at",
    "debug",
    "default_signaling_server_first",
    "delta_score",
    "end_time",
    "extra",
    "feature_fe_id",
    "force_global_api_server",
    "fps",
    "from_idc",
    "gachas",
    "gift_type",
    "has_reward",
    "interval",
    "is_lianmai_resolution_scaled",
    "is_promotion",
    "is_settled",
    "l1_index",
    "limit_label",
    "link_mic",
    "live_rtc_engine_config",
    "live_rtc_video_param",
    "log_id",
    "luck_user",
    "msg_id",
    "now_millis",
    "pk1v1s",
    "pk_matches",
    "pk_showcases",
    "profitapi_message_dur",
    "rank",
    "rank_lists",
    "remaining",
    "repeat_count",
    "repeat_end",
    "reset_at",
    "response",
    "restricted",
    "role_type",
    "routes_attempted",
    "rtc_app_id",
    "rtc_app_sign",
    "rtc_bitrate_map",
    "rtc_business_id",
    "rtc_channel_id",
    "rtc_fps",
    "rtc_mix_base",
    "rtc_mix_param",
    "rtc_mix_type",
    "rtc_token",
    "rtc_user_id",
    "rtc_user_id_mode",
    "rtc_vendor",
    "rtc_video_param_1v1_client",
    "rtc_video_param_1v1_server",
    "rtc_video_param_mode",
    "send_gift_profit_api_start_ms",
    "send_gift_profit_core_start_ms",
    "send_gift_req_start_ms",
    "send_gift_send_message_success_ms",
    "send_profitapi_dur",
    "share_url",
    "show_time",
    "signedUrl",
    "stream_url",
    "tasks",
    "time_zone",
    "tz_location_name",
    "url",
    "userAgent",
    "version",
    "video_bitrate_kbps",
    "votes",
];

pub(super) fn is_known(key: &str) -> bool {
    KEYS.binary_search(&key).is_ok()
        || is_harmless(redact::Place::Key, key.as_bytes())
        || class::of_json(key, true) != Class::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_on_one_list_only() {
        assert!(KEYS.is_sorted_by(|a, b| a < b));
        for key in KEYS {
            assert!(!is_harmless(redact::Place::Key, key.as_bytes()), "{key}");
            assert_eq!(class::of_json(key, true), Class::Unknown, "{key}");
        }
    }
}
