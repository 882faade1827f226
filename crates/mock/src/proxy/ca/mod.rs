//! The certificate authority that signs for the hosts of TikTok and of sign servers, and for no other.

mod folder;
mod node_guard;
mod trust_store;

use std::{fmt, time::Duration};

pub use folder::Opened;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, Error, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData as _, SerialNumber, date_time_ymd,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject as _};

use super::domains::DOMAINS;

/// Name that trust stores show.
const NAME: &str = "livetape mock CA";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the CA is valid.
const VALID: Duration = Duration::from_secs(30 * DAY.as_secs());
/// How far the clock of a client may be behind, for example in a virtual machine.
const CLOCK_SKEW: Duration = DAY;
/// Length of serial numbers, in bytes.
const SERIAL_BYTES: usize = 16;
/// Start of the first line of its file.
const EXPIRES: &str = "expires ";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";

/// A CA with its key, which leaves this type only for its own file.
pub struct Ca {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    /// End of its validity, since the Unix epoch.
    expires: Duration,
}

impl fmt::Debug for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ca")
    }
}

impl Ca {
    /// Generates a CA that is valid for 30 days from `now`, the time since the Unix epoch.
    ///
    /// # Errors
    /// If the system cannot provide random bytes.
    pub fn generate(now: Duration) -> Result<Self, Error> {
        let expires = Duration::from_secs((now + VALID).as_secs());
        let (params, key) = (params(expires), KeyPair::generate()?);
        let certificate = params.self_signed(&key)?;
        let (pem, der) = (certificate.pem(), certificate.der().clone());
        Ok(Self { pem, der, issuer: Issuer::new(params, key), expires })
    }

    /// Returns its certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Signs a certificate for a host. It is valid as long as the CA.
    pub(super) fn sign(&self, host: &str, key: &KeyPair) -> Result<CertificateDer<'static>, Error> {
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        set_validity(&mut params, self.expires);
        params.distinguished_name.push(DnType::CommonName, "livetape mock");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        // The default depends only on the key, which all hosts share; browsers reject repeated numbers.
        let mut serial = [0; SERIAL_BYTES];
        getrandom::fill(&mut serial).map_err(|_| Error::RingUnspecified)?;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        Ok(params.signed_by(key, &self.issuer)?.der().clone())
    }

    /// Returns the end of its validity, since the Unix epoch.
    #[must_use]
    pub fn expires(&self) -> Duration {
        self.expires
    }

    fn is_valid(&self, now: Duration) -> bool {
        let created = self.expires.saturating_sub(VALID + CLOCK_SKEW);
        (created..self.expires).contains(&now)
    }

    /// Returns the content of its file: the end of its validity, the key and the certificate.
    fn to_text(&self) -> String {
        format!("{EXPIRES}{}\n{}{}", self.expires.as_secs(), self.issuer.key().serialize_pem(), self.pem)
    }

    /// Parses its file; returns `None` if it is damaged.
    fn from_text(text: &str) -> Option<Self> {
        let (first, _) = text.strip_prefix(EXPIRES)?.split_once('\n')?;
        let expires = Duration::from_secs(first.parse().ok()?);
        let key = KeyPair::try_from(&PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).ok()?).ok()?;
        let der = CertificateDer::from_pem_slice(text.as_bytes()).ok()?;
        let pem = text[text.find(CERTIFICATE)?..].to_owned();
        // The certificate contains its key.
        let public = key.subject_public_key_info();
        let is_pair = der.windows(public.len()).any(|part| part == public);
        is_pair.then(|| Self { pem, der, issuer: Issuer::new(params(expires), key), expires })
    }
}

fn params(expires: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    set_validity(&mut params, expires);
    params.distinguished_name.push(DnType::CommonName, NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Without these, certificates for IP addresses would be unlimited.
    let all = [CidrSubnet::V4([0; 4], [0; 4]), CidrSubnet::V6([0; 16], [0; 16])];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: DOMAINS.map(|domain| GeneralSubtree::DnsName(domain.to_owned())).to_vec(),
        excluded_subtrees: all.map(GeneralSubtree::IpAddress).to_vec(),
    });
    params
}

fn set_validity(params: &mut CertificateParams, expires: Duration) {
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_after = epoch + expires;
    params.not_before = epoch + expires.saturating_sub(VALID + CLOCK_SKEW);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio_rustls::rustls::{
        RootCertStore,
        client::{WebPkiServerVerifier, danger::ServerCertVerifier as _},
        crypto::ring,
        pki_types::{ServerName, UnixTime},
    };

    use super::*;

    /// Verifies a certificate of the CA, as clients do.
    fn verify(ca: &Ca, host: &str, now: Duration) -> Result<(), String> {
        let mut roots = RootCertStore::empty();
        roots.add(ca.der.clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let certificate = ca.sign(host, &KeyPair::generate().unwrap()).unwrap();
        let (name, now) = (ServerName::try_from(host).unwrap(), UnixTime::since_unix_epoch(now));
        let verified = verifier.verify_server_cert(&certificate, &[], &name, &[], now);
        verified.map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn clients_accept_only_hosts_of_tiktok_and_sign_servers_for_30_days() {
        let now = Duration::from_secs(1_800_000_000);
        let ca = Ca::from_text(&Ca::generate(now).unwrap().to_text()).unwrap();
        for host in ["tiktok.com", "www.tiktok.com", "a.b.tiktok.com", "tiktok.eulerstream.com"] {
            for now in [now, now.saturating_sub(DAY / 2), now + 29 * DAY] {
                assert_eq!(verify(&ca, host, now), Ok(()), "{host}");
            }
            assert!(verify(&ca, host, now + 30 * DAY + DAY / 24).unwrap_err().contains("expired"));
        }
        for host in ["example.com", "nottiktok.com", "tiktok.com.example", "10.0.0.1", "::1"] {
            let error = verify(&ca, host, now).unwrap_err();
            assert!(error.contains("NameConstraintViolation"), "{host}: {error}");
        }
    }
}
