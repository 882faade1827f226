//! `livetape doctor`: checks whether `--nats` would join the cluster.

use crate::{
    cli::{
        args,
        options::{config, nats},
        process::output::{complain, say},
    },
    cluster::diagnose,
    sans_io::error::{Code, Problem, exit},
};

/// Prints every finding.
pub(crate) async fn doctor(args: args::Doctor) -> Result<u8, Problem> {
    let options = nats::options(&config::settings(&args.flags)?)?;
    let options = options.ok_or_else(|| {
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
