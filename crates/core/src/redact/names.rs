//! Which names stand for secrets.

/// Parts of names that give a secret away, in lower case and without `-` and `_`. Rather one too many: what is masked
/// in vain is a detail of an HTTP answer, what is not masked is an account.
const PARTS: &[&str] = &[
    "token",
    "ttwid",
    "sessionid",
    "bogus",
    "gnarly",
    "signature",
    "apikey",
    "jwt",
    "passw",
    "secret",
    "cookie",
    "csrf",
    "authorization",
    "authkey",
    "oauth",
    "verifyfp",
    "webid",
    "deviceid",
    "installid",
    "odintt",
    "odinid",
    "sidguard",
    "siducp",
    "sidtt",
    "uidtt",
    "wrss",
    "imprp",
];

/// Whole names.
const NAMES: &[&str] = &["did", "iid", "wid", "sid", "sig", "sign"];

/// Names that look like secrets and are none: a setting of the browser, and what a picture's public address ends in.
const HARMLESS: &[&str] = &["cookieenabled", "xsignature"];

/// Whether a value of this name must not be recorded. Cursors and acks (`cursor`, `internal_ext`) may: they are opaque,
/// belong to one connection that is over, and open nothing; without them a replay could not be compared.
pub(super) fn is_secret(name: &[u8]) -> bool {
    let letters = name.iter().filter(|byte| !matches!(byte, b'-' | b'_'));
    let plain: String = letters.map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    if HARMLESS.contains(&plain.as_str()) {
        return false;
    }
    NAMES.contains(&plain.as_str())
        || name.to_ascii_lowercase().starts_with(b"sid_")
        || PARTS.iter().any(|part| plain.contains(part))
}

/// Whether any word in `bytes` is the name of a secret.
pub(super) fn names_secret(bytes: &[u8]) -> bool {
    bytes.split(|byte| !is_name_byte(*byte)).any(|word| !word.is_empty() && is_secret(word))
}

/// Whether names are made of it.
pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in [
            "msToken",
            "ttwid",
            "sessionid_ss",
            "session_id",
            "sid_tt",
            "X-Bogus",
            "X-Gnarly",
            "_signature",
            "apiKey",
            "x-api-key",
            "jwt",
            "token",
            "wrss",
            "imprp",
            "device_id",
            "Set-Cookie",
            "x-set-tt-cookie",
            "Authorization",
            "s_v_web_id",
            "tt_csrf_token",
            "3FmsToken",
        ] {
            assert!(is_secret(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn what_is_none_is_kept() {
        for name in [
            "cursor",
            "internal_ext",
            "room_id",
            "uniqueId",
            "cookie_enabled",
            "x-signature",
            "content-encoding",
            "author",
            "status",
            "version_code",
            "compress",
            "diamond_count",
            "candid",
        ] {
            assert!(!is_secret(name.as_bytes()), "{name}");
        }
    }
}
