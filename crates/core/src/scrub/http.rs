//! Scrubs HTTP exchanges: URLs keep their path and the room, and bodies are rewritten or dropped.

use bytes::Bytes;

use super::{
    Tally, allow,
    check::Checker,
    class::Class,
    json,
    rewriter::{Collector, Rewriter},
    walk::{Context, Leaves, Place, as_text, message, unpacked},
};
use crate::recording::records::{Http, HttpHeader, http::Role};

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
/// Headers to keep unchanged.
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
    body(http.role(), &http.body, collector, |text, gifts, collector| {
        json::rewrite(text, gifts, 0, collector);
        None
    });
}

/// Checks the body of an exchange, and reports one that cannot be inspected.
pub(super) fn check(http: &Http, checker: &mut Checker<'_>) {
    let look = |text: &str, gifts, checker: &mut Checker<'_>| Some(json::rewrite(text, gifts, 0, checker));
    if body(http.role(), &http.body, checker, look).is_none() {
        checker.opaque_body();
    }
}

/// Replaces the personal data in an exchange.
pub(super) fn scrub(http: &mut Http, rewriter: &mut Rewriter<'_>) {
    http.request_line = request_line(&http.request_line, rewriter);
    headers(&mut http.headers, rewriter);
    let new = body(http.role(), &http.body, rewriter, |text, gifts, rewriter| {
        Some(json::rewrite(text, gifts, 0, rewriter))
    });
    if new.is_none() {
        rewriter.tally.dropped_bodies += 1;
    }
    http.body = new.unwrap_or_default().into();
    let length = http.body.len().to_string();
    for header in http.headers.iter_mut().filter(|header| header.name.eq_ignore_ascii_case("content-length"))
    {
        header.value.clone_from(&length);
    }
}

/// Applies `json` to a JSON body, or rewrites a batch. Returns `None` for any other body, which cannot be
/// inspected.
fn body<L: Leaves>(
    role: Role,
    body: &Bytes,
    leaves: &mut L,
    json: impl FnOnce(&str, bool, &mut L) -> Option<String>,
) -> Option<Vec<u8>> {
    let mut is_clean = true;
    let new = unpacked(body, leaves, |plain, leaves| {
        let text = as_text(plain);
        if matches!(role, Role::InitialBatch | Role::Sign) && text.is_none() {
            return message(plain, Context::named("Batch"), leaves);
        }
        let text = text.filter(|text| json::is_json(text));
        let rewritten = text.and_then(|text| json(text, role == Role::Gifts, leaves));
        is_clean = plain.is_empty() || rewritten.is_some();
        rewritten.unwrap_or_default().into_bytes()
    });
    is_clean.then_some(new)
}

/// Scrubs a request line: `GET https://host/path?query HTTP/1.1`.
fn request_line(line: &str, rewriter: &mut Rewriter<'_>) -> String {
    let parts: Vec<String> = line.split(' ').map(|part| address(part, rewriter)).collect();
    parts.join(" ")
}

/// Removes the parameters that are not on the list from a URL, and replaces personal data in the rest.
pub(super) fn address(address: &str, rewriter: &mut Rewriter<'_>) -> String {
    let (address, fragment) = address.split_once('#').map_or((address, None), |(at, rest)| (at, Some(rest)));
    rewriter.tally.parameters += u64::from(fragment.is_some());
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    // Credentials precede the host.
    let path = match path.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
            let host = host.rsplit('@').next().unwrap_or_default();
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

fn segments(path: &str, rewriter: &Rewriter<'_>) -> String {
    let segment = |segment: &str| match segment.strip_prefix('@') {
        Some(handle) => format!("@{}", rewriter.handle(handle)),
        None => rewriter.line(segment),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// Keeps the headers on the list, the room, and rate limits.
pub(super) fn headers(headers: &mut Vec<HttpHeader>, rewriter: &mut Rewriter<'_>) {
    let before = headers.len();
    headers.retain_mut(|header| {
        let name = header.name.to_ascii_lowercase();
        match name.as_str() {
            "x-room-id" => header.value = number(&header.value, rewriter),
            "handshake-msg" | "server-timing" => header.value = rewriter.line(&header.value),
            "content-length" => {}
            _ if HEADERS.contains(&name.as_str()) => {}
            _ if name.contains("ratelimit") || name.contains("rate-limit") => {}
            _ => return false,
        }
        true
    });
    rewriter.tally.headers += (before - headers.len()) as u64;
}

fn number(text: &str, rewriter: &Rewriter<'_>) -> String {
    allow::number(text).map_or_else(String::new, |id| rewriter.id(id).to_string())
}

impl Tally {
    /// Returns the number of bodies and records that were dropped rather than replaced.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped_bodies + self.dropped_records + self.rejected_records
    }
}
