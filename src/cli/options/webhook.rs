//! The webhook, from the settings.

use std::sync::Arc;

use bytes::Bytes;
use livetape_core::{error::Problem, retry_after};
use livetape_engine::source::live::{LiveOptions, NetTransport, Request};
use livetape_feed::{
    control::WebhookCounts,
    hub::{Filter, Gifts, Hub},
};
use livetape_io::clock;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    cli::{args, process::signals},
    settings::{Address, Settings},
    webhook::{Options, Post, Response, deliver},
};

/// A webhook that is ready to receive events.
pub(crate) struct Webhook {
    options: Options,
    post: Network,
    pub(crate) counts: Arc<WebhookCounts>,
}

/// Sends requests over the network, without the proxy for TikTok.
struct Network {
    transport: NetTransport,
    url: String,
}

impl Post for Network {
    async fn post(&self, body: Bytes, signature: Option<String>) -> Result<Response, String> {
        let agent = concat!("livetape/", env!("CARGO_PKG_VERSION")).to_owned();
        let headers = [("content-type", "application/json".to_owned()), ("user-agent", agent)];
        let signature = signature.map(|signature| ("x-livetape-signature", signature));
        let request =
            Request { url: self.url.clone(), headers: headers.into_iter().chain(signature).collect() };
        let answer = self.transport.post(&request, body).await.map_err(|error| error.why)?;
        let retry_after = retry_after::read(|name| answer.header(name), clock::wall());
        Ok(Response { status: answer.status, retry_after })
    }
}

impl Webhook {
    /// Returns the webhook of the settings, if there is one.
    pub(crate) fn new(settings: &Settings) -> Result<Option<Self>, Problem> {
        let Some(Address(url)) = &settings.webhook.url else { return Ok(None) };
        // The settings contain only known types. An empty list means all of them.
        let types = settings.webhook.types.join(",").parse().unwrap_or_default();
        let live = LiveOptions { offline: settings.live.offline, ..LiveOptions::new("") };
        let transport = NetTransport::new(&live)?;
        transport.check(url)?;
        Ok(Some(Self {
            options: Options {
                filter: Filter { types, gifts: Gifts::Delta, ..Filter::default() },
                secret: settings.webhook.secret.clone(),
                attempts_max: settings.live.max_attempts,
                seed: settings.server.seed.unwrap_or_else(args::random),
                drain_max: signals::drain_time(settings.limits.shutdown_time),
            },
            post: Network { transport, url: url.to_string() },
            counts: Arc::default(),
        }))
    }

    /// Starts to deliver events.
    pub(crate) fn start(self, hub: Hub, shutdown: CancellationToken, tasks: &TaskTracker) {
        let Self { options, post, counts } = self;
        tasks.spawn(async move { deliver(hub, options, post, &counts, shutdown).await });
    }
}
