//! Tokens and certificates from files, as users pass them.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::Stdio,
    sync::Arc,
};

use futures_util::StreamExt as _;
use livetape::settings::is_token;
use rcgen::{BasicConstraints, CertificateParams, CertifiedKey, IsCa, KeyPair, generate_simple_self_signed};
use serde_json::Value;
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio_tungstenite::{
    Connector, connect_async_tls_with_config,
    tungstenite::{Error, client::IntoClientRequest as _, handshake::client::Request},
};

use crate::support::process::{Running, livetape, run, stderr, stdout, text};

/// Files of a server: certificate, key and tokens.
fn files(folder: &Path) -> [String; 3] {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let token = stdout(&run(&["token"]));
    assert!(is_token(token.trim()));
    let contents = [cert.pem(), signing_key.serialize_pem(), format!("# the overlay's\n{token}\n")];
    let names = ["cert.pem", "key.pem", "tokens"].map(|name| folder.join(name));
    for (path, content) in names.iter().zip(contents) {
        fs::write(path, content).unwrap();
    }
    names.map(|path| text(&path).to_owned())
}

fn trust(certificate: &str) -> Connector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Connector::Rustls(Arc::new(config))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_behind_tls_and_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let [cert, key, tokens] = files(folder.path());
    let args = ["replay", "demo", "--tls-cert", &cert, "--tls-key", &key, "--token-file", &tokens];
    let server = tokio::task::block_in_place(|| Running::start(&args));
    let url = format!("wss://{}/?since=0", server.address);
    assert!(server.greeting.iter().any(|line| line.contains("https://")), "{:?}", server.greeting);
    let connect = async |request: Request| {
        connect_async_tls_with_config(request, None, false, Some(trust(&cert))).await
    };

    let refused = connect(url.as_str().into_client_request().unwrap()).await.unwrap_err();
    let Error::Http(answer) = refused else { panic!("{refused}") };
    assert_eq!(answer.status(), 401);
    let said: Value = serde_json::from_slice(answer.body().as_deref().unwrap_or_default()).unwrap();
    assert_eq!(said["error"]["code"], "unauthorized");

    let token = fs::read_to_string(&tokens).unwrap().lines().nth(1).unwrap().to_owned();
    let mut request = url.as_str().into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let (mut socket, _) = connect(request).await.unwrap();
    assert!(socket.next().await.unwrap().unwrap().to_text().unwrap().contains("connection_created"));

    let watch = |more: &[&str]| {
        livetape(&[&["watch", &url, "--json", "--types", "connection_created"], more].concat())
    };
    let distrusted = tokio::task::block_in_place(|| watch(&["--token-file", &tokens]).output().unwrap());
    assert_eq!(distrusted.status.code(), Some(1));
    assert!(stderr(&distrusted).contains("ertificate"), "{}", stderr(&distrusted));
    let nobody = tokio::task::block_in_place(|| watch(&["--ca", &cert]).output().unwrap());
    assert!(stderr(&nobody).contains("bearer token"), "{}", stderr(&nobody));
    let no_ca = tokio::task::block_in_place(|| watch(&["--ca", &key]).output().unwrap());
    assert_eq!(no_ca.status.code(), Some(2));
    assert!(stderr(&no_ca).contains("--ca"), "{}", stderr(&no_ca));

    let mut watching =
        watch(&["--ca", &cert, "--token-file", &tokens]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(watching.stdout.take().unwrap()).read_line(&mut line).unwrap();
    watching.kill().unwrap();
    watching.wait().unwrap();
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["type"], "connection_created");
}

#[test]
fn beyond_loopback_only_with_a_token_or_on_purpose() {
    let folder = tempfile::tempdir().unwrap();
    let [_, _, tokens] = files(folder.path());
    let beyond = ["serve", "--listen", "0.0.0.0:0"];
    let output = run(&beyond);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("0.0.0.0 is not a loopback address") && said.contains("livetape token"), "{said}");
    for more in [&["--insecure"][..], &["--token-file", &tokens]] {
        let server = Running::start(&[&beyond[..], more].concat());
        assert!(server.address.starts_with("0.0.0.0:"), "{}", server.address);
    }
    fs::write(&tokens, "# nothing\n").unwrap();
    let output = run(&[&beyond[..], &["--token-file", &tokens]].concat());
    assert_eq!(output.status.code(), Some(2));
    fs::write(&tokens, "short\n").unwrap();
    let output = run(&["serve", "--port", "0", "--token-file", &tokens]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!stderr(&output).contains("short\n") && stderr(&output).contains(":1: not a token"));
}

