//! The cookies of a logged-in session at TikTok, from a `Cookie` header or a cookie file as browsers' extensions and curl
//! write it (Netscape's format). Those of other sites stay in the file.

use std::{fmt, time::Duration};

use livetape_core::{
    error::{Code, Problem},
    secret::Secret,
};

/// Sites whose cookies a browser sends with every request of ours.
const SITES: [&str; 2] = ["tiktok.com", "www.tiktok.com"];
/// Cookies of which a session has at least one.
const OF_SESSIONS: [&str; 3] = ["sessionid", "sessionid_ss", "sid_tt"];
/// Cookies of a visit rather than of a user: a signature is only valid with the one that came with it.
const OF_VISITS: [&str; 2] = ["ttwid", "msToken"];
/// How the names of cookies of a login begin, in lower case.
const LOGINS: [&str; 3] = ["sessionid", "sid_", "uid_tt"];
/// What a server adds to a cookie that it sets, which no request has, in lower case.
const ATTRIBUTES: [&str; 8] =
    ["domain", "path", "expires", "max-age", "secure", "httponly", "samesite", "partitioned"];
/// Maximum number of cookies, and of bytes in a header with all of them.
const COOKIES_MAX: usize = 128;
const HEADER_BYTES_MAX: usize = 16 << 10;
/// Advice for cookies that cannot be read.
const FORMS: &str = "use cookies as in name=value; name=value, or the path of a cookie file in Netscape's format, not as JSON";
/// Advice for cookies without a session.
const LOG_IN: &str = "log in at www.tiktok.com, and copy or export the cookies again";
/// Start of a line with a cookie that scripts cannot read; other lines with a `#` are comments.
const HTTP_ONLY: &str = "#HttpOnly_";

/// Cookies, each name once. Formatted without their values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Cookies {
    pairs: Vec<(String, Secret)>,
    /// Number of cookies of other sites, and of those that have expired; neither is kept.
    pub others: usize,
    pub expired: usize,
}

impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.pairs.iter().map(|(name, _)| name)).finish()
    }
}

impl Cookies {
    /// Parses a `Cookie` header or the text of a cookie file. `place` is where it stands, for errors; `wall` is the time
    /// since the Unix epoch.
    ///
    /// # Errors
    /// [`Code::BadConfig`], without values, if it is neither or contains no session.
    pub fn parse(text: &str, place: &str, wall: Duration) -> Result<Self, Problem> {
        let mut cookies = Self::default();
        let kind = match text.trim_start() {
            text if text.starts_with(['[', '{']) => "JSON",
            text if text.contains('\t') || text.starts_with('#') => "a cookie file",
            _ => "name=value",
        };
        if text.trim().is_empty() {
            return Err(Problem::new(Code::BadConfig, format!("{place} is empty")).hint(LOG_IN));
        }
        let bad =
            |why: &str| Problem::new(Code::BadConfig, format!("{place}, read as {kind}: {why}")).hint(FORMS);
        if kind == "a cookie file" {
            for (line, number) in text.lines().zip(1..) {
                cookies.take_line(line, wall).map_err(|why| bad(&format!("line {number} {why}")))?;
            }
        } else if kind == "JSON" {
            return Err(bad("not a form of cookies that is known"));
        } else {
            for pair in text.trim().trim_end_matches(';').split(';') {
                let pair = pair.trim().split_once('=');
                cookies.add(pair).map_err(|why| bad(&format!("a cookie {why}")))?;
            }
        }
        let is_login = |(name, value): &(String, Secret)| {
            OF_SESSIONS.contains(&name.as_str()) && !value.reveal().is_empty()
        };
        if !cookies.pairs.iter().any(is_login) {
            let (others, expired) = (cookies.others, cookies.expired);
            return Err(bad(&format!(
                "no sessionid, so not logged in ({others} of other sites, {expired} expired)"
            ))
            .hint(LOG_IN));
        }
        Ok(cookies)
    }

