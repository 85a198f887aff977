//! A network of one's own, and processes of one's own: what a program leaves behind ends with them.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

use crate::helper::Rights;
use crate::network::{FIRST, OTHER, SECOND};

/// What a machine sends to itself travels on these routes.
const LOOPBACK: [&str; 2] = [
    "local 127.0.0.0/8 dev lo proto kernel scope host src 127.0.0.1",
    "local 127.0.0.1 dev lo proto kernel scope host src 127.0.0.1",
];

/// What this tool does in its namespaces. Root has these rights, unless a container took them.
const NEEDED: [Capability; 3] =
    [Capability::CAP_SYS_ADMIN, Capability::CAP_NET_ADMIN, Capability::CAP_NET_RAW];

/// Settings of a network that give a program rights: a new network has the defaults.
const RIGHTS: [&str; 2] =
    ["/proc/sys/net/ipv4/ip_unprivileged_port_start", "/proc/sys/net/ipv4/ping_group_range"];

/// Goes into a network namespace of its own, with the numbers of user and group as they are. In it,
/// this process has every right. There must be no other thread yet.
pub fn enter() -> Result<(), String> {
    let own = CloneFlags::CLONE_NEWNET;
    let has = |right| caps::has_cap(None, CapSet::Effective, right).unwrap_or_default();
    // Who has the rights already needs no namespace of users, in which there are no other ones.
    if !NEEDED.into_iter().all(has) || unshare(own).is_err() {
        let (user, group) = (geteuid(), getegid());
        unshare(own | CloneFlags::CLONE_NEWUSER).map_err(refused)?;
        fs::write("/proc/self/setgroups", "deny")
            .and_then(|()| fs::write("/proc/self/uid_map", format!("{user} {user} 1")))
            .and_then(|()| fs::write("/proc/self/gid_map", format!("{group} {group} 1")))
            .map_err(|error| refused(Errno::try_from(error).unwrap_or(Errno::EPERM)))?;
    }
    network()
}

/// Goes into a new network namespace, with the settings of this one that give a program rights.
fn network() -> Result<(), String> {
    let settings = RIGHTS.map(|file| (file, fs::read(file)));
    // To read the kernel's table of connections takes as long as the table is large, which is sized
    // for a big server; a namespace within a namespace can have a small one. Kernels before 6.1
    // (6.2 for UDP) don't know that.
    let _ = fs::write("/proc/sys/net/ipv4/tcp_child_ehash_entries", "4096");
    let _ = fs::write("/proc/sys/net/ipv4/udp_child_hash_entries", "256");
    unshare(CloneFlags::CLONE_NEWNET).map_err(refused)?;
    for (file, setting) in settings {
        // In a container they may not be there for writing; then the defaults hold.
        let _ = setting.and_then(|setting| fs::write(file, setting));
    }
    Ok(())
}

/// Whether there are routes to somebody else: then this is the network of the machine.
pub fn leads_elsewhere() -> bool {
    // Below the names of the columns there is a line for each.
    let routes = fs::read_to_string("/proc/self/net/route");
    routes.is_ok_and(|routes| routes.lines().nth(1).is_some())
}

/// The next process that this one starts is the first of a namespace of processes.
pub fn processes() -> Result<(), String> {
    unshare(CloneFlags::CLONE_NEWPID).map_err(refused)
}

/// What to say when there can be no namespace: what forbids it, and what to ask for.
fn refused(reason: Errno) -> String {
    let says = |file: &str, what: &str| {
        let text = fs::read_to_string(format!("/proc/sys/{file}"));
        text.is_ok_and(|text| text.trim() == what)
    };
    let limits = ["user", "net", "pid"].map(|kind| format!("max_{kind}_namespaces"));
    let limits = limits.into_iter().filter(|name| says(&format!("user/{name}"), "0"));
    let limits: Vec<String> = limits.map(|name| format!("user.{name}")).collect();
    let clone = "kernel.unprivileged_userns_clone";
    let apparmor = "kernel.apparmor_restrict_unprivileged_userns";
    let why = if reason == Errno::ENOSPC && !limits.is_empty() {
        let set: Vec<String> = limits.iter().map(|name| format!("{name}=1000")).collect();
        let are = if limits.len() == 1 { "is" } else { "are" };
        format!("{} {are} 0): sudo sysctl {}", limits.join(" and "), set.join(" "))
    } else if says("kernel/unprivileged_userns_clone", "0") {
        format!("{clone} is 0): use sudo, or sudo sysctl {clone}=1")
    } else if says("kernel/apparmor_restrict_unprivileged_userns", "1") {
        format!("{apparmor} is 1): use sudo, or sudo sysctl {apparmor}=0")
    } else if is_filtered() {
        format!(
            "{}; a seccomp filter, such as a container's): docker run --cap-add SYS_ADMIN, \
             or --security-opt seccomp=unconfined",
            reason.desc()
        )
    } else {
        format!("{}): use sudo", reason.desc())
    };
    format!("cargo trace needs a network namespace of its own, and this system allows none ({why}")
}

