//! The proxy and the TLS server in front of a mock.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use livetape_core::{
    error::{Code, Problem},
    terminal::printable,
};
use livetape_io::{clock, net::Listening};
use livetape_mock::{
    MockTikTok,
    proxy::{Ca, DOMAINS, Front, Hosts, Mode, Opened, is_answered},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    cli::{
        options::config,
        process::output::{quoted, warn},
    },
    settings::{self, Listen},
};

/// A running proxy, a running TLS server, or both. They stop when this is dropped.
pub(crate) struct Fronts {
    pub(crate) proxy: Option<SocketAddr>,
    pub(crate) tls: Option<SocketAddr>,
    /// File with the CA certificate.
    pub(crate) certificate: PathBuf,
    /// Trust store for Java with the CA certificate.
    pub(crate) trust_store: PathBuf,
    /// Module for Node.js that ends a program which would connect to TikTok itself.
    pub(crate) node_guard: PathBuf,
    /// The command that shows how to trust it.
    trust: String,
    pass: String,
    _stop: DropGuard,
}

/// How the refusal of a host says to pass it.
pub(super) const BY_FLAG: &str = "add --pass ";
/// The same for `run`, which has no such flag.
pub(crate) const BY_VARIABLES: &str = "set LIVETAPE_OFFLINE=false and LIVETAPE_MOCK_PASS=";

impl Fronts {
    /// Starts what the settings ask for.
    pub(crate) async fn start(
        settings: &settings::Mock,
        mock: &Arc<MockTikTok>,
        how_to_pass: &'static str,
    ) -> Result<Option<Self>, Problem> {
        if settings.proxy_listen.is_none() && settings.tls.is_none() {
            return Ok(None);
        }
        if let Some(host) = settings.pass.iter().find(|pass| is_answered(&pass.host)) {
            return Err(Problem::new(
                Code::BadConfig,
                format!("cannot pass {host}: livetape answers for it"),
            )
            .hint("remove it from mock.pass and LIVETAPE_MOCK_PASS"));
        }
        let Opened { ca, certificate, trust_store, node_guard, .. } = open_ca(settings.ca_dir.as_deref())?;
        let proxy = bind(settings.proxy_listen, "--proxy-listen").await?;
        let tls = bind(settings.tls, "--tls").await?;
        let addresses =
            |listening: &Option<Listening>| listening.as_ref().map(Listening::addresses).unwrap_or_default();
        let (proxy_addresses, tls_addresses) = (addresses(&proxy), addresses(&tls));
        let own = [&proxy_addresses[..], &tls_addresses].concat();
        let hosts = Hosts { pass: settings.pass.clone(), direct: mock.address(), own, how_to_pass };
        let report = |line: &str, count| tracing::warn!(count, "❌ {line}");
        let front = Arc::new(Front::new(Arc::clone(mock), hosts, ca, report)?);
        let stop = CancellationToken::new();
        for (listening, mode) in [(proxy, Mode::Proxy), (tls, Mode::Tls)] {
            if let Some(listening) = listening {
                tokio::spawn(Arc::clone(&front).accept(listening, mode, stop.clone()));
            }
        }
        let (proxy, tls) = (proxy_addresses.first().copied(), tls_addresses.first().copied());
        if let Some(address) = proxy.filter(|it| !it.ip().is_loopback() && !settings.pass.is_empty()) {
            warn(format_args!(
                "⚠️ Anyone who can reach {address} can send requests to the hosts of --pass through it"
            ));
        }
        let trust = trust_command(settings.ca_dir.as_deref());
        let pass = settings.pass.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let _stop = stop.drop_guard();
        Ok(Some(Self { proxy, tls, certificate, trust_store, node_guard, trust, pass, _stop }))
    }

    /// Returns the proxy as the URL that clients need.
    pub(super) fn proxy_url(&self) -> Option<String> {
        self.proxy.map(|address| format!("http://{address}"))
    }

    /// Describes both for people.
    pub(crate) fn lines(&self) -> String {
        let (domains, ca) = (DOMAINS.join(" and "), printable(&self.certificate.display().to_string()));
        let proxy = self.proxy_url().map(|url| {
            let file = quoted(&self.certificate.to_string_lossy());
            format!("🔀 Proxy for {domains} on {url}\n    HTTPS_PROXY={url} SSL_CERT_FILE={file} COMMAND\n")
        });
        let proxy = proxy.unwrap_or_default();
        let tls = self.tls.map(|address| format!("🔒 TLS for {domains} on {address}\n")).unwrap_or_default();
        let pass = match &self.pass[..] {
            "" => String::new(),
            pass => format!("🌐 Requests to {} are passed on unchanged\n", printable(pass)),
        };
        let trust = printable(&self.trust);
        format!("{proxy}{tls}{pass}🔑 Clients must trust {ca}; run `{trust}` to see how\n")
    }
}

async fn bind(listen: Option<Listen>, flag: &str) -> Result<Option<Listening>, Problem> {
    let Some(Listen(address)) = listen else { return Ok(None) };
    let bound = Listening::bind(address).await;
    bound
        .map(Some)
        .map_err(|problem| problem.hint(format!("choose another address or port with {flag} ADDR")))
}

/// Returns the command that shows how to trust the CA in this folder.
fn trust_command(folder: Option<&Path>) -> String {
    let flag =
        folder.map(|folder| format!(" --ca-dir {}", quoted(&folder.to_string_lossy()))).unwrap_or_default();
    format!("livetape ca{flag}")
}

/// Opens the CA, and reports if an expired one was replaced.
pub(crate) fn open_ca(folder: Option<&Path>) -> Result<Opened, Problem> {
    let trust = trust_command(folder);
    let Some(folder) = folder.map(Path::to_owned).or_else(config::ca_dir) else {
        return Err(Problem::new(Code::BadConfig, "no folder for the CA: this user has no home folder")
            .hint("choose a folder with --ca-dir DIR"));
    };
    // Clients run in other directories.
    let folder = std::path::absolute(&folder).unwrap_or(folder);
    let opened = Ca::open(&folder, clock::wall())?;
    if opened.is_renewed {
        warn(format_args!(
            "⚠️ The CA is not valid today and was replaced: where you trusted it, trust {} instead ({trust})",
            opened.certificate.display()
        ));
    }
    Ok(opened)
}
