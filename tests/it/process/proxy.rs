//! `mock --proxy-listen`, `mock --tls`, `ca` and `run --mock-proxy`.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::support::process::{Running, livetape, program, run, stderr, stdout, text};

/// A mock with a proxy and a TLS server, and the address of each.
struct Proxied {
    mock: Running,
    proxy: String,
    tls: String,
    ca: String,
}

impl Proxied {
    fn start(folder: &Path, flags: &[&str]) -> Self {
        let ready = folder.join("ready.json");
        let (ca, ready_text) = (folder.join("ca"), text(&ready));
        let args =
            ["mock", "--proxy-listen", "0", "--tls", "0", "--ca-dir", text(&ca), "--ready-file", ready_text];
        let mock = Running::start(&[&args, flags].concat());
        let ready: Value = serde_json::from_slice(&fs::read(ready).unwrap()).unwrap();
        let field = |name: &str| ready[name].as_str().unwrap().to_owned();
        Self { mock, proxy: field("proxy"), tls: field("tls"), ca: field("ca") }
    }

    /// Returns the output of curl, and its messages.
    fn curl(&self, args: &[&str]) -> (String, String) {
        let output = Command::new("curl")
            .args(["-sS", "--noproxy", "", "--max-time", "20"])
            .args(args)
            .output()
            .unwrap();
        (stdout(&output), stderr(&output))
    }
}

#[test]
fn curl_reaches_the_mock_through_the_proxy_and_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), &[]);
    let greeting = proxied.mock.greeting.join("\n");
    for line in [
        format!("🔀 Proxy for tiktok.com and eulerstream.com on {}", proxied.proxy),
        format!("🔒 TLS for tiktok.com and eulerstream.com on {}", proxied.tls),
        format!("🔑 Clients must trust {}; run `livetape ca` to see how", proxied.ca),
    ] {
        assert!(greeting.contains(&line), "{greeting}");
    }
    let (page, trust) = ("https://www.tiktok.com/@ann/live", ["--cacert", &proxied.ca]);
    let through = [&["--proxy", &proxied.proxy][..], &trust, &[page]].concat();
    let redirect = format!("www.tiktok.com:443:{}", proxied.tls);
    let redirected = [&["--connect-to", &redirect][..], &trust, &[page]].concat();
    for args in [&through[..], &redirected, &["--proxy", &proxied.proxy, "http://www.tiktok.com/@ann/live"]] {
        let (answer, errors) = proxied.curl(args);
        assert!(answer.contains("\"uniqueId\":\"ann\""), "{args:?}: {errors}");
    }
    let (_, errors) = proxied.curl(&["--proxy", &proxied.proxy, "https://example.com/"]);
    assert!(errors.contains("response 502"), "{errors}");
    for _ in 0..3 {
        let (_, errors) = proxied.curl(&["--proxy", &proxied.proxy, "--cacert", "/etc/hostname", page]);
        assert!(!errors.is_empty());
        let (_, errors) =
            proxied.curl(&["--proxy", &proxied.proxy, "--capath", "/", "--cacert", "/dev/null", page]);
        assert!(!errors.is_empty());
    }
    proxied.mock.signal("INT");
    let (status, log) = proxied.mock.wait_for_log();
    assert_eq!(status.code(), Some(0));
    let refused = "❌ refused example.com: livetape answers only for tiktok.com and eulerstream.com; to let requests to it leave \
                   this machine, add --pass example.com";
    assert_eq!(log.matches(refused).count(), 1, "{log}");
}
