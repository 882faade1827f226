//! Tests with the public interface, in one binary, which builds faster than several.

mod cases;
mod crates;
mod mock;
mod tape;
