//! `livetape record --cdp`: records a tab of a browser.

use livetape_core::{error::Problem, terminal::printable, username::normalise};
use livetape_engine::source::browser::{Page, attach, choose, pages};

use super::recording::into_file;
use crate::{
    cli::{args, process::output::warn},
    settings::Settings,
};

/// Maximum number of tabs in the list to choose from.
const PAGES_MAX: usize = 20;
/// User of the recording if neither the command line nor the page names one.
const UNKNOWN_USER: &str = "browser";

pub(crate) async fn record(
    args: &args::RecordRoom,
    settings: &Settings,
    address: &str,
) -> Result<u8, Problem> {
    let address = address.parse()?;
    let pages = pages(&address).await?;
    let page = choose(&pages, args.browser.tab).inspect_err(|_| list(&pages))?;
    let user = match &args.user {
        None => page.user().unwrap_or(UNKNOWN_USER).to_owned(),
        Some(user) => normalise(user)?,
    };
    let live = attach(&address, page, &user).await?;
    let lines = [
        format!("🔴 Recording the tab {}", shown_page(page)),
        "💡 Reload the page now to record its connections from their start".to_owned(),
    ];
    into_file(settings, &user, &lines, |channel| async { channel.show_connected(&user, live).await }).await
}

fn list(pages: &[Page]) {
    for (number, page) in (1..).zip(pages).take(PAGES_MAX) {
        warn(format_args!("  {number}: {}", shown_page(page)));
    }
}

/// Returns the title and address of a page, without its query, which may be secret.
fn shown_page(page: &Page) -> String {
    let address = page.url.split(['?', '#']).next().unwrap_or_default();
    printable(&format!("{} ({address})", page.title))
}
