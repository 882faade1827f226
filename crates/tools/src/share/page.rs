//! The page: a template, the styles of the pages beside the dashboard, and the overlay for alerts as it is.
//!
//! Its policy lets no script run but its own, and nothing load. So what a recording contains stays text.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{self, Write},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use livetape_core::{markup::escaped, offset, recording::Loss, terminal::printable};
use ring::digest::{SHA256, digest};

use super::show::{Moment, Show, TOTALS, minutes};
use crate::{
    text::{count, thousands},
    timeline::millis,
};

const PAGE: &str = include_str!("page.html");
const SCRIPT: &str = include_str!("page.js");
/// The overlay, and the files that it names.
const ALERTS: &str = include_str!("../../overlays/alerts.html");
const OVERLAY_STYLE: (&str, &str) = ("overlay.css", include_str!("../../overlays/overlay.css"));
const OVERLAY_SCRIPTS: [(&str, &str); 4] = [
    // The page sends the events, so nothing connects.
    ("../livetape-client.js", ""),
    ("overlay.js", include_str!("../../overlays/overlay.js")),
    ("gift.js", include_str!("../../overlays/gift.js")),
    ("alerts.js", include_str!("../../overlays/alerts.js")),
];
/// Settings of the overlay, as in its address.
const OVERLAY_SETTINGS: &str = "preview=1&sound=0&size=20";

/// Number of columns of the chart.
const COLUMNS: usize = 160;
/// Height of the chart, in its own unit.
const HEIGHT: u64 = 100;

fn style() -> String {
    let shared = [include_str!("../../overlays/shared.css"), include_str!("../../overlays/pages.css")];
    shared.concat() + include_str!("page.css")
}

/// Writes the page, and returns its length in bytes.
pub(super) fn write(
    mut output: impl Write,
    show: &Show,
    recording: &[u8],
    title: &str,
    loss: Loss,
) -> io::Result<u64> {
    let style = style();
    let (entries, packed) = (STANDARD.encode(packed(&show.entries)?), STANDARD.encode(packed(recording)?));
    let title = match printable(title.trim()) {
        title if !title.is_empty() => title,
        _ if show.host.is_empty() => "A TikTok LIVE".to_owned(),
        _ => format!("TikTok LIVE of @{}", show.host),
    };
    let length = show.duration();
    let value = |name: &str| -> Cow<'_, str> {
        match name {
            "policy" => policy(&style).into(),
            "title" => escaped(&title),
            "style" => Cow::from(&*style),
            "script" => SCRIPT.into(),
            "facts" => facts(show).into(),
            "loss" if loss.is_some() => {
                format!("<p class=\"loss\">⚠️ Incomplete: {}</p>", escaped(&loss.to_string())).into()
            }
            "loss" => "".into(),
            "overlay" => Cow::from(escaped(&overlay()).into_owned()),
            "length" => millis(length).to_string().into(),
            "time" => minutes(length).into(),
            "columns" => COLUMNS.to_string().into(),
            "height" => HEIGHT.to_string().into(),
            "all" => chart(show, |_| true).into(),
            "gifts" => chart(show, |(_, is_gift)| *is_gift).into(),
            "totals" => totals(show).into(),
            "lines" => Cow::from(&*show.lines),
            "entries" => Cow::from(&*entries),
            "recording" => Cow::from(&*packed),
            "version" => env!("CARGO_PKG_VERSION").into(),
            _ => unreachable!("the template names it"),
        }
    };
    let mut bytes = 0;
    // What is filled in is not read as a template again.
    for part in PAGE.split("{{") {
        let (value, rest) =
            part.split_once("}}").map_or((Cow::from(""), part), |(name, rest)| (value(name), rest));
        for text in [&*value, rest] {
            output.write_all(text.as_bytes())?;
            bytes += text.len() as u64;
        }
    }
    Ok(bytes)
}

fn packed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Allows the scripts and styles of the page and of the overlay in it, by their hashes, and nothing else.
fn policy(style: &str) -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(digest(&SHA256, text.as_bytes())));
    let hashes = |texts: &[&str]| Vec::from_iter(texts.iter().map(|text| hash(text))).join(" ");
    let [_, overlay, gift, alerts] = OVERLAY_SCRIPTS.map(|(_, script)| script);
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        hashes(&[SCRIPT, overlay, gift, alerts]),
        hashes(&[style, OVERLAY_STYLE.1]),
    )
}

/// Returns the page of the overlay, with its files in it.
pub(super) fn overlay() -> String {
    let (name, style) = OVERLAY_STYLE;
    // As a server writes the settings of a saved overlay into its page.
    let settings = format!(
        "<meta name=\"livetape-overlay\" content=\"alerts/share\" data-settings=\"{}\">",
        escaped(OVERLAY_SETTINGS)
    );
    let page = ALERTS
        .replace("<title>", &(settings + "\n<title>"))
        .replace(&format!("<link rel=\"stylesheet\" href=\"{name}\">"), &format!("<style>{style}</style>"));
    OVERLAY_SCRIPTS.iter().fold(page, |page, (name, script)| {
        let inline = if script.is_empty() { String::new() } else { format!("<script>{script}</script>") };
        page.replace(&format!("<script src=\"{name}\"></script>"), &inline)
    })
}

fn facts(show: &Show) -> String {
    let mut facts = format!("{}, {}", minutes(show.duration()), count(show.events, "event"));
    if show.silences > 0 {
        _ = write!(
            facts,
            ", {} shortened by {}",
            count(show.silences, "silence"),
            offset::shown(show.idle_cut)
        );
    }
    facts
}

fn totals(show: &Show) -> String {
    let total = |((name, label, _), total): (_, &i64)| {
        let sign = if *total < 0 { "-" } else { "" };
        format!(
            "<div><dt>{label}</dt><dd data-total=\"{name}\">{sign}{}</dd></div>\n",
            thousands(total.unsigned_abs())
        )
    };
    TOTALS.into_iter().zip(&show.totals).map(total).collect()
}

/// Returns the numbers of some of the events over time as the outline of columns. The highest column of all events has the
/// full height.
fn chart(show: &Show, is_counted: impl Fn(&Moment) -> bool) -> String {
    let length = show.duration().as_nanos().max(1);
    let column = |(at, _): &Moment| {
        usize::try_from(at.as_nanos() * COLUMNS as u128 / length).unwrap_or(COLUMNS).min(COLUMNS - 1)
    };
    let counted = |moments: &mut dyn Iterator<Item = &Moment>| {
        let mut counts = [0_u64; COLUMNS];
        moments.for_each(|moment| counts[column(moment)] += 1);
        counts
    };
    let highest = counted(&mut show.moments.iter()).into_iter().max().unwrap_or(0).max(1);
    let counts = counted(&mut show.moments.iter().filter(|moment| is_counted(moment)));
    let mut path = format!("M0 {HEIGHT}");
    for (at, number) in counts.iter().enumerate() {
        _ = write!(path, "V{}H{}", HEIGHT - (number * HEIGHT).div_ceil(highest), at + 1);
    }
    path + &format!("V{HEIGHT}Z")
}
