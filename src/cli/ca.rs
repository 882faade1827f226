//! `livetape ca`: prints the CA certificate, and how clients trust it.

use std::path::Path;

use super::{
    args, config,
    output::{say, shown, warn},
    proxied::open_ca,
};
use crate::{
    proxy::{DOMAINS, Opened},
    sans_io::error::{Problem, exit},
};

/// How clients trust the certificate, and how to undo it.
const CLIENTS: &str = "\
This CA can only sign for <domains>, and is valid for 30 days.
`livetape run --mock-proxy -- COMMAND` sets all variables for COMMAND.

curl
    trust    export CURL_CA_BUNDLE=<pem>
    remove   unset CURL_CA_BUNDLE
Node.js
    trust    export NODE_EXTRA_CA_CERTS=<pem>
    remove   unset NODE_EXTRA_CA_CERTS
Python
    trust    export SSL_CERT_FILE=<pem> REQUESTS_CA_BUNDLE=<pem>
    remove   unset SSL_CERT_FILE REQUESTS_CA_BUNDLE
Java, for one command
    trust    java -Djavax.net.ssl.trustStore=<jks> -Djavax.net.ssl.trustStorePassword=<password> ...
Java, for all programs
    trust    keytool -importcert -cacerts -alias livetape -file <pem> -storepass <password> -noprompt
    remove   keytool -delete -cacerts -alias livetape -storepass <password>
Chromium (Linux; certutil is in Debian's libnss3-tools)
    trust    mkdir -p $HOME/.pki/nssdb
             certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n livetape -i <pem>
    remove   certutil -d sql:$HOME/.pki/nssdb -D -n livetape
";

pub(super) fn ca(args: &args::Ca) -> Result<u8, Problem> {
    let settings = config::settings(&args.flags)?;
    let opened = open_ca(settings.mock.ca_dir.as_deref())?;
    say(opened.ca.pem())?;
    let (pem, jks) = (quoted(&opened.certificate), quoted(&opened.trust_store));
    let text = CLIENTS.replace("<domains>", &DOMAINS.join(" and ")).replace("<password>", Opened::PASSWORD);
    warn(text.replace("<pem>", &pem).replace("<jks>", &jks).trim_end());
    Ok(exit::DONE)
}

/// Returns a path as a shell needs it.
fn quoted(path: &Path) -> String {
    let path = shown(path);
    let is_plain = path.chars().all(|c| c.is_alphanumeric() || "/._-+:\\".contains(c));
    if is_plain { path } else { format!("'{}'", path.replace('\'', "'\\''")) }
}
