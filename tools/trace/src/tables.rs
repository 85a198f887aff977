//! The kernel's tables of sockets, as `ss` shows them: /proc/net/tcp and so on.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::FileExt as _;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{self, AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP};
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponseHeader, SocketId, StateFlags,
};
use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_SOCK_DIAG;

use procfs::net::{self, TcpNetEntry, TcpState, UdpNetEntry, UdpState};

/// Of which sockets to read the tables: those that a program has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    Tcp,
    Tcp6,
    Udp,
    Udp6,
}

impl Family {
    pub fn is_of_datagrams(self) -> bool {
        matches!(self, Self::Udp | Self::Udp6)
    }
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

/// What to ask for besides connections: all listeners, all datagram sockets.
#[derive(Clone, Copy)]
pub struct Others {
    pub listeners: bool,
    pub datagrams: bool,
}

/// What a socket was and what it is: one of them may not be there.
pub struct Change {
    pub old: Option<Row>,
    pub new: Option<Row>,
}

/// What the tables said last.
#[derive(Default)]
pub struct Known {
    rows: HashMap<Key, Row>,
    /// The listeners and the datagram sockets.
    others: HashSet<Key>,
    /// By the number of the socket.
    numbers: HashMap<u64, Key>,
}

impl Known {
    /// Whether to read all takes long.
    pub fn are_many(&self) -> bool {
        self.rows.len() > 100
    }

    /// Whether something was sent that was not acknowledged.
    pub fn waits_for_acks(&self) -> bool {
        self.rows.values().any(|row| row.is_tcp && row.send_queue > 0)
    }

    /// The two ends of the connections that have to do with a call, by the numbers of its sockets;
    /// if it is an `accept`, also what had no number before, with an address if the call says one.
    pub fn ends_of(&self, inodes: &[u64], accepts: Option<Option<SocketAddr>>) -> Vec<Ends> {
        let all = || inodes.iter().filter_map(|inode| self.rows.get(self.numbers.get(inode)?));
        let connections = all().filter(|row| row.is_tcp && row.state != "LISTEN");
        let mut ends: Vec<Ends> = connections.map(|row| (row.local, row.remote)).collect();
        if let Some(address) = accepts {
            let ports: Vec<u16> = all().map(|row| row.local.port()).collect();
            let given = self.rows.values().filter(|row| {
                row.inode == 0
                    && ports.contains(&row.local.port())
                    && address.is_none_or(|address| canonical(address) == canonical(row.remote))
            });
            ends.extend(given.map(|row| (row.local, row.remote)));
        }
        ends
    }

    /// What has changed, now that these are all rows.
    pub fn update(&mut self, rows: Vec<Row>) -> Vec<Change> {
        let all = self.rows.keys().copied().collect();
        self.replace(all, rows)
    }

    /// What has changed, now that this is what these connections are, and these others.
    pub fn update_some(&mut self, asked: &[Ends], others: Others, rows: Vec<Row>) -> Vec<Change> {
        let is_asked = |key: &&Key| if key.0 { others.listeners } else { others.datagrams };
        let mut keys: Vec<Key> = self.others.iter().filter(is_asked).copied().collect();
        for (local, remote) in asked {
            let both = [*local, *remote];
            for form in [canonical, as_version_6] {
                let [local, remote] = both.map(form);
                keys.push((true, Some((local, remote)), 0));
            }
        }
        // Of IPv6, both forms are one; and a packet has the one where a socket has the other.
        keys.sort_unstable();
        keys.dedup();
        self.replace(keys, rows)
    }