/// Whether some system calls are forbidden to this process and to those that it starts.
pub fn is_filtered() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Seccomp:") && line.ends_with('2'))
}

/// What to say when strace must not follow a program.
pub fn no_ptrace() -> String {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let why = match scope.trim() {
        "3" => "kernel.yama.ptrace_scope is 3, which only a new start of the system changes)",
        "2" => {
            "kernel.yama.ptrace_scope is 2): use sudo, or sudo sysctl kernel.yama.ptrace_scope=1"
        }
        _ if is_filtered() => {
            "a seccomp filter, such as a container's): docker run --cap-add SYS_PTRACE"
        }
        _ => "Operation not permitted)",
    };
    format!("cargo trace needs strace to follow the program, and this system forbids it ({why}")
}

/// Sets up the loopback interface of this namespace, with a program that has the right to. Who
/// receives acknowledges at once, or when the kernel does it elsewhere.
pub fn set_up(rights: &Rights, acks_late: bool) -> Result<(), String> {
    // Without it, `ip` says what is missing.
    let _ = rights.with(Capability::CAP_NET_ADMIN);
    ip("link set lo up")?;
    if !acks_late {
        LOOPBACK
            .iter()
            .try_for_each(|route| ip(&format!("route change table local {route} quickack 1")))?;
        // IPv6 may be switched off.
        let _ = ip("-6 route del table local local ::1 dev lo")
            .and_then(|()| ip("-6 route add table local local ::1 dev lo proto kernel quickack 1"));
    }
    rights.restore()
}

/// The interfaces of this namespace at which the cables of the two machines end.
pub const CABLES: [&str; 2] = ["cable1", "cable2"];

/// Makes a network namespace for one of two machines, and a cable from there to here. This process
/// is in the machine's then.
pub fn machine(number: usize, rights: &Rights, acks_late: bool) -> Result<(), String> {
    let here = File::open(OWN).map_err(|error| format!("{OWN}: {error}"))?;
    network()?;
    set_up(rights, acks_late)?;
    let quickack = if acks_late { "" } else { " quickack 1" };
    let cable = CABLES[number];
    let hardware = |machine| format!("02:00:00:00:00:0{}", machine + 1);
    let _ = rights.with(Capability::CAP_NET_ADMIN);
    // A packet of its own for each segment; nothing that is of no program.
    let quiet = "gso_max_segs 1 addrgenmode none";
    // An ordinary user's `ip` must not look into this process: it has the file as its input.
    let link = format!("link add eth0 address {} type veth peer", hardware(number));
    ip_with(&format!("{link} name {cable} netns /proc/self/fd/0"), here.into())?;
    ip(&format!("link set eth0 {quiet} up"))?;
    let (own, others) = match number {
        0 => ([FIRST, SECOND].concat(), OTHER.to_vec()),
        _ => (OTHER.to_vec(), [FIRST, SECOND].concat()),
    };
    for address in &own {
        // IPv6 may be switched off.
        let _ = match address.contains(':') {
            true => ip(&format!("-6 addr add {address}/64 dev eth0 nodad noprefixroute")),
            false => ip(&format!("addr add {address}/24 brd + dev eth0 noprefixroute")),
        };
    }
    // What would have been asked for in the network, before anything else.
    for address in others {
        let _ = ip(&format!(
            "neigh add {address} lladdr {} dev eth0 nud permanent",
            hardware(1 - number)
        ));
    }
    ip(&format!("route add 192.168.7.0/24 dev eth0 src {}{quickack}", own[0]))?;
    ip("route add broadcast 255.255.255.255 dev eth0")?;
    ip("route add multicast 224.0.0.0/4 dev eth0")?;
    let _ = ip(&format!("-6 route add fd07::/64 dev eth0 src {}{quickack}", own[1]));
    rights.restore()
}

/// Opens the ends of the cables here.
pub fn connect(rights: &Rights) -> Result<(), String> {
    let _ = rights.with(Capability::CAP_NET_ADMIN);
    for cable in CABLES {
        ip(&format!("link set {cable} gso_max_segs 1 addrgenmode none multicast off arp off up"))?;
    }
    rights.restore()
}

/// The network namespace of this process.
pub const OWN: &str = "/proc/self/ns/net";

fn ip(arguments: &str) -> Result<(), String> {
    ip_with(arguments, Stdio::null())
}

fn ip_with(arguments: &str, input: Stdio) -> Result<(), String> {
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .stdin(input)
        .output()
        .map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr);
    Err(format!("the network cannot be set up: {}", reason.trim()))
}
