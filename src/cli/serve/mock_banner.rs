//! Code that connects clients to the mock, ready to paste. `cargo xtask nightly peers` runs it.

/// Template with the placeholders `<url>`, `<port>` and `<user>`.
const CLIENTS: &str = r#"
livetape
    livetape live <user> --upstream <url>

tiktok-live-connector 2.0 and 2.1 (Node.js)
    // 2.0.7-beta1 fails with a newer API package: npm install @eulerstream/euler-api-sdk@0.1.2
    process.env.SIGN_API_URL = '<url>'
    const hosts = { TIKTOK_HOST_WEB: '127.0.0.1:<port>', TIKTOK_HOST_WEBCAST: '127.0.0.1:<port>' }
    Object.assign(require('tiktok-live-connector/dist/lib/config').default, hosts)
    const { TikTokLiveConnection } = require('tiktok-live-connector')
    const connection = new TikTokLiveConnection('<user>')
    connection.connect()

tiktok-live-connector 2.5 (Node.js)
    process.env.SIGN_API_URL = '<url>'
    const { TikTokLiveConnection } = require('tiktok-live-connector')
    // These versions use HTTPS for 127.0.0.1 and HTTP for 0.0.0.0.
    const hosts = { TIKTOK_HOST_WEB: '0.0.0.0:<port>', TIKTOK_HOST_WEBCAST: '0.0.0.0:<port>' }
    const connection = new TikTokLiveConnection('<user>', { webConfigOverrides: hosts })
    connection.connect()

TikTokLive 6.2.1 to 7.0.1 (Python)
    from TikTokLive import TikTokLiveClient
    from TikTokLive.client.web.web_settings import WebDefaults
    WebDefaults.tiktok_app_url = WebDefaults.tiktok_sign_url = "<url>"
    WebDefaults.tiktok_webcast_url = "<url>/webcast"
    client = TikTokLiveClient(unique_id="<user>")
    client.run()

Requests of clients: curl <url>/__admin/log
"#;

/// Returns the code for the mock at `url`, with one of its users.
pub(crate) fn clients(url: &str, user: &str) -> String {
    let port = url.rsplit(':').next().unwrap_or_default();
    CLIENTS.replace("<url>", url).replace("<port>", port).replace("<user>", user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_replaced() {
        let lines = clients("http://127.0.0.1:4242", "ann");
        for line in [
            "    livetape live ann --upstream http://127.0.0.1:4242\n",
            "    process.env.SIGN_API_URL = 'http://127.0.0.1:4242'\n",
            "{ TIKTOK_HOST_WEB: '0.0.0.0:4242', TIKTOK_HOST_WEBCAST: '0.0.0.0:4242' }\n",
            "    const connection = new TikTokLiveConnection('ann', { webConfigOverrides: hosts })\n",
            "    WebDefaults.tiktok_webcast_url = \"http://127.0.0.1:4242/webcast\"\n",
        ] {
            assert!(lines.contains(line), "{line}{lines}");
        }
        assert!(!lines.contains(['<', '>']), "{lines}");
    }
}
