//! `livetape ca`: prints the CA certificate, and how clients trust it.

use std::time::Duration;

use livetape_core::{
    error::{Problem, exit},
    event::Millis,
};
use livetape_mock::proxy::{DOMAINS, Opened};

use crate::cli::{
    args,
    options::config,
    process::output::{say, warn},
    serve::proxied::{open_ca, quoted},
};

/// How clients trust the certificate, and how to undo it.
const CLIENTS: &str = "\
This CA can only sign for <domains>, and is valid until <date>.
`livetape run --mock-proxy -- COMMAND` sets all variables for COMMAND. These lines
do not set the proxy. With CURL_CA_BUNDLE, SSL_CERT_FILE or REQUESTS_CA_BUNDLE, a
program trusts only this CA. After a renewal, remove the old CA before you trust the
new one.

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

/// Length of a date in a time, as in 2026-11-22T10:00:00Z.
const DATE_CHARS: usize = 10;

pub(crate) fn ca(args: &args::Ca) -> Result<u8, Problem> {
    let settings = config::settings(&args.flags)?;
    let opened = open_ca(settings.mock.ca_dir.as_deref())?;
    say(opened.ca.pem())?;
    let (pem, jks) = (quoted(&opened.certificate), quoted(&opened.trust_store));
    let text = CLIENTS.replace("<domains>", &DOMAINS.join(" and ")).replace("<password>", Opened::PASSWORD);
    let text = text.replace("<date>", &date(opened.ca.expires()));
    warn(text.replace("<pem>", &pem).replace("<jks>", &jks).trim_end());
    Ok(exit::DONE)
}

/// Returns the date of a time since the Unix epoch, in UTC.
fn date(time: Duration) -> String {
    Millis::from(time).to_string().chars().take(DATE_CHARS).collect()
}
