//! Fan-out: the server's CPU time per delivered message, compared with a bare epoll writer and npm `ws` in
//! alternating rounds.
//!
//! Each server runs in its own process, and so does the load.

mod floor;
mod load;
mod memory;
mod ours;
mod points;
mod run;
mod scale;

use crate::support::Args;

pub(crate) fn run() {
    let args = Args::parse();
    let role = args.value::<String>("--role").unwrap_or_default();
    let done = match role.as_str() {
        "livetape" => ours::serve(&args),
        "floor" => floor::serve(&args, false),
        "joined" => floor::serve(&args, true),
        "load" => load::run(&args),
        _ if args.has("--memory") => memory::run(&args),
        _ if args.has("--scale") => scale::run(&args),
        _ => run::run(&args),
    };
    if let Err(error) = done {
        eprintln!("fanout: {error}");
        std::process::exit(1);
    }
}
