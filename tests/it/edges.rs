//! Drives bounds over their edges. The numbers are repeated here, so that nobody changes one by accident.

use futures_util::FutureExt as _;
use livetape::settings;
use livetape_core::{error::Code, ws_frame::check_close};
use livetape_feed::{
    control::{Control, ReplayOrder, Sources, Token, Unit},
    hub::{Hub, Limits},
};
use livetape_server::{
    HandledPath, HandlerLimits, Handlers,
    lobby::{self, check_client_id},
};

/// A bound: what it limits, the largest number that fits, and whether so many fit.
type Row = (&'static str, usize, fn(usize) -> bool);

const ROWS: &[Row] = &[
    ("characters of a cluster's name", 32, |chars| {
        let file = format!("[cluster]\nname = \"{}\"", "a".repeat(chars));
        let sources =
            settings::Sources { file: Some(("x.toml".as_ref(), &file)), env: &|_| None, flags: &[] };
        settings::resolve(&sources).is_ok()
    }),
    ("characters of a bearer token", 256, |chars| settings::wrong_with(&"a".repeat(chars)).is_none()),
    ("clients with tokens", 1_000, |clients| {
        let token = |n: usize| Token { secret: format!("token-{n}").into(), ..Token::default() };
        Control::with(Sources { tokens: (0..clients).map(token).collect(), ..Sources::default() }).is_ok()
    }),
    ("frames of a step", 10_000, |frames| {
        let (control, _driver) = Control::new();
        let order = control.order(ReplayOrder::Step(frames as i32, Unit::Frames)).now_or_never().unwrap();
        order.unwrap_err().code == Code::NoReplay
    }),
    ("bytes of a close reason", 123, |bytes| check_close(1000, &"x".repeat(bytes)).is_ok()),
    ("characters of a client id", 64, |chars| {
        check_client_id(&"a".repeat(chars), lobby::Limits::default().client_id_chars_max).is_ok()
    }),
    ("paths with handlers", 1_000, |paths| {
        let (handlers, _events) = handlers();
        (0..paths).all(|path| handlers.add(&format!("/{path}"), HandledPath::default()).is_ok())
    }),
    ("bytes of a path with handlers", 1_024, |bytes| {
        handlers().0.add(&format!("/{}", "a".repeat(bytes - 1)), HandledPath::default()).is_ok()
    }),
];

fn handlers() -> (Handlers, impl Sized) {
    let (hub, (control, _)) = (Hub::new("edge".into(), Limits::default()), Control::new());
    let (sockets, lobby) = (livetape_server::Limits::default(), lobby::Limits::default());
    Handlers::new(&hub, &control, sockets, lobby, HandlerLimits::default())
}

#[tokio::test]
async fn each_bound_holds_at_its_edge() {
    let moved = ROWS.iter().filter(|(_, bound, fits)| !fits(*bound) || fits(bound + 1));
    assert_eq!(moved.map(|(name, ..)| name).collect::<Vec<_>>(), [&""; 0]);
}