    fn take_line(&mut self, line: &str, wall: Duration) -> Result<(), &'static str> {
        let line = line.strip_prefix(HTTP_ONLY).unwrap_or(line);
        if line.trim().is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let fields: Vec<_> = line.split('\t').collect();
        let [domain, _, _, _, expires, name, value] = fields[..] else {
            return Err("does not have the seven fields of a cookie file");
        };
        let domain = domain.trim_start_matches('.').to_ascii_lowercase();
        if !SITES.contains(&domain.as_str()) {
            self.others += 1;
            return Ok(());
        }
        // 0: until the browser is closed. Some programs write fractions.
        let expires: f64 = expires.parse().map_err(|_| "has no time of expiry")?;
        if expires > 0.0 && expires < wall.as_secs_f64() {
            self.expired += 1;
            return Ok(());
        }
        self.add(Some((name, value)))
    }

    fn add(&mut self, pair: Option<(&str, &str)>) -> Result<(), &'static str> {
        let Some((name, value)) = pair else { return Err("has no value") };
        let is_valid = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';');
        if name.is_empty() || name.contains('=') || !is_valid(name) || !is_valid(value) {
            return Err("has characters that no header may have");
        }
        self.pairs.retain(|(known, _)| known != name);
        self.pairs.push((name.to_owned(), value.to_owned().into()));
        let bytes: usize = self.pairs.iter().map(|(name, value)| name.len() + value.reveal().len() + 3).sum();
        if self.pairs.len() > COOKIES_MAX || bytes > HEADER_BYTES_MAX {
            return Err("is one too many: at most 128 with 16 KiB");
        }
        Ok(())
    }

    /// Returns the number of cookies.
    #[must_use]
    pub fn count(&self) -> usize {
        self.pairs.len()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Secret> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Returns a `Cookie` header: these cookies, and those that a server set. Of two with a name, that of the owner, but
    /// for `OF_VISITS`.
    #[must_use]
    pub fn header(&self, set: &str) -> String {
        let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
        let counts = |pair: &&str| {
            let lower = name(pair).to_ascii_lowercase();
            let is_of_visit = OF_VISITS.iter().any(|name| name.eq_ignore_ascii_case(&lower));
            let is_own = self.iter().any(|(own, _)| own.eq_ignore_ascii_case(&lower)) && !is_of_visit;
            // Another user's session beside the owner's.
            let is_login = self.count() > 0 && LOGINS.iter().any(|start| lower.starts_with(start));
            let is_token = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            let is_valid = !lower.is_empty() && lower.chars().all(is_token);
            // Commas would part cookies to some servers.
            let is_plain = pair.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
            is_valid && is_plain && !is_own && !is_login && !ATTRIBUTES.contains(&&*lower)
        };
        let set = Vec::from_iter(set.split(';').map(str::trim).filter(counts));
        let own = self.iter().filter(|(own, _)| !set.iter().any(|pair| name(pair) == *own));
        let own = own.map(|(name, value)| format!("{name}={}", value.reveal()));
        set.iter().map(|pair| (*pair).to_owned()).chain(own).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_795_168_800);

    const FILE: &str = "# Netscape HTTP Cookie File\n\n\
        #HttpOnly_.tiktok.com\tTRUE\t/\tTRUE\t1810720800\tsessionid\tplanted-1\n\
        .tiktok.com\tTRUE\t/\tTRUE\t0\ttt-target-idc\teu-ttp2\n\
        www.tiktok.com\tFALSE\t/\tTRUE\t1810720800.5\ttt_csrf_token\tplanted=2\n\
        .tiktok.com\tTRUE\t/\tTRUE\t1\told\tplanted-3\n\
        .nottiktok.com\tTRUE\t/\tTRUE\t0\tsessionid\tplanted-4\n\
        #HttpOnly_bank.example\tFALSE\t/\tTRUE\t0\tsessionid\tplanted-5\n\
        ads.tiktok.com\tFALSE\t/\tTRUE\t0\tsessionid\tplanted-6\r\n";

    #[test]
    fn only_cookies_of_tiktok_are_kept() {
        let cookies = Cookies::parse(FILE, "it", NOW).unwrap();
        assert_eq!(cookies.header(""), "sessionid=planted-1; tt-target-idc=eu-ttp2; tt_csrf_token=planted=2");
        assert_eq!((cookies.count(), cookies.others, cookies.expired), (3, 3, 1));
        assert!(!format!("{cookies:?}").contains("planted"));
        let merged = cookies.header("ttwid=1; sessionid=other; Domain=.evil.example; path=/; HttpOnly; ;");
        assert_eq!(merged, "ttwid=1; sessionid=planted-1; tt-target-idc=eu-ttp2; tt_csrf_token=planted=2");
        for login in [
            "sessionid =x",
            "SESSIONID=x",
            "\"sessionid\"=x",
            "a=b, sessionid=x",
            "a=b\tsessionid=x",
            "sid_guard=x",
        ] {
            assert_eq!(cookies.header(login), cookies.header(""), "{login}");
        }
        assert_eq!(Cookies::default().header("sid_guard=1; path=/"), "sid_guard=1");
        let visited = Cookies::parse("sessionid=1; ttwid=2", "it", NOW).unwrap();
        assert_eq!(visited.header("ttwid=3; odin_tt=4"), "ttwid=3; odin_tt=4; sessionid=1");
    }

    #[test]
    fn a_header_has_the_last_value_of_each_name() {
        let cookies = Cookies::parse(" sid_tt=1; a=b==;sid_tt=2; ", "it", NOW).unwrap();
        assert_eq!(cookies.header(""), "a=b==; sid_tt=2");
    }

    #[test]
    fn what_is_not_a_session_is_refused_without_its_values() {
        let many: String = (0..=COOKIES_MAX).map(|n| format!("c{n}=1; ")).collect();
        for (text, message) in [
            ("", "live.session_cookie is empty"),
            (" \n\t", "live.session_cookie is empty"),
            ("planted", "a cookie has no value"),
            ("sessionid=pla nted", "a cookie has characters"),
            ("sessionid=planted\r\nx: y", "a cookie has characters"),
            (
                "ttwid=planted",
                "live.session_cookie, read as name=value: no sessionid, so not logged in (0 of other sites, 0 expired)",
            ),
            (
                "sessionid=",
                "live.session_cookie, read as name=value: no sessionid, so not logged in (0 of other sites, 0 expired)",
            ),
            ("[{\"name\":\"planted\"}]", "live.session_cookie, read as JSON: not a form of cookies"),
            ("# planted", "read as a cookie file: no sessionid"),
            ("a.example\tTRUE\t/\tTRUE\t0\tsessionid\tplanted", "(1 of other sites, 0 expired)"),
            (".tiktok.com\tTRUE\t/\tTRUE\t1\tsessionid\tplanted", "(0 of other sites, 1 expired)"),
            ("\n.tiktok.com\tTRUE\tplanted", "line 2 does not have the seven fields"),
            (".tiktok.com\tTRUE\t/\tTRUE\tsoon\tsessionid\tplanted", "line 1 has no time of expiry"),
            (&many, "is one too many"),
            (&format!("sessionid={}", "x".repeat(HEADER_BYTES_MAX)), "is one too many"),
        ] {
            let problem = Cookies::parse(text, "live.session_cookie", NOW).unwrap_err();
            assert_eq!(problem.code, Code::BadConfig);
            assert!(problem.message.contains(message) && !problem.message.contains("planted"), "{problem}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_causes_a_panic(text in "(\\PC|[\t;=\n]|\\.tiktok\\.com\t){0,40}") {
            let _ = Cookies::parse(&text, "it", NOW);
        }
    }
}
