//! What requests to TikTok and to sign servers contain. The defaults are one table, whose values settings replace,
//! so that the next change of TikTok needs no release.

use std::{borrow::Cow, fmt};

use livetape_core::{
    host::HostPort,
    nearest,
    redact::{Place, is_harmless},
};

use super::{transport::Request, url};

/// User agent of a browser, because TikTok rejects some devices without one. Newest peers send Windows or macOS, and
/// Chrome 129 to 150.
const USER_AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
/// Maximum number of values in a group, and of bytes in a name or value.
const PAIRS_MAX: usize = 64;
const TEXT_BYTES_MAX: usize = 1024;

/// Rows: groups, in each the names and values in the order in which they are sent. Braces are placeholders.
macro_rules! groups {
    ($( $(#[doc = $doc:literal])* $group:ident = $name:literal, $kind:ident, needs $needs:expr, { $( $key:literal: $value:literal, )* } )*) => {
        /// A group of values.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Group { $( $(#[doc = $doc])* $group, )* }

        impl Group {
            pub const ALL: &[Self] = &[$(Self::$group),*];

            /// Returns the name in `[live.request]`.
            #[must_use]
            pub fn name(self) -> &'static str { match self { $(Self::$group => $name,)* } }

            /// Returns the names and values that settings do not change.
            #[must_use]
            pub fn defaults(self) -> &'static [(&'static str, &'static str)] {
                match self { $(Self::$group => &[$(($key, $value)),*],)* }
            }

            fn kind(self) -> GroupKind { match self { $(Self::$group => GroupKind::$kind,)* } }

            /// Values without which the request has no meaning.
            fn needs(self) -> &'static [&'static str] { match self { $(Self::$group => $needs,)* } }
        }
    };
}

/// What the values of a group are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum GroupKind {
    /// Hosts of `https` and `wss`, under names that are ours.
    Hosts,
    /// Paths, under names that are ours.
    Paths,
    Headers,
    /// Parameters of a query.
    Query,
}

groups! {
    Hosts = "hosts", Hosts, needs &[], {
        "www": "www.tiktok.com",
        "webcast": "webcast.tiktok.com",
        "socket": "webcast-ws.tiktok.com",
        "sign": "api.eulerstream.com",
    }
    Paths = "paths", Paths, needs &[], {
        "page": "/@{user}/live",
        "lookup": "/api-live/user/room/",
        "room_info": "/webcast/room/info/",
        "socket": "/webcast/im/ws_proxy/ws_reuse_supplement/",
        "sign_fetch": "/webcast/fetch",
        "sign_connect": "/webcast/rooms/{room}/connect",
    }
    /// Requests other than sockets and sign servers.
    Headers = "headers", Headers, needs &[], {
        "accept": "text/html,application/json,application/protobuf",
        "accept-language": "en-US,en;q=0.9",
        "cache-control": "max-age=0",
        "referer": "https://www.tiktok.com/",
        "origin": "https://www.tiktok.com",
    }
    /// Upgrade to a WebSocket.
    SocketHeaders = "socket_headers", Headers, needs &[], {
        "referer": "https://www.tiktok.com/",
        "origin": "https://www.tiktok.com",
        "accept-language": "en-US,en;q=0.9",
        "cache-control": "no-cache",
    }
    /// Look-up by the API.
    Lookup = "lookup", Query, needs &["{user}"], {
        "aid": "1988",
        "app_name": "tiktok_web",
        "device_platform": "web_pc",
        "app_language": "en",
        "browser_language": "en-US",
        "region": "US",
        "user_is_login": "false",
        "uniqueId": "{user}",
        "sourceType": "54",
        "staleTime": "600000",
    }
    RoomInfo = "room_info", Query, needs &["{room}"], {
        "aid": "1988",
        "app_name": "tiktok_web",
        "device_platform": "web_pc",
        "room_id": "{room}",
    }
    /// WebSocket, in the order that working clients use.
    Socket = "socket", Query, needs &["{room}"], {
        "version_code": "180800",
        "device_platform": "web",
        "cookie_enabled": "true",
        "screen_width": "1920",
        "screen_height": "1080",
        "browser_language": "en-US",
        "browser_platform": "{browser_platform}",
        "browser_name": "{browser_name}",
        "browser_version": "{browser_version}",
        "browser_online": "true",
        "tz_name": "Etc/UTC",
        "app_name": "tiktok_web",
        "sup_ws_ds_opt": "1",
        "update_version_code": "2.0.0",
        "compress": "gzip",
        "webcast_language": "en",
        "ws_direct": "{direct}",
        "aid": "1988",
        "live_id": "12",
        "app_language": "en",
        "client_enter": "1",
        "room_id": "{room}",
        "identity": "audience",
        "history_comment_count": "6",
        "last_rtt": "{rtt}",
        "heartbeat_duration": "10000",
        "resp_content_type": "protobuf",
        "did_rule": "3",
    }
    /// End of a URL from a sign server: npm tiktok-live-connector sends the version a second time.
    Signed = "signed", Query, needs &[], {
        "version_code": "270000",
    }
    SignFetch = "sign_fetch", Query, needs &["{room}"], {
        "client": "livetape",
        "room_id": "{room}",
        "user_agent": "{user_agent}",
        "platform": "web",
        "client_enter": "true",
    }
    SignConnect = "sign_connect", Query, needs &[], {
        "client": "livetape",
        "cursor": "",
        "user_agent": "{user_agent}",
        "client_enter": "true",
        "platform": "web",
    }
}

