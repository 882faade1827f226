//! Runs a check with fresh seeds, or with one to repeat. A seed determines the input, and the input everything that happens.

use std::{env, time::Duration};

use livetape::clock;

/// Environment variables: a seed to repeat, and the time to spend on fresh seeds, in seconds.
const SEED: &str = "LIVETAPE_SEED";
const SECONDS: &str = "LIVETAPE_SECONDS";

/// Checks fresh seeds until the time is up, or `count` of them without a time, or only the given one. Prints the seed that fails.
pub(crate) fn run(count: u64, check: impl Fn(u64)) {
    if let Some(seed) = number(SEED) {
        return check(seed);
    }
    let first = u64::try_from(clock::wall().as_micros()).unwrap();
    let deadline = number(SECONDS).map(|seconds| clock::now() + Duration::from_secs(seconds));
    let mut seed = first;
    while deadline.map_or(seed < first + count, |deadline| clock::now() < deadline) {
        let on_panic = Printed(seed);
        check(seed);
        std::mem::forget(on_panic);
        seed += 1;
    }
    println!("{} seeds from {first}", seed - first);
}

/// Prints a seed when it is dropped, by a panic.
struct Printed(u64);

impl Drop for Printed {
    fn drop(&mut self) {
        println!("seed {} fails, repeat it with {SEED}={}", self.0, self.0);
    }
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}
