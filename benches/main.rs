//! All benchmarks as one program, which links livetape once: the first argument is the name of the benchmark. They
//! read what only Unix knows of processes.

#[cfg(unix)]
mod cluster;
#[cfg(unix)]
mod decode;
#[cfg(unix)]
mod endure;
#[cfg(unix)]
mod fanout;
#[cfg(unix)]
mod recording;
#[cfg(unix)]
mod replay;
#[cfg(unix)]
mod start;
#[cfg(unix)]
mod support;

use std::process::ExitCode;

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!("benchmarks need Linux or macOS");
    ExitCode::FAILURE
}

#[cfg(unix)]
fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("cluster") => cluster::run(),
        Some("decode") => return decode::run(),
        Some("endure") => return endure::run(),
        Some("fanout") => fanout::run(),
        Some("recording") => recording::run(),
        Some("replay") => return replay::run(),
        Some("start") => start::run(),
        _ => {
            println!("run `cargo xtask bench`");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
