//! The kernel's tables of sockets, as `ss` shows them: /proc/net/tcp and so on.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::net::SocketAddr;

use procfs::net::{self, TcpNetEntry, TcpState, UdpNetEntry, UdpState};

/// Of which sockets to read the tables: those that a program has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    Tcp,
    Tcp6,
    Udp,
    Udp6,
}

/// One line of a table: a socket, or what is left of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub is_tcp: bool,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub state: &'static str,
    /// Bytes that arrived and were not received. Of a listener: connections that wait to be
    /// accepted.
    pub receive_queue: u32,
    /// Bytes that were sent and not acknowledged.
    pub send_queue: u32,
    /// The number of the socket; 0: no program has it.
    pub inode: u64,
}

/// What tells a socket from others. A connection gets its number late and loses it early, and has
/// its two ends all the time. Several listeners may be at one address.
pub type Key = (bool, Option<(SocketAddr, SocketAddr)>, u64);

impl Row {
    pub fn key(&self) -> Key {
        match (self.is_tcp, self.state) {
            (true, "LISTEN") => (true, Some((self.local, self.remote)), self.inode),
            (true, _) => (true, Some((self.local, self.remote)), 0),
            (false, _) => (false, None, self.inode),
        }
    }
}

/// What a socket was and what it is: one of them may not be there.
pub struct Change {
    pub old: Option<Row>,
    pub new: Option<Row>,
}

/// What the tables said last.
#[derive(Default)]
pub struct Known(HashMap<Key, Row>);

impl Known {
    /// What has changed, now that these are all rows.
    pub fn update(&mut self, rows: Vec<Row>) -> Vec<Change> {
        let mut before = std::mem::take(&mut self.0);
        let mut changes = vec![];
        for row in rows {
            let old = before.remove(&row.key());
            if old.as_ref() != Some(&row) {
                changes.push(Change { old, new: Some(row.clone()) });
            }
            self.0.insert(row.key(), row);
        }
        changes.extend(before.into_values().map(|old| Change { old: Some(old), new: None }));
        changes
    }
}

/// Reads the tables.
pub fn read(families: &BTreeSet<Family>) -> Result<Vec<Row>, String> {
    let mut rows = vec![];
    for family in families {
        let table = match family {
            Family::Tcp => net::tcp().map(|all| all.into_iter().map(of_tcp).collect::<Vec<_>>()),
            Family::Tcp6 => net::tcp6().map(|all| all.into_iter().map(of_tcp).collect()),
            Family::Udp => net::udp().map(|all| all.into_iter().map(of_udp).collect()),
            Family::Udp6 => net::udp6().map(|all| all.into_iter().map(of_udp).collect()),
        };
        rows.extend(table.map_err(|error| format!("/proc/net cannot be read: {error}"))?);
    }
    Ok(rows)
}

/// Whether packets that were sent wait for the kernel to hand them on. On a busy machine a thread
/// of its own does that, a little later. The 12th number of /proc/net/softnet_stat says how many
/// wait, in hexadecimal, for each processor; before Linux 5.10 it was not there. (procfs does not
/// read it.)
pub fn packets_wait() -> bool {
    let processors = fs::read_to_string("/proc/net/softnet_stat");
    processors.unwrap_or_default().lines().any(|line| {
        let waiting = line.split_whitespace().nth(11);
        waiting.is_some_and(|number| number.contains(|c| c != '0'))
    })
}

fn of_tcp(entry: TcpNetEntry) -> Row {
    let state = match entry.state {
        TcpState::Established => "ESTABLISHED",
        TcpState::SynSent => "SYN-SENT",
        TcpState::SynRecv | TcpState::NewSynRecv => "SYN-RECEIVED",
        TcpState::FinWait1 => "FIN-WAIT-1",
        TcpState::FinWait2 => "FIN-WAIT-2",
        TcpState::TimeWait => "TIME-WAIT",
        TcpState::Close => "CLOSED",
        TcpState::CloseWait => "CLOSE-WAIT",
        TcpState::LastAck => "LAST-ACK",
        TcpState::Listen => "LISTEN",
        TcpState::Closing => "CLOSING",
    };
    Row {
        is_tcp: true,
        local: entry.local_address,
        remote: entry.remote_address,
        state,
        receive_queue: entry.rx_queue,
        send_queue: entry.tx_queue,
        inode: entry.inode,
    }
}

fn of_udp(entry: UdpNetEntry) -> Row {
    let state = match entry.state {
        UdpState::Established => "connected",
        UdpState::Close => "unconnected",
    };
    Row {
        is_tcp: false,
        local: entry.local_address,
        remote: entry.remote_address,
        state,
        receive_queue: entry.rx_queue,
        send_queue: entry.tx_queue,
        inode: entry.inode,
    }
}
