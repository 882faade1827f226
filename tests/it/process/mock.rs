//! `livetape mock` and `mock --proxy-listen`, `mock --tls`, `ca` and `run --mock-proxy`.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::Path,
    process::Stdio,
};

use livetape::settings::{KEYS, Key};
use reqwest::{Certificate, ClientBuilder, NoProxy, Proxy};
use serde_json::Value;

use crate::support::process::{Running, client, livetape, run, stderr, stdout, text};

/// A client that trusts only the CA in a file, as one does with `SSL_CERT_FILE`.
fn trusting(pem: impl AsRef<Path>) -> ClientBuilder {
    client().tls_certs_only([Certificate::from_pem(&fs::read(pem).unwrap()).unwrap()])
}

/// Returns the body of the answer to a request, or why there is none.
fn get(client: ClientBuilder, url: &str) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let body = async { client.build()?.get(url).send().await?.text().await };
    runtime.block_on(body).map_err(|error| format!("{error:?}"))
}

/// Variables of the server may be set in the same shell.
#[cfg(unix)]
#[test]
fn the_mock_ignores_variables_of_the_server_explains_how_to_connect_and_stops_gracefully() {
    let is_read = |key: &Key| {
        matches!(key.section, "mock" | "log")
            || ["server.recordings", "limits.shutdown_time"].contains(&key.path().as_str())
    };
    let env: Vec<_> = KEYS.iter().filter(|key| !is_read(key)).map(|key| (key.env, "wrong")).collect();
    assert!(env.iter().any(|(name, _)| *name == "LIVETAPE_SPEED"));
    let args = ["mock", "--scenario", "fixtures/scenarios/offline.toml"];
    let mock = Running::start_with(&args, &env, "Press Ctrl+C");
    let greeting = mock.greeting.join("\n");
    for words in
        ["SIGN_API_URL = 'http://", "WebDefaults.tiktok_sign_url", "livetape live demo --upstream http://"]
    {
        assert!(greeting.contains(words), "{greeting}");
    }
    let url = format!("http://{}/api-live/user/room/?aid=1988&uniqueId=demo", mock.address);
    let answer = get(client(), &url).unwrap();
    assert!(answer.contains("\"status\":4"), "{answer}");
    mock.signal("INT");
    assert_eq!(mock.wait().0.code(), Some(0));
}

#[test]
fn one_recording_is_played_in_every_room() {
    let mock = Running::start(&["mock", "--play", "recordings/gifts.bin", "--speed", "max"]);
    assert!(mock.greeting[0].contains("gifts.bin"));
    let answer = get(client(), &format!("http://{}/@ann/live", mock.address)).unwrap();
    assert!(answer.contains("\"uniqueId\":\"ann\""), "{answer}");
}

#[test]
fn invalid_scenarios_and_missing_recordings_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.toml");
    fs::write(&file, "seed = 1\nsped = 2\n").unwrap();
    for (flag, file, code, said) in [
        ("--scenario", text(&file), 2, "s.toml: line 2, column 1: unknown field `sped`"),
        ("--play", "none.bin", 1, "recording none.bin not found"),
    ] {
        let output = run(&["mock", "--port", "0", flag, file]);
        assert_eq!(output.status.code(), Some(code));
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
}