#[cfg(unix)]
#[test]
fn files_with_secrets_that_others_can_read_cause_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let (tokens, config) = (folder.path().join("tokens"), folder.path().join("livetape.toml"));
    assert_eq!(run(&["token", "-o", text(&tokens)]).status.code(), Some(0));
    assert!(is_token(fs::read_to_string(&tokens).unwrap().trim()));
    let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    assert_eq!(tokens.metadata().unwrap().permissions(), mode(0o100_600), "made for its owner alone");
    let again = run(&["token", "-o", text(&tokens)]);
    assert_eq!(again.status.code(), Some(1), "nothing is overwritten");

    let warned = |settings: &str| {
        fs::write(&config, settings).unwrap();
        let checked = run(&["config", "check", text(&config)]);
        assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
        stderr(&checked)
    };
    assert_eq!(warned("server.token_file = \"tokens\"\n"), "");
    fs::set_permissions(&tokens, mode(0o644)).unwrap();
    assert!(warned("server.token_file = \"tokens\"\n").contains("run `chmod 600 "));
    assert_eq!(warned("server.insecure = true\n"), "", "loopback is for this machine alone");
    let open = warned("[server]\ninsecure = true\nlisten = \"0.0.0.0:0\"\n");
    assert!(open.contains("--insecure without TLS"), "{open}");
}

/// `openssl req -x509` creates a certificate of an authority, for any names.
#[tokio::test(flavor = "multi_thread")]
async fn watch_trusts_the_certificate_that_openssl_makes() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str| {
        let mut params = CertificateParams::new(vec!["tape.example".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let files = ["cert", "key"].map(|kind| folder.path().join(format!("{name}.{kind}.pem")));
        fs::write(&files[0], params.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(&files[1], key.serialize_pem()).unwrap();
        files.map(|path| text(&path).to_owned())
    };
    let ([cert, key], [other, _]) = (make("ours"), make("other"));
    let args = ["replay", "demo", "--tls-cert", &cert, "--tls-key", &key];
    let server = tokio::task::block_in_place(|| Running::start(&args));
    let url = format!("wss://{}/?since=0", server.address);
    let watch = |ca: &str| livetape(&["watch", &url, "--json", "--types", "connection_created", "--ca", ca]);
    let mut watching = watch(&cert).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(watching.stdout.take().unwrap()).read_line(&mut line).unwrap();
    watching.kill().unwrap();
    watching.wait().unwrap();
    assert!(line.contains("connection_created"), "{line}");
    let distrusted = tokio::task::block_in_place(|| watch(&other).output().unwrap());
    assert_eq!(distrusted.status.code(), Some(1));
    assert!(stderr(&distrusted).contains("--ca FILE"), "{}", stderr(&distrusted));
}

/// An address may hold a password or a token; errors never repeat them.
#[test]
fn errors_about_addresses_omit_their_secrets() {
    let urls = [
        "ws://u:SECRETPW@127.0.0.1:1/?token=SECRETTOK",
        "wxs://u:SECRETPW@h/?token=SECRETTOK",
        "u:SECRETPW@127.0.0.1:1/?key=SECRETKEY#SECRETTOK",
        "ws://u:SECRETPW@127.0.0.1:99999/?token=SECRETTOK",
        "ws://u:SECRETPW@99999/?token=SECRETTOK",
        "u:SECRETPW@[/?token=SECRETTOK",
    ];
    for url in urls {
        let mut all = vec![vec!["watch", url], vec!["record", "--cdp", url]];
        all.push(vec!["watch", "127.0.0.1:1/ws/SECRETTOK"]);
        let unused = ["--upstream", "http://127.0.0.1:1"];
        let room = ["live", "ann", "--port", "0", "--max-attempts", "1"];
        for flags in [&["--upstream", url][..], &["--proxy", url], &["--sign-url", url]] {
            let upstream = if flags[0] == unused[0] { &[][..] } else { &unused };
            all.push([&room, upstream, flags].concat());
        }
        for args in all {
            let output = run(&args);
            assert!(matches!(output.status.code(), Some(1 | 2)), "{args:?}: {}", output.status);
            let said = stdout(&output) + &stderr(&output);
            assert!(said.contains('❌'), "{args:?}: {said}");
            assert!(!said.contains("SECRET"), "{args:?}: {said}");
        }
        let shown = livetape(&["config", "show"]).env("LIVETAPE_URL", url).output().unwrap();
        assert!(
            !stdout(&shown).contains("SECRETPW") && !stdout(&shown).contains("=SECRET"),
            "{}",
            stdout(&shown)
        );
    }
}
