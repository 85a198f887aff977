//! The tap: sees every packet on the loopback interface.
//!
//! A **packet socket** (see packet(7)) belongs to no connection. The kernel gives it a copy of each
//! packet that arrives, headers and all. Here every packet is sent and received on one machine, so
//! each is seen once.
//!
//! Opening one needs the right to look at everybody's packets (CAP_NET_RAW). In a network namespace
//! of one's own, one has it.

use std::collections::HashMap;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime};

use etherparse::defrag::IpDefragBuf;
use etherparse::{
    IpFragOffset, IpNumber, IpPayloadSlice, Ipv6ExtensionSlice, LaxNetSlice, LaxSlicedPacket,
    NetSlice, SlicedPacket, TransportSlice,
};
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, LinkAddr, MsgFlags, bind, recvmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};

/// Linux' numbers for a packet socket.
const AF_PACKET: i32 = 17;
const SOCK_RAW: i32 = 3;

/// The two kinds of packets to ask for, by their numbers in an Ethernet header. Asking for all
/// kinds would show each packet twice: once as it leaves, once as it arrives.
const KINDS: [u16; 2] = [ETH_P_IP, ETH_P_IPV6];
pub const ETH_P_IP: u16 = 0x0800;
pub const ETH_P_IPV6: u16 = 0x86DD;

/// The length of an Ethernet header: two addresses, and the kind of what follows.
pub const ETHERNET: usize = 14;

/// The longest packet on the loopback interface, with its Ethernet header.
pub const LONGEST: usize = 65_536 + ETHERNET;

pub struct Tap {
    sockets: Vec<Socket>,
    buffer: Vec<u8>,
    pub parts: Parts,
}

impl Tap {
    /// Starts to listen; without CAP_NET_RAW: `PermissionDenied`.
    pub fn open() -> io::Result<Self> {
        Self::open_at(None)
    }

    /// The same at one interface.
    pub fn open_at(interface: Option<&LinkAddr>) -> io::Result<Self> {
        let open = |kind: u16| {
            let socket = packet_socket(kind)?;
            // The kernel says when each packet came.
            setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
            if let Some(interface) = interface {
                bind(socket.as_raw_fd(), interface)?;
            }
            Ok(socket)
        };
        let sockets: io::Result<Vec<Socket>> = KINDS.map(open).into_iter().collect();
        Ok(Self { sockets: sockets?, buffer: vec![0; LONGEST], parts: Parts::default() })
    }

    /// Listens to nothing.
    pub fn none() -> Self {
        Self { sockets: vec![], buffer: vec![], parts: Parts::default() }
    }

    /// The packets since the last call, oldest first.
    pub fn drain(&mut self) -> io::Result<Vec<Packet>> {
        let mut packets = vec![];
        for socket in &self.sockets {
            // Two that were there at the same time may have been given their times in the other
            // order.
            let mut latest = Duration::ZERO;
            while let Some((length, time, _)) = receive(socket, &mut self.buffer)? {
                latest = latest.max(time);
                let packet = self.parts.read(&self.buffer[..length], time);
                packets.extend(packet.map(|packet| (latest, packet)));
            }
        }
        packets.sort_by_key(|(time, _)| *time);
        Ok(packets.into_iter().map(|(_, packet)| packet).collect())
    }
}

/// The length of the next frame, when it came, and where; `None`: there is none.
pub fn receive(
    socket: &impl AsRawFd,
    buffer: &mut [u8],
) -> io::Result<Option<(usize, Duration, Option<LinkAddr>)>> {
    let mut space = nix::cmsg_space!(TimeSpec);
    let mut whole = [IoSliceMut::new(buffer)];
    let message =
        recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut whole, Some(&mut space), MsgFlags::empty());
    let message = match message {
        Err(Errno::EAGAIN) => return Ok(None),
        other => other?,
    };
    let time = message.cmsgs()?.find_map(|part| match part {
        ControlMessageOwned::ScmTimestampns(time) => Some(time.into()),
        _ => None,
    });
    Ok(Some((message.bytes, time.unwrap_or_else(now), message.address)))
}

/// Since the beginning of 1970, as the kernel and strace count.
pub fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Opens a packet socket for one kind of packets.
pub fn packet_socket(kind: u16) -> io::Result<Socket> {
    // The kernel wants the number in network byte order.
    let protocol = Protocol::from(i32::from(kind.to_be()));
    let (domain, raw) = (Domain::from(AF_PACKET), Type::from(SOCK_RAW));
    let socket = Socket::new(domain, raw, Some(protocol))?;
    // There may be none: then we don't wait.
    socket.set_nonblocking(true)?;
    // (The kernel gives as much as it allows.)
    socket.set_recv_buffer_size(1 << 24)?;
    Ok(socket)
}