/// Opens a tunnel through a proxy and returns the proxy's status line.
fn tunnel(proxy: &str, to: &str) -> String {
    let address = proxy.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

/// Runs a command that prints its environment and waits, calls a function with that environment, and ends the
/// command. Returns what the function returned, and the log.
fn beside<T>(
    args: &[&str],
    env: &[(&str, &str)],
    call: impl FnOnce(&HashMap<String, String>) -> T,
) -> (T, String) {
    let args = [args, &["--", "sh", "-c", "env; echo; read line; exit 0"]].concat();
    let mut command = livetape(&args);
    command.envs(env.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let environment = lines.take_while(|line| !line.is_empty());
    let environment = environment.filter_map(|line| {
        Some(line.split_once('=')?).map(|(name, value)| (name.to_owned(), value.to_owned()))
    });
    let called = call(&environment.collect());
    // The end of its input.
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    (called, stderr(&output))
}

/// A client with the proxies that an environment names.
fn proxied(env: &HashMap<String, String>) -> ClientBuilder {
    let direct = NoProxy::from_string(&env["NO_PROXY"]);
    let proxy = |name: &str| env[name].clone();
    trusting(&env["SSL_CERT_FILE"])
        .proxy(Proxy::https(proxy("HTTPS_PROXY")).unwrap().no_proxy(direct.clone()))
        .proxy(Proxy::http(proxy("http_proxy")).unwrap().no_proxy(direct))
}

#[test]
fn a_client_reaches_the_mock_through_the_proxy_and_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (ready, ca) = (folder.path().join("ready.json"), folder.path().join("ca"));
    let front = ["mock", "--proxy-listen", "0", "--tls", "0", "--ca-dir", text(&ca)];
    let passed = ["--pass", "one.invalid", "--pass", "two.invalid", "--ready-file", text(&ready)];
    let mut mock = Running::start(&[&front[..], &passed].concat());
    let ready: Value = serde_json::from_slice(&fs::read(ready).unwrap()).unwrap();
    let [proxy, tls, ca] = ["proxy", "tls", "ca"].map(|name| ready[name].as_str().unwrap());
    let greeting = mock.greeting.join("\n");
    for line in [
        format!("🔀 Proxy for tiktok.com and eulerstream.com on {proxy}"),
        match cfg!(windows) {
            true => format!("    set \"HTTPS_PROXY={proxy}\"& set \"SSL_CERT_FILE={ca}\"& COMMAND"),
            false => format!("    HTTPS_PROXY={proxy} SSL_CERT_FILE={ca} COMMAND"),
        },
        format!("🔒 TLS for tiktok.com and eulerstream.com on {tls}"),
        format!("🔑 Clients must trust {ca}; run `livetape ca --ca-dir "),
    ] {
        assert!(greeting.contains(&line), "{greeting}");
    }
    let behind = |client: ClientBuilder| client.proxy(Proxy::all(proxy).unwrap());
    let (page, tls) = ("https://www.tiktok.com/@ann/live", tls.parse::<SocketAddr>().unwrap());
    let redirected = trusting(ca).resolve("www.tiktok.com", tls);
    let redirected_page = format!("https://www.tiktok.com:{}/@ann/live", tls.port());
    for (client, url) in [(behind(trusting(ca)), page), (redirected, &*redirected_page)] {
        let answer = get(client, url).unwrap();
        assert!(answer.contains("\"uniqueId\":\"ann\""), "{url}: {answer}");
    }
    for host in ["one.invalid", "two.invalid"] {
        let body = get(behind(trusting(ca)), &format!("http://{host}/")).unwrap();
        assert!(body.starts_with(&format!("cannot connect to {host}: ")), "{body}");
    }
    let refused = tunnel(proxy, "example.com:443");
    assert!(refused.starts_with("HTTP/1.1 502 "), "{refused}");
    let error = get(behind(client()), page).unwrap_err();
    assert!(error.contains("UnknownIssuer"), "{error}");
    let rejected = "❌ www.tiktok.com: the client rejected the certificate (UnknownCA); `livetape ca`, with the same \
                    --ca-dir, shows how to trust it";
    let refused = "❌ refused example.com: livetape answers only for tiktok.com and eulerstream.com; to let requests to it leave \
                   this machine, add --pass example.com";
    mock.wait_until_logged(refused);
    mock.wait_until_logged(rejected);
    #[cfg(unix)]
    {
        mock.signal("INT");
        assert_eq!(mock.wait_for_log().0.code(), Some(0));
    }
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
        match cfg!(windows) {
            true => format!("set \"SSL_CERT_FILE={0}\"& set \"REQUESTS_CA_BUNDLE={0}\"", text(&pem)),
            false => format!("export SSL_CERT_FILE={0} REQUESTS_CA_BUNDLE={0}", text(&pem)),
        },
        format!("-Djavax.net.ssl.trustStore={}", text(&ca.join("ca.jks"))),
        "certutil -d sql:$HOME/.pki/nssdb -D -n livetape".into(),
    ] {
        assert!(advice.contains(&words), "{words}: {advice}");
    }
    assert!(!advice.contains(['<', '>']), "{advice}");
    // A mock uses the same one.
    let output = livetape(&["ca"]).env("LIVETAPE_MOCK_CA_DIR", &ca).output().unwrap();
    assert_eq!(stdout(&output), fs::read_to_string(&pem).unwrap());
    // Elsewhere, no variable names it.
    if cfg!(windows) {
        return;
    }
    let output = livetape(&["ca"]).env_remove("HOME").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let expected =
        "❌ no folder for the CA: this user has no home folder\n💡 choose a folder with --ca-dir DIR\n";
    assert_eq!(stderr(&output), expected);
}

