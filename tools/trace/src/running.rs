//! A program that runs already: whether it can be followed, and what on this machine is its own.
//!
//! There is no network for it alone. So everything is asked: of the kernel's sockets, those are
//! shown that the program has; of the machine's packets, those of these sockets. A packet that came
//! or went with a socket that was in no table is not shown: it may be somebody else's.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process;
use std::str::FromStr as _;
use std::sync::LazyLock;

use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::net::if_::if_indextoname;
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::Signal;
use nix::sys::socket::{
    AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, setsockopt, socket, sockopt,
};
use nix::unistd::{Uid, User, geteuid};
use procfs::process::{FDTarget, Process};
use regex_lite::Regex;

use crate::namespace;
use crate::strace::{regex, thread_of};
use crate::tables::{Change, Ends, Family, Row, canonical};
use crate::tap::{ETH_P_IP, ETH_P_IPV6, ETHERNET, Kind, Packet, Parts, receive};

/// The name of a process that can be followed, as far as that can be known before it is tried.
pub fn find(pid: i32) -> Result<String, String> {
    let none = || format!("there is no process {pid}");
    let status = Process::new(pid).and_then(|process| process.status()).map_err(|_| none())?;
    if status.tgid != pid {
        return Err(format!("{pid} is a thread of process {0}: --pid {0}", status.tgid));
    }
    if status.state.starts_with('Z') {
        return Err(format!("process {pid} ({}) has ended", status.name));
    }
    if u32::try_from(pid) == Ok(process::id()) {
        return Err(format!("process {pid} is cargo trace itself"));
    }
    if status.tracerpid != 0 {
        let other = status.tracerpid;
        let name = Process::new(other).and_then(|other| other.status());
        let name = name.map_or(String::new(), |status| format!(" ({})", status.name));
        return Err(format!(
            "process {pid} ({}) is followed already, by process {other}{name}: only one can",
            status.name
        ));
    }
    Ok(status.name)
}

/// What the system calls a process.
pub fn name_of(pid: i32) -> String {
    let stat = Process::new(pid).and_then(|process| process.stat());
    stat.map_or("?".to_owned(), |stat| stat.comm)
}

/// Why strace must not follow a process, and what to ask for.
pub fn refused(pid: i32) -> String {
    let Ok(status) = Process::new(pid).and_then(|process| process.status()) else {
        return format!("process {pid} has ended");
    };
    let what = format!("process {pid} ({})", status.name);
    // What belongs to the kernel has no memory of its own.
    if status.vmsize.is_none() {
        return format!("{what} is a part of the kernel: nobody can follow it");
    }
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let scope = scope.trim();
    if scope == "3" {
        return format!(
            "{what} cannot be followed: kernel.yama.ptrace_scope is 3, which only a new start of \
             the system changes"
        );
    }
    let may_all = caps::has_cap(None, CapSet::Effective, Capability::CAP_SYS_PTRACE);
    if may_all.unwrap_or_default() {
        let filter = if namespace::is_filtered() { ", or a seccomp filter" } else { "" };
        return format!("{what} cannot be followed: it has rights that this user has not{filter}");
    }
    if [status.ruid, status.euid, status.suid].iter().any(|user| Uid::from_raw(*user) != geteuid())
    {
        let user = User::from_uid(Uid::from_raw(status.euid)).ok().flatten();
        let user = user.map_or(format!("user {}", status.euid), |user| user.name);
        return format!("{what} is not yours, it is {user}'s: use sudo");
    }
    match scope {
        "1" => format!(
            "{what} cannot be followed: kernel.yama.ptrace_scope is 1, so a program is followed \
             by who started it alone: use sudo, or sudo sysctl kernel.yama.ptrace_scope=0"
        ),
        "2" => format!(
            "{what} cannot be followed: kernel.yama.ptrace_scope is 2: use sudo, or sudo sysctl \
             kernel.yama.ptrace_scope=0"
        ),
        _ if namespace::is_filtered() => format!(
            "{what} cannot be followed (a seccomp filter, such as a container's): docker run \
             --cap-add SYS_PTRACE"
        ),
        _ => format!(
            "{what} cannot be followed: it has rights that you have not, or it forbids it: use sudo"
        ),
    }
}

/// A descriptor of a socket of the internet, the socket's number, and its kind.
pub type Open = (i32, u64, Family);

