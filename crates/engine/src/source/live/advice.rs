//! What may help against a failure, according to the ways that are set. The table of codes has the advice for all other
//! failures.

use livetape_core::error::{Code, Problem};

use super::{LiveOptions, Way, sign, upstream::Failure};

/// Returns the advice for a failure; `None` for that of its code.
pub(super) fn of(options: &LiveOptions, failure: &Failure) -> Option<String> {
    let (first, is_of_ways) = first(options, failure)?;
    if !is_of_ways {
        return Some(first);
    }
    let ways = options.ways();
    // One way to a sign server is enough.
    let is_new = |way: Way| !ways.iter().any(|set| *set == way || set.is_signed() && way.is_signed());
    let Some(next) = Way::ALL.iter().copied().find(|way| is_new(*way) && may_help(*way, failure)) else {
        return Some(first);
    };
    let ways = ways.into_iter().chain([next]).map(|way| format!("{:?}", way.name()));
    let ways = format!("`ways = [{}]` under [live] in livetape.toml", ways.collect::<Vec<_>>().join(", "));
    Some(match next {
        Way::Direct => format!("{first}, or connect without a sign server, too: set {ways}"),
        Way::Sign | Way::SignConnect => {
            format!("{first}, or let a sign server help: set {ways}; {}", sign::sends(options))
        }
        Way::Tab => {
            let port = if options.tab.is_some() { "" } else { "`cdp = 9222` and " };
            format!("{first}, or follow a tab of Chrome that shows the LIVE: set {port}{ways}")
        }
    })
}

/// Adds the advice to a look-up that was refused without a request.
pub(super) fn on_refusal(options: &LiveOptions, problem: Problem) -> Problem {
    match of(options, &Failure::from(problem.clone())) {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

/// Returns the advice after a way that handed over to the next.
pub(super) fn without(options: &LiveOptions, failure: &Failure, way: Way) -> String {
    let leave = match way {
        // The default ways begin with the sign server that was named.
        Way::Sign if !options.ways.contains(&way) => {
            "if it always fails, remove `sign_url` and `sign_key` from the settings".to_owned()
        }
        _ => format!("if it always fails, leave `{}` out of `ways`", way.name()),
    };
    match first(options, failure) {
        Some((first, false)) => format!("{first}; {leave}"),
        _ => leave,
    }
}

/// Returns the advice without other ways, and whether these may help.
pub(super) fn first(options: &LiveOptions, failure: &Failure) -> Option<(String, bool)> {
    let is_logged_in = options.cookies().count() > 0;
    Some(match failure.code {
        _ if failure.hint.is_some() => (failure.hint.clone()?, false),
        Code::ConnectionLost if failure.recurs => ("try again later".to_owned(), true),
        Code::HandshakeRefused | Code::SignFailed | Code::SignEmpty => ("try again later".to_owned(), true),
        Code::Blocked if options.proxy.is_none() => {
            ("wait a while or connect through a proxy".to_owned(), true)
        }
        Code::Blocked => ("wait a while".to_owned(), true),
        Code::SignUnauthorized if options.sign_key.is_none() => (set_key(options), false),
        Code::SignUnauthorized => {
            (format!("check the API key of {}, and its plan", options.sign_server()), false)
        }
        Code::RateLimited if options.sign_key.is_some() => {
            ("wait 5-10 minutes, up to an hour; or try another user".to_owned(), false)
        }
        Code::RateLimited if options.sign_url.is_some() => {
            (format!("wait 5-10 minutes, up to an hour; try another user; or {}", set_key(options)), false)
        }
        // The default would advise to wait.
        Code::UserOffline if options.wait_live.is_some() => {
            ("connect again when the user is live".to_owned(), false)
        }
        Code::AgeRestricted if is_logged_in => {
            ("use the session of an adult account that may enter the room".to_owned(), false)
        }
        _ => return None,
    })
}

fn set_key(options: &LiveOptions) -> String {
    let server = options.sign_server();
    format!("set an API key of {server}: `sign_key` under [live], or LIVETAPE_SIGN_KEY")
}

/// Whether a way that is not set may lead into the room.
fn may_help(way: Way, failure: &Failure) -> bool {
    match way {
        // Only a sign server that fails is one too many.
        Way::Direct => matches!(failure.code, Code::SignFailed | Code::SignEmpty),
        // It needs a look-up, too.
        Way::Sign | Way::SignConnect => failure.is_of_way,
        Way::Tab => true,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use livetape_core::error::fitting;

    use super::{
        super::{Cookies, Tab},
        *,
    };

    #[test]
    fn no_hint_advises_what_is_set() {
        let browser = "127.0.0.1:9222".to_owned();
        let tab = Tab { browser, follow: std::sync::Arc::new(|_| unreachable!("it is not followed")) };
        let options = LiveOptions {
            ways: Way::ALL.to_vec(),
            tab: Some(tab),
            sign_url: Some("http://sign.example".parse().unwrap()),
            sign_key: Some("key".parse().unwrap()),
            session: Some(Cookies::parse("sessionid=1", "it", Duration::ZERO).unwrap()),
            proxy: Some("http://proxy.example".parse().unwrap()),
            wait_live: Some(Duration::from_secs(30)),
            ..LiveOptions::new("ann")
        };
        let keyless = LiveOptions { sign_key: None, ..options.clone() };
        // `watch` in the browser's module has the hint for a tab.
        for code in Code::ALL.iter().filter(|code| **code != Code::TabNotFound) {
            for (recurs, is_of_way, retrying) in [false, true]
                .into_iter()
                .flat_map(|a| [(a, false, false), (a, true, false), (a, false, true)])
            {
                let failure = Failure { recurs, is_of_way, ..Failure::new(*code, "") };
                let shown = |options: &LiveOptions| {
                    let hint = of(options, &failure).unwrap_or_else(|| code.hint().to_owned());
                    let hint = fitting(&hint, retrying, false);
                    [hint, code.terminal_hint(hint, |_| true)].join(" ")
                };
                for set in [
                    "--wait-live",
                    "through a proxy",
                    "a sign API key",
                    "an API key",
                    "session cookie",
                    "cdp =",
                    "ways =",
                ] {
                    let shown = shown(&options);
                    assert!(!shown.contains(set), "{code}: {shown}");
                }
                assert!(!shown(&keyless).contains("--sign-url, --sign-key"), "{code}");
            }
        }
    }

    #[test]
    fn a_refused_look_up_has_the_advice_for_the_options() {
        let refused = || Problem::new(Code::RateLimited, "try again in 2 s");
        let options = LiveOptions { sign_key: Some("key".parse().unwrap()), ..LiveOptions::new("ann") };
        let hint = on_refusal(&options, refused()).hint;
        assert_eq!(fitting(&hint, false, true), "try another user");
        assert_eq!(on_refusal(&LiveOptions::new("ann"), refused()), refused());
        let full = Problem::new(Code::Capacity, "full").hint("try again later");
        assert_eq!(on_refusal(&options, full.clone()), full);
    }
}