    /// Puts these rows in the place of those with these keys, each of which is there once.
    fn replace(&mut self, keys: Vec<Key>, rows: Vec<Row>) -> Vec<Change> {
        let mut new: HashMap<Key, Row> = rows.into_iter().map(|row| (row.key(), row)).collect();
        let mut changes = vec![];
        for key in keys {
            let Some(old) = self.rows.remove(&key) else { continue };
            self.others.remove(&key);
            self.numbers.remove(&old.inode);
            let now = new.remove(&key);
            if let Some(now) = &now {
                self.insert(now.clone());
            }
            if now.as_ref() != Some(&old) {
                changes.push(Change { old: Some(old), new: now });
            }
        }
        for row in new.into_values() {
            self.insert(row.clone());
            changes.push(Change { old: None, new: Some(row) });
        }
        changes
    }

    fn insert(&mut self, row: Row) {
        let key = row.key();
        if !row.is_tcp || row.state == "LISTEN" {
            self.others.insert(key);
        }
        if row.inode != 0 {
            self.numbers.insert(row.inode, key);
        }
        self.rows.insert(key, row);
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

/// What says whether packets that were sent wait for the kernel to hand them on. On a busy machine a
/// thread of its own does that, a little later.
pub struct Backlog(Option<File>);

impl Backlog {
    pub fn open() -> Self {
        Self(File::open("/proc/net/softnet_stat").ok())
    }

    /// The 12th number says how many wait, in hexadecimal, for each processor; before Linux 5.10 it
    /// was not there. (procfs does not read it.)
    pub fn waits(&self) -> bool {
        // The file stays open: that is for each call.
        let mut text = [0; 1 << 14];
        let length = self.0.as_ref().map_or(Ok(0), |file| file.read_at(&mut text, 0));
        text[..length.unwrap_or(0)].split(|byte| *byte == b'\n').any(|line| {
            let waiting = line.split(|byte| *byte == b' ').nth(11);
            waiting.is_some_and(|number| number.iter().any(|digit| *digit != b'0'))
        })
    }
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

/// The two ends of a connection: here, and there.
pub type Ends = (SocketAddr, SocketAddr);

pub fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The same in the form that a socket of IPv6 has for it.
fn as_version_6(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    SocketAddr::new(ip.into(), address.port())
}

/// Asks the kernel for single connections, in the way that `ss` does (sock_diag(7)).
pub struct Asker {
    socket: Socket,
    buffer: Vec<u8>,
    /// Not every kernel that knows the connections knows the datagram sockets, too.
    knows_datagrams: bool,
}

impl Asker {
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
        socket.bind_auto()?;
        socket.connect(&netlink_sys::SocketAddr::new(0, 0))?;
        let mut asker = Self { socket, buffer: vec![0; 1 << 16], knows_datagrams: true };
        asker.knows_datagrams = asker.all(Family::Udp)?.is_some();
        Ok(asker)
    }

    /// What these connections are, and these others.
    pub fn ask(
        &mut self,
        families: &BTreeSet<Family>,
        ends: &[Ends],
        others: Others,
    ) -> Result<Vec<Row>, String> {
        let failed = |error: io::Error| format!("sock_diag: {error}");
        let mut rows = vec![];
        for family in families {
            let (asked, known) = match family.is_of_datagrams() {
                true => (others.datagrams, self.knows_datagrams),
                false => (others.listeners, true),
            };
            if asked && known {
                rows.extend(self.all(*family).map_err(failed)?.unwrap_or_default());
            } else if asked {
                rows.extend(read(&BTreeSet::from([*family]))?);
            }
        }
        for (local, remote) in ends {
            let (local, remote) = (canonical(*local), canonical(*remote));
            let id = SocketId {
                source_port: local.port(),
                destination_port: remote.port(),
                source_address: local.ip(),
                destination_address: remote.ip(),
                interface_id: 0,
                cookie: [0xff; 8],
            };
            let family = if local.is_ipv4() { AF_INET } else { AF_INET6 };
            let found = self.request(NLM_F_REQUEST, family, IPPROTO_TCP, StateFlags::all(), id);
            // Where there is none, the kernel may give the listener.
            let is_it =
                |row: &Row| (canonical(row.local), canonical(row.remote)) == (local, remote);
            let found = found.map_err(failed)?.unwrap_or_default();
            rows.extend(found.into_iter().filter(is_it));
        }
        Ok(rows)
    }

    /// All listeners, or all datagram sockets.
    fn all(&mut self, family: Family) -> io::Result<Option<Vec<Row>>> {
        let (number, all) = match family {
            Family::Tcp | Family::Udp => (AF_INET, SocketId::new_v4()),
            Family::Tcp6 | Family::Udp6 => (AF_INET6, SocketId::new_v6()),
        };
        let (protocol, states) = match family.is_of_datagrams() {
            true => (IPPROTO_UDP, StateFlags::all()),
            false => (IPPROTO_TCP, StateFlags::LISTEN),
        };
        self.request(NLM_F_REQUEST | NLM_F_DUMP, number, protocol, states, all)
    }

    /// `None`: there is none, or the kernel does not know such sockets.
    fn request(
        &mut self,
        flags: u16,
        family: u8,
        protocol: u8,
        states: StateFlags,
        socket_id: SocketId,
    ) -> io::Result<Option<Vec<Row>>> {
        let mut header = NetlinkHeader::default();
        header.flags = flags;
        let extensions = ExtensionFlags::empty();
        let request = InetRequest { family, protocol, extensions, states, socket_id };
        let message = SockDiagMessage::InetRequest(request);
        let mut message = NetlinkMessage::new(header, message.into());
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let mut rows = vec![];
        loop {
            let length = self.socket.recv(&mut &mut self.buffer[..], 0)?;
            let mut rest = &self.buffer[..length];
            while !rest.is_empty() {
                let odd =
                    |error: netlink_packet_core::DecodeError| io::Error::other(error.to_string());
                let message = NetlinkMessage::<SockDiagMessage>::deserialize(rest).map_err(odd)?;
                match message.payload {
                    NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                        rows.extend(of_response(&response.header, protocol == IPPROTO_TCP));
                        if flags & NLM_F_DUMP == 0 {
                            return Ok(Some(rows));
                        }
                    }
                    NetlinkPayload::Error(_) => return Ok(None),
                    NetlinkPayload::Done(_) => return Ok(Some(rows)),
                    _ => {}
                }
                let length = usize::try_from(message.header.length).unwrap_or_default();
                // Messages begin at multiples of four.
                rest = rest.get(length.max(1).next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }
}

fn of_response(header: &InetResponseHeader, is_tcp: bool) -> Option<Row> {
    let state = match header.state {
        constants::TCP_ESTABLISHED if !is_tcp => "connected",
        constants::TCP_CLOSE if !is_tcp => "unconnected",
        constants::TCP_ESTABLISHED => "ESTABLISHED",
        constants::TCP_SYN_SENT => "SYN-SENT",
        constants::TCP_SYN_RECV => "SYN-RECEIVED",
        constants::TCP_FIN_WAIT1 => "FIN-WAIT-1",
        constants::TCP_FIN_WAIT2 => "FIN-WAIT-2",
        constants::TCP_TIME_WAIT => "TIME-WAIT",
        constants::TCP_CLOSE_WAIT => "CLOSE-WAIT",
        constants::TCP_LAST_ACK => "LAST-ACK",
        constants::TCP_LISTEN => "LISTEN",
        constants::TCP_CLOSING => "CLOSING",
        12 => "SYN-RECEIVED",
        _ => return None,
    };
    let id = &header.socket_id;
    // Of a listener, this is how many connections may wait.
    let send_queue = if state == "LISTEN" { 0 } else { header.send_queue };
    Some(Row {
        is_tcp,
        local: SocketAddr::new(id.source_address, id.source_port),
        remote: SocketAddr::new(id.destination_address, id.destination_port),
        state,
        receive_queue: header.recv_queue,
        send_queue,
        inode: header.inode.into(),
    })
}
