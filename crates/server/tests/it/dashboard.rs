//! How the server delivers the dashboard's files. `tests/browser` tests the page itself.

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

#[tokio::test(start_paused = true)]
async fn the_page_may_not_contact_other_servers() {
    let rig = Rig::start();
    let page = get(&rig, "/", BROWSER).await;
    assert_eq!(
        page.header("content-security-policy"),
        Some(
            "default-src 'self'; connect-src 'self' ws://localhost:3000 wss://localhost:3000; object-src 'none'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    );
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    assert!(!page.body.contains("http:") && !page.body.contains("https:"), "{}", page.body);
}

/// OBS adds the custom CSS of a source to its page as a style element.
#[tokio::test(start_paused = true)]
async fn only_overlays_may_have_inline_styles_and_only_as_elements() {
    let rig = Rig::start();
    for (path, styles) in [
        ("/overlays/chat.html", &["style-src-elem 'self' 'unsafe-inline'"][..]),
        ("/overlays/", &[]),
        ("/overlays/index.html", &[]),
        ("/try", &[]),
    ] {
        let page = get(&rig, path, BROWSER).await;
        let policy = page.header("content-security-policy").unwrap();
        let inline = |rule: &&str| rule.starts_with("style-src") || rule.contains("unsafe");
        assert_eq!(Vec::from_iter(policy.split("; ").filter(inline)), styles, "{path}: {policy}");
        assert!(!page.body.contains(" style="), "{path}");
        assert!(!page.body.contains("<style>"), "{path}");
    }
}

/// A recording may name any address as a picture, also one of this server that acts or takes data.
#[tokio::test(start_paused = true)]
async fn pages_load_pictures_only_from_tiktok() {
    let rig = Rig::start();
    let domains = PICTURE_DOMAINS.map(|domain| format!(" https://*.{domain}")).concat();
    for (path, sources) in [
        ("/", None),
        ("/try", Some("data:".to_owned())),
        ("/overlays/", Some("data:".to_owned())),
        ("/overlays/alerts.html", Some(format!("data:{domains}"))),
        ("/overlays/chat.js", Some(format!("data:{domains}"))),
    ] {
        let page = get(&rig, path, BROWSER).await;
        let policy = page.header("content-security-policy").unwrap();
        let pictures = policy.split("; ").find_map(|rule| rule.strip_prefix("img-src "));
        assert_eq!(pictures, sources.as_deref(), "{path}: {policy}");
        assert!(policy.starts_with("default-src 'self';"), "{path}: {policy}");
    }
    // From disk, only the script decides.
    let script = get(&rig, "/overlays/overlay.js", LOCAL).await.body;
    let listed = PICTURE_DOMAINS.map(|domain| format!("'{domain}'")).join(", ");
    assert!(script.contains(&format!("const PICTURE_DOMAINS = [{listed}]\n")), "{listed}");
}

#[tokio::test(start_paused = true)]
async fn the_policy_names_no_ipv6_address() {
    let rig = Rig::start();
    for path in ["/", "/try"] {
        let page = get(&rig, path, "host: [::1]:3000\r\naccept: text/html\r\n").await;
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("connect-src 'self';") && !policy.contains('['), "{path}: {policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_with_a_slash_too_many_or_too_few_are_redirected() {
    let rig = Rig::start();
    for (path, right) in [("/overlays", "overlays/"), ("/try/", "../try")] {
        let answer = get(&rig, path, LOCAL).await;
        assert_eq!((answer.status, answer.header("location")), (308, Some(right)), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_cannot_inject_into_the_policy() {
    let rig = Rig::start();
    for host in ["localhost; script-src *", "localhost:3000 *", "*", "evil.example"] {
        let page = get(&rig, "/", &format!("host: {host}\r\naccept: text/html\r\n")).await;
        assert_eq!(page.status, 403, "{host}");
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("evil"), "{host}: {policy}");
    }
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

#[tokio::test(start_paused = true)]
async fn only_assets_are_served() {
    let rig = Rig::start();
    for path in
        ["/assets/none.js", "/assets/..%2findex.html", "/assets/%2e%2e%2f%2e%2e%2fCargo.toml", "/assets/"]
    {
        let answer = get(&rig, path, LOCAL).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn overlays_and_the_page_to_try_rooms_only_contact_this_server() {
    let rig = Rig::start();
    let pages =
        ["/try", "/overlays/", "/overlays/alerts.html", "/overlays/chat.html", "/overlays/overlay.css"];
    for path in pages.into_iter().chain(["/livetape-client.js", "/overlays/chat.js", "/try.js"]) {
        let answer = get(&rig, path, LOCAL).await;
        assert_eq!(answer.status, 200, "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("connect-src 'self' ws://localhost wss://localhost;"), "{path}: {policy}");
        assert!(!answer.body.contains("<script src=\"http"), "{path}");
        // `default-src` applies to scripts.
        assert!(
            policy.starts_with("default-src 'self';") && !policy.contains("script-src"),
            "{path}: {policy}"
        );
        assert!(!answer.body.contains("<script>"), "{path}: inline scripts do not run");
    }
    for path in ["/overlays/none.html", "/overlays/..%2fREADME.md", "/overlays/%2e%2e%2ftry.html"] {
        let answer = get(&rig, path, LOCAL).await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
    }
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
