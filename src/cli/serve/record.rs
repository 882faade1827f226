//! `livetape record`: records a room to a file, without a server.

use livetape_core::error::Problem;

use super::{browser, recording::into_file};
use crate::{
    cli::{
        args,
        options::{config, rooms},
    },
    log,
};

pub(crate) async fn record(args: args::RecordRoom) -> Result<u8, Problem> {
    let settings = config::settings(&args.flags)?;
    let _log = log::start(&settings.log, !settings.server.quiet)?;
    if let Some(address) = &args.browser.cdp {
        return browser::record(&args, &settings, address).await;
    }
    let user = rooms::user(args.user.as_deref(), &settings.live)?;
    let lines = [format!("🔴 Recording @{user}")];
    into_file(&settings, &user, &lines, |channel| channel.live(user.clone())).await
}
