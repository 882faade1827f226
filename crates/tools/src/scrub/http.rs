//! Scrubs HTTP exchanges: URLs keep the words of the protocol in their path and the room, and the first batch is rewritten.

use std::time::Duration;

use livetape_core::{
    recording::records::{Http, HttpHeader},
    redact::is_first_batch,
    retry_after,
};

use super::{
    ChangeCounts, allow,
    check::Checker,
    class::Class,
    identities::Within,
    made_up,
    rewriter::{Collector, Rewriter},
    walk::{Context, Leaves, Place, message, unpacked},
};

/// Parameters to keep: room, app and app version.
const PARAMETERS: [(&str, Class); 10] = [
    ("aid", Class::Word),
    ("app_name", Class::Word),
    ("compress", Class::Word),
    ("room_id", Class::Id),
    ("roomId", Class::Id),
    ("room_ids", Class::Id),
    ("uniqueId", Class::Handle),
    ("unique_id", Class::Handle),
    ("version_code", Class::Word),
    ("webcast_language", Class::Word),
];
/// Segments of paths to keep: those of TikTok and of sign servers. Others may name a person.
const SEGMENTS: [&str; 23] = [
    "***",
    "GET",
    "HEAD",
    "POST",
    "api-live",
    "connect",
    "fetch",
    "gift",
    "im",
    "info",
    "info_by_user",
    "list",
    "live",
    "push",
    "rate_limits",
    "room",
    "rooms",
    "sign_url",
    "user",
    "webcast",
    "ws",
    "ws_proxy",
    "ws_reuse_supplement",
];
/// Headers whose names and numbers are replaced, but no other words.
const HEADERS: [&str; 6] =
    ["content-encoding", "content-type", "date", "retry-after", "server", "handshake-status"];

/// Collects the identities in an exchange.
pub(super) fn collect(http: &Http, collector: &mut Collector<'_>) {
    let place = |class| Place::unnamed(class);
    for part in http.request_line.split(['/', '?', '&', ' ']) {
        if let Some(handle) = part.strip_prefix('@').filter(|handle| !handle.is_empty()) {
            collector.text(&place(Class::Handle), handle);
        }
        if let Some((name, value)) = part.split_once('=')
            && let Some((_, class)) = PARAMETERS.iter().find(|(known, _)| *known == name)
        {
            Leaves::text(collector, &place(*class), value);
        }
    }
    for header in http.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("x-room-id")) {
        Leaves::text(collector, &place(Class::Id), &header.value);
    }
    first_batch(http, collector);
}

/// Checks the path and the parameters of a URL or a request line.
pub(super) fn check_address(line: &str, checker: &mut Checker<'_>) {
    for address in line.split(' ').filter(|part| !is_version(part)) {
        let (path, query) = address.split_at(address.find(['?', '#']).unwrap_or(address.len()));
        if made_up::is_made_up_address(address) {
            continue;
        }
        if let Some((scheme, rest)) = path.split_once("://")
            && let host = rest.split('/').next().unwrap_or_default()
            && !is_host(scheme, host)
        {
            checker.unknown("a host", host.as_bytes());
        }
        for segment in path_of(path).split('/') {
            match segment.strip_prefix('@') {
                Some(handle) => checker.handle("a path", handle),
                None if is_kept(segment) => {}
                None => checker.unknown("a path", segment.as_bytes()),
            }
        }
        for (name, value) in query.split(['?', '#', '&']).filter_map(|pair| pair.split_once('=')) {
            if let Some((_, class)) = PARAMETERS.iter().find(|(known, _)| *known == name) {
                Leaves::text(checker, &Place::unnamed(*class), value);
            }
        }
    }
}

/// Checks the headers of a response or a handshake.
pub(super) fn check_headers(place: &str, headers: &[HttpHeader], checker: &mut Checker<'_>) {
    for HttpHeader { name, value } in headers {
        let place = format!("{place}.{name}");
        match kept(name, value) {
            Some(Header::Room) => {
                Leaves::text(checker, &Place::unnamed(Class::Id), value);
            }
            Some(Header::Line) => checker.line(&place, value),
            Some(Header::Words) => checker.made_up(&place, value),
            None => checker.unknown(&place, value.as_bytes()),
        }
    }
}

/// What a header of a recording holds.
enum Header {
    Room,
    Line,
    /// TikTok writes it for people, and it may name them.
    Words,
}

