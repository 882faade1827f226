//! `livetape record --cdp`: a tab of a browser, while somebody watches.

use super::{args, output::warn, recording::into_file};
use crate::{
    sans_io::{error::Problem, username::normalise},
    settings::Settings,
    source::browser::{Page, attach, choose, pages},
    terminal::printable,
};

/// Most tabs that are listed to choose from.
const PAGES_MAX: usize = 20;
/// Whose room it is, if nobody says.
const NOBODY: &str = "browser";

pub(super) async fn record(
    args: &args::RecordRoom,
    settings: &Settings,
    address: &str,
) -> Result<u8, Problem> {
    let address = address.parse()?;
    let pages = pages(&address).await?;
    let page = choose(&pages, args.browser.tab).inspect_err(|_| list(&pages))?;
    let user = match &args.user {
        None => page.user().unwrap_or(NOBODY).to_owned(),
        Some(user) => normalise(user)?,
    };
    let live = attach(&address, page, &user).await?;
    let lines = [
        format!("🔴 Recording the tab {}", shown_page(page)),
        "💡 Reload the page now: of a connection that is open already the beginning is missing".to_owned(),
    ];
    into_file(settings, &user, &lines, |supervisor| async { supervisor.follow(&user, live).await }).await
}

fn list(pages: &[Page]) {
    for (number, page) in (1..).zip(pages).take(PAGES_MAX) {
        warn(format_args!("  {number}: {}", shown_page(page)));
    }
}

/// Its title and address; what stands behind `?` may be secret.
fn shown_page(page: &Page) -> String {
    let address = page.url.split(['?', '#']).next().unwrap_or_default();
    printable(&format!("{} ({address})", page.title))
}
