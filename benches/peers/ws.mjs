// The peer of `cargo xtask bench fanout`: a typical server built with `ws`.

import { createInterface } from "node:readline";
import { WebSocketServer } from "ws";

const count = (name) => Number(process.argv[process.argv.indexOf(`--${name}`) + 1]);
const [subscribers, perSecond, burst, messages, bytes] =
  ["subscribers", "per-second", "burst", "messages", "bytes"].map(count);

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, backlog: 4096, perMessageDeflate: false });
server.on("listening", () => console.log(`port ${server.address().port}`));
server.on("connection", () => server.clients.size === subscribers && console.log("ready"));
createInterface({ input: process.stdin }).once("line", () => (perSecond ? atRate() : flood()));

function text() {
  return `@${String(process.hrtime.bigint()).padStart(20, "0")}@`.padEnd(bytes, ".");
}

function send() {
  const message = text();
  for (const client of server.clients) {
    for (let i = 0; i < burst; i++) client.send(message);
  }
}

function atRate() {
  const started = performance.now();
  const bursts = Math.ceil(messages / burst);
  const step = (i) => {
    if (i === bursts) return;
    send();
    setTimeout(step, started + ((i + 1) * burst * 1000) / perSecond - performance.now(), i + 1);
  };
  step(0);
}

function flood() {
  const message = text();
  for (const client of server.clients) {
    let sent = 0;
    const more = () => {
      const end = Math.min(sent + burst, messages);
      for (; sent < end - 1; sent++) client.send(message);
      if (sent < end) sent++, client.send(message, more);
    };
    more();
  }
}
