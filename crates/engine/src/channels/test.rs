//! `GET /test/{user}`: looks up a user without connecting, regardless of the current source.

use std::time::Duration;

use livetape_core::username::normalise;
use livetape_feed::control::{Answer, Check, Refusal, Tester};

use crate::source::live::{self, SharedTransport};

/// Returns a function that processes tests over `transport`, each in its own task.
pub(super) fn tester(transport: SharedTransport, options: live::LiveOptions) -> Tester {
    Box::new(move |user, answer: Answer<Check>| {
        let (transport, options) = (transport.clone(), options.clone());
        tokio::spawn(async move {
            answer.accept(test(user, transport, options).await);
        });
    })
}

async fn test(user: String, transport: SharedTransport, options: live::LiveOptions) -> Check {
    let limit = options.limit.clone();
    let name = match normalise(&user) {
        Ok(name) => name,
        Err(problem) => return refused(user, problem),
    };
    let (found, known_for) = match limit.known(&name, false) {
        Some(known) => (live::Check::from(known.clone()), Some(known.left)),
        None => {
            let turn = match limit.admit(Duration::ZERO) {
                Ok(turn) => Some(turn),
                Err(refusal) => return refused(name, refusal),
            };
            let options = live::LiveOptions { user: name.clone(), turn, ..options };
            (live::check(&options, transport).await, None)
        }
    };
    if let Some(wait) = found.wait {
        limit.set(wait);
    }
    let problem = found.why;
    Check {
        username: name,
        exists: found.exists,
        live: found.live,
        room_id: found.room_id.map(|room_id| room_id.to_string()),
        can_connect: found.can_connect,
        code: problem.as_ref().map(|problem| problem.code),
        message: problem.as_ref().map(|problem| problem.message.clone()),
        hint: problem.map(|problem| problem.hint),
        retry_after_ms: found.wait.or(known_for).map(millis),
    }
}

fn refused(username: String, refusal: impl Into<Refusal>) -> Check {
    let Refusal { problem, retry_after, .. } = refusal.into();
    Check {
        username,
        code: Some(problem.code),
        message: Some(problem.message),
        hint: Some(problem.hint),
        retry_after_ms: retry_after.map(millis),
        ..Check::default()
    }
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}
