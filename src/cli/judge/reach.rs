//! How a command reaches the server of a case: at any free port, at the port that it has in its code, or from a container.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use livetape_cases::table::Suite;
use livetape_core::error::{Code, Problem};

use crate::{
    cli::{args, process::output::warn},
    settings::{Listen, Settings, Tikfinity},
};

/// Names of this machine in the containers of Docker and Podman.
const IN_CONTAINERS: [&str; 2] = ["host.docker.internal", "host.containers.internal"];
/// What a command that never connects should do.
const HINT: &str = "connect to LIVETAPE_URL";
const TIKFINITY_HINT: &str = "connect to LIVETAPE_TIKFINITY_URL, or to LIVETAPE_URL";

/// Where the server of a case listens. Port 0 is any free one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    pub(super) listen: SocketAddr,
    /// For TikFinity's format, if it is served.
    tikfinity: Option<SocketAddr>,
}

impl args::Conditions {
    /// Whether only one case can run at a time.
    pub(super) fn has_fixed_port(&self) -> bool {
        self.reach().has_fixed_port()
    }

    fn reach(&self) -> Reach {
        let mut listen = self.listen.unwrap_or((Ipv4Addr::LOCALHOST, 0).into());
        listen.set_port(self.port.unwrap_or(listen.port()));
        Reach { listen, tikfinity: self.tikfinity.map(|port| (listen.ip(), port).into()) }
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
        [tikfinity, port, listen].into_iter().flatten().collect()
    }
}

impl Reach {
    /// Says if it means that cases wait for each other, or that other machines reach them.
    ///
    /// # Errors
    /// `bad_request` if other flags contradict it.
    pub(super) fn new(conditions: &args::Conditions) -> Result<Self, Problem> {
        let reach = conditions.reach();
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
        server.hosts.extend(IN_CONTAINERS.map(str::to_owned));
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
        self.with_flags(if self.tikfinity.is_some() { TIKFINITY_HINT } else { HINT }, Suite::Feed)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(listen: &str, tikfinity: Option<u16>) -> Reach {
        let listen: SocketAddr = listen.parse().unwrap();
        Reach { listen, tikfinity: tikfinity.map(|port| (listen.ip(), port).into()) }
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
