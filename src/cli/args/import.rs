//! The arguments of `import`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use livetape_tools::import::{self, CaptureFormat};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:
  livetape import show.har -o show.bin
  livetape import flows.mitm --entry 2 --user ann
  livetape import capture.jsonl && livetape replay capture.bin

Run `livetape import --help` for how to export a HAR from a browser",
    after_long_help = "To record any room that you can watch, without an API key or sign server:
  1. In Chrome or Edge, open the Network tab of the developer tools BEFORE you
     open the LIVE page: earlier frames are not captured.
  2. Open the LIVE page and leave it open for as long as you like.
  3. Click Export HAR (the arrow pointing down).
  4. livetape import show.har -o show.bin
Firefox does not save frames. A HAR contains your cookies; the recording does
not.

JSON lines:
  {\"offset_ms\":350,\"frame\":\"<base64>\"}
      frame: one binary WebSocket message
  {\"offset_ms\":350,\"method\":\"WebcastChatMessage\",\"payload\":\"<base64>\"}
      payload: one message; add \"host\" to separate several rooms

Examples:
  livetape import show.har -o show.bin
  livetape import flows.mitm --entry 2 --user ann
  livetape import capture.jsonl && livetape replay capture.bin"
)]
pub(in crate::cli) struct Import {
    /// Capture to convert, or - for stdin
    pub(in crate::cli) file: PathBuf,
    /// Write the recording to this file [default: FILE with .bin]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Set the user [default: from the capture or the file name]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) user: Option<String>,
    /// Set the room id [default: from the capture]
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) room: Option<i64>,
    /// Set the format if it is not recognised
    #[arg(long, value_name = "FORMAT", value_parser = formats())]
    pub(in crate::cli) format: Option<CaptureFormat>,
    /// Import only this connection of the capture [repeatable]
    #[arg(long = "entry", value_name = "N")]
    pub(in crate::cli) entries: Vec<u64>,
    /// Set the frame rate of a capture without times [per second]
    #[arg(long, value_name = "N", default_value_t = import::RATE, value_parser = parse_rate)]
    pub(in crate::cli) rate: f64,
    /// Print a summary as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Overwrite an existing file
    #[arg(long)]
    pub(in crate::cli) force: bool,
}

fn formats() -> impl TypedValueParser<Value = CaptureFormat> {
    let value = |format: CaptureFormat| PossibleValue::new(format.row().name).help(format.row().help);
    PossibleValuesParser::new(CaptureFormat::ALL.map(value))
        .try_map(|name| CaptureFormat::named(&name).ok_or("unknown format"))
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.001..=10_000.0).contains(rate));
    rate.ok_or_else(|| "not a number from 0.001 to 10000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_lists_every_format() {
        let table: String = CaptureFormat::ALL
            .iter()
            .flat_map(|format| format.row().producers)
            .map(|producer| format!("| {} |\n", producer.join(" | ")))
            .collect();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/import.md");
        let document = std::fs::read_to_string(path).unwrap();
        assert!(document.contains(&format!("|---|---|---|\n{table}\n")), "docs/import.md needs:\n{table}");
    }
}