/// Paths that need a placeholder.
const PATH_NEEDS: [(&str, &str); 2] = [("page", "{user}"), ("sign_connect", "{room}")];
/// Parameters that TikTok requires: its answers without them are errors.
const REQUIRED: [&str; 1] = ["aid"];
/// Values that must not differ: the user agent, and what the decoder reads.
const FIXED: [(&str, &str); 5] = [
    ("browser_name", "{browser_name}"),
    ("browser_version", "{browser_version}"),
    ("browser_platform", "{browser_platform}"),
    ("user_agent", "{user_agent}"),
    ("resp_content_type", "protobuf"),
];
/// Headers that livetape sets itself, or that would send a secret past the settings made for it.
const OWN_HEADERS: [&str; 12] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "host",
    "proxy-authorization",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-api-key",
];
/// Part of a user agent, and the platform that a browser reports with it.
const PLATFORMS: [(&str, &str); 3] =
    [("Windows NT", "Win32"), ("Macintosh", "MacIntel"), ("Linux x86_64", "Linux x86_64")];

/// Names and values, in order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Pairs(pub Vec<(String, String)>);

impl fmt::Debug for Pairs {
    /// Masks values whose names are not known to be harmless, such as signatures.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.masked()).finish()
    }
}

impl Pairs {
    /// Returns what may be shown.
    pub fn masked(&self) -> impl Iterator<Item = (&str, &str)> {
        const OURS: [Group; 2] = [Group::Hosts, Group::Paths];
        self.0.iter().map(|(name, value)| {
            let ours = OURS.iter().flat_map(|group| group.defaults()).any(|(own, _)| own == name);
            let places = [Place::Pair, Place::Header];
            let is_shown = ours || places.iter().any(|place| is_harmless(*place, name.as_bytes()));
            (name.as_str(), if is_shown { value } else { "***" })
        })
    }
}

/// A setting that breaks the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Key under `[live.request]`.
    pub key: &'static str,
    pub message: String,
    pub hint: String,
}

/// What requests contain: the defaults, and the changes of the settings.
#[derive(Clone, PartialEq, Eq)]
pub struct Requests {
    user_agent: String,
    platform: &'static str,
    groups: Vec<Vec<(Cow<'static, str>, Cow<'static, str>)>>,
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("user_agent", &self.user_agent).finish_non_exhaustive()
    }
}

impl Default for Requests {
    fn default() -> Self {
        let groups = Group::ALL.iter().map(|group| {
            group.defaults().iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
        });
        Self { user_agent: USER_AGENT.to_owned(), platform: PLATFORMS[0].1, groups: groups.collect() }
    }
}

