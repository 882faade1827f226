//! The flags of `info`, `verify` and `synth`.

use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Info {
    /// The recording: a file, the name of one under recordings/, or `demo`
    pub(in crate::cli) recording: String,
    /// As JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Verify {
    /// The recording: a file, the name of one under recordings/, or `demo`
    pub(in crate::cli) recording: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  livetape synth --seed 7 --size 100MB -o big.bin && livetape replay big.bin --speed max")]
pub(in crate::cli) struct Synth {
    /// The recording to write
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: PathBuf,
    /// The same seed makes the same bytes
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(in crate::cli) seed: u64,
    /// How large, e.g. 500KB, 20MB or 1GB
    #[arg(long, value_name = "SIZE", default_value = "1MB", value_parser = parse_size)]
    pub(in crate::cli) size: u64,
    /// Write over a file that is there
    #[arg(long)]
    pub(in crate::cli) force: bool,
}

/// The largest recording that `synth` makes.
const SIZE_MAX: u64 = 100 << 30;

fn parse_size(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit.to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "KB" | "K" => 1 << 10,
        "MB" | "M" => 1 << 20,
        "GB" | "G" => 1 << 30,
        _ => return Err(format!("`{unit}` is no unit; there are KB, MB and GB")),
    };
    let size = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    size.filter(|size| (1..=SIZE_MAX).contains(size))
        .ok_or_else(|| "a size is a number up to 100GB".to_owned())
}
