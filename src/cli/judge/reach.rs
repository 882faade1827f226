//! How a command reaches the server of a case: at any free port, at the port that it has in its code, or from a container.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use livetape_cases::table::Suite;
use livetape_core::{
    error::{Code, Problem},
    terminal::printable,
};

use livetape_server::{Access, Stray};

use crate::{
    cli::{
        args,
        process::output::{quoted, warn},
    },
    settings::{Listen, Settings, Tikfinity},
};

/// Names of this machine in the containers of Docker and Podman.
const IN_CONTAINERS: [&str; 2] = ["host.docker.internal", "host.containers.internal"];
/// Beginning of the paths of Socket.IO.
const SOCKET_IO: &str = "/socket.io";
/// What a command that never connects should do.
const HINT: &str = "connect to LIVETAPE_URL";
const ROOM_HINT: &str = "; if it connects to TikTok itself, add --suite room";
const TIKFINITY_HINT: &str = "connect to LIVETAPE_TIKFINITY_URL, or to LIVETAPE_URL";

/// Where the server of a case listens. Port 0 is any free one.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    pub(super) listen: SocketAddr,
    /// For TikFinity's format, if it is served.
    tikfinity: Option<SocketAddr>,
    /// Which hosts and origins are allowed beside the usual ones.
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl args::Conditions {
    /// Whether only one case can run at a time.
    pub(super) fn has_fixed_port(&self) -> bool {
        self.reach().has_fixed_port()
    }

    fn reach(&self) -> Reach {
        let mut listen = self.listen.unwrap_or((Ipv4Addr::LOCALHOST, 0).into());
        listen.set_port(self.port.unwrap_or(listen.port()));
        let tikfinity = self.tikfinity.map(|port| (listen.ip(), port).into());
        Reach { listen, tikfinity, hosts: self.host.clone(), origins: self.origin.clone() }
    }

    /// Returns the flags about the address, as on a command line.
    pub(super) fn address_flags(&self) -> String {
        let tikfinity = self.tikfinity.map(|port| match port {
            0 => " --tikfinity".to_owned(),
            port => format!(" --tikfinity={port}"),
        });
        let port = self.port.map(|port| format!(" --port {port}"));
        let listen = self.listen.map(|listen| match listen.port() {
            0 => format!(" --listen {}", listen.ip()),
            _ => format!(" --listen {listen}"),
        });
        let hosts = self.host.iter().map(|host| format!(" --host {}", quoted(host)));
        let origins = self.origin.iter().map(|origin| format!(" --origin {}", quoted(origin)));
        [tikfinity, port, listen].into_iter().flatten().chain(hosts).chain(origins).collect()
    }
}

impl Reach {
    /// Says if it means that cases wait for each other, or that other machines reach them.
    ///
    /// # Errors
    /// `bad_request` if other flags contradict it.
    pub(super) fn new(conditions: &args::Conditions) -> Result<Self, Problem> {
        let reach = conditions.reach();
        let access =
            Access { hosts: reach.hosts.clone(), origins: reach.origins.clone(), ..Access::default() };
        access.check().map_err(|problem| {
            let message =
                problem.message.replace("server.origins", "--origin").replace("server.hosts", "--host");
            Problem::new(Code::BadRequest, message).hint("see `livetape help test`")
        })?;
        let (is_fixed, is_local) = (reach.has_fixed_port(), reach.listen.ip().is_loopback());
        let (message, hint) = match conditions {
            _ if is_fixed && conditions.jobs.is_some_and(|jobs| jobs.get() > 1) => {
                ("a fixed port serves one case at a time", "leave --jobs out")
            }
            _ if reach.listen.port() > 0
                && reach.tikfinity.is_some_and(|it| it.port() == reach.listen.port()) =>
            {
                ("--port and --tikfinity have the same port", "use two ports")
            }
            args::Conditions { page: Some(_), .. } if !is_local => {
                ("--page shows the page on this machine", "leave --listen out")
            }
            args::Conditions { mock_proxy: true, .. } if !is_local || is_fixed => {
                ("--mock-proxy has any free port of this machine", "leave --listen and --port out")
            }
            _ => {
                if is_fixed {
                    warn("💡 one case at a time: its port is fixed");
                }
                if !is_local {
                    warn(format_args!(
                        "💡 while a case runs, other machines that reach {} can read and control it",
                        reach.listen.ip()
                    ));
                }
                return Ok(reach);
            }
        };
        Err(Problem::new(Code::BadRequest, message).hint(hint))
    }

