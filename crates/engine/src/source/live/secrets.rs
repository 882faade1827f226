//! Which secrets a request carries. A secret goes where its owner sends it, never where only an answer points: to the
//! origins of `live.upstream` and `live.sign_url`, and to TikTok's hosts over TLS.

use std::fmt;

use livetape_core::{
    host::is_in,
    redact::{Place, is_harmless},
};

use super::{Cookies, LiveOptions, Origins, Secret, transport::Request, url};

/// Site of TikTok. A session goes to each of its hosts, as from a browser.
const SITE: &str = "tiktok.com";
/// Hosts of TikTok in `live.request.hosts`; the other one is a sign server.
const HOSTS: [&str; 3] = ["www", "webcast", "socket"];
/// Parameters of a sign server, and the cookies of a session that they contain.
const OF_SESSION: [(&str, &str); 2] = [("session_id", "sessionid"), ("tt_target_idc", "tt-target-idc")];
const HTTPS_PORT: u16 = 443;
const HTTP_PORT: u16 = 80;
/// Maximum length of the address that a redirect leads to, in bytes.
#[cfg(feature = "live")]
const REDIRECT_BYTES_MAX: usize = 2048;
/// Advice for a session that is withheld from the socket of a sign server.
const NAMED_HINT: &str = "use a sign server that names a host of TikTok with wss://, or the origin of `live.upstream`; \
                          only these get the session";
/// Advice for a secret that is withheld from a proxy.
const PROXY_HINT: &str = "use an https:// address, or leave out `live.proxy`";

/// A kind of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SecretKind {
    /// Cookies of the session.
    Session,
    /// Cookies of the session that a sign server needs.
    SessionOfSign,
    /// API key of the sign server.
    Key,
}

impl SecretKind {
    /// Secrets of requests to TikTok, and of sockets.
    pub(super) const OF_TIKTOK: &[Self] = &[Self::Session];
    /// Secrets of requests to a sign server.
    pub(super) const OF_SIGN: &[Self] = &[Self::SessionOfSign, Self::Key];
}

/// Whose server may get a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Party {
    TikTok,
    Upstream,
}

/// Scheme, host and port of a server. WebSockets count as HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    is_tls: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// Parses a URL with the library that connects to it.
    #[cfg(feature = "live")]
    fn of(url: &str) -> Option<Self> {
        let url = super::Url::parse(url).ok()?;
        let is_tls = match url.scheme() {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => return None,
        };
        Some(Self { is_tls, host: url.host_str()?.to_owned(), port: url.port_or_known_default()? })
    }

    /// Without the feature, nothing connects.
    #[cfg(not(feature = "live"))]
    fn of(_: &str) -> Option<Self> {
        None
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = if self.is_tls { HTTPS_PORT } else { HTTP_PORT };
        match self.port {
            port if port == default => f.write_str(&self.host),
            port => write!(f, "{}:{port}", self.host),
        }
    }
}

/// A secret that was not sent, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Withheld {
    /// What was not sent where, and why.
    pub(super) what: String,
    pub(super) hint: &'static str,
}

/// The secrets of the options, and where they may go.
pub(super) struct Secrets {
    session: Cookies,
    key: Option<Secret>,
    upstream: Option<Origin>,
    tiktok: Vec<Origin>,
    sign: Option<Origin>,
    /// Whether the options name the sign server, rather than its default.
    is_sign_named: bool,
    /// Address of the proxy, without its password.
    proxy: Option<String>,
}

impl Secrets {
    pub(super) fn new(options: &LiveOptions) -> Self {
        let host = |name| Origin::of(&format!("https://{}", options.requests.host(name)));
        Self {
            session: options.cookies(),
            key: options.sign_key.clone(),
            upstream: options.upstream.as_ref().and_then(|url| Origin::of(url.as_str())),
            tiktok: HOSTS.into_iter().filter_map(host).collect(),
            sign: Origin::of(&Origins::new(options).sign),
            is_sign_named: options.sign_url.is_some(),
            proxy: options.proxy.as_ref().map(|url| url::host(url.as_str())),
        }
    }

    /// Whether secrets of this kind may go to a URL. Decides for each request, redirect and socket.
    pub(super) fn may_go(&self, kind: SecretKind, url: &str) -> bool {
        let Some(target) = Origin::of(url) else { return false };
        if self.is_readable_by_proxy(&target) {
            return false;
        }
        match kind {
            SecretKind::Session => self.party(&target).is_some(),
            SecretKind::SessionOfSign => self.is_sign_named && self.sign == Some(target),
            SecretKind::Key => self.sign == Some(target),
        }
    }

