//! `livetape record --cdp`: a tab of a browser, while somebody watches.

use super::{args, display, live::conclude, rooms, signals};
use crate::{
    control::Control,
    hub::{CloseReason, Hub, Limits},
    sans_io::{error::Problem, username::normalise},
    settings::Settings,
    source::{
        browser::{Page, attach, choose, pages},
        live::NetTransport,
    },
    supervisor::{Options, Record, Supervisor},
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
    let folder = || Record::Folder(settings.server.folder());
    let options = Options {
        live: rooms::options(&settings.live, &user, None),
        ends_with_source: true,
        record: Some(settings.record.output.clone().map_or_else(folder, Record::File)),
        rotate: settings.record.rotate,
        record_only: true,
        allow_inject: false,
        warn: |_| (),
    };
    let transport = NetTransport::new(&options.live)?;
    let (control, driver) = Control::new();
    let hub = Hub::new("record".into(), Limits::default());
    signals::listen(control.clone());
    let shown =
        (!settings.server.quiet).then(|| tokio::spawn(display::show(hub.clone(), display::Style::Live)));
    display::say(&format!("🔴 Recording the tab {}", shown_page(page)));
    display::say("💡 Reload the page now: of a connection that is open already the beginning is missing");
    display::say("📺 Press Ctrl+C to stop");
    let supervisor = Supervisor::new(hub.clone(), &control, driver, transport, options);
    let ended = supervisor.follow(&user, live).await;
    hub.close(CloseReason { code: 1000, reason: "recorded".into() });
    if let Some(shown) = shown {
        drop(shown.await);
    }
    conclude(&ended)
}

fn list(pages: &[Page]) {
    for (number, page) in (1..).zip(pages).take(PAGES_MAX) {
        eprintln!("  {number}: {}", shown_page(page));
    }
}

/// Its title and address; what stands behind `?` may be secret.
fn shown_page(page: &Page) -> String {
    let address = page.url.split(['?', '#']).next().unwrap_or_default();
    printable(&format!("{} ({address})", page.title))
}
