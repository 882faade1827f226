//! A TCP connection through a proxy: HTTP CONNECT (RFC 9110 §9.3.6) or SOCKS 5 (RFC 1928, 1929).

use std::io;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Url;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    reach::Reach,
    why::{ProxyRefused, dial},
};

/// Maximum length of a proxy's response to CONNECT, in bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;

pub(super) async fn connect(reach: Reach, proxy: &Url, host: &str, port: u16) -> io::Result<TcpStream> {
    // The proxy could connect to addresses that this process must not.
    reach.check(host).map_err(io::Error::other)?;
    let is_http = proxy.scheme() == "http";
    let proxy_host = proxy.host_str().unwrap_or_default();
    let proxy_port = proxy.port().unwrap_or(if is_http { 80 } else { 1080 });
    let mut stream = dial(reach, proxy_host, proxy_port).await?;
    let login = (!proxy.username().is_empty())
        .then(|| (decode(proxy.username()), decode(proxy.password().unwrap_or_default())));
    if is_http {
        http(&mut stream, login, host, port).await?;
    } else {
        socks(&mut stream, login, host.trim_matches(['[', ']']), port).await?;
    }
    Ok(stream)
}

async fn http(
    stream: &mut TcpStream,
    login: Option<(Vec<u8>, Vec<u8>)>,
    host: &str,
    port: u16,
) -> io::Result<()> {
    let mut head = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    if let Some((user, password)) = login {
        let login = STANDARD.encode([user, password].join(&b':'));
        head += &format!("Proxy-Authorization: Basic {login}\r\n");
    }
    stream.write_all((head + "\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    // Read byte by byte, because everything after the head belongs to the tunnel.
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await?);
        if answer.len() > HEAD_BYTES_MAX {
            return Err(refused("its response does not end"));
        }
    }
    let status = answer.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    if status.first() != Some(&b'2') {
        return Err(refused(&format!("status {}", String::from_utf8_lossy(status))));
    }
    Ok(())
}

async fn socks(
    stream: &mut TcpStream,
    login: Option<(Vec<u8>, Vec<u8>)>,
    host: &str,
    port: u16,
) -> io::Result<()> {
    const NO_LOGIN: u8 = 0;
    const PASSWORD: u8 = 2;
    let method = if login.is_some() { PASSWORD } else { NO_LOGIN };
    stream.write_all(&[5, 1, method]).await?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await?;
    if chosen != [5, method] {
        return Err(refused("it requires a different login method"));
    }
    if let Some((user, password)) = login {
        let mut message = vec![1];
        for part in [user, password] {
            message.push(u8::try_from(part.len()).map_err(|_| refused("the login is too long"))?);
            message.extend(part);
        }
        stream.write_all(&message).await?;
        let mut answer = [0; 2];
        stream.read_exact(&mut answer).await?;
        if answer[1] != 0 {
            return Err(refused("the login is wrong"));
        }
    }
    // Send the name, so that the proxy resolves it.
    let mut message =
        vec![5, 1, 0, 3, u8::try_from(host.len()).map_err(|_| refused("the host is too long"))?];
    message.extend(host.as_bytes());
    message.extend(port.to_be_bytes());
    stream.write_all(&message).await?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await?;
    if answer[1] != 0 {
        return Err(refused(&format!("reply {}", answer[1])));
    }
    let address_bytes = match answer[3] {
        1 => 4,
        4 => 16,
        _ => usize::from(stream.read_u8().await?),
    };
    stream.read_exact(&mut vec![0; address_bytes + 2]).await?;
    Ok(())
}

fn refused(why: &str) -> io::Error {
    io::Error::other(ProxyRefused(why.to_owned()))
}

/// Percent-decodes a user or password from a URL.
fn decode(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, behind @ ..] = rest {
        let hex = behind.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    bytes
}

#[cfg(test)]
mod tests {
    #[test]
    fn logins_are_decoded() {
        assert_eq!(super::decode("a%40b%3Ac%"), b"a@b:c%");
        assert_eq!(super::decode("%zz%4"), b"%zz%4");
    }
}
