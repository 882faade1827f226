//! `mock --proxy-listen`, `mock --tls`, `ca` and `run --mock-proxy`.

use std::{
    fs,
    io::{Read as _, Write as _},
    path::Path,
    process::Command,
};

use livetape::{clock, proxy::Ca};
use serde_json::Value;

use crate::support::process::{Running, livetape, run, stderr, stdout, text};

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
        format!("    HTTPS_PROXY={} SSL_CERT_FILE={} COMMAND", proxied.proxy, proxied.ca),
        format!("🔒 TLS for tiktok.com and eulerstream.com on {}", proxied.tls),
        format!("🔑 Clients must trust {}; run `livetape ca --ca-dir ", proxied.ca),
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
    let other = folder.path().join("other.pem");
    fs::write(&other, Ca::generate(clock::wall()).unwrap().pem()).unwrap();
    for _ in 0..5 {
        let (_, errors) = proxied.curl(&["--proxy", &proxied.proxy, "--cacert", text(&other), page]);
        assert!(errors.contains("certificate"), "{errors}");
    }
    proxied.mock.signal("INT");
    let (status, log) = proxied.mock.wait_for_log();
    assert_eq!(status.code(), Some(0));
    let refused = "❌ refused example.com: livetape answers only for tiktok.com and eulerstream.com; to let requests to it leave \
                   this machine, add --pass example.com";
    assert_eq!(log.matches(refused).count(), 1, "{log}");
    // The first, second and fourth time.
    let rejected = "❌ www.tiktok.com: the client rejected the certificate (UnknownCA); `livetape ca`, with the same \
                    --ca-dir, shows how to trust it";
    assert_eq!(log.matches(rejected).count(), 3, "{log}");
    assert_eq!(log.lines().count(), 4, "{log}");
}

#[test]
fn ca_prints_the_certificate_and_how_to_trust_it() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca");
    let output = run(&["ca", "--ca-dir", text(&ca)]);
    assert_eq!(output.status.code(), Some(0));
    let pem = ca.join("ca.pem");
    assert_eq!(stdout(&output), fs::read_to_string(&pem).unwrap());
    let advice = stderr(&output);
    for words in [
        format!("export NODE_EXTRA_CA_CERTS={}", text(&pem)),
        format!("export SSL_CERT_FILE={0} REQUESTS_CA_BUNDLE={0}", text(&pem)),
        format!("-Djavax.net.ssl.trustStore={}", text(&ca.join("ca.jks"))),
        "certutil -d sql:$HOME/.pki/nssdb -D -n livetape".into(),
    ] {
        assert!(advice.contains(&words), "{words}: {advice}");
    }
    assert!(!advice.contains(['<', '>']), "{advice}");
    // A mock uses the same one.
    let output = livetape(&["ca"]).env("LIVETAPE_MOCK_CA_DIR", &ca).output().unwrap();
    assert_eq!(stdout(&output), fs::read_to_string(&pem).unwrap());
}

#[test]
fn without_a_home_folder_the_ca_needs_a_folder() {
    let output = livetape(&["ca"]).env_remove("HOME").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let expected =
        "❌ no folder for the CA: this user has no home folder\n💡 choose a folder with --ca-dir DIR\n";
    assert_eq!(stderr(&output), expected);
}

#[test]
fn invalid_hosts_and_addresses_are_usage_errors() {
    for (flag, value) in
        [("--pass", "10.0.0.1"), ("--pass", "a b"), ("--proxy-listen", "x"), ("--tls", "1.2.3.4")]
    {
        let output = run(&["mock", "--port", "0", flag, value]);
        assert_eq!(output.status.code(), Some(2), "{flag} {value}");
        assert!(stderr(&output).contains(&format!("`{value}` is not")), "{}", stderr(&output));
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["mock", "--port", "0", "--ca-dir", text(folder.path()), "--tls", &port]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("💡 choose another address or port with --tls ADDR"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn pass_can_be_repeated() {
    let host = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = host.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let pass = format!("localhost:{port}");
    let proxied = Proxied::start(folder.path(), &["--pass", &pass, "--pass", "other.invalid"]);
    let answer = std::thread::spawn(move || {
        let (mut stream, _) = host.accept().unwrap();
        stream.read_exact(&mut [0; 16]).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi").unwrap();
    });
    let (body, errors) = proxied.curl(&["--proxy", &proxied.proxy, &format!("http://{pass}/")]);
    assert_eq!((body.as_str(), errors.as_str()), ("hi", ""));
    answer.join().unwrap();
    let (body, _) = proxied.curl(&["--proxy", &proxied.proxy, "http://other.invalid/"]);
    assert!(body.starts_with("cannot connect to other.invalid: "), "{body}");
}

/// The feed and the REST API are reached directly, TikTok through the proxy, and nothing else at all.
#[test]
fn a_command_reaches_the_mock_with_its_hosts_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let script = "curl -sS https://www.tiktok.com/@ann/live http://webcast.tiktok.com/webcast/gift/list/ $LIVETAPE_HTTP/health
        echo; curl -sS https://example.com/ 2>&1
        echo $SSL_CERT_FILE $REQUESTS_CA_BUNDLE $NODE_EXTRA_CA_CERTS $NODE_USE_ENV_PROXY; echo $JAVA_TOOL_OPTIONS";
    let args = [
        "run",
        "demo",
        "--clients",
        "0",
        "--mock-proxy",
        "--ca-dir",
        text(folder.path()),
        "--",
        "sh",
        "-c",
        script,
    ];
    let output = livetape(&args).env("JAVA_TOOL_OPTIONS", "-Da=b").output().unwrap();
    let printed = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{printed}{}", stderr(&output));
    let pem = folder.path().join("ca.pem");
    for words in [
        "\"uniqueId\":\"ann\"".to_owned(),
        "\"gifts\":".into(),
        "{\"status\":\"ok\"".into(),
        "response 502".into(),
        format!("\n{0} {0} {0} 1\n-Da=b -Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=", text(&pem)),
        format!("\"-Djavax.net.ssl.trustStore={}\"", text(&folder.path().join("ca.jks"))),
    ] {
        assert!(printed.contains(&words), "{words}: {printed}");
    }
}

/// `run` is offline by default: then even the hosts of `--pass` are refused.
#[test]
fn run_passes_no_host_while_it_is_offline() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("livetape.toml");
    fs::write(&config, "[mock]\npass = [\"passed.invalid\"]\nca_dir = \"ca\"\n").unwrap();
    let args = ["run", "demo", "--clients", "0", "--mock-proxy", "--config", text(&config), "--"];
    let args = [&args[..], &["curl", "-sS", "http://passed.invalid/"]].concat();
    for (offline, expected) in
        [("true", "refused passed.invalid: "), ("false", "cannot connect to passed.invalid: ")]
    {
        let output = livetape(&args).env("LIVETAPE_OFFLINE", offline).output().unwrap();
        assert!(stdout(&output).starts_with(expected), "{}{}", stdout(&output), stderr(&output));
    }
    assert!(folder.path().join("ca/ca.pem").exists());
}
