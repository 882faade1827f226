//! How the server delivers the dashboard's files; the policies of pages are in `sessions/pages.snap`. `tests/browser` tests
//! the page itself.

use livetape_core::host::PICTURE_DOMAINS;

use crate::support::{HttpResponse, Rig};

async fn get(rig: &Rig, target: &str, headers: &str) -> HttpResponse {
    let request = format!("GET {target} HTTP/1.1\r\nconnection: close\r\n{headers}\r\n");
    rig.raw(&request).await
}

const BROWSER: &str = "host: localhost:3000\r\naccept: text/html,*/*;q=0.8\r\n";
const LOCAL: &str = "host: localhost\r\n";

/// The assets that the page requests.
fn assets(page: &HttpResponse) -> Vec<String> {
    let quoted = page.body.split('"').filter_map(|part| part.strip_prefix("./"));
    quoted.map(|path| format!("/{path}")).collect()
}

/// From disk, no policy applies to an overlay, so its script decides which pictures it loads.
#[tokio::test(start_paused = true)]
async fn the_script_of_overlays_has_the_same_hosts_of_pictures_as_the_policy() {
    let script = get(&Rig::start(), "/overlays/overlay.js", LOCAL).await.body;
    let listed = PICTURE_DOMAINS.map(|domain| format!("'{domain}'")).join(", ");
    assert!(script.contains(&format!("const PICTURE_DOMAINS = [{listed}]\n")), "{listed}");
}

#[tokio::test(start_paused = true)]
async fn assets_are_immutable_and_have_content_types() {
    let rig = Rig::start();
    let names = assets(&get(&rig, "/", BROWSER).await);
    assert_eq!(names.len(), 3, "an icon, a script and a style: {names:?}");
    for name in names {
        let asset = get(&rig, &name, LOCAL).await;
        let wanted = match name.rsplit_once('.').unwrap().1 {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            other => panic!("{other}"),
        };
        assert_eq!((asset.status, asset.header("content-type")), (200, Some(wanted)), "{name}");
        assert_eq!(asset.header("cache-control"), Some("public, max-age=31536000, immutable"));
        assert_eq!(asset.header("x-content-type-options"), Some("nosniff"));
        // A worker follows the content security policy of its script.
        let policy = asset.header("content-security-policy").unwrap();
        assert!(policy.contains("connect-src 'self' ws://localhost wss://localhost;"), "{policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_known_etag_gets_304() {
    let rig = Rig::start();
    let tag = get(&rig, "/", BROWSER).await.header("etag").unwrap().to_owned();
    let again = get(&rig, "/", &format!("{BROWSER}if-none-match: {tag}\r\n")).await;
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    let other = get(&rig, "/", &format!("{BROWSER}if-none-match: \"0\"\r\n")).await;
    assert_eq!(other.status, 200);
}

/// Maximum size of the dashboard's files together, compressed with gzip, in bytes.
const GZIP_BYTES_MAX: usize = 150 * 1024;

#[test]
fn the_dashboard_is_small() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("web/dist");
    let mut bytes = 0;
    let files = std::fs::read_dir(folder.join("assets")).unwrap().map(|file| file.unwrap().path());
    for file in files.chain([folder.join("index.html")]) {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut gzip, &std::fs::read(file).unwrap()).unwrap();
        bytes += gzip.finish().unwrap().len();
    }
    assert!(bytes <= GZIP_BYTES_MAX, "{bytes} bytes");
}
