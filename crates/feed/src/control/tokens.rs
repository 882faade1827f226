//! Tokens: which clients may open a channel, and with which room or recording.

use std::{collections::BTreeSet, path::PathBuf};

use livetape_core::{
    error::{Code, Problem},
    recording::FOLDER,
    secret::Secret,
    token::check as check_token,
    username::normalise,
};
use subtle::ConstantTimeEq as _;

/// Default maximum number of connected rooms, including that of the main channel.
pub const MAX_LIVE: usize = 1;
/// Maximum number of private replays.
pub const MAX_REPLAYS: usize = 16;
/// Maximum number of tokens. Each token in a request is compared with all of them.
pub const TOKENS_MAX: usize = 1_000;

/// A client's token, and what it opens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    pub secret: Secret,
    pub client: String,
    /// TikTok user whose room the token opens.
    pub user: Option<String>,
    /// Recording for test replays: `demo`, a name under `recordings/`, or a path.
    pub recording: Option<String>,
}

/// Configuration of the additional channels.
#[derive(Clone, Debug)]
pub struct Sources {
    pub tokens: Vec<Token>,
    /// Maximum number of connected rooms, including that of the main channel.
    pub max_live: usize,
    pub max_replays: usize,
    /// Directory with the recordings that tokens refer to by name.
    pub recordings: PathBuf,
    /// Called with warnings for the operator of the server.
    pub tell: fn(&str),
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            tokens: Vec::new(),
            max_live: MAX_LIVE,
            max_replays: MAX_REPLAYS,
            recordings: FOLDER.into(),
            tell: |_| (),
        }
    }
}

/// Validates the tokens and normalises their users. Tokens must be unique.
pub(super) fn check(tokens: Vec<Token>) -> Result<Vec<Token>, Problem> {
    if tokens.len() > TOKENS_MAX {
        return Err(bad(format!("{} tokens are more than the maximum of {TOKENS_MAX}", tokens.len()))
            .hint(format!("keep at most {TOKENS_MAX} tokens")));
    }
    let mut seen = BTreeSet::new();
    for token in &tokens {
        let (secret, client) = (token.secret.reveal(), &token.client);
        if let Err(why) = check_token(secret) {
            return Err(bad(format!("the token of `{client}` cannot be part of a URL")).hint(why));
        }
        if !seen.insert(secret) {
            return Err(
                bad(format!("the token of `{client}` is used twice")).hint("give each client its own token")
            );
        }
    }
    tokens.into_iter().map(with_name_of_user).collect()
}

/// Finds the matching token. Takes constant time, so that timing reveals nothing about the tokens.
pub(super) fn find<'a>(tokens: &'a [Token], given: &str) -> Option<&'a Token> {
    let mut found = None;
    for token in tokens {
        if token.secret.reveal().as_bytes().ct_eq(given.as_bytes()).into() {
            found = Some(token);
        }
    }
    found
}

/// Returns the key of a user in the registry, which ignores case.
pub(super) fn key(user: &str) -> String {
    user.to_lowercase()
}

/// Normalises the token's user. A blank name counts as none.
fn with_name_of_user(token: Token) -> Result<Token, Problem> {
    let given = token.user.as_deref().filter(|user| !user.trim().is_empty());
    let user = given.map(normalise).transpose()?;
    Ok(Token { user, ..token })
}

fn bad(message: String) -> Problem {
    Problem::new(Code::BadRequest, message)
}

#[cfg(test)]
mod tests {
    use livetape_core::token::TOKEN_BYTES_MAX;

    use super::*;

    fn token(secret: &str, user: Option<&str>) -> Token {
        let user = user.map(str::to_owned);
        Token { secret: secret.to_owned().into(), client: "stage".to_owned(), user, recording: None }
    }

    #[test]
    fn users_are_normalised_and_blank_ones_removed() {
        let given = [("a", Some("@Ann")), ("b", Some(" ")), ("c", None)];
        let tokens = check(given.map(|(secret, user)| token(secret, user)).to_vec()).unwrap();
        let users: Vec<_> = tokens.iter().map(|token| token.user.as_deref()).collect();
        assert_eq!(users, [Some("Ann"), None, None]);
        for (given, expected) in [("a", true), ("A", false), ("", false), ("aa", false)] {
            assert_eq!(find(&tokens, given).is_some(), expected, "{given}");
        }
    }

    #[test]
    fn invalid_tokens_are_rejected_without_being_shown() {
        let long = "x".repeat(TOKEN_BYTES_MAX + 1);
        for secrets in
            [&["test"][..], &["echo"], &["s3cret", "s3cret"], &[""], &["a/b"], &["."], &["ä"], &[&long]]
        {
            let tokens = secrets.iter().map(|secret| token(secret, None)).collect();
            let problem = check(tokens).unwrap_err();
            assert_eq!(problem.code, Code::BadRequest, "{secrets:?}");
            assert!(problem.message.contains("stage"), "{problem}");
            assert!(!format!("{problem:?}").contains("s3cret"), "{problem:?}");
        }
        assert_eq!(check(vec![token("a", Some("a b"))]).unwrap_err().code, Code::InvalidUsername);
        assert!(check(vec![Token::default(); TOKENS_MAX + 1]).is_err());
        assert!(!format!("{:?}", token("s3cret", None)).contains("s3cret"));
    }
}
