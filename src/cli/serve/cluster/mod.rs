//! The command line's part of a cluster: its settings, `serve --nats` and `doctor`.

#[cfg(feature = "nats")]
mod nats;

use livetape_core::error::Problem;
#[cfg(feature = "nats")]
pub(in crate::cli) use nats::{doctor, serve};
#[cfg(not(feature = "nats"))]
pub(in crate::cli) use without::{doctor, serve};

use crate::settings::Settings;

/// Checks the settings of a cluster, for commands that can join one.
pub(in crate::cli) fn check(settings: &Settings) -> Result<(), Problem> {
    settings.cluster.check_nats()?;
    #[cfg(feature = "nats")]
    nats::options_of(settings)?;
    #[cfg(not(feature = "nats"))]
    if settings.cluster.nats.is_some() {
        return Err(without::problem());
    }
    Ok(())
}

#[cfg(not(feature = "nats"))]
mod without {
    use std::future::{Future, ready};

    use livetape_core::error::{Code, Problem};
    use livetape_engine::channels::ChannelOptions;

    use crate::{cli::args, settings::Settings};

    pub(crate) fn serve(
        _: &Settings,
        _: &args::Lifecycle,
        _: ChannelOptions,
    ) -> impl Future<Output = Result<u8, Problem>> {
        ready(Err(problem()))
    }

    pub(crate) fn doctor(_: args::Doctor) -> impl Future<Output = Result<u8, Problem>> {
        ready(Err(problem()))
    }

    pub(super) fn problem() -> Problem {
        Problem::new(Code::BadRequest, "this build of livetape has no support for NATS")
            .hint("use a released build, or build it with `cargo build --features nats`")
    }
}
