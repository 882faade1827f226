//! Which hosts and origins can be listed. What they and bearer tokens let in is in `sessions/access.snap`.

use livetape_server::Access;

#[test]
fn invalid_hosts_and_origins_are_rejected() {
    let check = |host: &str, origin: &str| {
        let access =
            Access { hosts: vec![host.to_owned()], origins: vec![origin.to_owned()], ..Access::default() };
        access.check().map_err(|problem| problem.to_string())
    };
    assert_eq!(check("tape.example", "https://overlay.example:8443"), Ok(()));
    assert_eq!(check("[2001:db8::1]", "http://10.0.0.1"), Ok(()));
    assert_eq!(check("a", "null"), Ok(()));
    for host in ["tape.example:3000", "http://tape.example", "a b", ""] {
        assert!(check(host, "http://a").unwrap_err().contains("is not a host"), "{host}");
    }
    for origin in [
        "tauri://localhost",
        "chrome-extension://abcdefgh",
        "file://",
        "app://obsidian.md",
        "Capacitor://localhost:1",
    ] {
        assert_eq!(check("a", origin), Ok(()), "{origin}");
    }
    for (origin, like) in [
        ("overlay.example", "https://overlay.example"),
        ("https://a.example/", "https://a.example"),
        ("https://a.example:8443/b.html?c#d", "https://a.example:8443"),
        ("file:///C:/overlay.html", "file://"),
        ("chrome-extension://*", "chrome-extension://ID"),
        ("https://*.example", "https://overlay.example"),
        ("http://", "https://overlay.example"),
        ("https://ann@b.example", "https://overlay.example"),
        ("*", "https://overlay.example"),
        ("NULL", "https://overlay.example"),
        ("", "https://overlay.example"),
    ] {
        let said = check("a", origin).unwrap_err();
        assert!(
            said.contains("is not an origin") && said.ends_with(&format!("write it like {like}")),
            "{said}"
        );
    }
}
