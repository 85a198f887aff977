//! The kernel's tables of sockets, as `ss` shows them: /proc/net/tcp and so on.

use std::fs;
use std::net::SocketAddr;

use procfs::net::{TcpState, UdpState};

/// Which tables to read: those in which a program has sockets.
#[derive(Clone, Copy, Default)]
pub struct Families {
    pub tcp: bool,
    pub tcp6: bool,
    pub udp: bool,
    pub udp6: bool,
}

/// One line of a table: a socket, or what is left of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub is_tcp: bool,
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub state: &'static str,
    /// Bytes that arrived and were not received. Of a listener: connections
    /// that wait to be accepted.
    pub receive_queue: u32,
    /// Bytes that were sent and not acknowledged.
    pub send_queue: u32,
    /// The number of the socket; 0: no program has it.
    pub inode: u64,
}

/// Reads the tables.
///
/// # Errors
/// In words, if the system has none.
pub fn read(families: Families) -> Result<Vec<Row>, String> {
    let unreadable = |error| format!("/proc/net cannot be read: {error}");
    let mut rows = vec![];
    let mut tcp = vec![];
    if families.tcp {
        tcp.extend(procfs::net::tcp().map_err(unreadable)?);
    }
    if families.tcp6 {
        tcp.extend(procfs::net::tcp6().map_err(unreadable)?);
    }
    rows.extend(tcp.into_iter().map(|entry| Row {
        is_tcp: true,
        local: entry.local_address,
        remote: entry.remote_address,
        state: tcp_state(&entry.state),
        receive_queue: entry.rx_queue,
        send_queue: entry.tx_queue,
        inode: entry.inode,
    }));
    let mut udp = vec![];
    if families.udp {
        udp.extend(procfs::net::udp().map_err(unreadable)?);
    }
    if families.udp6 {
        udp.extend(procfs::net::udp6().map_err(unreadable)?);
    }
    rows.extend(udp.into_iter().map(|entry| Row {
        is_tcp: false,
        local: entry.local_address,
        remote: entry.remote_address,
        state: match entry.state {
            UdpState::Established => "connected",
            UdpState::Close => "unconnected",
        },
        receive_queue: entry.rx_queue,
        send_queue: entry.tx_queue,
        inode: entry.inode,
    }));
    // The kernel's order is that of its hash table.
    rows.sort_by_key(|row| (row.inode == 0, row.inode, row.local, row.remote));
    Ok(rows)
}

/// Whether packets that were sent wait for the kernel to hand them on. On a
/// busy machine a thread of its own does that, a little later. (The 12th
/// number of /proc/net/softnet_stat says how many wait, in hexadecimal, for
/// each processor; before Linux 5.10 it was not there.)
pub fn packets_wait() -> bool {
    let processors = fs::read_to_string("/proc/net/softnet_stat");
    processors.unwrap_or_default().lines().any(|line| {
        let waiting = line.split_whitespace().nth(11);
        waiting.is_some_and(|number| number.contains(|c| c != '0'))
    })
}

fn tcp_state(state: &TcpState) -> &'static str {
    match state {
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
    }
}
