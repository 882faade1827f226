//! `GET /test/{user}`: looks up a user without connecting, regardless of the current source.

use crate::{
    control::{Answer, Check, Limit, Tester},
    sans_io::{error::Problem, username::normalise},
    source::live::{self, Transport},
};

/// Returns a function that processes tests over `transport`, each in its own task.
pub(super) fn tester<T: Transport>(transport: T, options: live::LiveOptions, limit: Limit) -> Tester {
    Box::new(move |user, answer: Answer<Check>| {
        let (transport, options, limit) = (transport.clone(), options.clone(), limit.clone());
        tokio::spawn(async move {
            answer.accept(test(user, transport, options, &limit).await);
        });
    })
}

async fn test<T: Transport>(user: String, transport: T, options: live::LiveOptions, limit: &Limit) -> Check {
    let name = match normalise(&user) {
        Ok(name) => name,
        Err(problem) => return refused(user, problem),
    };
    if let Err(refusal) = limit.check() {
        return refused(name, refusal.problem);
    }
    let options = live::LiveOptions { user: name.clone(), ..options };
    let found = live::check(&options, &transport).await;
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
    }
}

fn refused(username: String, problem: Problem) -> Check {
    Check {
        username,
        code: Some(problem.code),
        message: Some(problem.message),
        hint: Some(problem.hint),
        ..Check::default()
    }
}
