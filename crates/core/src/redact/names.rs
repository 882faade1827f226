//! Names of secrets.

/// Parts of names that indicate a secret, in lowercase and without `-` and `_`. The list is generous: a false
/// match masks a detail of an HTTP response, but a miss leaks an account.
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

/// Complete names.
const NAMES: &[&str] = &["did", "iid", "wid", "sid", "sig", "sign"];

/// Names that only look like secrets: a browser setting, and the suffix of public picture URLs.
const HARMLESS: &[&str] = &["cookieenabled", "xsignature"];

/// Whether values of this name must not be recorded. Cursors and acks (`cursor`, `internal_ext`) may be: they
/// are opaque, belong to a closed connection and grant no access, and replays need them for comparison.
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

/// Whether names can contain this byte.
pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_recognised_by_name() {
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
    fn other_names_are_kept() {
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