/// Puts together what was sent in parts (fragments), because it is longer than a frame may be.
#[derive(Default)]
pub struct Parts {
    /// What has begun, and when it last came on: by its two ends, its number and its protocol.
    open: HashMap<([IpAddr; 2], u32, IpNumber), (IpDefragBuf, Duration)>,
    /// How many were put together.
    pub whole: usize,
}

/// What is in a frame.
pub enum Content {
    Whole,
    /// A part of something, and more of it comes.
    Part,
    /// The last part of this.
    Last(Vec<u8>),
}

/// The kernel doesn't wait for longer for what is missing, either.
const MISSING: Duration = Duration::from_secs(60);

impl Parts {
    /// Takes in a frame. What was in parts is as if it had been in a single one.
    pub fn add(&mut self, frame: &[u8], time: Duration) -> Content {
        let Ok(sliced) = SlicedPacket::from_ethernet(frame) else { return Content::Whole };
        if !sliced.ip_payload().is_some_and(|part| part.fragmented) {
            return Content::Whole;
        }
        let Some((ends, number, offset, has_more, part)) = part(&sliced) else {
            return Content::Whole;
        };
        self.open.retain(|_, (_, last)| time.saturating_sub(*last) < MISSING);
        let key = (ends, number, part.ip_number);
        let new = || (IpDefragBuf::new(part.ip_number, vec![], vec![]), time);
        let (open, last) = self.open.entry(key).or_insert_with(new);
        *last = time;
        if open.add(offset, has_more, part.payload).is_err() {
            return Content::Whole;
        }
        if !open.is_complete() {
            return Content::Part;
        }
        let Some((open, _)) = self.open.remove(&key) else { return Content::Whole };
        let (payload, _) = open.take_bufs();
        let mut whole = frame[..ETHERNET].to_vec();
        match &sliced.net {
            Some(NetSlice::Ipv4(ip)) => {
                let mut header = ip.header().to_header();
                (header.more_fragments, header.fragment_offset) = (false, IpFragOffset::ZERO);
                if header.set_payload_len(payload.len()).is_err() {
                    return Content::Whole;
                }
                header.header_checksum = header.calc_header_checksum();
                whole.extend(header.to_bytes());
            }
            Some(NetSlice::Ipv6(ip)) => {
                let mut header = ip.header().to_header();
                header.next_header = part.ip_number;
                if header.set_payload_length(payload.len()).is_err() {
                    return Content::Whole;
                }
                whole.extend(header.to_bytes());
            }
            _ => return Content::Whole,
        }
        self.whole += 1;
        whole.extend(payload);
        Content::Last(whole)
    }

    /// The packet in a frame, or the one that it completes.
    pub fn read(&mut self, frame: &[u8], time: Duration) -> Option<Packet> {
        match self.add(frame, time) {
            Content::Whole => Packet::read(frame, time),
            Content::Part => None,
            Content::Last(whole) => Packet::read(&whole, time),
        }
    }
}

/// Of a part: its two ends, the number that all parts have, where it belongs, whether more follows,
/// and what it is.
type Part<'a> = ([IpAddr; 2], u32, IpFragOffset, bool, &'a IpPayloadSlice<'a>);

fn part<'a>(sliced: &'a SlicedPacket<'_>) -> Option<Part<'a>> {
    match sliced.net.as_ref()? {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            let ends = [header.source_addr().into(), header.destination_addr().into()];
            let (number, offset) = (header.identification(), header.fragments_offset());
            Some((ends, number.into(), offset, header.more_fragments(), ip.payload()))
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header();
            let ends = [header.source_addr().into(), header.destination_addr().into()];
            let part = ip.extensions().clone().into_iter().find_map(|part| match part {
                Ipv6ExtensionSlice::Fragment(part) => Some(part),
                _ => None,
            })?;
            // (What etherparse 0.19 takes for the place and for the flag are other bits.)
            let [_, _, high, low, ..] = *part.slice() else { return None };
            let both = u16::from_be_bytes([high, low]);
            let offset = IpFragOffset::try_new(both >> 3).ok()?;
            Some((ends, part.identification(), offset, both & 1 == 1, ip.payload()))
        }
        NetSlice::Arp(_) => None,
    }
}