    fn is_readable_by_proxy(&self, target: &Origin) -> bool {
        self.proxy.is_some() && !target.is_tls
    }

    fn party(&self, target: &Origin) -> Option<Party> {
        let is_of_site = target.is_tls && target.port == HTTPS_PORT && is_in(&target.host, SITE);
        if is_of_site || self.tiktok.contains(target) {
            return Some(Party::TikTok);
        }
        (self.upstream.as_ref() == Some(target)).then_some(Party::Upstream)
    }

    /// Adds the secrets of these kinds to a request, as far as they may go to its URL. Returns what is withheld.
    pub(super) fn add(&self, kinds: &[SecretKind], request: &mut Request) -> Option<Withheld> {
        let mut withheld = None;
        for kind in kinds {
            if !self.may_go(*kind, &request.url) {
                withheld = withheld.or_else(|| self.withheld(*kind, &request.url));
                continue;
            }
            match kind {
                SecretKind::Session => self.add_cookies(request),
                SecretKind::SessionOfSign => {
                    let value = |(name, cookie)| Some((name, self.session.get(cookie)?.reveal()));
                    request.url = url::with_query(&request.url, OF_SESSION.into_iter().filter_map(value));
                }
                SecretKind::Key => {
                    let key = self.key.iter().map(|key| ("x-api-key".into(), key.reveal().to_owned()));
                    request.headers.extend(key);
                }
            }
        }
        withheld
    }

    fn add_cookies(&self, request: &mut Request) {
        let at = request.headers.iter().position(|(name, _)| name == "cookie");
        let own = at.map_or_else(String::new, |at| request.headers.remove(at).1);
        let cookies = self.session.header(&own);
        if !cookies.is_empty() {
            request.headers.push(("cookie".into(), cookies));
        }
    }

    /// Whether a request carries the session.
    pub(super) fn has_session(&self, request: &Request) -> bool {
        self.session.count() > 0 && self.may_go(SecretKind::Session, &request.url)
    }

    /// Describes a secret of this kind that may not go to a URL; `None` if it may, or there is none.
    pub(super) fn withheld(&self, kind: SecretKind, url: &str) -> Option<Withheld> {
        let (name, is_set) = match kind {
            SecretKind::Session => ("the session", self.session.count() > 0),
            // A default sign server is never meant to get it.
            SecretKind::SessionOfSign => ("the session", self.session.count() > 0 && self.is_sign_named),
            SecretKind::Key => ("the API key", self.key.is_some()),
        };
        if !is_set || self.may_go(kind, url) {
            return None;
        }
        let target = Origin::of(url);
        let shown = target.as_ref().map_or_else(|| url::host(url), Origin::to_string);
        let (what, hint) = match (&self.proxy, target) {
            (Some(proxy), Some(target)) if self.is_readable_by_proxy(&target) => (
                format!("{name} is not sent to {shown} without TLS, because the proxy {proxy} could read it"),
                PROXY_HINT,
            ),
            (_, target) => {
                let scheme = if target.is_some_and(|target| target.is_tls) { "wss" } else { "ws" };
                (format!("{name} is not sent to {scheme}://{shown}, which the sign server named"), NAMED_HINT)
            }
        };
        Some(Withheld { what, hint })
    }

    /// Returns the parameters or headers that may go to a URL: elsewhere than to TikTok and the upstream, only those that
    /// are known to be harmless, because `[live.request]` may add others.
    pub(super) fn shared<N: AsRef<str>, V>(
        &self,
        place: Place,
        pairs: Vec<(N, V)>,
        url: &str,
    ) -> Vec<(N, V)> {
        let all = Origin::of(url).is_some_and(|target| self.party(&target).is_some());
        let is_shared = |(name, _): &(N, V)| all || is_harmless(place, name.as_ref().as_bytes());
        pairs.into_iter().filter(is_shared).collect()
    }

    /// Returns the URL that a redirect leads to: one of TikTok's hosts from another, or the same origin.
    ///
    /// # Errors
    /// Where it leads otherwise, for people.
    #[cfg(feature = "live")]
    pub(super) fn redirected(&self, from: &str, to: &str) -> Result<String, String> {
        let to = Some(to).filter(|to| to.len() <= REDIRECT_BYTES_MAX);
        let to = to.and_then(|to| super::Url::parse(from).ok()?.join(to).ok());
        let Some(mut url) = to else { return Err("an invalid address".to_owned()) };
        url.set_fragment(None);
        let url = String::from(url);
        let party = |url: &str| self.party(&Origin::of(url)?);
        match Origin::of(&url) {
            Some(_) if party(&url).is_some_and(|to| party(from) == Some(to)) => Ok(url),
            Some(target) => Err(target.to_string()),
            None => Err("an invalid address".to_owned()),
        }
    }

