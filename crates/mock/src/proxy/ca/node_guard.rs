//! A module for Node.js, loaded before a program, that ends it instead of letting it connect to a host of the mock
//! directly: that would be the real one.
//!
//! `fetch` and `http` in versions before 22.21, and the sockets of many libraries in all versions, do not read
//! `HTTPS_PROXY`. Through the proxy, a program only connects to this machine. The version says nothing about
//! that: libraries such as axios read the variables themselves.

use super::super::domains::DOMAINS;

/// CommonJS, because `--require` works in every version and leaves the way in which the program is loaded as it is.
const GUARD: &str = r#"const { writeSync } = require('fs')
const { Socket } = require('net')

const { connect } = Socket.prototype
Socket.prototype.connect = function (...args) {
  const [options, second] = Array.isArray(args[0]) ? args[0] : args
  const host = String((options && options.host) || second).toLowerCase()
  if (DOMAINS.some((domain) => host === domain || host.endsWith(`.${domain}`))) {
    writeSync(2, `❌ livetape ended this program before it reached the real ${host}: its client does not use the proxy of HTTPS_PROXY (Node.js ${process.version})\n` +
      '💡 use Node.js 22.21, 24.5 or later, or pass the client an agent for the proxy\n')
    process.exit(EXIT_CODE)
  }
  return connect.apply(this, args)
}
"#;

/// Exit code of a program that it ends: `EX_CONFIG` of sysexits.h.
const EXIT_CODE: u8 = 78;

/// Returns the content of its file.
pub(super) fn node_guard() -> String {
    format!("const DOMAINS = {DOMAINS:?}, EXIT_CODE = {EXIT_CODE}\n{GUARD}")
}
