//! All benchmarks as one program, which links livetape once: the first argument is the name of the benchmark.

mod cluster;
mod decode;
mod endure;
mod fanout;
mod recording;
mod replay;
mod start;
mod support;

use std::process::ExitCode;

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
