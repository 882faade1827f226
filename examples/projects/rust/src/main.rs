//! Prints the totals of a LIVE when they change: `livetape run demo --exit-when-done -- target/debug/show-bot`.

use std::{env, process::ExitCode};

use show_bot::Bot;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let url = env::var("LIVETAPE_URL").unwrap_or_else(|_| "ws://127.0.0.1:3000/".into());
    let mut bot = Bot::new(url, env::var("LIVETAPE_TOKEN").ok());
    let mut printed = String::new();
    let code = bot.run(|totals| {
        let line = totals.to_string();
        if line != printed {
            println!("{line}");
        }
        printed = line;
    });
    if code.await == 1000 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
