//! Empty: stands in for a project that tests with `livetape-testing`.