    fn has_fixed_port(&self) -> bool {
        [Some(self.listen), self.tikfinity].into_iter().flatten().any(|address| address.port() > 0)
    }

    /// Sets the addresses of a server, and what it may be called.
    pub(super) fn set(&self, settings: &mut Settings) {
        let server = &mut settings.server;
        server.listen = Listen(self.listen);
        server.tikfinity = Tikfinity(self.tikfinity.map(Listen));
        server.hosts.extend(IN_CONTAINERS.map(str::to_owned).into_iter().chain(self.hosts.clone()));
        server.origins.extend(self.origins.clone());
    }

    /// Returns the address of a server as the command uses it. One that listens on all addresses is for containers.
    pub(super) fn url(&self, url: &str) -> String {
        match self.listen.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => url.replacen("0.0.0.0", IN_CONTAINERS[0], 1),
            IpAddr::V6(ip) if ip.is_unspecified() => url.replacen("[::]", IN_CONTAINERS[0], 1),
            _ => url.to_owned(),
        }
    }

    /// Returns what a command that never connects to the feed should do.
    pub(super) fn hint(&self) -> String {
        self.hint_after(self.feed_hint(), Suite::Feed)
    }

    /// Adds the flags for commands that do not connect to the address in their environment, to a hint that says more.
    pub(super) fn hint_after(&self, hint: &str, suite: Suite) -> String {
        let room = if self.tikfinity.is_none() && suite == Suite::Feed { ROOM_HINT } else { "" };
        self.with_flags(hint, suite) + room
    }

    fn feed_hint(&self) -> &'static str {
        if self.tikfinity.is_some() { TIKFINITY_HINT } else { HINT }
    }

    /// Adds the flags for commands that do not use the address in their environment.
    pub(super) fn with_flags(&self, hint: &str, suite: Suite) -> String {
        let mut hint = hint.to_owned();
        if !self.has_fixed_port() {
            hint += "; if its address is in its code, add --port 3000";
            hint += if suite == Suite::Feed { ", or --tikfinity=21213 for TikFinity's" } else { "" };
        }
        if self.listen.ip().is_loopback() {
            hint += "; in a container, add --listen ADDRESS";
        }
        hint
    }

    /// Says what reached the server instead of a client of the feed, with its number, and what to do.
    pub(super) fn explain(&self, stray: &Stray, count: u64) -> String {
        let times = times(count);
        match stray {
            Stray::Tls => {
                format!("it began TLS {times}, which this port does not have: use ws:// and http://")
            }
            Stray::Host(host) => {
                let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
                let host =
                    host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(&**host, |(name, _)| name);
                format!(
                    "it was refused {times}, with 403, as it asked for the host {}: add --host {0}",
                    quoted(host)
                )
            }
            Stray::Origin(origin) if !is_origin(origin) => {
                format!(
                    "it was refused {times}, with 403, because its library sends {} as its origin, which is none: set its header `Origin`, or leave it out",
                    quoted(origin)
                )
            }
            Stray::Origin(origin) => {
                format!(
                    "it was refused {times}, with 403, because of its origin {}: add --origin {0}",
                    quoted(origin)
                )
            }
            Stray::Request { why, .. } if !why.is_empty() => {
                format!("it was refused {times}: {}", printable(why))
            }
            Stray::Request { method, path, status, .. } => {
                let what = if path.starts_with(SOCKET_IO) {
                    "Socket.IO is another protocol"
                } else {
                    "that is not the feed"
                };
                format!(
                    "it only sent {method} {} ({status}, {times}), and {what}: {}, or read LIVETAPE_HTTP/events",
                    quoted(path),
                    self.feed_hint()
                )
            }
        }
    }

    /// Explains why the server of a case cannot listen.
    pub(super) fn explained(&self, problem: Problem) -> Problem {
        let port = self.listen.port();
        if problem.code != Code::PortInUse
            || port == 0
            || !problem.message.starts_with(&format!("port {port} "))
        {
            return problem;
        }
        problem.hint(format!("end the program that uses it, such as another livetape with --port {port}"))
    }
}