/// Returns what a header that stays holds.
fn kept(name: &str, value: &str) -> Option<Header> {
    let name = name.to_ascii_lowercase();
    let line = if is_line(&name, value) { Header::Line } else { Header::Words };
    match name.as_str() {
        "x-room-id" => Some(Header::Room),
        "handshake-msg" => Some(Header::Words),
        "server-timing" | "content-length" => Some(line),
        _ if !allow::is_word(&name) => None,
        _ if HEADERS.contains(&name.as_str()) => Some(line),
        _ if name.contains("ratelimit") || name.contains("rate-limit") => Some(line),
        _ => None,
    }
}

/// Whether a value has the form of those of the app's servers.
fn is_line(name: &str, value: &str) -> bool {
    let is_date = value.ends_with(" GMT") && retry_after::parse(value, Duration::ZERO).is_some();
    // Also `10;w=60`, whose parameter is recorded as `***`.
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit() || b" .,;=w*-".contains(&byte));
    match name {
        "date" | "retry-after" => is_date || is_number,
        // Words that commas or semicolons part.
        "content-encoding" | "content-type" | "server" | "server-timing" => {
            !value.contains(['"', '{', '@'])
                && !value.split([',', ';']).any(|part| part.trim().contains(char::is_whitespace))
        }
        _ => is_number,
    }
}

/// Returns the path of a URL without its query.
fn path_of(address: &str) -> &str {
    let rest = address.split_once("://").map(|(_, rest)| rest);
    rest.map_or(address, |rest| rest.find('/').map_or("", |at| &rest[at..]))
}

fn is_kept(segment: &str) -> bool {
    SEGMENTS.contains(&segment) || segment.is_empty()
}

pub(super) fn check(http: &Http, checker: &mut Checker<'_>) {
    check_address(&http.request_line, checker);
    check_headers("Http.headers", &http.headers, checker);
    if first_batch(http, checker).is_none() {
        checker.unknown("Http.body", &http.body);
    }
}

/// Scrubs an exchange. What an error says for people is dropped.
pub(super) fn scrub(http: &mut Http, rewriter: &mut Rewriter<'_>) {
    http.request_line = request_line(&http.request_line, rewriter);
    headers(&mut http.headers, rewriter);
    http.body = first_batch(http, rewriter).unwrap_or_default().into();
    let length = http.body.len().to_string();
    for header in http.headers.iter_mut().filter(|header| header.name.eq_ignore_ascii_case("content-length"))
    {
        header.value.clone_from(&length);
    }
}

/// Rewrites the first batch, if the exchange is one.
fn first_batch(http: &Http, leaves: &mut impl Leaves) -> Option<Vec<u8>> {
    is_first_batch(http).then(|| {
        unpacked(&http.body, leaves, |plain, leaves| message(plain, Context::named("Batch"), leaves))
    })
}

/// Scrubs a request line: `GET https://host/path?query HTTP/1.1`.
fn request_line(line: &str, rewriter: &mut Rewriter<'_>) -> String {
    let new = |part: &str| match is_version(part) {
        true => part.to_owned(),
        false => address(part, rewriter),
    };
    let parts: Vec<String> = line.split(' ').map(new).collect();
    parts.join(" ")
}

/// Whether a part of a request line is the version of the protocol.
fn is_version(part: &str) -> bool {
    matches!(part, "HTTP/1.0" | "HTTP/1.1" | "HTTP/2" | "HTTP/2.0" | "HTTP/3")
}

/// Whether a host can stay: it has no long numbers. A scheme is a short word.
fn is_host(scheme: &str, host: &str) -> bool {
    let is_scheme = !scheme.is_empty() && scheme.len() <= 5 && scheme.bytes().all(|b| b.is_ascii_lowercase());
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
    is_scheme && host.bytes().all(is_part) && !allow::has_number(host)
}

/// Removes the parameters that are not on the list from a URL, and replaces personal data in the rest.
pub(super) fn address(original: &str, rewriter: &mut Rewriter<'_>) -> String {
    let new = parts(original, rewriter);
    if rewriter.betrays(&new, Within::Record) { made_up::link(rewriter.key, original) } else { new }
}

