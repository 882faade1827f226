//! The environment that sends a command's requests to a mock, or through its proxy.

use std::{env, path::Path};

use livetape_core::error::{Code, Problem};
use livetape_mock::proxy::Opened;

use crate::cli::serve::proxied::Fronts;

/// Hosts that clients reach directly: the feed and the mock's sockets.
const DIRECT: &str = "localhost,127.0.0.1,::1";

/// Returns the variables with the address of a mock, and those of its proxy.
pub(super) fn of_mock(url: &str, fronts: Option<&Fronts>) -> Result<Vec<(&'static str, String)>, Problem> {
    let mut variables = Vec::from(["LIVETAPE_MOCK_URL", "SIGN_API_URL"].map(|name| (name, url.to_owned())));
    if let Some(fronts) = fronts {
        variables.extend(of_proxy(fronts)?);
    }
    Ok(variables)
}

/// Returns the variables of a proxy.
fn of_proxy(fronts: &Fronts) -> Result<Vec<(&'static str, String)>, Problem> {
    let Some(proxy) = fronts.proxy else { return Ok(Vec::new()) };
    let (url, ca) = (format!("http://{proxy}"), text(&fronts.certificate)?);
    let (host, port, store) = (proxy.ip(), proxy.port(), text(&fronts.trust_store)?);
    // Options are added to those of the user.
    let [java, node] = ["JAVA_TOOL_OPTIONS", "NODE_OPTIONS"]
        .map(|name| env::var(name).map(|options| options + " ").unwrap_or_default());
    let java = format!(
        "{java}-Dhttp.proxyHost={host} -Dhttp.proxyPort={port} -Dhttps.proxyHost={host} -Dhttps.proxyPort={port} \
         \"-Dhttp.nonProxyHosts=localhost|127.*|[::1]\" \"-Djavax.net.ssl.trustStore={store}\" \
         -Djavax.net.ssl.trustStoreType=JKS -Djavax.net.ssl.trustStorePassword={}",
        Opened::PASSWORD
    );
    let proxies = [
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "WSS_PROXY",
        "wss_proxy",
        "WS_PROXY",
        "ws_proxy",
    ]
    .map(|name| (name, url.clone()));
    let certificates = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"];
    let direct = ["NO_PROXY", "no_proxy"].map(|name| (name, DIRECT.to_owned()));
    // Within quotes, a backslash stands for the character after it.
    let node = format!(r#"{node}--require "{}""#, text(&fronts.node_guard)?.replace('\\', r"\\"));
    let others =
        [("NODE_USE_ENV_PROXY", "1".to_owned()), ("NODE_OPTIONS", node), ("JAVA_TOOL_OPTIONS", java)];
    let certificates = certificates.map(|name| (name, ca.clone()));
    Ok(proxies.into_iter().chain(certificates).chain(direct).chain(others).collect())
}

/// Returns a path as text, which the variables need. Java cannot escape quotes in it.
fn text(path: &Path) -> Result<String, Problem> {
    path.to_str().filter(|path| !path.contains('"')).map(str::to_owned).ok_or_else(|| {
        Problem::new(
            Code::BadConfig,
            format!("the path of the CA cannot be used in variables: {}", path.display()),
        )
        .hint("choose another folder with --ca-dir DIR")
    })
}
