//! Fuzzing of everything that parses bytes from outside: the committed corpora, and mutations of them.
//! `cargo xtask nightly random` runs these tests with fresh seeds.

mod clients;
mod corpus;
mod targets;

use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use corpus::mutations;

/// Number of mutated inputs for each seed.
const INPUTS: u32 = 64;

/// Passes the inputs of a corpus, and mutations of them, to a target. It must return for any bytes.
fn fuzz(corpus: &[Vec<u8>], target: fn(&[u8]) -> Result<(), TestCaseError>) {
    corpus.iter().for_each(|input| target(input).expect("the corpus itself is handled"));
    // The seed is enough to repeat a failure.
    let config = Config { cases: INPUTS, failure_persistence: None, ..Config::default() };
    match TestRunner::new(config).run(&mutations(), |mutation| target(&mutation.apply(corpus))) {
        Err(TestError::Fail(reason, mutation)) => {
            panic!("{reason}\ninput: b\"{}\"", mutation.apply(corpus).escape_ascii())
        }
        result => result.expect("no input is rejected"),
    }
}

#[test]
fn recordings() {
    fuzz(&corpus::recordings(), targets::recording);
}

#[test]
fn frames_on_the_wire() {
    fuzz(&corpus::frames(), targets::wire);
}

#[test]
fn decoded_frames() {
    fuzz(&corpus::frames(), targets::decoder);
}

#[test]
fn shared_recordings() {
    fuzz(&corpus::frames(), targets::share);
}

#[test]
fn imports() {
    fuzz(&corpus::captures(), targets::import);
}

#[test]
fn settings() {
    fuzz(&[include_bytes!("../../../livetape.example.toml").to_vec()], targets::settings);
}

#[test]
fn scenarios() {
    fuzz(&corpus::files("fixtures/scenarios", "toml"), targets::scenario);
}

#[test]
fn sockets() {
    fuzz(&corpus::client_frames(), clients::websocket);
}

#[test]
fn requests() {
    fuzz(&corpus::requests(), clients::request);
}