fn parts(address: &str, rewriter: &mut Rewriter<'_>) -> String {
    let (address, fragment) = address.split_once('#').map_or((address, None), |(at, rest)| (at, Some(rest)));
    rewriter.tally.parameters += u64::from(fragment.is_some());
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    // Credentials precede the host.
    let path = match path.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
            let host = host.rsplit('@').next().unwrap_or_default();
            if !is_host(scheme, host) || rewriter.betrays(host, Within::Text) {
                return made_up::link(rewriter.key, address);
            }
            let path = path.map(|path| format!("/{}", segments(path, rewriter))).unwrap_or_default();
            format!("{scheme}://{host}{path}")
        }
        None => segments(path, rewriter),
    };
    let mut kept = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match PARAMETERS.iter().find(|(known, _)| *known == name) {
            Some((_, class)) => {
                let new = Leaves::text(rewriter, &Place::unnamed(*class), value);
                kept.push(format!("{name}={}", new.as_deref().unwrap_or(value)));
            }
            None => rewriter.tally.parameters += 1,
        }
    }
    if kept.is_empty() { path } else { format!("{path}?{}", kept.join("&")) }
}

fn segments(path: &str, rewriter: &mut Rewriter<'_>) -> String {
    let segment = |segment: &str| match segment.strip_prefix('@') {
        Some(handle) => format!("@{}", rewriter.handle(handle)),
        None if is_kept(segment) => segment.to_owned(),
        None => {
            let new = Leaves::text(rewriter, &Place::unnamed(Class::Unknown), segment);
            new.unwrap_or_else(|| segment.to_owned())
        }
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// Keeps the headers on the list, the room, and rate limits.
pub(super) fn headers(headers: &mut Vec<HttpHeader>, rewriter: &mut Rewriter<'_>) {
    let before = headers.len();
    headers.retain_mut(|header| {
        let Some(kind) =
            kept(&header.name, &header.value).filter(|_| !rewriter.betrays(&header.name, Within::Text))
        else {
            return false;
        };
        header.value = match kind {
            Header::Room => number(&header.value, rewriter),
            Header::Line => rewriter.line(&header.value),
            Header::Words => rewriter.words("text", &header.value),
        };
        true
    });
    rewriter.tally.headers += (before - headers.len()) as u64;
}

fn number(text: &str, rewriter: &Rewriter<'_>) -> String {
    allow::number(text).map_or_else(String::new, |id| rewriter.id(id).to_string())
}

impl ChangeCounts {
    /// Returns the number of records and parts of messages that were dropped rather than replaced.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped_records + self.rejected_records + self.broken + self.bad_gzip
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use livetape_core::recording::{
        Flags, Item, What,
        records::{ConnOpen, Http},
    };

    use crate::scrub::{Auditor, KEY_BYTES, Key, Scrubber};

    #[test]
    fn paths_may_name_people() {
        let path = "/api/share/jane.doe.private/profile";
        let open = ConnOpen { url: format!("wss://webcast-ws.tiktok.com{path}"), ..ConnOpen::default() };
        let request_line = format!("GET https://www.tiktok.com{path} HTTP/1.1");
        let http = Http { request_line, ..Http::default() };
        for what in [What::ConnOpen(open), What::Http(http)] {
            let item = Item { offset: Duration::ZERO, conn: 1, flags: Flags::default(), what };
            let found = Auditor::default().audit(&item, b"");
            assert!(found.iter().any(|found| found.shown == "jane.doe.private"), "{found:?}");
            let mut scrubber = Scrubber::new(Key::new(&[7; KEY_BYTES]));
            scrubber.collect(&item).unwrap();
            let scrubbed = scrubber.scrub(item).unwrap();
            assert!(!format!("{scrubbed:?}").contains("jane"), "{scrubbed:?}");
            assert_eq!(Auditor::default().audit(&scrubbed, b""), [].into());
        }
    }

    #[test]
    fn paths_of_the_protocol_stay() {
        let url = "https://sign.example/webcast/rooms/***/connect?compress=gzip";
        let what = What::ConnOpen(ConnOpen { url: url.into(), ..ConnOpen::default() });
        let item = Item { offset: Duration::ZERO, conn: 1, flags: Flags::default(), what };
        assert_eq!(Auditor::default().audit(&item, b""), [].into());
        let scrubbed = Scrubber::new(Key::new(&[7; KEY_BYTES])).scrub(item).unwrap();
        let What::ConnOpen(open) = scrubbed.what else { unreachable!() };
        assert_eq!(open.url, url);
    }
}
