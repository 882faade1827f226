//! The text keys that decide what an event is, in TikTok's spelling. `crates/core/tests/it/keys.rs` has each with its source.
//!
//! TikTok changes their case, so they are compared without it, everywhere by [`has`].

/// A gift, until 2024.
pub(super) const GIFT: &str = "webcast_aweme_gift_send_message";
/// Part of the keys of texts about super fans.
pub(super) const SUPER_FAN: &str = "ttlive_superFan";
/// A super fan joins.
pub(super) const SUPER_FAN_JOINED: &str = "ttlive_superFan_commentNotif_superFanJoined";
/// A viewer becomes a super fan.
pub(super) const SUPER_FAN_BECAME: &str = "ttlive_superFan_commentNotif_someoneBecameSuperFan";
/// A follow.
pub(super) const FOLLOWED: &str = "pm_main_follow_message_viewer_2";
/// Part of the keys of follows.
pub(super) const FOLLOW: &str = "follow";
/// A share.
pub(super) const SHARED: &str = "pm_mt_guidance_share";
/// Part of the keys of shares.
pub(super) const SHARE: &str = "share";
/// The label of the host.
pub(super) const HOST: &str = "pm_mt_hostlabel";

/// Whether `key` contains `part`, in whichever case.
pub(super) fn has(key: &str, part: &str) -> bool {
    key.as_bytes().windows(part.len()).any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}
