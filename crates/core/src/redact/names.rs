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
    "gorgon",
    "argus",
    "ladon",
    "ssstub",
    "openudid",
    "androidid",
    "appkey",
    "bdticket",
    "ttticket",
    "acnonce",
];

/// Complete names.
const NAMES: &[&str] = &["did", "iid", "wid", "sid", "sig", "sign", "cdid", "idfa", "idfv", "gaid", "pwd"];
/// Complete names that are also ordinary words: they count only where a value follows.
const FIELDS: &[&str] = &["auth", "bearer", "session"];
/// Names that also occur in JSON for other things, such as the key of a text: there they do not count.
const UNQUOTED: &[&str] = &["key", "ticket"];

/// Names that only look like secrets: a browser setting, and the suffix of public picture URLs.
const HARMLESS: &[&str] = &["cookieenabled", "xsignature"];

/// Whether values of this name must not be recorded. Cursors and acks (`cursor`, `internal_ext`) may be: they
/// are opaque, belong to a closed connection and grant no access, and replays need them for comparison.
pub(super) fn is_secret(name: &[u8]) -> bool {
    let plain = plain(name);
    if HARMLESS.contains(&plain.as_str()) {
        return false;
    }
    NAMES.contains(&plain.as_str())
        || name.to_ascii_lowercase().starts_with(b"sid_")
        || PARTS.iter().any(|part| plain.contains(part))
}

/// Whether a value that follows this name must not be recorded. JSON quotes its names, queries and headers do not.
pub(super) fn is_secret_field(name: &[u8], is_quoted: bool) -> bool {
    let is_in = |names: &[&str]| names.contains(&plain(name).as_str());
    is_secret(name) || is_in(FIELDS) || (!is_quoted && is_in(UNQUOTED))
}

/// Returns a name in lowercase without `-` and `_`.
fn plain(name: &[u8]) -> String {
    let letters = name.iter().filter(|byte| !matches!(byte, b'-' | b'_'));
    letters.map(|byte| char::from(byte.to_ascii_lowercase())).collect()
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
            "X-Gorgon",
            "X-Argus",
            "X-Ladon",
            "X-SS-STUB",
            "openudid",
            "cdid",
            "android_id",
            "idfa",
            "gaid",
            "idfv",
            "app_key",
            "bd-ticket",
            "tt_ticket",
            "pwd",
            "__ac_nonce",
            "ac_nonce",
        ] {
            assert!(is_secret(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn ordinary_words_are_secrets_only_as_names_of_values() {
        for (name, in_query, in_json) in [
            ("auth", true, true),
            ("bearer", true, true),
            ("session", true, true),
            ("key", true, false),
            ("ticket", true, false),
            ("keys", false, false),
        ] {
            let found = (is_secret_field(name.as_bytes(), false), is_secret_field(name.as_bytes(), true));
            assert_eq!((found, is_secret(name.as_bytes())), ((in_query, in_json), false), "{name}");
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
