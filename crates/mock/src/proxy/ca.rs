//! The certificate authority that signs for the hosts of TikTok and of sign servers, and for no other, and
//! its folder, which several processes can share.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use livetape_core::error::{Code, Problem};
use livetape_io::files::{self, Draft};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, Error, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData as _, SerialNumber, date_time_ymd,
};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject as _};

use super::hosts::DOMAINS;

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
const CERTIFICATE_START: &str = "-----BEGIN CERTIFICATE-----";

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
        let pem = text[text.find(CERTIFICATE_START)?..].to_owned();
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

/// The CA with its key. The others are made from it, or the same for all.
const KEY: &str = "ca.key";
const CERTIFICATE: &str = "ca.pem";
const TRUST_STORE: &str = "ca.jks";
const NODE_GUARD: &str = "node.cjs";
/// Locked while the files are written.
const LOCK: &str = "ca.lock";
/// Maximum number of attempts to lock, so that another process may hold the lock for 10 s. It writes four
/// small files.
const LOCK_ATTEMPTS: usize = 500;
/// Time between two attempts to lock.
const LOCK_RETRY: Duration = Duration::from_millis(20);
/// Mode bits of the group and of everyone else.
#[cfg(unix)]
const OTHERS: u32 = 0o077;
/// Mode of the files without secrets.
#[cfg(unix)]
const READABLE: u32 = 0o644;

/// A CA with its files.
#[derive(Debug)]
pub struct Opened {
    /// The CA.
    pub ca: Ca,
    /// The certificate, in PEM.
    pub certificate: PathBuf,
    /// A trust store for Java.
    pub trust_store: PathBuf,
    /// A module for Node.js that ends a program which would connect to TikTok itself.
    pub node_guard: PathBuf,
    /// Whether a CA that had expired, or was made with a wrong clock, was replaced, so that clients have to
    /// trust the new one.
    pub is_renewed: bool,
}

impl Opened {
    /// Password of the trust store.
    pub const PASSWORD: &str = PASSWORD;
}

impl Ca {
    /// Opens the CA in `folder`, at `now`, the time since the Unix epoch. Creates it if it is missing, and
    /// replaces it if it is not valid now.
    ///
    /// # Errors
    /// If a file cannot be read or written, is damaged, or if other users can read the key.
    pub fn open(folder: &Path, now: Duration) -> Result<Opened, Problem> {
        let path = |name| folder.join(name);
        let opened = |ca, is_renewed| Opened {
            ca,
            certificate: path(CERTIFICATE),
            trust_store: path(TRUST_STORE),
            node_guard: path(NODE_GUARD),
            is_renewed,
        };
        // Usually nothing has to be written, so the folder can be read-only.
        if let Some(ca) = load(&path(KEY))?.filter(|ca| ca.is_valid(now) && ca.has_copies(folder)) {
            return Ok(opened(ca, false));
        }
        let failed = |error: io::Error| {
            let message = format!("cannot create the CA in {}: {error}", folder.display());
            Problem::new(Code::Io, message).hint("choose another folder with --ca-dir DIR")
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(path(LOCK)).map_err(failed)?;
        lock_within(&lock, LOCK_ATTEMPTS).map_err(failed)?;
        // Another process may have created it in between.
        let found = load(&path(KEY))?;
        let is_renewed = found.as_ref().is_some_and(|ca| !ca.is_valid(now));
        let ca = match found.filter(|ca| ca.is_valid(now)) {
            Some(ca) => ca,
            None => {
                let ca = Ca::generate(now).map_err(|error| failed(io::Error::other(error)))?;
                write(&path(KEY), ca.to_text().as_bytes(), false)?;
                ca
            }
        };
        for (name, content) in ca.copies() {
            write(&path(name), &content, true)?;
        }
        Ok(opened(ca, is_renewed))
    }

    /// Returns the files that clients read.
    fn copies(&self) -> [(&'static str, Vec<u8>); 3] {
        let created = self.expires.saturating_sub(VALID);
        [
            (CERTIFICATE, self.pem.clone().into_bytes()),
            (TRUST_STORE, trust_store(&self.der, created)),
            (NODE_GUARD, node_guard().into_bytes()),
        ]
    }

    fn has_copies(&self, folder: &Path) -> bool {
        let is_same =
            |(name, content)| files::read_small(&folder.join(name)).is_ok_and(|found| found == content);
        self.copies().into_iter().all(is_same)
    }
}

/// Locks a file, for which another process may have to finish first.
#[expect(
    clippy::disallowed_methods,
    reason = "no lock can be waited for with a limit, and this is before the server starts"
)]
fn lock_within(lock: &File, attempts: usize) -> io::Result<()> {
    for _ in 0..attempts {
        match lock.try_lock() {
            Err(fs::TryLockError::WouldBlock) => std::thread::sleep(LOCK_RETRY),
            locked => return locked.map_err(io::Error::from),
        }
    }
    Err(io::Error::other(format!("another process holds {LOCK}")))
}

