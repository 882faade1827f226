//! A failure as an `error` event, for those who read a feed and are not on it.

use std::time::Duration;

use crate::{
    clock,
    sans_io::{
        error::Problem,
        event::{Data, Event, Failure, Millis, finish_json},
    },
};

/// Its JSON: in the same words as where a source failed. `stream` and `seq` say where the reader is.
pub(crate) fn event(problem: &Problem, retry_after: Option<Duration>, stream: &str, seq: u64) -> Vec<u8> {
    let data = Data::Failure(Failure {
        code: problem.code.name().to_owned(),
        title: problem.code.title(),
        message: problem.message.clone(),
        hint: problem.hint.clone(),
        attempt: 0,
        retrying: false,
        retry_after_ms: retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
    });
    let now = Millis(i64::try_from(clock::wall().as_millis()).unwrap_or(i64::MAX));
    let event = Event {
        username: "".into(),
        user: None,
        timestamp: now,
        ts: now,
        id: None,
        replay: false,
        injected: false,
        data,
    };
    let mut json = Vec::new();
    event.begin_json(stream, &mut json);
    finish_json(seq, &mut json);
    json
}
