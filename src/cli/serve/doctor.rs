//! `livetape doctor`: which ways lead into a room; without a user, whether NATS works for a cluster.

use livetape_core::{
    error::{Problem, exit},
    terminal::printable,
};
use livetape_engine::source::live::{NetTransport, Step, StepResult, Way, diagnose};

use super::cluster;
use crate::cli::{
    args,
    options::{config, sources},
    process::output::{say_json, say_lines},
    usage::has_flag,
};

pub(in crate::cli) async fn doctor(args: args::Doctor) -> Result<u8, Problem> {
    let Some(user) = &args.user else { return cluster::doctor(args).await };
    let settings = config::settings(&args.flags)?;
    let options = sources::live_options(&settings, user, None)?;
    let is_shown = !args.json;
    if is_shown {
        say_lines(&format!("🩺 {}", printable(user)))?;
    }
    let tell = |step: &Step| {
        if is_shown {
            // A failure to write is reported at the end.
            drop(say_lines(&line(step)));
        }
    };
    let found = diagnose(&options, NetTransport::new(&options)?, has_flag, tell).await?;
    if args.json {
        say_json(&found)?;
    } else {
        say_lines(&advice(&found.next))?;
    }
    Ok(if found.works.is_empty() { exit::FAILED } else { exit::DONE })
}

fn line(Step { way, step, verdict, status, ms, bytes, code, detail, .. }: &Step) -> String {
    let mark = match verdict {
        StepResult::Works => "✅",
        StepResult::Fails => "❌",
        StepResult::Skipped => "➖",
    };
    let status = status.map(|status| status.to_string()).unwrap_or_default();
    let time = if *verdict == StepResult::Skipped { String::new() } else { format!("{ms} ms") };
    let code = code.map(|code| format!(" [{code}]")).unwrap_or_default();
    let detail = Some(printable(detail) + &code).filter(|detail| !detail.is_empty());
    let rest = bytes.map(|bytes| format!("{bytes} bytes")).into_iter().chain(detail);
    let (way, rest) = (way.unwrap_or("look-up"), rest.collect::<Vec<_>>().join(", "));
    let column = 1 + Way::ALL.iter().map(|way| way.name().len()).max().unwrap_or_default();
    let line = format!("{mark} {way:column$}{step:12}{status:>4}{time:>10}  {rest}");
    line.trim_end().to_owned()
}

fn advice(next: &[String]) -> String {
    let lines = next.iter().map(|advice| format!("💡 {}", printable(advice)));
    lines.collect::<Vec<_>>().join("\n")
}
