//! A server on its own TCP port.

use std::net::SocketAddr;

use livetape_engine::{
    channels::{Channel, ChannelOptions, Ended},
    source::live,
};
use livetape_feed::{
    control::{Control, Driver, Sources},
    hub::{Hub, Limits},
};
use livetape_io::net::Listening;
use livetape_mock::MockTikTok;
use livetape_server::{Config, Server, serve};
use tokio::task::JoinHandle;

pub(crate) struct Served {
    pub(crate) hub: Hub,
    pub(crate) control: Control,
    pub(crate) driver: Driver,
    pub(crate) address: SocketAddr,
    pub(crate) serving: JoinHandle<()>,
}

impl Served {
    pub(crate) async fn start(config: Config) -> Self {
        Self::with("s", Sources::default(), config).await
    }

    pub(crate) async fn with(stream: &str, sources: Sources, config: Config) -> Self {
        let listener = Listening::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = listener.addresses()[0];
        let (control, driver) = Control::with(sources).unwrap();
        let hub = Hub::new(stream.to_owned(), Limits::default());
        let server = Server { hub: hub.clone(), control: control.clone(), config };
        Self { hub, control, driver, address, serving: tokio::spawn(serve(listener, server)) }
    }
}

/// A server and its channel, like `livetape serve --upstream <mock>`.
pub(crate) struct Supervised {
    pub(crate) control: Control,
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
    channel: JoinHandle<Ended>,
}

impl Supervised {
    pub(crate) async fn start(mock: &MockTikTok, sources: Sources) -> Self {
        let served = Served::with("main", sources, Config::default()).await;
        let Served { hub, control, driver, address, serving } = served;
        let upstream = Some(live::Url::parse(&mock.url()).unwrap());
        let live = live::LiveOptions { upstream, ..live::LiveOptions::new("") };
        let transport = live::NetTransport::new(&live).unwrap();
        let channel = Channel::new(hub, &control, driver, transport, ChannelOptions::new(live));
        Self { control, address, serving, channel: tokio::spawn(channel.serve()) }
    }

    pub(crate) async fn end(self) -> Ended {
        self.control.shut_down();
        let (served, ended, ()) = tokio::join!(self.serving, self.channel, self.control.channels().ended());
        served.unwrap();
        ended.unwrap()
    }
}