/// The feed and the REST API are reached directly, TikTok through the proxy, and nothing else at all.
#[cfg(unix)]
#[test]
fn a_command_reaches_the_mock_with_its_hosts_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["run", "demo", "--clients", "0", "--mock-proxy", "--ca-dir", text(folder.path())];
    let own = [("JAVA_TOOL_OPTIONS", "-Da=b"), ("NODE_OPTIONS", "--no-warnings")];
    let (answers, _) = beside(&args, &own, |env| {
        let pem = folder.path().join("ca.pem");
        for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
            assert_eq!(env[name], text(&pem), "{name}");
        }
        assert_eq!(env["NODE_USE_ENV_PROXY"], "1");
        let guard = folder.path().join("node.cjs");
        assert_eq!(env["NODE_OPTIONS"], format!("--no-warnings --require \"{}\"", text(&guard)));
        assert!(fs::read_to_string(guard).unwrap().starts_with("const DOMAINS = [\"tiktok.com\", "));
        let java = &env["JAVA_TOOL_OPTIONS"];
        assert!(java.starts_with("-Da=b -Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort="), "{java}");
        let store = format!("\"-Djavax.net.ssl.trustStore={}\"", text(&folder.path().join("ca.jks")));
        assert!(java.contains(&store), "{java}");
        let refused = tunnel(&env["HTTPS_PROXY"], "example.com:443");
        assert!(refused.starts_with("HTTP/1.1 502 "), "{refused}");
        let health = format!("{}/health", env["LIVETAPE_HTTP"]);
        ["https://www.tiktok.com/@ann/live", "http://webcast.tiktok.com/webcast/gift/list/", &health]
            .map(|url| get(proxied(env), url).unwrap())
    });
    for (answer, words) in answers.iter().zip(["\"uniqueId\":\"ann\"", "\"gifts\":", "{\"status\":\"ok\""]) {
        assert!(answer.contains(words), "{words}: {answer}");
    }
}

/// `run` is offline by default: then even the hosts of `--pass` are refused.
#[cfg(unix)]
#[test]
fn run_passes_no_host_while_it_is_offline() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("livetape.toml");
    fs::write(&config, "[mock]\npass = [\"passed.invalid\"]\nca_dir = \"ca\"\n").unwrap();
    let args = ["run", "demo", "--clients", "0", "--mock-proxy", "--config", text(&config)];
    for (offline, expected) in
        [("true", "refused passed.invalid: "), ("false", "cannot connect to passed.invalid: ")]
    {
        let request = |env: &_| get(proxied(env), "http://passed.invalid/").unwrap();
        let (answer, log) = beside(&args, &[("LIVETAPE_OFFLINE", offline)], request);
        assert!(answer.starts_with(expected), "{answer}{log}");
    }
    assert!(folder.path().join("ca/ca.pem").exists());
}
