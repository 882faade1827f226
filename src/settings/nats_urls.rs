//! URLs of NATS.

use super::value::{Address, Form, Value, quoted};

const SCHEMES: [&str; 2] = ["nats", "tls"];
/// Example for error messages.
const EXAMPLE: &str = "write it like nats://127.0.0.1:4222";

/// The URLs of the servers of one NATS, at least one. Users and passwords are masked when shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsUrls(Vec<Address>);

impl NatsUrls {
    /// Returns the URLs without users and passwords.
    #[must_use]
    pub fn servers(&self) -> Vec<String> {
        let server = |Address(url): &Address| {
            let mut url = url.clone();
            // Neither fails for a URL with a host.
            let _ = (url.set_username(""), url.set_password(None));
            url.to_string().trim_end_matches('/').to_owned()
        };
        self.0.iter().map(server).collect()
    }

    /// Returns the user and the password, which all URLs that have a user have in common. Both are
    /// percent-encoded.
    #[must_use]
    pub fn user(&self) -> Option<(&str, Option<&str>)> {
        self.users().next()
    }

    fn users(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let all = self.0.iter().map(|Address(url)| (url.username(), url.password()));
        all.filter(|user| *user != ("", None))
    }
}

/// Errors do not repeat the text, which may contain a password.
fn parse(text: &str) -> Result<Address, String> {
    let invalid = |why: &str| format!("not a valid address ({why}): {EXAMPLE}");
    if text.is_empty() {
        return Err(invalid("it is empty, perhaps after a comma"));
    }
    if !text.contains("://") {
        return Err(invalid("it has no scheme"));
    }
    let url = reqwest::Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
    if !url.has_host() {
        return Err(invalid("it has no host"));
    }
    if url.port() == Some(0) {
        return Err(invalid("its port is 0"));
    }
    if !SCHEMES.contains(&url.scheme()) {
        return Err(format!("`{}` is not a scheme of NATS: {EXAMPLE}, or with tls://", url.scheme()));
    }
    // A password with these characters ends the host, and the rest of it would be shown.
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("it has a path; write `/`, `?` and `#` in a password as %2F, %3F and %23"));
    }
    Ok(Address(url))
}

impl Value for NatsUrls {
    const FORM: Form = Form::Text;
    const SECRET: bool = true;

    /// Parses URLs separated by commas.
    fn read(text: &str) -> Result<Self, String> {
        let urls = Self(text.split(',').map(|url| parse(url.trim())).collect::<Result<_, _>>()?);
        if urls.users().any(|user| Some(user) != urls.user()) {
            return Err("the URLs have different users or passwords: use the same for all servers".into());
        }
        Ok(urls)
    }

    fn show(&self) -> Option<String> {
        let urls: Vec<_> = self.0.iter().map(Address::masked).collect();
        Some(quoted(&urls.join(",")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_servers_have_one_login_that_is_not_shown() {
        let urls =
            NatsUrls::read("nats://ann:planted@a:4222, tls://b , nats://ann:planted@[::1]:1/").unwrap();
        assert_eq!(urls.servers(), ["nats://a:4222", "tls://b", "nats://[::1]:1"]);
        assert_eq!(urls.user(), Some(("ann", Some("planted"))));
        assert_eq!(urls.show().unwrap(), r#""nats://***@a:4222,tls://b,nats://***@[::1]:1/""#);
        assert!(!format!("{urls:?}").contains("planted"));
        assert_eq!(NatsUrls::read("nats://a").unwrap().user(), None);
    }

    #[test]
    fn wrong_urls_are_rejected_without_being_shown() {
        for (text, why) in [
            ("", "it is empty"),
            ("nats://", "it has no host"),
            ("nats://a:4222,", "perhaps after a comma"),
            ("nats://a:0", "its port is 0"),
            ("127.0.0.1:4222", "write it like nats://127.0.0.1:4222"),
            ("ann:planted@a", "it has no scheme"),
            ("http://a:4222", "`http` is not a scheme of NATS"),
            ("ws://a:4222", "`ws` is not a scheme of NATS"),
            ("nats://ann:1#planted@a", "as %2F, %3F and %23"),
            ("nats://ann:planted@a,nats://ann:planted2@b", "different users or passwords"),
        ] {
            let told = NatsUrls::read(text).unwrap_err();
            assert!(told.contains(why) && !told.contains("planted"), "{text:?}: {told}");
        }
    }
}
