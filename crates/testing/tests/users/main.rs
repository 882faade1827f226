//! Tests with the public interface, in one binary, which builds faster than several.

mod cases;
mod copied;
mod crates;
mod mock;
mod tape;