impl Requests {
    /// Applies changes to the defaults. An empty value removes a name.
    ///
    /// # Errors
    /// Returns every change that breaks the protocol.
    pub fn new(user_agent: Option<&str>, changes: &[(Group, &Pairs)]) -> Result<Self, Vec<Broken>> {
        let (mut requests, mut broken) = (Self::default(), Vec::new());
        if let Some(text) = user_agent {
            match platform(text) {
                Ok(platform) => (requests.user_agent, requests.platform) = (text.to_owned(), platform),
                Err((message, hint)) => broken.push(Broken { key: "user_agent", message, hint }),
            }
        }
        for (group, Pairs(pairs)) in changes {
            let mut bad = |message: String, hint: String| {
                broken.push(Broken { key: group.name(), message, hint });
            };
            if pairs.len() > PAIRS_MAX {
                bad(format!("{} values, more than {PAIRS_MAX}", pairs.len()), "remove some".to_owned());
                continue;
            }
            let values = &mut requests.groups[*group as usize];
            for (name, value) in pairs {
                if let Err((message, hint)) = check(*group, name, value) {
                    bad(message, hint);
                    continue;
                }
                let at = values.iter().position(|(known, _)| known == name);
                match at {
                    Some(at) if value.is_empty() && !values[at].1.is_empty() => _ = values.remove(at),
                    Some(at) => values[at].1 = value.clone().into(),
                    None if value.is_empty() => {}
                    None => values.push((name.clone().into(), value.clone().into())),
                }
            }
            let is_gone = |name: &&&'static str| {
                let had = group.defaults().iter().any(|(known, _)| known == *name);
                had && values.iter().all(|(known, _)| known != *name)
            };
            for name in REQUIRED.iter().filter(is_gone) {
                bad(
                    format!("`{name}` is missing, which TikTok requires"),
                    "remove the empty value".to_owned(),
                );
            }
            for needed in group.needs().iter().filter(|needed| values.iter().all(|(_, v)| v != **needed)) {
                let hint = format!("let one of the parameters be \"{needed}\"");
                bad(format!("no parameter is `{needed}`"), hint);
            }
        }
        if broken.is_empty() { Ok(requests) } else { Err(broken) }
    }

    /// Returns the user agent, with which the parameters that repeat it agree.
    #[must_use]
    pub fn user_agent(&self) -> &str {
        &self.user_agent
    }

    /// Returns a value of [`Group::Hosts`].
    pub(super) fn host(&self, name: &str) -> &str {
        self.value(Group::Hosts, name)
    }

    /// Returns the URL of a path, with the values of its placeholders encoded.
    pub(super) fn url(&self, base: &str, path: &str, values: &[(&str, &str)]) -> String {
        let values: Vec<_> = values.iter().map(|(name, value)| (*name, url::segment(value))).collect();
        let values: Vec<_> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        url::with_path(base, &fill(self.value(Group::Paths, path), &values))
    }

    /// Returns the parameters of a group, with the values of the placeholders.
    pub(super) fn query(&self, group: Group, values: &[(&str, &str)]) -> Vec<(&str, String)> {
        let (name, version) = self.user_agent.split_once('/').unwrap_or((&self.user_agent, ""));
        let own = [
            ("{user_agent}", self.user_agent.as_str()),
            ("{browser_name}", name),
            ("{browser_version}", version),
            ("{browser_platform}", self.platform),
        ];
        let values: Vec<_> = values.iter().copied().chain(own).collect();
        self.groups[group as usize].iter().map(|(name, text)| (name.as_ref(), fill(text, &values))).collect()
    }

    /// Returns the headers of a group, and the user agent.
    pub(super) fn headers(&self, group: Group) -> Vec<(Cow<'static, str>, String)> {
        let mut headers = vec![("user-agent".into(), self.user_agent.clone())];
        let others = self.groups[group as usize].iter();
        headers.extend(others.map(|(name, value)| (name.clone(), value.clone().into_owned())));
        if group == Group::Headers {
            // The only encoding that is read.
            headers.push(("accept-encoding".into(), "gzip".to_owned()));
        }
        headers
    }

    /// Returns a request to TikTok other than one for a socket.
    pub(super) fn get(&self, url: String) -> Request {
        Request { url, headers: self.headers(Group::Headers) }
    }

    fn value(&self, group: Group, name: &str) -> &str {
        self.groups[group as usize].iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// Replaces placeholders.
fn fill(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
}

/// Returns the platform that a browser with this user agent reports, or what is wrong and what to do.
fn platform(user_agent: &str) -> Result<&'static str, (String, String)> {
    if user_agent.len() > TEXT_BYTES_MAX || !is_header_value(user_agent) || !user_agent.contains('/') {
        let hint =
            "copy the user agent of a desktop browser, such as Mozilla/5.0 (Windows NT 10.0; …".to_owned();
        return Err(("not the user agent of a browser".to_owned(), hint));
    }
    let known = PLATFORMS.iter().find(|(part, _)| user_agent.contains(part));
    known.map(|(_, platform)| *platform).ok_or_else(|| {
        let parts = PLATFORMS.map(|(part, _)| part).join(", ");
        let message = "the platform in it is not known, so `browser_platform` could not agree".to_owned();
        (message, format!("use a user agent with one of: {parts}"))
    })
}

