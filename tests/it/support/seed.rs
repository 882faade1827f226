//! Random choices of tests.

/// Seed of all random choices: that of the proptests, fixed by day and fresh at night.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("PROPTEST_RNG_SEED").expect("`cargo test` sets it");
    println!("PROPTEST_RNG_SEED={seed}");
    seed.parse().unwrap()
}
