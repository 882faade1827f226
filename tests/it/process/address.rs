//! Commands that do not use the address in their environment: a port in their code, and containers.

use std::{
    env,
    net::{SocketAddr, TcpListener},
    process::Command,
};

use futures_util::StreamExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;

use crate::support::process::{livetape, run, stderr, stdout};

/// The variables of the bot: where it connects, and as which host.
const ADDRESS: &str = "TEST_ADDRESS";
const HOST: &str = "TEST_HOST";

/// Not a test: a bot with an address in its code, if `livetape test` runs it. It counts comments in both formats, once.
#[test]
fn bot() {
    let Ok(address) = env::var(ADDRESS) else { return };
    let port = address.parse::<SocketAddr>().unwrap().port();
    let url = format!("ws://{}:{port}/", env::var(HOST).unwrap());
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let stream = TcpStream::connect(&address).await.unwrap();
        let (mut socket, _) = client_async(url, stream).await.unwrap();
        let mut chats = 0;
        while let Some(Ok(message)) = socket.next().await {
            let text = message.to_text().unwrap_or_default();
            chats += usize::from(text.contains(r#""type":"chat""#) || text.contains(r#""event":"chat""#));
            println!("chats: {chats}");
        }
    });
}

/// Returns a command that tests the bot, which connects to a port as if this machine had a name.
fn of_bot(port: u16, host: &str, flags: &[&str]) -> Command {
    let program = env::current_exe().unwrap();
    let program = program.to_str().unwrap();
    let cases = ["test", "demo", "--case", "plain", "--case", "names", "--expect", "chats: {chats}"];
    let bot = ["--", program, "--exact", "process::address::bot", "--nocapture"];
    let mut command = livetape(&[&cases[..], flags, &bot].concat());
    command.env(ADDRESS, format!("127.0.0.1:{port}")).env(HOST, host);
    command
}

/// The port is held on another loopback address, which only Linux has.
#[cfg(target_os = "linux")]
#[test]
fn a_bot_with_an_address_in_its_code_is_tested_one_case_at_a_time() {
    for (flag, host) in
        [("--port=", "localhost"), ("--tikfinity=", "localhost"), ("--port=", "host.docker.internal")]
    {
        let held = TcpListener::bind("127.0.0.2:0").unwrap();
        let port = held.local_addr().unwrap().port();
        let output = of_bot(port, host, &[&format!("{flag}{port}")]).output().unwrap();
        let printed = stdout(&output) + &stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{flag} {host}: {printed}");
        assert!(printed.contains("one case at a time"), "{printed}");
    }
}

#[test]
fn two_commands_cannot_have_one_port() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (flag, hint) in [
        ("--port=", format!("another livetape with --port {port}")),
        ("--tikfinity=", "TikFinity or another livetape".to_owned()),
    ] {
        let output = of_bot(port, "localhost", &[&format!("{flag}{port}")]).output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("port {port} is in use")) && said.contains(&hint), "{said}");
    }
}

#[test]
fn who_never_connects_learns_the_flags_for_addresses() {
    for (flags, named) in [
        (&[][..], &["--port 3000", "--tikfinity=21213", "--listen ADDRESS"][..]),
        (&["--suite", "room"], &["--port 3000", "--listen ADDRESS"]),
    ] {
        let output = run(&[&["test", "demo", "--case", "plain"], flags, &["--", "true"]].concat());
        let printed = stdout(&output);
        assert!(named.iter().all(|flag| printed.contains(flag)), "{printed}");
    }
}

#[test]
fn contradictions_are_refused() {
    for (flags, said) in [
        (&["--port", "3000", "--jobs", "2"][..], "one case at a time"),
        (&["--port", "3000", "--tikfinity=3000"], "the same port"),
        (&["--mock-proxy", "--port", "3000"], "--mock-proxy has any free port"),
        (&["--suite", "room", "--tikfinity=3000"], "--tikfinity needs --suite feed"),
        (&["--listen", "x"], "use an address of this machine"),
        (&["--obs"], "--obs needs a page"),
    ] {
        let output = run(&[&["test", "demo"], flags, &["--", "true"]].concat());
        assert_eq!(output.status.code(), Some(2), "{flags:?}");
        assert!(stderr(&output).contains(said), "{flags:?}: {}", stderr(&output));
    }
}

/// The report shows what the command prints.
#[cfg(unix)]
#[test]
fn a_container_gets_a_name_of_this_machine() {
    let says = "echo \"at $LIVETAPE_URL and $LIVETAPE_TIKFINITY_URL\"; exit 1";
    let args =
        ["test", "demo", "--case", "plain", "--listen", "0.0.0.0", "--tikfinity", "--", "sh", "-c", says];
    let output = run(&args);
    let printed = stdout(&output) + &stderr(&output);
    assert!(printed.contains("at ws://host.docker.internal:"), "{printed}");
    assert!(printed.contains("and ws://host.docker.internal:"), "{printed}");
    assert!(printed.contains("other machines"), "{printed}");
    assert!(printed.contains("--listen 0.0.0.0"), "to see it again: {printed}");
}
