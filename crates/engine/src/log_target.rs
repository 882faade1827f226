//! Targets of lines that the program logs even while the terminal displays events, unless a level is set.

/// Target of lines about clients that connect and disconnect, and rooms they create.
pub const CLIENTS: &str = "livetape::clients";

/// Target of lines about the rooms of tokens: the terminal displays only events of the main channel.
pub const TOKENS: &str = "livetape::tokens";
