//! `livetape ca`: prints the CA certificate, and how clients trust it.

use super::{
    args, config,
    output::{say, warn},
    proxied::open_ca,
};
use crate::{
    proxy::{DOMAINS, Opened},
    sans_io::error::{Problem, exit},
};

/// How to trust the certificate, and how to undo it. `tests/it/process/ca.rs` runs the commands of those that are installed.
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
    trust    certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n livetape -i <pem>
    remove   certutil -d sql:$HOME/.pki/nssdb -D -n livetape
";

pub(super) fn ca(args: &args::Ca) -> Result<u8, Problem> {
    let settings = config::settings(&args.flags)?;
    let opened = open_ca(settings.mock.ca_dir.as_deref())?;
    say(opened.ca.pem())?;
    let (pem, jks) = (opened.certificate.display().to_string(), opened.trust_store.display().to_string());
    let text = CLIENTS.replace("<domains>", &DOMAINS.join(" and ")).replace("<password>", Opened::PASSWORD);
    warn(text.replace("<pem>", &pem).replace("<jks>", &jks).trim_end());
    Ok(exit::DONE)
}
