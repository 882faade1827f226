//! Tokens and certificates from files, as users pass them.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use livetape::settings::is_token;
use rcgen::{BasicConstraints, CertificateParams, CertifiedKey, IsCa, KeyPair, generate_simple_self_signed};

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

/// Returns a command that prints the first event of a server behind TLS.
fn watch(server: &Running, more: &[&str]) -> Command {
    let url = format!("wss://{}/?since=0", server.address);
    livetape(&[&["watch", &url, "--json", "--types", "connection_created"], more].concat())
}

/// Asserts that `watch` prints the first event.
fn assert_shown(mut watch: Command) {
    let mut watching = watch.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(watching.stdout.take().unwrap()).read_line(&mut line).unwrap();
    watching.kill().unwrap();
    watching.wait().unwrap();
    assert!(line.contains("connection_created"), "{line}");
}

#[test]
fn a_feed_behind_tls_and_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let [cert, key, tokens] = files(folder.path());
    let args = ["replay", "demo", "--tls-cert", &cert, "--tls-key", &key, "--token-file", &tokens];
    let server = Running::start(&args);
    assert!(server.greeting.iter().any(|line| line.contains("https://")), "{:?}", server.greeting);
    for (flag, file, code, said) in [
        ("--token-file", &tokens, 1, "ertificate"),
        ("--ca", &cert, 1, "bearer token"),
        ("--ca", &key, 2, "--ca"),
    ] {
        let output = watch(&server, &[flag, file]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{flag} {file}");
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
    assert_shown(watch(&server, &["--ca", &cert, "--token-file", &tokens]));
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
    for (content, said) in [("# nothing\n", "no token in "), ("short\n", ":1: not a token\n")] {
        fs::write(&tokens, content).unwrap();
        let output = run(&[&beyond[..], &["--token-file", &tokens]].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(said) && !stderr(&output).contains("short"), "{}", stderr(&output));
    }
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
#[test]
fn watch_trusts_the_certificate_that_openssl_makes() {
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
    let server = Running::start(&["replay", "demo", "--tls-cert", &cert, "--tls-key", &key]);
    assert_shown(watch(&server, &["--ca", &cert]));
    let distrusted = watch(&server, &["--ca", &other]).output().unwrap();
    assert_eq!(distrusted.status.code(), Some(1));
    assert!(stderr(&distrusted).contains("--ca FILE"), "{}", stderr(&distrusted));
}

/// An address may hold a password or a token; errors never repeat them.
#[test]
fn errors_about_addresses_omit_their_secrets() {
    let check = |args: &[&str]| {
        let output = run(args);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{args:?}: {}", output.status);
        let said = stdout(&output) + &stderr(&output);
        assert!(said.contains('❌') && !said.contains("SECRET"), "{args:?}: {said}");
    };
    let room = ["live", "ann", "--port", "0", "--max-attempts", "1", "--upstream"];
    for url in [
        "ws://u:SECRETPW@127.0.0.1:1/?token=SECRETTOK",
        "wxs://u:SECRETPW@h/?token=SECRETTOK",
        "u:SECRETPW@127.0.0.1:1/?key=SECRETKEY#SECRETTOK",
        "ws://u:SECRETPW@127.0.0.1:99999/?token=SECRETTOK",
        "ws://u:SECRETPW@99999/?token=SECRETTOK",
        "u:SECRETPW@[/?token=SECRETTOK",
    ] {
        check(&["watch", url]);
        check(&["record", "--cdp", url]);
        check(&["live", "--cdp", url]);
        check(&[&room[..], &[url]].concat());
        for flag in ["--proxy", "--sign-url"] {
            check(&[&room[..], &["http://127.0.0.1:1", flag, url]].concat());
        }
    }
    check(&["watch", "127.0.0.1:1/ws/SECRETTOK"]);
}