/// Reads a CA; returns `None` if there is none.
fn load(path: &Path) -> Result<Option<Ca>, Problem> {
    let text = match files::read_text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Problem::new(Code::Io, format!("cannot read {}: {error}", path.display()))),
    };
    if others_may_read(path) {
        let message = format!("other users can read the key of the CA, {}", path.display());
        return Err(Problem::new(Code::BadConfig, message)
            .hint("delete the file, so that a new CA is created; remove the old one where you trusted it"));
    }
    match Ca::from_text(&text) {
        Some(ca) => Ok(Some(ca)),
        None => Err(Problem::new(Code::BadConfig, format!("{} is damaged", path.display()))
            .hint("delete the file, so that a new CA is created; remove the old one where you trusted it")),
    }
}

fn others_may_read(path: &Path) -> bool {
    #[cfg(unix)]
    return path.metadata().is_ok_and(|metadata| {
        std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & OTHERS != 0
    });
    #[cfg(not(unix))]
    return {
        let _ = path;
        false
    };
}

/// Writes a file at once, so that no process sees a part of it.
fn write(path: &Path, content: &[u8], is_public: bool) -> Result<(), Problem> {
    let failed = |error: &dyn ToString| {
        Problem::new(Code::Io, format!("cannot write {}: {}", path.display(), error.to_string()))
    };
    let mut draft = Draft::new(path, true).map_err(|error| failed(&error))?;
    draft.write_all(content).map_err(|error| failed(&error))?;
    #[cfg(unix)]
    if is_public {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(READABLE);
        fs::set_permissions(draft.part(), mode).map_err(|error| failed(&error))?;
    }
    #[cfg(not(unix))]
    let _ = is_public;
    draft.keep().map_err(|error| failed(&error))
}

/// A module for Node.js, loaded before a program, that ends it instead of letting it connect to a host of the
/// mock directly: that would be the real one.
///
/// `fetch` and `http` in versions before 22.21, and the sockets of many libraries in all versions, do not read
/// `HTTPS_PROXY`. Through the proxy, a program only connects to this machine. The version says nothing about
/// that: libraries such as axios read the variables themselves.
///
/// CommonJS, because `--require` works in every version and leaves the way in which the program is loaded as it is.
const GUARD: &str = r#"const { writeSync } = require('fs')
const { Socket } = require('net')

const { connect } = Socket.prototype
Socket.prototype.connect = function (...args) {
  const [options, second] = Array.isArray(args[0]) ? args[0] : args
  const host = String((options && options.host) || second).toLowerCase()
  if (DOMAINS.some((domain) => host === domain || host.endsWith(`.${domain}`))) {
    writeSync(2, `❌ livetape ended this program before it reached the real ${host}: its client does not use the proxy of HTTPS_PROXY (Node.js ${process.version})\n` +
      '💡 use Node.js 22.21, 24.5 or later, or pass the client an agent for the proxy\n')
    process.exit(EXIT_CODE)
  }
  return connect.apply(this, args)
}
"#;

/// Exit code of a program that it ends: `EX_CONFIG` of sysexits.h.
const EXIT_CODE: u8 = 78;

/// Returns the content of its file.
fn node_guard() -> String {
    format!("const DOMAINS = {DOMAINS:?}, EXIT_CODE = {EXIT_CODE}\n{GUARD}")
}

/// Password of the trust store: that of Java's own, because a trust store holds no secrets.
const PASSWORD: &str = "changeit";
const MAGIC: u32 = 0xFEED_FEED;
const VERSION: u32 = 2;
/// Kind of an entry without a key.
const TRUSTED: u32 = 2;
const ALIAS: &str = "livetape";

/// Returns a trust store for Java, which cannot read PEM, with one certificate. The format is JKS, which every version
/// reads and which needs no ASN.1 (sun.security.provider.JavaKeyStore in OpenJDK). `created` is the time since the Unix epoch.
fn trust_store(certificate: &[u8], created: Duration) -> Vec<u8> {
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

    #[test]
    fn a_held_lock_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let open = || File::create(folder.path().join(LOCK)).unwrap();
        let (held, waiting) = (open(), open());
        lock_within(&held, 1).unwrap();
        let error = lock_within(&waiting, 2).unwrap_err();
        assert_eq!(error.to_string(), "another process holds ca.lock");
        drop(held);
        lock_within(&waiting, 1).unwrap();
    }
}