/// Checks one change. Values are not repeated, because they may be secret.
fn check(group: Group, name: &str, value: &str) -> Result<(), (String, String)> {
    let bad = |message: String, hint: &str| Err((message, hint.to_owned()));
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.[]".contains(c);
    if let Some(at) = name.find(|c| !is_part(c)) {
        // The rest may be the value.
        let message = format!("`{}…` is not a name", &name[..at]);
        return bad(message, "write NAME=VALUE, with letters, digits, `-`, `_` and `.` in the name");
    }
    let known: Vec<_> = group.defaults().iter().map(|(known, _)| *known).collect();
    // It may be a secret, with padding of base64 that looks like the end of a name.
    let is_bare = value.bytes().all(|byte| byte == b'=') && !known.contains(&name);
    let shown = if is_bare { "a name without a value".to_owned() } else { format!("`{name}`") };
    if name.is_empty() || name.len().max(value.len()) > TEXT_BYTES_MAX || value.contains(char::is_control) {
        return bad(format!("{shown} is empty, too long or has control characters"), "use one line of text");
    }
    let kind = group.kind();
    if matches!(kind, GroupKind::Hosts | GroupKind::Paths) && !known.contains(&name) {
        return Err((format!("unknown key {shown}"), nearest::hint(name, &known)));
    }
    match kind {
        GroupKind::Hosts if value.parse::<HostPort>().is_err() => bad(
            format!("{shown} is not a host"),
            "write it like webcast-ws.us.tiktok.com or example.com:8443",
        ),
        GroupKind::Paths if !is_path(value) => {
            bad(format!("{shown} is not a path"), "start it with a slash, without ? and #")
        }
        GroupKind::Paths => {
            match PATH_NEEDS.iter().find(|(path, needed)| *path == name && !value.contains(needed)) {
                Some((_, needed)) => {
                    bad(format!("`{name}` lacks `{needed}`"), "keep the placeholder in the path")
                }
                None => Ok(()),
            }
        }
        GroupKind::Headers if is_own_header(&name.to_ascii_lowercase()) => {
            let hint =
                "use the setting for it: `live.session_cookie`, `live.sign_key` or `live.request.user_agent`";
            bad(format!("livetape sets the header `{name}` itself"), hint)
        }
        GroupKind::Headers if !is_header_name(name) || !(value.is_empty() || is_header_value(value)) => {
            bad(format!("{shown} is not a header"), "use a lowercase name, and one line of printable ASCII")
        }
        GroupKind::Query => match FIXED.iter().find(|(fixed, own)| *fixed == name && value != *own) {
            // Removed, it cannot disagree.
            Some((_, own)) if !value.is_empty() || *own == "protobuf" => {
                let hint = "remove it; for another browser, set `live.request.user_agent`";
                bad(format!("`{name}` must be \"{own}\""), hint)
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Whether livetape or the handshake of a WebSocket sets the header.
fn is_own_header(name: &str) -> bool {
    OWN_HEADERS.contains(&name) || name.starts_with("sec-websocket-")
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\\".contains(&byte))
}

fn is_header_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_header_value(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &str)]) -> Pairs {
        Pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn the_defaults_are_valid_settings() {
        let all: Vec<_> = Group::ALL.iter().map(|group| (*group, pairs(group.defaults()))).collect();
        let all: Vec<_> = all.iter().map(|(group, pairs)| (*group, pairs)).collect();
        assert_eq!(Requests::new(Some(USER_AGENT), &all), Ok(Requests::default()));
    }

    #[test]
    fn a_change_replaces_adds_or_removes_a_value_in_place() {
        let change = pairs(&[("aid", "7"), ("did_rule", ""), ("new", "{room}"), ("gone", "")]);
        let requests = Requests::new(None, &[(Group::Socket, &change)]).unwrap();
        let query = requests.query(Group::Socket, &[("{room}", "9")]);
        assert!(query.contains(&("aid", "7".to_owned())) && query.contains(&("room_id", "9".to_owned())));
        assert_eq!(query.last(), Some(&("new", "9".to_owned())));
        assert_eq!(query.len(), Group::Socket.defaults().len());
        assert!(query.iter().all(|(name, _)| !["did_rule", "gone"].contains(name)));
    }

    #[test]
    fn parameters_agree_with_the_user_agent() {
        for (agent, platform) in [
            (USER_AGENT, "Win32"),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/150.0", "MacIntel"),
            ("Mozilla/5.0 (X11; Linux x86_64) Chrome/129.0", "Linux x86_64"),
        ] {
            let requests = Requests::new(Some(agent), &[]).unwrap();
            let query = requests.query(Group::Socket, &[]);
            let value = |name: &str| &query.iter().find(|(known, _)| *known == name).unwrap().1;
            assert_eq!(value("browser_platform"), platform);
            assert_eq!(format!("{}/{}", value("browser_name"), value("browser_version")), agent);
            assert_eq!(requests.query(Group::SignFetch, &[])[2].1, agent);
            let headers = [Group::Headers, Group::SocketHeaders].map(|group| requests.headers(group));
            assert!(headers.iter().all(|headers| headers[0].1 == agent));
        }
    }

    #[test]
    fn what_breaks_the_protocol_is_reported_with_its_key() {
        use Group::*;
        let rows: &[(Group, &str, &str, &str)] = &[
            (Hosts, "socket", "", "`socket` is not a host"),
            (Hosts, "socket", "https://x.example/", "`socket` is not a host"),
            (Hosts, "socket", "10.0.0.1", "`socket` is not a host"),
            (Hosts, "sockets", "x.example", "unknown key `sockets`"),
            (Paths, "page", "/live", "`page` lacks `{user}`"),
            (Paths, "lookup", "api", "`lookup` is not a path"),
            (Paths, "lookup", "/api?x=1", "`lookup` is not a path"),
            (Headers, "cookie", "a=b", "livetape sets the header `cookie` itself"),
            (Headers, "Cookie", "a=b", "livetape sets the header `Cookie` itself"),
            (Headers, "accept-encoding", "br", "livetape sets the header `accept-encoding` itself"),
            (SocketHeaders, "sec-websocket-key", "x", "livetape sets the header `sec-websocket-key` itself"),
            (Headers, "a b", "x", "`a…` is not a name"),
            (Headers, "authorization: secret", "", "`authorization…` is not a name"),
            (Socket, "msToken:secret", "", "`msToken…` is not a name"),
            (Headers, "X-A", "x", "`X-A` is not a header"),
            (Headers, "x-a", "é", "`x-a` is not a header"),
            (Headers, "x-a", "a\r\nb: c", "`x-a` is empty, too long or has control characters"),
            (Lookup, "uniqueId", "", "no parameter is `{user}`"),
            (Lookup, "aid", "", "`aid` is missing, which TikTok requires"),
            (Socket, "room_id", "7", "no parameter is `{room}`"),
            (Socket, "browser_version", "5.0 (X11)", "`browser_version` must be \"{browser_version}\""),
            (Socket, "resp_content_type", "", "`resp_content_type` must be \"protobuf\""),
            (SignFetch, "user_agent", "curl", "`user_agent` must be \"{user_agent}\""),
            (Socket, "", "x", "`` is empty, too long or has control characters"),
        ];
        for (group, name, value, message) in rows {
            let change = pairs(&[(name, value)]);
            let broken = Requests::new(None, &[(*group, &change)]).unwrap_err();
            let found: Vec<_> = broken.iter().map(|it| (it.key, it.message.as_str())).collect();
            assert_eq!(found, [(group.name(), *message)]);
            assert!(!broken[0].hint.is_empty() || broken[0].message.starts_with("unknown"), "{broken:?}");
        }
        for agent in ["", "curl", "Mozilla/5.0 (iPhone)", "Mozilla/5.0 (Windows NT)\n"] {
            assert_eq!(Requests::new(Some(agent), &[]).unwrap_err()[0].key, "user_agent", "{agent}");
        }
        let many = Pairs((0..=PAIRS_MAX).map(|n| (n.to_string(), "x".to_owned())).collect());
        assert_eq!(Requests::new(None, &[(Socket, &many)]).unwrap_err().len(), 1);
    }

    #[test]
    fn a_parameter_that_is_renamed_is_still_the_room() {
        let change = pairs(&[("room_id", ""), ("roomId", "{room}")]);
        assert!(Requests::new(None, &[(Group::Socket, &change)]).is_ok());
    }

    #[test]
    fn values_that_may_be_secret_are_not_shown() {
        let shown = format!("{:?}", pairs(&[("msToken", "planted"), ("aid", "7"), ("socket", "a.example")]));
        assert_eq!(shown, r#"{"msToken": "***", "aid": "7", "socket": "a.example"}"#);
    }

    proptest::proptest! {
        #[test]
        fn no_change_causes_a_panic(name in ".{0,9}", value in ".{0,9}|\\{[a-z]{0,5}\\}?") {
            for group in Group::ALL {
                let _ = Requests::new(Some(&value), &[(*group, &pairs(&[(&name, &value)]))]);
            }
        }
    }
}