    #[cfg(not(feature = "live"))]
    pub(super) fn redirected(&self, _: &str, to: &str) -> Result<String, String> {
        Err(url::host(to))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::source::live::{Group, Pairs, Requests, Url};

    fn url(text: &str) -> Option<Url> {
        (!text.is_empty()).then(|| text.parse().unwrap())
    }

    /// Options with every secret.
    fn options(upstream: &str, sign_url: &str, proxy: &str) -> LiveOptions {
        LiveOptions {
            upstream: url(upstream),
            sign_url: url(sign_url),
            proxy: url(proxy),
            sign_key: Some("planted-key".parse().unwrap()),
            session: Some(
                Cookies::parse("sessionid=planted; tt-target-idc=eu", "it", Duration::ZERO).unwrap(),
            ),
            ..LiveOptions::new("ann")
        }
    }

    /// Addresses of a socket or a request, and whether each has an origin of TikTok, of the upstream
    /// `http://127.0.0.1:3100`, or of the sign server `https://sign.example`.
    const TARGETS: &[(&str, &str)] = &[
        ("wss://webcast-ws.tiktok.com/im/", "tiktok"),
        ("wss://webcast-ws.eu.tiktok.com", "tiktok"),
        ("https://tiktok.com/@a?x=1#f", "tiktok"),
        ("https://www.tiktok.com:443/", "tiktok"),
        ("WSS://Webcast-WS.TikTok.COM/", "tiktok"),
        ("wss://user:password@m.tiktok.com/", "tiktok"),
        ("wss://m.tiktok.com\u{3002}", ""),
        // A full-width letter and an ideographic full stop, which the library reads as ASCII before it connects.
        ("wss://\u{ff4d}\u{3002}tiktok.com/", "tiktok"),
        ("ws://webcast-ws.tiktok.com/im/", ""),
        ("http://www.tiktok.com/", ""),
        ("ws://webcast-ws.tiktok.com:443/", ""),
        ("wss://webcast-ws.tiktok.com:9999/", ""),
        ("wss://webcast-ws.tiktok.com:80/", ""),
        ("wss://webcast-ws.tiktok.com./", ""),
        ("wss://eviltiktok.com/", ""),
        ("wss://tiktok.com.evil.example/", ""),
        ("wss://tiktok.co/", ""),
        ("wss://t\u{456}ktok.com/", ""),
        ("wss://webcast-ws.tiktok.com@evil.example/", ""),
        ("ws://webcast-ws.tiktok.com@127.0.0.1:9999", ""),
        ("wss://evil.example/@www.tiktok.com", ""),
        ("wss://evil.example?.tiktok.com", ""),
        ("wss://evil.example#.tiktok.com", ""),
        ("wss://evil.example\\.tiktok.com/", ""),
        ("wss://evil.example\\@www.tiktok.com/", ""),
        ("wss://evil.example%2f.tiktok.com/", ""),
        ("ftp://www.tiktok.com/", ""),
        ("//www.tiktok.com/", ""),
        ("www.tiktok.com", ""),
        ("", ""),
        ("ws://127.0.0.1:3100/x?y#z", "upstream"),
        ("http://127.0.0.1:3100", "upstream"),
        ("http://0x7f.1:3100/", "upstream"),
        ("ws://www.tiktok.com@127.0.0.1:3100/", "upstream"),
        ("ws://127.0.0.1:3101/", ""),
        ("ws://127.0.0.1/", ""),
        ("ws://127.0.0.2:3100/", ""),
        ("ws://localhost:3100/", ""),
        ("ws://[::1]:3100/", ""),
        ("wss://127.0.0.1:3100/", ""),
        ("https://127.0.0.1:3100/", ""),
        ("ws://127.0.0.1:3100@evil.example/", ""),
        ("ws://10.0.0.1:3100/", ""),
        ("https://sign.example/webcast/fetch", "sign"),
        ("wss://sign.example/", "sign"),
        ("https://SIGN.example:443/", "sign"),
        ("http://sign.example/", ""),
        ("ws://sign.example:443/", ""),
        ("https://sign.example:444/", ""),
        ("https://a.sign.example/", ""),
        ("https://api.eulerstream.com/", ""),
    ];

    #[test]
    fn a_secret_goes_only_where_its_owner_sends_it() {
        let (upstream, sign) = ("http://127.0.0.1:3100", "https://sign.example");
        let all = [SecretKind::Session, SecretKind::SessionOfSign, SecretKind::Key];
        for (target, party) in TARGETS {
            // Options, the parties that get the session, and the one that gets the key.
            for (upstream, sign_url, session, key) in [
                ("", "", &["tiktok"][..], ""),
                (upstream, "", &["tiktok", "upstream"], "upstream"),
                ("", sign, &["tiktok"], "sign"),
                (upstream, sign, &["tiktok", "upstream"], "sign"),
            ] {
                let is_default = upstream.is_empty() && sign_url.is_empty();
                let is_key = *party == key && !key.is_empty() || is_default && target.contains("//api.euler");
                let expected = [session.contains(party), *party == "sign" && !sign_url.is_empty(), is_key];
                for proxy in ["", "http://127.0.0.1:8888", "socks5://u:p@127.0.0.1:1080"] {
                    let secrets = Secrets::new(&options(upstream, sign_url, proxy));
                    // Without TLS, a proxy reads what passes.
                    let is_kept = proxy.is_empty() || !matches!(*party, "upstream");
                    let found = all.map(|kind| secrets.may_go(kind, target));
                    assert_eq!(
                        found,
                        expected.map(|may| may && is_kept),
                        "{target} {upstream} {sign_url} {proxy}"
                    );
                    assert_carries(&secrets, target, found);
                }
            }
        }
    }

    /// Asserts that a request to the target carries these kinds of secrets, and that others are reported without them.
    #[track_caller]
    fn assert_carries(secrets: &Secrets, target: &str, [session, of_sign, key]: [bool; 3]) {
        let request = |kinds| {
            let own = vec![("cookie".into(), "ttwid=own".to_owned())];
            let mut request = Request { url: target.to_owned(), headers: own };
            let withheld = secrets.add(kinds, &mut request);
            (format!("{} {:?}", request.url, request.headers), withheld)
        };
        let (sent, withheld) = request(SecretKind::OF_TIKTOK);
        let expected = if session { "ttwid=own; sessionid=planted; tt-target-idc=eu" } else { "ttwid=own" };
        assert!(sent.ends_with(&format!(r#"[("cookie", "{expected}")]"#)), "{sent}");
        assert_eq!(withheld.is_none(), session, "{target}: {withheld:?}");
        let told = withheld.map(|withheld| withheld.what).unwrap_or_default();
        assert!(!told.contains("planted") && !told.contains("password") && !told.contains('@'), "{told}");
        let (sent, _) = request(SecretKind::OF_SIGN);
        assert_eq!(sent.contains("session_id=planted&tt_target_idc=eu"), of_sign, "{sent}");
        assert_eq!(sent.contains(r#"("x-api-key", "planted-key")"#), key, "{sent}");
    }

    #[test]
    fn hosts_that_settings_name_are_those_of_tiktok() {
        let hosts = [("socket", "ws.example:8443"), ("sign", "sign.example"), ("www", "www.example")];
        let hosts = Pairs(hosts.map(|(name, host)| (name.to_owned(), host.to_owned())).into());
        let requests = Requests::new(None, &[(Group::Hosts, &hosts)]).unwrap().into();
        let secrets = Secrets::new(&LiveOptions { requests, ..options("", "", "") });
        for (target, expected) in [
            ("wss://ws.example:8443/", true),
            ("https://www.example/", true),
            ("wss://webcast-ws.tiktok.com/", true),
            ("wss://ws.example/", false),
            ("ws://ws.example:8443/", false),
            ("wss://a.ws.example:8443/", false),
            ("https://sign.example/", false),
        ] {
            assert_eq!(secrets.may_go(SecretKind::Session, target), expected, "{target}");
        }
        assert!(secrets.may_go(SecretKind::Key, "https://sign.example/"));
    }

    #[test]
    fn what_is_withheld_is_said_with_the_host() {
        let told = |proxy, kind, target| {
            let secrets = Secrets::new(&options("http://127.0.0.1:3100", "", proxy));
            secrets.withheld(kind, target).map(|withheld| withheld.what)
        };
        let named = "the session is not sent to ws://127.0.0.1:9999, which the sign server named";
        let target = "ws://webcast-ws.tiktok.com@127.0.0.1:9999/x?y=planted";
        assert_eq!(told("", SecretKind::Session, target).as_deref(), Some(named));
        let plain = "the session is not sent to ws://webcast-ws.tiktok.com, which the sign server named";
        assert_eq!(told("", SecretKind::Session, "ws://webcast-ws.tiktok.com/").as_deref(), Some(plain));
        let through = "the API key is not sent to 127.0.0.1:3100 without TLS, because the proxy p.example:1 could read it";
        assert_eq!(
            told("http://u:planted@p.example:1", SecretKind::Key, "http://127.0.0.1:3100").as_deref(),
            Some(through)
        );
        assert_eq!(told("", SecretKind::Session, "ws://127.0.0.1:3100"), None);
        // It is not meant for the default sign server.
        assert_eq!(told("", SecretKind::SessionOfSign, "http://127.0.0.1:3100"), None);
        let without = Secrets::new(&LiveOptions::new("ann"));
        assert_eq!(without.withheld(SecretKind::Session, "ws://127.0.0.1:9999"), None);
    }

    #[test]
    fn redirects_stay_within_the_site() {
        let page = "https://www.tiktok.com/@a/live";
        let mock = "http://127.0.0.1:3100/a";
        let secrets = Secrets::new(&options("http://127.0.0.1:3100", "https://sign.example", ""));
        for (from, to, expected) in [
            (page, "/login?x=1#f", Ok("https://www.tiktok.com/login?x=1")),
            (page, "//m.tiktok.com/", Ok("https://m.tiktok.com/")),
            (page, "https://M.TikTok.com/x", Ok("https://m.tiktok.com/x")),
            (page, "live", Ok("https://www.tiktok.com/@a/live")),
            (page, "http://www.tiktok.com/", Err("www.tiktok.com")),
            (page, "https://www.tiktok.com.evil.example/", Err("www.tiktok.com.evil.example")),
            (page, "https://eviltiktok.com/", Err("eviltiktok.com")),
            (page, "https://www.tiktok.com@evil.example/", Err("evil.example")),
            (page, "https://evil.example?.tiktok.com", Err("evil.example")),
            (page, "https://evil.example\\.tiktok.com/", Err("evil.example")),
            (page, "https://sign.example/", Err("sign.example")),
            (page, mock, Err("127.0.0.1:3100")),
            (page, "javascript:alert(1)", Err("an invalid address")),
            (page, "https://[/", Err("an invalid address")),
            (mock, "/b", Ok("http://127.0.0.1:3100/b")),
            (mock, "http://127.0.0.1:3100/b", Ok("http://127.0.0.1:3100/b")),
            (mock, "http://127.0.0.1:3101/b", Err("127.0.0.1:3101")),
            (mock, page, Err("www.tiktok.com")),
        ] {
            let found = secrets.redirected(from, to);
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{to}");
        }
        let long = format!("/{}", "a".repeat(REDIRECT_BYTES_MAX));
        assert_eq!(secrets.redirected(page, &long).unwrap_err(), "an invalid address");
    }

    proptest! {
        /// Whatever an answer names, a session goes nowhere that the parsed address does not allow.
        #[test]
        fn no_address_gets_a_session_by_how_it_is_written(
            scheme in "wss?|https?|WSS|ftp",
            user in "|([a-z.:%\\\\]|www\\.tiktok\\.com){0,4}@",
            host in "(www\\.|evil|\\.|-|%2e)?(tiktok\\.com|TIKTOK\\.COM|127\\.0\\.0\\.1|t\u{456}ktok\\.com)(\\.|\\.evil\\.example|@evil\\.example|\\\\|:[0-9]{1,5})?",
            rest in "(/|\\?|#|\\\\)?(@www\\.tiktok\\.com|x)?",
        ) {
            let text = format!("{scheme}://{user}{host}{rest}");
            let secrets = Secrets::new(&options("http://127.0.0.1:3100", "", ""));
            let may = secrets.may_go(SecretKind::Session, &text);
            let Ok(url) = Url::parse(&text) else {
                prop_assert!(!may);
                return Ok(());
            };
            let is_tls = matches!(url.scheme(), "https" | "wss");
            let host = url.host_str().unwrap_or_default();
            let is_tiktok = is_tls && (host == "tiktok.com" || host.ends_with(".tiktok.com"));
            let port = url.port_or_known_default();
            let is_upstream = !is_tls && url.scheme() != "ftp" && host == "127.0.0.1" && port == Some(3100);
            prop_assert_eq!(may, is_tiktok && port == Some(443) || is_upstream, "{}", url);
        }
    }
}
