//! The sockets that a program has. They are known on Linux only. Elsewhere there seem to be none.

use std::net::SocketAddr;

/// One of them, as the kernel sees it.
#[derive(Clone, Debug)]
pub struct Held {
    pub is_udp: bool,
    pub local: SocketAddr,
    /// With port 0: it has no peer.
    pub remote: SocketAddr,
    pub state: State,
    /// What has come and was not received: bytes; of a listener: connections that wait. The end of
    /// a stream counts as one.
    pub unread: u64,
    /// The processes, and the descriptor in each. None: nobody has accepted it.
    pub holders: Vec<(u32, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "known on Linux only"))]
pub enum State {
    /// It has an address and neither listens nor is connected.
    Bound,
    Listens,
    Connecting,
    Connected,
    /// The peer has ended its direction, and the program has not.
    PeerHasEnded,
    Other,
}

#[cfg(not(target_os = "linux"))]
pub fn of(_: u32) -> Vec<Held> {
    vec![]
}

/// A program that has no room for one more, in words.
#[cfg(not(target_os = "linux"))]
pub fn full(_: u32) -> Option<Words> {
    None
}

#[cfg(target_os = "linux")]
pub use linux::{full, of};

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::fs::{read_dir, read_link, read_to_string};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

    use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
    use socket2::{Socket, Type};

    use super::{Held, State};
    use crate::processor::processes;
    use crate::words::{Words, text};

    /// Those of a process and of all that it has started; and the connections that wait for them.
    pub fn of(id: u32) -> Vec<Held> {
        let mut holders: BTreeMap<u64, Vec<(u32, u32)>> = BTreeMap::new();
        for process in processes(id) {
            for entry in read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten() {
                let Ok(link) = read_link(entry.path()) else { continue };
                let inode = link.to_str().and_then(|link| {
                    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
                });
                let descriptor = entry.file_name().to_str().and_then(|name| name.parse().ok());
                if let (Some(inode), Some(descriptor)) = (inode, descriptor) {
                    holders.entry(inode).or_default().push((process, descriptor));
                }
            }
        }
        let mut all = Vec::new();
        for name in ["tcp", "tcp6", "udp", "udp6"] {
            let table = read_to_string(format!("/proc/{id}/net/{name}")).unwrap_or_default();
            for line in table.lines().skip(1) {
                let Some((inode, mut held)) = entry(line, name.starts_with("udp")) else {
                    continue;
                };
                match holders.remove(&inode) {
                    Some(holders) => held.holders = holders,
                    None if inode != 0 => continue,
                    None => {}
                }
                all.push(held);
            }
        }
        // A connection that waits belongs to a listener of the program's.
        let is_listener = |held: &&Held| held.state == State::Listens && !held.holders.is_empty();
        let listeners: Vec<_> = all.iter().filter(is_listener).map(|held| held.local).collect();
        let waits = |held: &Held| listeners.iter().any(|at| at.port() == held.local.port());
        all.retain(|held| !held.holders.is_empty() || waits(held));
        // A stream socket that is only bound stands in no table.
        all.extend(holders.into_values().filter_map(bound));
        all
    }

    /// No descriptor is left, in one of its processes.
    pub fn full(id: u32) -> Option<Words> {
        processes(id).into_iter().find_map(|process| {
            let limits = read_to_string(format!("/proc/{process}/limits")).ok()?;
            let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
            let limit = line.split_whitespace().nth(3)?.parse::<usize>().ok()?;
            let open = read_dir(format!("/proc/{process}/fd")).ok()?.count();
            let all = of(process);
            let left = all.iter().filter(|held| held.state == State::PeerHasEnded);
            let left = left.map(|held| held.holders.len()).sum::<usize>();
            (open >= limit).then(|| {
                let and_left = match left {
                    0 => Words::default(),
                    _ => text!(", {left} of them connections that their clients have ended", left),
                };
                text!(
                    "Your program has no descriptor left for another connection: {open} are \
                     open{and_left}, and it may have {limit}. Each connection is one until it is \
                     closed.",
                    open,
                    and_left,
                    limit
                )
            })
        })
    }

    /// A line of the table: its inode, and what it says (proc_net_tcp).
    fn entry(line: &str, is_udp: bool) -> Option<(u64, Held)> {
        let words: Vec<_> = line.split_whitespace().collect();
        let state = match (*words.get(3)?, is_udp) {
            ("07", true) => State::Bound,
            ("0A", _) => State::Listens,
            ("02", _) => State::Connecting,
            ("01", _) => State::Connected,
            ("08", _) => State::PeerHasEnded,
            _ => State::Other,
        };
        let (_, unread) = words.get(4)?.split_once(':')?;
        let held = Held {
            is_udp,
            local: address(words.get(1)?)?,
            remote: address(words.get(2)?)?,
            state,
            unread: u64::from_str_radix(unread, 16).ok()?,
            holders: vec![],
        };
        Some((words.get(9)?.parse().ok()?, held))
    }

    /// "0100007F:1F9A": words as this machine has them.
    fn address(text: &str) -> Option<SocketAddr> {
        let (address, port) = text.split_once(':')?;
        let word = |at: usize| u32::from_str_radix(address.get(at..at + 8)?, 16).ok();
        let ip = match address.len() {
            8 => IpAddr::V4(Ipv4Addr::from(word(0)?.to_ne_bytes())),
            _ => {
                let mut bytes = [0; 16];
                for (number, part) in bytes.chunks_mut(4).enumerate() {
                    part.copy_from_slice(&word(8 * number)?.to_ne_bytes());
                }
                IpAddr::V6(Ipv6Addr::from(bytes))
            }
        };
        Some(SocketAddr::new(ip.to_canonical(), u16::from_str_radix(port, 16).ok()?))
    }

    /// A copy of the socket is asked, where that is allowed.
    fn bound(holders: Vec<(u32, u32)>) -> Option<Held> {
        let (process, descriptor) = *holders.first()?;
        let process = Pid::from_raw(i32::try_from(process).ok()?)?;
        let descriptor = i32::try_from(descriptor).ok()?;
        let process = pidfd_open(process, PidfdFlags::empty()).ok()?;
        let copy = pidfd_getfd(process, descriptor, PidfdGetfdFlags::empty()).ok()?;
        let socket = Socket::from(copy);
        let local = socket.local_addr().ok()?.as_socket()?;
        if socket.r#type().ok()? != Type::STREAM || local.port() == 0 {
            return None;
        }
        let remote = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        Some(Held { is_udp: false, local, remote, state: State::Bound, unread: 0, holders })
    }
}
