//! The flags of `info` and `verify`.

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