/// The sockets of the internet that a process has. Also those that have no address yet, and are in
/// no table.
pub fn sockets(pid: i32) -> Vec<Open> {
    let all = Process::new(pid).and_then(|process| process.fd());
    let mut all: Vec<Open> = all.map_or(vec![], |all| {
        let socket = |number: i32, target: &FDTarget| match target {
            FDTarget::Socket(inode) => Some((number, *inode, family(pid, number)?)),
            _ => None,
        };
        all.flatten().filter_map(|one| socket(one.fd, &one.target)).collect()
    });
    all.sort_by_key(|one| one.0);
    all
}

/// The numbers of all sockets that a process has.
fn numbers(pid: i32) -> Vec<u64> {
    let all = Process::new(pid).and_then(|process| process.fd());
    let number = |target| match target {
        FDTarget::Socket(inode) => Some(inode),
        _ => None,
    };
    all.map_or(vec![], |all| all.flatten().filter_map(|one| number(one.target)).collect())
}

/// What kind of socket it is, in the kernel's own words.
fn family(pid: i32, number: i32) -> Option<Family> {
    let mut name = [0; 32];
    let path = format!("/proc/{pid}/fd/{number}");
    let length = rustix::fs::getxattr(path, "system.sockprotoname", &mut name).ok()?;
    match name.get(..length)? {
        b"TCP\0" => Some(Family::Tcp),
        b"TCPv6\0" => Some(Family::Tcp6),
        b"UDP\0" => Some(Family::Udp),
        b"UDPv6\0" => Some(Family::Udp6),
        _ => None,
    }
}

/// Goes into the network of a process, if it is another one.
fn enter_network(pid: i32) -> io::Result<()> {
    let inside = |kind: &str| {
        let [ours, its] = ["self".to_owned(), pid.to_string()]
            .map(|whose| fs::read_link(format!("/proc/{whose}/ns/{kind}")));
        Ok::<_, io::Error>(ours? == its?)
    };
    if inside("net")? {
        return Ok(());
    }
    let open = |kind: &str| File::open(format!("/proc/{pid}/ns/{kind}"));
    let (network, users) = (open("net")?, open("user"));
    match setns(&network, CloneFlags::CLONE_NEWNET) {
        // An ordinary user's own namespace of users gives the right to.
        Err(Errno::EPERM) if !inside("user")? => {
            setns(users?, CloneFlags::CLONE_NEWUSER)?;
            Ok(setns(network, CloneFlags::CLONE_NEWNET)?)
        }
        other => Ok(other?),
    }
}

/// A process that is followed.
pub struct Running {
    pub pid: i32,
    pub name: String,
    /// strace has it.
    pub has_begun: bool,
    /// We are asked to leave it.
    pub is_left: bool,
    /// How it ended, as a shell says it.
    pub status: Option<u8>,
    /// What is not shown, and why.
    pub not_shown: Vec<String>,
    /// `None`: this user must not see packets.
    tap: Option<Tap>,
    /// Whether the tables are those of its network.
    pub has_tables: bool,
    own: Own,
}

impl Running {
    /// Of a process that is being followed from now on.
    pub fn new(pid: i32, name: &str) -> Self {
        let mut not_shown = vec![];
        let has_tables = match enter_network(pid) {
            Ok(()) => true,
            Err(error) => {
                not_shown.push(format!(
                    "states and packets: {name} is in another network namespace, and you must not \
                     enter it ({}): use sudo",
                    reason(&error)
                ));
                false
            }
        };
        let tap = if has_tables {
            Tap::open().map_err(io::Error::from)
        } else {
            Err(Errno::EPERM.into())
        };
        if let (Err(error), true) = (&tap, has_tables) {
            not_shown.push(format!(
                "packets, since that takes the right CAP_NET_RAW ({}): use sudo",
                reason(error)
            ));
        }
        Self {
            pid,
            name: name.to_owned(),
            has_begun: false,
            is_left: false,
            status: None,
            not_shown,
            tap: tap.ok(),
            has_tables,
            own: Own::default(),
        }
    }

    /// Says on standard error what begins now.
    pub fn say_how(&self) {
        let Self { pid, name, .. } = self;
        let mut text = format!(
            "({name}, process {pid}, is followed; what it prints also goes where it always did. \
             Ctrl-C ends this, and {name} goes on.)\n"
        );
        for what in &self.not_shown {
            text += &format!("(not shown: {what})\n");
        }
        let _ = io::stderr().write_all(text.as_bytes());
    }

