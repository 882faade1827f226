//! Connections to NATS that something happens to.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// Maximum number of bytes that are passed on at once.
const CHUNK_BYTES_MAX: usize = 4_096;

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Server,
    Client,
}

/// Starts a server that passes connections on to `server`. Calls `passes` with all bytes before they are
/// passed on; if it returns `false`, they are lost. Returns its address.
pub(crate) fn start(server: &str, passes: impl Fn(To, &[u8]) -> bool + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (server, passes) = (server.to_owned(), Arc::new(passes));
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            // NATS may have been killed.
            let Ok(server) = TcpStream::connect(&server) else { continue };
            let ways = [(To::Server, &client, &server), (To::Client, &server, &client)];
            for (to, from, into) in ways {
                let (from, into, passes) =
                    (from.try_clone().unwrap(), into.try_clone().unwrap(), Arc::clone(&passes));
                thread::spawn(move || pass(from, into, |bytes| passes(to, bytes)));
            }
        }
    });
    address
}

fn pass(mut from: TcpStream, mut into: TcpStream, passes: impl Fn(&[u8]) -> bool) {
    let mut chunk = [0; CHUNK_BYTES_MAX];
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        if passes(&chunk[..length]) && into.write_all(&chunk[..length]).is_err() {
            break;
        }
    }
    // The other way ends, too.
    drop(into.shutdown(std::net::Shutdown::Both));
    drop(from.shutdown(std::net::Shutdown::Both));
}
