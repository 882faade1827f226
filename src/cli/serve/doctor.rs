//! `livetape doctor`: which ways lead into a room; without a user, whether NATS works for a cluster.

use std::fmt::Write as _;

use livetape_core::{
    error::{Problem, exit},
    terminal::printable,
};
use livetape_engine::source::live::{Diagnosis, NetTransport, Step, Verdict, diagnose};

use super::cluster;
use crate::cli::{
    args,
    options::{config, sources},
    process::output::{say_json, say_lines},
};

pub(in crate::cli) async fn doctor(args: args::Doctor) -> Result<u8, Problem> {
    let Some(user) = &args.user else { return cluster::doctor(args).await };
    let settings = config::settings(&args.flags)?;
    let options = sources::live_options(&settings, user, None)?;
    let found = diagnose(&options, NetTransport::new(&options)?).await?;
    if args.json {
        say_json(&found)?;
    } else {
        say_lines(&text(&found))?;
    }
    Ok(if found.works.is_empty() { exit::FAILED } else { exit::DONE })
}

fn text(found: &Diagnosis) -> String {
    let room = found.room_id.as_deref().map(|id| format!(", room {id}")).unwrap_or_default();
    let mut text = format!("🩺 {}{room}\n", printable(&found.user));
    for Step { way, step, verdict, status, ms, bytes, code, detail } in &found.steps {
        let mark = match verdict {
            Verdict::Works => "✅",
            Verdict::Fails => "❌",
            Verdict::Skipped => "➖",
        };
        let status = status.map(|status| status.to_string()).unwrap_or_default();
        let bytes = bytes.map(|bytes| format!("{bytes} bytes")).unwrap_or_default();
        let code = code.map(|code| format!(" [{code}]")).unwrap_or_default();
        let (way, detail) = (way.unwrap_or("look-up"), printable(detail));
        let line = format!("{mark} {way:8}{step:12}{status:>4}{ms:>7} ms{bytes:>14}  {detail}{code}");
        _ = writeln!(text, "{}", line.trim_end());
    }
    for (advice, at) in found.next.iter().zip(0..) {
        _ = writeln!(text, "{} {}", if at == 0 { "💡" } else { "  " }, printable(advice));
    }
    text.truncate(text.trim_end().len());
    text
}