    /// Whether packets are seen.
    pub fn has_packets(&self) -> bool {
        self.tap.is_some()
    }

    /// The packets since the last call, whosever they are.
    pub fn drain(&mut self) -> io::Result<Vec<Packet>> {
        self.tap.as_mut().map_or(Ok(vec![]), Tap::drain)
    }

    /// These sockets are its own.
    pub fn has(&mut self, inodes: impl IntoIterator<Item = u64>) {
        self.own.inodes.extend(inodes);
    }

    /// Learns from a line of strace which sockets the program has. Gives those that are new: also
    /// those of a call that had begun before strace came are known so.
    pub fn hears(&mut self, line: &str) -> Vec<Open> {
        static STRING: LazyLock<Regex> = LazyLock::new(|| regex(r#""(?:[^"\\]|\\.)*"?"#));
        static INODE: LazyLock<Regex> = LazyLock::new(|| regex(r"(\d+)<socket:\[(\d+)\]>"));
        // What a string says, anybody may have sent.
        let line = STRING.replace_all(line, "");
        let thread = thread_of(&line).0.and_then(|thread| i32::try_from(thread).ok());
        let thread = thread.unwrap_or(self.pid);
        let mut new = vec![];
        for parts in INODE.captures_iter(&line) {
            let (Ok(number), Ok(inode)) = (parts[1].parse(), parts[2].parse()) else { continue };
            if self.own.inodes.insert(inode) {
                new.extend(family(thread, number).map(|family| (number, inode, family)));
            }
        }
        new
    }

    /// Forgets sockets that are closed, now and then.
    pub fn forget(&mut self, processes: impl FnOnce() -> Vec<i32>) {
        if self.own.inodes.len() < self.own.enough.max(ENOUGH) {
            return;
        }
        let open: HashSet<u64> = processes().into_iter().flat_map(numbers).collect();
        self.own.inodes.retain(|inode| open.contains(inode));
        self.own.enough = 2 * open.len();
    }

    /// Its end, if this is it.
    pub fn ends(&mut self, thread: Option<u32>, how: &str) {
        if thread.is_some_and(|thread| i32::try_from(thread) != Ok(self.pid)) {
            return;
        }
        let killed = how.strip_prefix("killed by ").and_then(|name| Signal::from_str(name).ok());
        let code = how.strip_prefix("exited with ").and_then(|code| code.parse().ok());
        self.status = code.or_else(|| u8::try_from(128 + killed? as i32).ok());
    }

    /// The packets that can be its own, judged by what is known; `line` is the call that has just
    /// returned: a new connection may be to its address.
    pub fn candidates<'a>(
        &'a self,
        packets: &'a [Packet],
        address: Option<SocketAddr>,
    ) -> impl Iterator<Item = &'a Packet> {
        let address = address.map(canonical);
        packets.iter().filter(move |packet| {
            let is_there = |end| Some(canonical(end)) == address;
            is_there(packet.from) || is_there(packet.to) || self.own.has(packet)
        })
    }

    /// Of the rows of the tables, or of `all` of them, its own. These are the processes that are
    /// followed.
    pub fn rows(
        &mut self,
        rows: Vec<Row>,
        all: bool,
        processes: impl FnOnce() -> Vec<i32>,
    ) -> Vec<Row> {
        // A thread may have a socket that strace could not tell of yet.
        if self.own.has_new(&rows, all) {
            let open = processes().into_iter().flat_map(numbers);
            self.own.inodes.extend(open);
        }
        self.own.rows(rows, all)
    }

    /// Takes in what has changed in its own rows. Of the packets from this place on, those stay
    /// that are its own.
    pub fn take_in(&mut self, changes: &mut Vec<Change>, packets: &mut Vec<Packet>, from: usize) {
        // Who else has accepted it was said; what comes of it is not ours.
        changes.retain(|change| match (&change.old, &change.new) {
            (Some(old), None) => !self.own.given.remove(&old.inode),
            _ => true,
        });
        self.own.add(changes);
        let new = packets.split_off(from.min(packets.len()));
        packets.extend(new.into_iter().filter(|packet| self.own.has(packet)));
        self.own.remove(changes);
    }
}

fn reason(error: &io::Error) -> &'static str {
    error.raw_os_error().map_or("an error", |number| Errno::from_raw(number).desc())
}