/// A segment, a datagram, or the kernel's message that one was refused.
#[derive(Clone, Debug)]
pub struct Packet {
    pub from: SocketAddr,
    pub to: SocketAddr,
    pub kind: Kind,
    pub data: Vec<u8>,
    /// What stands before the data in the frame. Of what has no data, that is the whole frame.
    pub headers: Vec<u8>,
    /// When it came, by the kernel's clock: since the beginning of 1970.
    pub time: Duration,
    pub fate: Fate,
}

/// What the network does to a packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fate {
    Arrives,
    Lost,
    /// It arrives after the next one.
    Late,
    Twice,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Segment {
        flags: Vec<&'static str>,
        sequence: u32,
    },
    Datagram,
    /// `to` sent a datagram to a port of `from` that nobody has.
    Refused,
    /// There is no way to where `to` sent something, says this machine.
    Unreachable {
        by: IpAddr,
    },
}

impl Packet {
    /// `None`: nothing that this course speaks of.
    pub fn read(frame: &[u8], time: Duration) -> Option<Self> {
        let sliced = LaxSlicedPacket::from_ethernet(frame).ok()?;
        let packet = Self::from_slices(&sliced)?;
        let data = match sliced.transport.as_ref()? {
            TransportSlice::Tcp(tcp) => tcp.payload(),
            TransportSlice::Udp(udp) => udp.payload(),
            _ => &[],
        };
        let start = match data {
            [] => frame.len(),
            _ => data.as_ptr().addr() - frame.as_ptr().addr(),
        };
        Some(Self { headers: frame[..start].to_vec(), time, ..packet })
    }

    /// As it was on the wire.
    pub fn frame(&self) -> Vec<u8> {
        [&self.headers[..], &self.data].concat()
    }

    fn from_slices(sliced: &LaxSlicedPacket<'_>) -> Option<Self> {
        let (source, destination): (IpAddr, IpAddr) = match sliced.net.as_ref()? {
            LaxNetSlice::Ipv4(ip) => {
                (ip.header().source_addr().into(), ip.header().destination_addr().into())
            }
            LaxNetSlice::Ipv6(ip) => {
                (ip.header().source_addr().into(), ip.header().destination_addr().into())
            }
            LaxNetSlice::Arp(_) => return None,
        };
        let packet = |from, to, kind, data: &[u8]| Self {
            from: SocketAddr::new(source, from),
            to: SocketAddr::new(destination, to),
            kind,
            data: data.to_vec(),
            headers: vec![],
            time: Duration::ZERO,
            fate: Fate::Arrives,
        };
        match sliced.transport.as_ref()? {
            TransportSlice::Tcp(tcp) => {
                let flags = [
                    ("SYN", tcp.syn()),
                    ("FIN", tcp.fin()),
                    ("RST", tcp.rst()),
                    ("PSH", tcp.psh()),
                    ("ACK", tcp.ack()),
                    ("URG", tcp.urg()),
                ];
                let set = flags.into_iter().filter(|(_, set)| *set);
                let kind = Kind::Segment {
                    flags: set.map(|(flag, _)| flag).collect(),
                    sequence: tcp.sequence_number(),
                };
                Some(packet(tcp.source_port(), tcp.destination_port(), kind, tcp.payload()))
            }
            TransportSlice::Udp(udp) => {
                let kind = Kind::Datagram;
                Some(packet(udp.source_port(), udp.destination_port(), kind, udp.payload()))
            }
            // It carries the beginning of the packet that it is about.
            TransportSlice::Icmpv4(icmp) => {
                let says_port = (icmp.type_u8(), icmp.code_u8()) == (3, 3);
                Self::refused(icmp.payload(), says_port, source)
            }
            TransportSlice::Icmpv6(icmp) => {
                let says_port = (icmp.type_u8(), icmp.code_u8()) == (1, 4);
                Self::refused(icmp.payload(), says_port, source)
            }
        }
    }

    fn refused(about: &[u8], says_port: bool, by: IpAddr) -> Option<Self> {
        let sliced = LaxSlicedPacket::from_ip(about).ok()?;
        let lost = Self::from_slices(&sliced)?;
        let kind = if says_port { Kind::Refused } else { Kind::Unreachable { by } };
        Some(Self { from: lost.to, to: lost.from, kind, data: vec![], ..lost })
    }
}
