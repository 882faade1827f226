//! The command line: parses flags, runs the command and returns the exit code.

mod args;
mod client;
mod files;
mod judge;
mod options;
mod process;
mod serve;
mod setup;
mod usage;

use std::panic::resume_unwind;

use clap::{CommandFactory as _, FromArgMatches as _, error::ErrorKind};
use livetape_core::error::{Code, Problem, exit};
use tokio::runtime::Builder;

use crate::log;

use args::{Args, Command};
use client::{trigger, watch};
use files::{convert, diff, edit, look, share};
use judge::{page, run, shrink, test};
use process::{
    display,
    output::{self, complain},
};
use serve::{doctor, live, mock};

/// Returns every command and flag.
#[must_use]
pub fn command() -> clap::Command {
    args::grouped(Args::command())
}

/// Runs the command line of this process, and returns its exit code.
#[must_use]
pub fn main() -> u8 {
    output::fail_writes_beyond();
    log::prepare(std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()));
    if let Some(problem) = usage::apart(std::env::args_os().map(|arg| arg.to_string_lossy().into_owned())) {
        return complain(&problem);
    }
    let args = command().try_get_matches().and_then(|matches| Args::from_arg_matches(&matches));
    let args = match args {
        Ok(args) => args,
        Err(error) => return help_or_problem(&error).unwrap_or_else(|problem| complain(&problem)),
    };
    let result = match args.command {
        Command::Replay(args) => run_on_worker(live::replay(args)),
        Command::Live(args) => run_on_worker(live::live(args)),
        Command::Serve(args) => run_on_worker(live::serve(args)),
        Command::Record(args) => run(live::record(args)),
        Command::Mock(args) => run(mock::mock(args)),
        Command::Ca(args) => setup::ca(&args),
        Command::Run(args) => run(run::run(args)),
        Command::Test(args) => run_in(&mut one_thread(), test::test(args)),
        Command::Page(args) => run_in(&mut one_thread(), page::visit(args)),
        Command::Shrink(args) => run_in(&mut one_thread(), shrink::shrink(args)),
        Command::Watch(args) => run(watch::watch(args)),
        Command::Trigger(args) => run(trigger::trigger(*args)),
        Command::Events(args) => look::events(&args),
        Command::Import(args) => convert::import(&args),
        Command::Info(args) => look::info(&args),
        Command::Share(args) => share::share(&args),
        Command::Scrub(args) => share::scrub(&args),
        Command::Audit(args) => share::audit(&args),
        Command::Verify(args) => look::verify(&args),
        Command::Repair(args) => edit::repair(&args),
        Command::Cut(args) => edit::cut(&args),
        Command::Merge(args) => edit::merge(&args),
        Command::Mark(args) => edit::mark(&args),
        Command::Cat(args) => look::cat(&args),
        Command::Diff(args) => diff::diff(&args),
        Command::Export(args) => convert::export(&args),
        Command::AsScenario(args) => convert::as_scenario(&args),
        Command::Synth(args) => look::synth(&args),
        Command::Config(args) => setup::config(&args),
        Command::Doctor(args) => run(doctor::doctor(args)),
        Command::Token(args) => setup::token(&args),
        Command::Completions(args) => setup::completions(&args),
        Command::Man(args) => setup::man(&args),
    };
    result.unwrap_or_else(|problem| complain(&problem))
}

/// Prints help and version to stdout with exit code 0. Returns other errors as problems, which exit with 2.
fn help_or_problem(error: &clap::Error) -> Result<u8, Problem> {
    match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // A failure to print to stderr cannot be reported.
            drop(error.print());
            Ok(exit::USAGE)
        }
        _ if error.use_stderr() => Err(usage::problem(error)),
        _ => {
            output::flushed(error.print())?;
            Ok(exit::DONE)
        }
    }
}

fn run(command: impl Future<Output = Result<u8, Problem>>) -> Result<u8, Problem> {
    run_in(&mut Builder::new_multi_thread(), command)
}

/// Runs a server on a worker: from the main thread, each event would wake a worker first.
fn run_on_worker(command: impl Future<Output = Result<u8, Problem>> + Send + 'static) -> Result<u8, Problem> {
    run(async { tokio::spawn(command).await.unwrap_or_else(|error| resume_unwind(error.into_panic())) })
}

/// Servers of many runs share a thread: a heap for each would be most of the memory.
fn one_thread() -> Builder {
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(1);
    runtime
}

fn run_in(runtime: &mut Builder, command: impl Future<Output = Result<u8, Problem>>) -> Result<u8, Problem> {
    let runtime = runtime.enable_all().build();
    let runtime =
        runtime.map_err(|error| Problem::new(Code::Io, format!("cannot start the runtime: {error}")))?;
    let result = runtime.block_on(command);
    // A hanging terminal or disk must not delay the exit.
    runtime.shutdown_background();
    let code = result?;
    display::check()?;
    Ok(code)
}