/// As many numbers of sockets are kept in any case.
const ENOUGH: usize = 4096;

/// What a program has.
#[derive(Default)]
struct Own {
    inodes: HashSet<u64>,
    enough: usize,
    /// Sockets that may have been its own, and were not.
    asked: HashSet<u64>,
    has_looked: bool,
    listeners: HashSet<(SocketAddr, u64)>,
    /// The connections, and those that wait to be accepted.
    ends: HashSet<Ends>,
    datagrams: HashSet<(SocketAddr, SocketAddr, u64)>,
    /// The connections that another process has accepted, from a listener that both have.
    given: HashSet<u64>,
    foreign: HashSet<Ends>,
    /// Where other programs receive datagrams.
    others: Vec<SocketAddr>,
}

/// Whether a socket that is bound to `local` is bound to this address, too.
fn covers(local: SocketAddr, address: SocketAddr) -> bool {
    local.port() == address.port()
        && (local.ip().is_unspecified() || local.ip() == canonical(address).ip())
}

impl Own {
    fn is_listened_at(&self, address: SocketAddr) -> bool {
        self.listeners.iter().any(|(at, _)| covers(*at, address))
    }

    /// Whether there are sockets that may be its own, and nobody has asked yet. Remembers those.
    fn has_new(&mut self, rows: &[Row], all: bool) -> bool {
        let is_new = |row: &&Row| {
            row.inode != 0
                && !self.inodes.contains(&row.inode)
                && (!self.has_looked || self.is_listened_at(row.local))
        };
        let asked: HashSet<u64> = rows.iter().filter(is_new).map(|row| row.inode).collect();
        let any = asked.iter().any(|inode| !self.asked.contains(inode));
        if all {
            self.asked.clear();
        }
        self.asked.extend(asked);
        self.has_looked = true;
        any
    }

    fn rows(&mut self, rows: Vec<Row>, all: bool) -> Vec<Row> {
        let listens = |row: &&Row| row.is_tcp && row.state == "LISTEN";
        let its = |row: &&Row| self.inodes.contains(&row.inode);
        let new: Vec<_> = rows.iter().filter(listens).filter(its).map(listener).collect();
        self.listeners.extend(new);
        if rows.iter().any(|row| !row.is_tcp) {
            let others = rows.iter().filter(|row| !row.is_tcp).filter(|row| !its(row));
            self.others = others.map(|row| canonical(row.local)).collect();
        }
        // Not yet accepted, and nobody else's. What is left of a connection that was closed before
        // is not: then it is in another state.
        let waits = |row: &Row| {
            ["SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT"].contains(&row.state)
                && self.is_listened_at(row.local)
        };
        let mut given = vec![];
        let is_own = |row: &Row| match row.inode {
            0 => row.is_tcp && (self.ends.contains(&ends(row)) || waits(row)),
            inode if self.inodes.contains(&inode) => true,
            inode if self.ends.contains(&ends(row)) && !self.given.contains(&inode) => {
                given.push(inode);
                true
            }
            _ => false,
        };
        let (own, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_own);
        self.given.extend(given);
        let at_ours = others.iter().filter(|row| row.is_tcp && self.is_listened_at(row.local));
        let foreign: Vec<Ends> = at_ours.map(ends).collect();
        if all {
            self.foreign.clear();
        }
        self.foreign.extend(foreign);
        own
    }

    fn add(&mut self, changes: &[Change]) {
        for row in changes.iter().filter_map(|change| change.new.as_ref()) {
            match (row.is_tcp, row.state) {
                (true, "LISTEN") => drop(self.listeners.insert(listener(row))),
                (true, _) => drop(self.ends.insert(ends(row))),
                (false, _) => drop(self.datagrams.insert(datagrams(row))),
            }
        }
    }

    fn remove(&mut self, changes: &[Change]) {
        for change in changes {
            if let Some(new) = change.new.as_ref().filter(|new| self.given.contains(&new.inode)) {
                self.ends.remove(&ends(new));
            }
            let (Some(old), new) = (&change.old, &change.new) else { continue };
            if new.as_ref().is_some_and(|new| new.key() == old.key() && new.remote == old.remote) {
                continue;
            }
            match (old.is_tcp, old.state) {
                (true, "LISTEN") => drop(self.listeners.remove(&listener(old))),
                (true, _) => drop(self.ends.remove(&ends(old))),
                (false, _) => drop(self.datagrams.remove(&datagrams(old))),
            }
        }
    }

