//! `livetape doctor`: checks whether `--nats` would join the cluster.

use livetape_cluster::diagnose;
use livetape_core::error::{Code, Problem, exit};

use super::options::options;
use crate::cli::{
    args,
    options::config,
    process::output::{complain, say},
};

/// Prints every finding.
pub(in crate::cli) async fn doctor(args: args::Doctor) -> Result<u8, Problem> {
    let options = options(&config::settings(&args.flags)?)?.ok_or_else(|| {
        Problem::new(Code::BadRequest, "nothing to check").hint("name the cluster's NATS with --nats URL")
    })?;
    let mut exit = exit::DONE;
    for finding in diagnose(&options).await {
        match finding {
            Ok(line) => say(format!("✅ {line}\n"))?,
            Err(problem) => exit = exit.max(complain(&problem)),
        }
    }
    Ok(exit)
}
