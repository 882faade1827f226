//! Pages from small recordings: what is in them, and what they refuse.

use std::{
    io::{self, Read as _},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::read::GzDecoder;
use livetape_core::{
    event::finish_json,
    recording::{Item, Loss, What, Writer, records::Header},
};
use livetape_samples::{
    decoded, item,
    messages::{chat, frame, open, raw_frame, rose, show},
    recording,
};
use serde_json::{Value, json};

use super::{Error, Options, RECORDING_BYTES_MAX, ShareReport, page, part, share, show::Show};
use crate::{
    info::info,
    scrub::{Auditor, KEY_BYTES, Key, Scrubber},
};

fn options() -> Options {
    Options { title: String::new(), from: Duration::ZERO, to: None, idle_limit: Duration::from_secs(5) }
}

fn shared(input: &[u8], words: &str, options: &Options) -> (ShareReport, String) {
    let (mut out, scrubber) = (Vec::new(), Scrubber::new(Key::new(&[7; KEY_BYTES])));
    let report = share(input, &mut out, scrubber, Auditor::new(words).unwrap(), options).unwrap();
    (report, String::from_utf8(out).unwrap())
}

/// Returns a page of a recording as it is, with everything that people wrote.
fn unscrubbed(recording: &[u8], title: &str) -> String {
    let (show, mut out) = (Show::read(recording, &options()).unwrap(), Vec::new());
    page::write(&mut out, &show, recording, title, Loss::default()).unwrap();
    String::from_utf8(out).unwrap()
}

/// Unpacks what an element of a page contains.
fn unpack(page: &str, id: &str) -> Vec<u8> {
    let (_, rest) = page.split_once(&format!("<script id=\"{id}\" type=\"text/plain\">")).unwrap();
    let packed = STANDARD.decode(rest.split('<').next().unwrap()).unwrap();
    let mut bytes = Vec::new();
    GzDecoder::new(&packed[..]).read_to_end(&mut bytes).unwrap();
    bytes
}

fn entries(page: &str) -> Vec<Value> {
    serde_json::from_slice(&unpack(page, "entries")).unwrap()
}

#[test]
fn a_page_has_the_events_of_the_recording_in_it_and_their_totals() {
    let (report, page) = shared(&recording(&show()), "", &options());
    let (inside, entries) = (unpack(&page, "recording"), entries(&page));
    let (mut reader, mut items) = (livetape_core::recording::Reader::open(&inside[..]).unwrap(), Vec::new());
    while let Some(record) = reader.next().unwrap() {
        items.push(record.item);
    }
    let expected = decoded(&items, true).into_iter().zip(1..).map(|(event, seq)| {
        let mut json = Vec::new();
        event.begin_json("share", &mut json);
        finish_json(seq, &mut json);
        serde_json::from_slice::<Value>(&json).unwrap()
    });
    let found = Vec::from_iter(entries.iter().map(|entry| entry["event"].clone()));
    assert!(found.len() > 10 && found.starts_with(&Vec::from_iter(expected)), "{found:#?}");
    assert_eq!(found.last().unwrap()["data"]["reason"], "recording_ended");

    let mut totals = json!({});
    for entry in &entries {
        for (name, total) in entry["totals"].as_object().unwrap() {
            totals[name] = total.clone();
        }
    }
    let truth = serde_json::to_value(info(&inside[..]).unwrap().truth).unwrap();
    for (name, total) in totals.as_object().unwrap() {
        assert_eq!(*total, truth[name], "{name}");
        let shown = format!("data-total=\"{name}\">{total}<");
        assert!(page.contains(&shown.replace("1500", "1,500")), "{shown}");
    }
    assert_eq!((totals["gifts"].clone(), totals["follows"].clone()), (json!(6), json!(1)));
    assert_eq!(report.page.unwrap().bytes, page.len() as u64);
    // The people of the recording are not in it.
    assert!(!page.contains("carol") && !page.contains("CAROL"));
}

#[test]
fn silences_are_shortened_and_said_but_stay_in_the_recording() {
    let (report, page) = shared(&recording(&show()), "", &options());
    let times = entries(&page)
        .iter()
        .map(|entry| (entry["at"].as_u64(), entry["offset"].as_u64()))
        .collect::<Vec<_>>();
    assert!(
        times.contains(&(Some(2_500), Some(2_500))) && times.contains(&(Some(7_500), Some(70_000))),
        "{times:?}"
    );
    let said = report.to_string();
    assert!(said.contains("silences shortened to 5s: 1, by 00:01:02.500 together\n"), "{said}");
    assert!(said.contains(" in 00:00:10.600, and the recording of "), "{said}");
    assert!(page.contains("1 silence shortened by 1m2.5s"));
    let last = info(&unpack(&page, "recording")[..]).unwrap();
    assert_eq!(last.duration_ms, 73_100);
}

#[test]
fn a_part_is_shared_from_its_start() {
    let options = Options { from: Duration::from_secs(70), to: Some(Duration::from_secs(72)), ..options() };
    let (_, page) = shared(&recording(&show()), "", &options);
    let offsets = Vec::from_iter(entries(&page).iter().map(|entry| entry["offset"].as_u64().unwrap()));
    assert_eq!((offsets.first(), offsets.last()), (Some(&0), Some(&500)));
}

#[test]
fn nothing_is_written_if_the_audit_finds_something() {
    let (report, page) = shared(&recording(&show()), "Rose\n", &options());
    assert!(report.page.is_none() && page.is_empty());
    let said = report.to_string();
    assert!(said.starts_with("at byte ") && said.ends_with("do not share this recording\n"), "{said}");
    assert_eq!(report.audit.exit_code(), 1);
}

#[test]
fn what_the_recording_lost_is_said_in_the_page() {
    let mut unsealed = Vec::new();
    let mut writer = Writer::new(&mut unsealed, &Header::default()).unwrap();
    show().iter().for_each(|item| writer.write(item).unwrap());
    writer.flush().unwrap();
    drop(writer);
    let (report, page) = shared(&unsealed, "", &options());
    assert!(report.is_lossy() && report.loss.unsealed);
    assert!(page.contains("⚠️ Incomplete: not sealed"));
    assert!(report.to_string().contains("not sealed"), "{report}");
}

#[test]
fn no_text_becomes_markup_or_turns_its_neighbours_round() {
    const MARKUP: &str = "</script></style><img src=x onerror=alert(1)>\"'\u{202e}{{script}}";
    let long = "x".repeat(10_000);
    let page = unscrubbed(
        &recording(&[
            open(1, 0, MARKUP, 1),
            frame(
                1,
                vec![chat(1, 1, MARKUP, MARKUP), chat(2, 1, &long, &long), rose(3, 1, MARKUP, 1, true, 1)],
            ),
        ]),
        MARKUP,
    );
    let plain = unscrubbed(&recording(&[open(1, 0, "ann", 1)]), "");
    for tag in ["<script", "</script", "<style", "</style", "<img", "onerror"] {
        let (found, usual) = (page.matches(tag).count(), plain.matches(tag).count());
        // As text, this word is harmless.
        let texts = if tag == "onerror" { page.matches("onerror=alert(1)&gt;").count() } else { 0 };
        assert_eq!(found, usual + texts, "{tag}");
    }
    assert!(page.contains("<h1><bdi>&lt;/script&gt;") && page.contains("&quot;&apos;{{script}}</bdi></h1>"));
    assert!(!page.contains('\u{202e}'));
    assert!(page.lines().all(|line| !line.starts_with("<li") || line.len() < 1_500), "long texts are cut");
    // The JSON has them in full.
    assert!(entries(&page).iter().any(|entry| entry["event"]["data"]["comment"] == *long));
}

#[test]
fn a_recording_without_events_has_a_page_that_says_so() {
    let (report, page) = shared(&recording(&[]), "", &options());
    assert_eq!(report.page.unwrap().events, entries(&page).len() as u64);
    assert!(page.contains("<title>A TikTok LIVE</title>"));
}

#[test]
fn the_overlay_loads_nothing() {
    let overlay = page::overlay();
    assert_eq!((overlay.matches("<script>").count(), overlay.matches("<style>").count()), (3, 1));
    assert!(!overlay.contains(" src=") && !overlay.contains("rel=\"stylesheet\""));
    assert!(overlay.contains("data-settings=\"preview=1&amp;sound=0&amp;size=20\">\n<title>"), "{overlay}");
}

#[test]
fn a_recording_that_is_too_large_is_refused_with_a_part_that_fits() {
    let second = |at: u64| raw_frame(1_000 * at, vec![0; 1 << 20]);
    let large = recording(&Vec::from_iter((0..20).map(second)));
    let Err(Error::TooLarge { limit, fits: Some(end) }) = part(&large[..], &options()) else {
        panic!("it fits")
    };
    assert_eq!((&*limit, end), ("up to 16.7 MB", Duration::from_secs(13)));
    assert!(part(&large[..], &Options { to: Some(end), ..options() }).is_ok());
    let from = Duration::from_secs(2);
    let Err(Error::TooLarge { fits, .. }) = part(&large[..], &Options { from, ..options() }) else {
        panic!("it fits")
    };
    assert_eq!(fits, Some(Duration::from_secs(15)));
    // Nothing in it is a record.
    let endless = io::repeat(0).take(RECORDING_BYTES_MAX as u64 + 1);
    assert!(matches!(part(endless, &options()), Err(Error::TooLarge { fits: None, .. })));
}

#[test]
fn more_events_than_a_page_holds_are_refused_with_a_part_that_fits() {
    let chats = |second: i64| -> Item {
        let ids = (0..1_000).map(|n| second * 1_000 + n + 1);
        frame(1_000 * second.unsigned_abs(), ids.map(|id| chat(id, 0, "bob", "hi")).collect())
    };
    // The end of the recording is an event, too.
    let of = |count: i64| {
        let items = (0..20)
            .map(chats)
            .chain([frame(20_000, (1..=count).map(|id| chat(50_000 + id, 0, "bob", "")).collect())]);
        recording(&Vec::from_iter(items.skip(1)))
    };
    assert_eq!(Show::read(&of(999), &options()).unwrap().events, 20_000);
    let Err(Error::TooLarge { limit, fits }) = Show::read(&of(1_001), &options()) else { panic!("it fits") };
    assert_eq!((&*limit, fits), ("20,000 events", Some(Duration::from_secs(19))));
}

/// A marker is not an event: it only takes time.
#[test]
fn a_recording_of_markers_only_has_a_length() {
    let marker = livetape_core::recording::records::Marker { label: "here".into() };
    let page = unscrubbed(&recording(&[item(3_000, What::Marker(marker))]), "");
    assert!(page.contains("max=\"3000\""));
}