    /// Whether a packet is of this program.
    fn has(&self, packet: &Packet) -> bool {
        let [from, to] = [packet.from, packet.to].map(canonical);
        match &packet.kind {
            Kind::Segment { .. } => {
                // The end at the listener is this one, or the other.
                let to_ours = |here, there| {
                    self.is_listened_at(here) && !self.foreign.contains(&(here, there))
                };
                self.ends.contains(&(from, to))
                    || self.ends.contains(&(to, from))
                    || to_ours(from, to)
                    || to_ours(to, from)
            }
            Kind::Datagram | Kind::Refused | Kind::Unreachable { .. } => {
                let is_ours = |(local, remote, _): &(SocketAddr, SocketAddr, u64)| {
                    let is_there = |end| remote.port() == 0 || *remote == end;
                    let is_here = |here, there| covers(*local, here) && is_there(there);
                    (is_here(from, to) && !self.is_others(from))
                        || (is_here(to, from) && !self.is_others(to))
                };
                self.datagrams.iter().any(is_ours)
            }
        }
    }

    /// Whether somebody else may have sent this, or may get it.
    fn is_others(&self, end: SocketAddr) -> bool {
        self.others.iter().any(|local| covers(*local, end))
    }
}

fn listener(row: &Row) -> (SocketAddr, u64) {
    (canonical(row.local), row.inode)
}

fn ends(row: &Row) -> Ends {
    (canonical(row.local), canonical(row.remote))
}

fn datagrams(row: &Row) -> (SocketAddr, SocketAddr, u64) {
    (canonical(row.local), canonical(row.remote), row.inode)
}

/// Sees every packet that this machine sends or gets.
struct Tap {
    socket: OwnedFd,
    buffer: Vec<u8>,
    datagrams: Parts,
    /// The interfaces that are part of another one, which has the same packets.
    parts: BTreeSet<usize>,
    known: BTreeSet<usize>,
}

/// Linux' numbers: what goes out, and what is for others; the loopback interface.
const PACKET_OTHERHOST: u8 = 3;
const PACKET_OUTGOING: u8 = 4;
const ARPHRD_LOOPBACK: u16 = 772;

impl Tap {
    fn open() -> Result<Self, Errno> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let all = SockProtocol::EthAll;
        let socket = socket(AddressFamily::Packet, SockType::Datagram, flags, all)?;
        // (The kernel gives as much as it allows.)
        setsockopt(&socket, sockopt::RcvBuf, &(1 << 24))?;
        // The kernel says when each packet came.
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        let (parts, known) = (BTreeSet::new(), BTreeSet::new());
        let (buffer, datagrams) = (vec![0; 1 << 17], Parts::default());
        Ok(Self { socket, buffer, datagrams, parts, known })
    }

    fn drain(&mut self) -> io::Result<Vec<Packet>> {
        let mut packets = vec![];
        loop {
            let (ethernet, packet) = self.buffer.split_at_mut(ETHERNET);
            let Some((length, time, place)) = receive(&self.socket, packet)? else {
                return Ok(packets);
            };
            // What an interface puts in front is different things: here, what loopback does.
            let kind = if packet[0] >> 4 == 6 { ETH_P_IPV6 } else { ETH_P_IP };
            ethernet[ETHERNET - 2..].copy_from_slice(&kind.to_be_bytes());
            if place.is_some_and(|place| !self.is_twice(&place)) {
                packets.extend(self.datagrams.read(&self.buffer[..ETHERNET + length], time));
            }
        }
    }

    /// What goes through the loopback interface, or through a part of an interface, is seen at
    /// another place as well.
    fn is_twice(&mut self, place: &LinkAddr) -> bool {
        match place.pkttype() {
            PACKET_OUTGOING if place.hatype() == ARPHRD_LOOPBACK => return true,
            PACKET_OTHERHOST => return true,
            _ => {}
        }
        let index = place.ifindex();
        if self.known.insert(index) {
            let name = u32::try_from(index).ok().and_then(|index| if_indextoname(index).ok());
            let name = name.and_then(|name| name.into_string().ok());
            let is_part = name
                .is_some_and(|name| Path::new("/sys/class/net").join(name).join("master").exists());
            if is_part {
                self.parts.insert(index);
            }
        }
        self.parts.contains(&index)
    }
}
