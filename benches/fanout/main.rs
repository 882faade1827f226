//! Fan-out: the server's CPU time for each message delivered, beside a bare epoll writer and npm `ws`, in turns.
//!
//! Each server is a process of its own, and so is the load: this program, started again.

mod floor;
mod load;
mod machine;
mod ours;
mod peer;
mod plot;
mod points;
mod report;
mod run;
mod scale;

/// How to measure.
pub(crate) struct Args(Vec<String>);

impl Args {
    /// What stands behind `--name`.
    pub(crate) fn value<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        let at = self.0.iter().position(|arg| arg == name)?;
        self.0.get(at + 1)?.parse().ok()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|arg| arg == name)
    }

    /// The number behind `--name`, of a process that this program started.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.value(name).unwrap_or_else(|| panic!("{name} is missing"))
    }
}

fn main() {
    let args = Args(std::env::args().collect());
    let role = args.value::<String>("--role").unwrap_or_default();
    let done = match role.as_str() {
        "livetape" => ours::serve(&args),
        "floor" => floor::serve(&args, false),
        "joined" => floor::serve(&args, true),
        "load" => load::run(&args),
        _ if args.has("--scale") => scale::run(&args),
        _ => run::run(&args),
    };
    if let Err(error) = done {
        eprintln!("fanout: {error}");
        std::process::exit(1);
    }
}
