//! Malicious upstreams that wait or make livetape wait, in memory and to the millisecond. Those that could cost memory
//! attack the program, in the tests of the root.

mod slow;
mod waits;
