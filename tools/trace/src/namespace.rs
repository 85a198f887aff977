//! A network of one's own.

use std::fs;
use std::process::{Command, Stdio};

use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

/// The two routes on which everything of 127.0.0.1 travels, told to acknowledge at once.
const NETWORK: [&str; 3] = [
    "link set lo up",
    "route change table local local 127.0.0.0/8 dev lo proto kernel scope host src 127.0.0.1 quickack 1",
    "route change table local local 127.0.0.1 dev lo proto kernel scope host src 127.0.0.1 quickack 1",
];

/// And that of ::1.
const NETWORK_6: [&str; 2] = [
    "-6 route del table local local ::1 dev lo",
    "-6 route add table local local ::1 dev lo proto kernel quickack 1",
];

/// Goes into a network namespace of its own, with the numbers of user and group as they are. In it,
/// this process has every right, and the programs that it starts have none (root's have). There
/// must be no other thread yet.
pub fn enter() -> Result<(), String> {
    let refused = |reason: Errno| {
        let reason = reason.desc();
        format!(
            "cargo trace needs a network namespace of its own, and this system allows none \
             ({reason}): use sudo, or on Ubuntu, sudo sysctl \
             kernel.apparmor_restrict_unprivileged_userns=0"
        )
    };
    let (user, group) = (geteuid(), getegid());
    match unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET) {
        Ok(()) => fs::write("/proc/self/setgroups", "deny")
            .and_then(|()| fs::write("/proc/self/uid_map", format!("{user} {user} 1")))
            .and_then(|()| fs::write("/proc/self/gid_map", format!("{group} {group} 1")))
            .map_err(|error| refused(Errno::try_from(error).unwrap_or(Errno::EPERM)))?,
        // Root may have one without the other.
        Err(reason) => {
            unshare(CloneFlags::CLONE_NEWNET).map_err(|_| refused(reason))?;
        }
    }
    // To read the kernel's table of connections takes as long as the table is large, which is sized
    // for a big server; a namespace within a namespace can have a small one. Kernels before 6.1
    // don't know that.
    let _ = fs::write("/proc/sys/net/ipv4/tcp_child_ehash_entries", "4096");
    unshare(CloneFlags::CLONE_NEWNET).map_err(refused)
}

/// Sets up the loopback interface of this namespace, with a program that has the right to.
pub fn set_up() -> Result<(), String> {
    let right = Capability::CAP_NET_ADMIN;
    for set in [CapSet::Inheritable, CapSet::Ambient] {
        // Without it, `ip` says what is missing.
        let _ = caps::raise(None, set, right);
    }
    NETWORK.into_iter().try_for_each(ip)?;
    // IPv6 may be switched off.
    let _ = NETWORK_6.into_iter().try_for_each(ip);
    caps::drop(None, CapSet::Ambient, right)
        .map_err(|error| format!("the right to change the network stays: {error}"))
}

fn ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr);
    Err(format!("the network cannot be set up: {}", reason.trim()))
}
