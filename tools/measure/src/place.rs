//! Where servers run: each in a network of its own, where the system allows that.

use std::fs::{self, File};
use std::net::TcpListener;
use std::process::Command;

use nix::sched::{CloneFlags, setns, unshare};
use nix::unistd::{getegid, geteuid};

use crate::machine::Cores;

/// The network that this thread is in. A socket stays in the one in which it was made.
const OWN: &str = "/proc/thread-self/ns/net";

/// What a server gets there: nobody else is there who could have it.
const ALONE: &str = "127.0.0.1:8090";

/// Where the servers of this run are.
pub struct Place {
    /// What keeps them from networks of their own: then they are all on this machine's loopback.
    pub why_not: Option<String>,
    pub cores: Cores,
}

/// Where one server is.
pub struct Network {
    own: Option<File>,
    pub address: String,
}

impl Place {
    /// There must be no other thread yet.
    pub fn find() -> Self {
        // There is no way back into the machine's network: a child tries it first.
        let why_not = try_it().and_then(|()| rights()).and_then(|()| network()).err();
        Self { why_not, cores: Cores::find() }
    }

    /// A new network, in which this thread is then.
    pub fn network(&self) -> Result<Network, String> {
        if self.why_not.is_some() {
            // Nobody else takes it in the moment until the server has it, hopefully.
            let listener = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
            let address = listener.map_err(|error| format!("no port: {error}"))?;
            return Ok(Network { own: None, address: address.to_string() });
        }
        network()?;
        let own = File::open(OWN).map_err(|error| format!("{OWN}: {error}"))?;
        Ok(Network { own: Some(own), address: ALONE.to_owned() })
    }
}

impl Network {
    /// Whether nobody else is in it.
    pub fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// From now on, this thread makes its sockets there.
    pub fn enter(&self) -> Result<(), String> {
        let Some(own) = &self.own else { return Ok(()) };
        setns(own, CloneFlags::CLONE_NEWNET).map_err(|error| format!("setns: {error}"))
    }
}

fn try_it() -> Result<(), String> {
    let tried = Command::new("unshare").args(["-rn", "ip", "link", "set", "lo", "up"]).output();
    let tried = tried.map_err(|error| format!("unshare (of util-linux): {error}"))?;
    if tried.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&tried.stderr).trim().replace('\n', "; "))
}

/// Who may make no network may do so as the first user of a new world.
fn rights() -> Result<(), String> {
    if unshare(CloneFlags::CLONE_NEWNET).is_ok() {
        return Ok(());
    }
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
        .map_err(|error| format!("no network namespace: {}", error.desc()))?;
    fs::write("/proc/self/setgroups", "deny")
        .and_then(|()| fs::write("/proc/self/uid_map", format!("0 {user} 1")))
        .and_then(|()| fs::write("/proc/self/gid_map", format!("0 {group} 1")))
        .map_err(|error| format!("no network namespace: {error}"))
}

fn network() -> Result<(), String> {
    unshare(CloneFlags::CLONE_NEWNET)
        .map_err(|error| format!("no network namespace: {}", error.desc()))?;
    let up = Command::new("ip").args(["link", "set", "lo", "up"]).output();
    let up = up.map_err(|error| format!("ip (of iproute2) does not start: {error}"))?;
    if up.status.success() {
        return Ok(());
    }
    Err(format!("ip link set lo up: {}", String::from_utf8_lossy(&up.stderr).trim()))
}