pub(super) fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

/// Whether `--origin` takes it: browsers send no path.
fn is_origin(origin: &str) -> bool {
    Access { origins: vec![origin.to_owned()], ..Access::default() }.check().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(listen: &str, tikfinity: Option<u16>) -> Reach {
        let listen: SocketAddr = listen.parse().unwrap();
        let tikfinity = tikfinity.map(|port| (listen.ip(), port).into());
        Reach { listen, tikfinity, hosts: Vec::new(), origins: Vec::new() }
    }

    #[test]
    fn a_server_for_containers_has_their_name_of_this_machine() {
        for (listen, url, expected) in [
            ("127.0.0.1:0", "ws://127.0.0.1:4000/", "ws://127.0.0.1:4000/"),
            ("172.17.0.1:0", "ws://172.17.0.1:4000/", "ws://172.17.0.1:4000/"),
            ("0.0.0.0:0", "ws://0.0.0.0:4000/", "ws://host.docker.internal:4000/"),
            ("[::]:0", "http://[::]:4000", "http://host.docker.internal:4000"),
        ] {
            assert_eq!(reach(listen, None).url(url), expected);
        }
    }

    #[test]
    fn hints_name_only_what_is_left_to_try() {
        let hint = |listen, tikfinity| reach(listen, tikfinity).hint();
        let any = hint("127.0.0.1:0", None);
        for flag in ["LIVETAPE_URL", "--port 3000", "--tikfinity=21213", "--listen ADDRESS"] {
            assert!(any.contains(flag), "{any}");
        }
        let fixed = hint("127.0.0.1:3000", None);
        assert!(!fixed.contains("--port") && fixed.contains("--listen"), "{fixed}");
        let fixed = hint("0.0.0.0:0", Some(21213));
        assert_eq!(fixed, TIKFINITY_HINT);
        assert!(!reach("127.0.0.1:0", None).with_flags("x", Suite::Room).contains("tikfinity"));
    }

    #[test]
    fn what_reached_the_server_instead_says_what_to_do() {
        let reach = reach("127.0.0.1:0", None);
        let request = |path: &str| Stray::Request {
            method: "GET".into(),
            path: path.into(),
            status: 404,
            why: String::new(),
        };
        for (stray, count, expected) in [
            (Stray::Tls, 1, "it began TLS once, which this port does not have: use ws:// and http://"),
            (
                Stray::Host("umbrel.local:36685".into()),
                60,
                "it was refused 60 times, with 403, as it asked for the host umbrel.local: add --host umbrel.local",
            ),
            (
                Stray::Origin("chrome-extension://abc".into()),
                2,
                "it was refused 2 times, with 403, because of its origin chrome-extension://abc: add --origin chrome-extension://abc",
            ),
            (
                Stray::Origin("https://github.com/a/b".into()),
                1,
                "it was refused once, with 403, because its library sends https://github.com/a/b as its origin, which is none: set its header `Origin`, or leave it out",
            ),
            (
                request("/socket.io/"),
                22,
                "it only sent GET /socket.io/ (404, 22 times), and Socket.IO is another protocol: connect to LIVETAPE_URL, or read LIVETAPE_HTTP/events",
            ),
            (
                request("/truth"),
                1,
                "it only sent GET /truth (404, once), and that is not the feed: connect to LIVETAPE_URL, or read LIVETAPE_HTTP/events",
            ),
        ] {
            assert_eq!(reach.explain(&stray, count), expected);
        }
    }

    #[test]
    fn only_a_fixed_port_can_be_in_use() {
        let problem = || Problem::new(Code::PortInUse, "port 3000 is in use on 127.0.0.1");
        assert!(
            reach("127.0.0.1:3000", None)
                .explained(problem())
                .hint
                .contains("another livetape with --port 3000")
        );
        for other in [reach("127.0.0.1:0", Some(3000)), reach("127.0.0.1:300", None)] {
            assert_eq!(other.explained(problem()).hint, problem().hint);
        }
    }
}
