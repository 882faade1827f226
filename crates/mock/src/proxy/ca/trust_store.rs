//! Trust stores for Java, which cannot read PEM. The format is JKS, which every version reads and which needs
//! no ASN.1 (sun.security.provider.JavaKeyStore in OpenJDK).

use std::time::Duration;

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

/// Password of the trust store: that of Java's own, because a trust store holds no secrets.
pub(super) const PASSWORD: &str = "changeit";
const MAGIC: u32 = 0xFEED_FEED;
const VERSION: u32 = 2;
/// Kind of an entry without a key.
const TRUSTED: u32 = 2;
const ALIAS: &str = "livetape";

/// Returns a trust store with one certificate. `created` is the time since the Unix epoch.
pub(super) fn trust_store(certificate: &[u8], created: Duration) -> Vec<u8> {
    let length = u32::try_from(certificate.len()).expect("a certificate is small");
    let created = u64::try_from(created.as_millis()).expect("the time is after 1970, and near");
    let mut store = Vec::new();
    for number in [MAGIC, VERSION, 1, TRUSTED] {
        store.extend(number.to_be_bytes());
    }
    push_text(&mut store, ALIAS);
    store.extend(created.to_be_bytes());
    push_text(&mut store, "X.509");
    store.extend(length.to_be_bytes());
    store.extend(certificate);
    let mut digest = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    digest.update(&PASSWORD.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>());
    digest.update(b"Mighty Aphrodite");
    digest.update(&store);
    store.extend(digest.finish().as_ref());
    store
}

fn push_text(store: &mut Vec<u8>, text: &str) {
    store.extend(u16::try_from(text.len()).expect("texts are short").to_be_bytes());
    store.extend(text.as_bytes());
}
