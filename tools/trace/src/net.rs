//! The cable between two machines: passes on what each of them sends, or loses it.
//!
//! Each machine is a network namespace with one end of a **veth pair**; the other end is in the
//! namespace of this tool. Nothing else connects them: a frame that comes out of one end goes into
//! the other one because it is written there.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsRawFd as _;
use std::thread;
use std::time::{Duration, Instant};

use etherparse::{SlicedPacket, TransportSlice};
use fastrand::Rng;
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{LinkAddr, MsgFlags, recvfrom, sendto};
use socket2::Socket;

use crate::network::Network;
use crate::tables::Backlog;
use crate::tap::{Content, Fate, Kind, LONGEST, Packet, Parts, now, packet_socket};

/// All kinds of frames. (What one sends oneself, one doesn't get.)
const ETH_P_ALL: u16 = 3;

/// A frame that is sent by somebody else than this process, and leaves here.
const PACKET_OUTGOING: u8 = 4;

/// From this type on, ICMPv6 is of machines among themselves.
const ICMPV6_FOR_NEIGHBOURS: u8 = 130;

/// A packet that has to come after the next one waits for it, but not for ever.
const HELD: Duration = Duration::from_secs(1);

/// The kernel hands on a frame at once, or a little later.
const LONG: Duration = Duration::from_millis(50);

/// A program that computes for longer is not waited for: the kernel would send again.
const BUSY: Duration = Duration::from_millis(150);

/// A frame on its way, or several that are the parts of one datagram.
struct Flying {
    due: Instant,
    /// To which end.
    to: usize,
    frames: Vec<Vec<u8>>,
}

pub struct Wire {
    socket: Socket,
    ends: [LinkAddr; 2],
    wishes: Network,
    dice: Rng,
    /// So many packets were sent, and so many with data.
    sent: u32,
    sent_with_data: u32,
    /// What comes in parts, and those from each end that wait for the rest.
    pub parts: Parts,
    waiting: [Vec<Vec<u8>>; 2],
    flying: VecDeque<Flying>,
    /// Those that have to come after the next one.
    held: Vec<Flying>,
    buffer: Vec<u8>,
    backlog: Backlog,
}

/// What was seen of the cable.
#[derive(Default)]
pub struct Seen {
    pub packets: Vec<Packet>,
    /// It began with a packet that had been on its way: what follows answers that.
    pub answers: bool,
}

impl Wire {
    /// Between these two interfaces.
    pub fn between(names: [&str; 2], wishes: Network) -> Result<Self, String> {
        let failed = |error: io::Error| format!("the cable cannot be laid: {error}");
        let [one, two] = names.map(interface);
        let ends = [one.map_err(failed)?, two.map_err(failed)?];
        let socket = packet_socket(ETH_P_ALL).map_err(failed)?;
        let dice = Rng::with_seed(wishes.seed.unwrap_or_default());
        let (flying, held) = (VecDeque::new(), vec![]);
        let (buffer, backlog) = (vec![0; LONGEST], Backlog::open());
        let (sent, sent_with_data) = (0, 0);
        let (parts, waiting) = (Parts::default(), [vec![], vec![]]);
        Ok(Self {
            socket,
            ends,
            wishes,
            dice,
            sent,
            sent_with_data,
            parts,
            waiting,
            flying,
            held,
            buffer,
            backlog,
        })
    }

    /// Whether a frame is on its way.
    pub fn is_busy(&self) -> bool {
        !self.flying.is_empty() || !self.held.is_empty()
    }

    /// Whether nothing passes any more.
    pub fn is_cut(&self) -> bool {
        self.wishes.cut.is_some_and(|after| self.sent >= after)
    }

    /// Passes on what was sent, and what is sent because of that. What needs time arrives when all
    /// programs wait, one at a time: how fast a program is does not change what happens.
    pub fn pass_on(&mut self, all_wait: bool) -> Result<Seen, String> {
        let mut seen = Seen::default();
        loop {
            let mut any = false;
            // Also what has not come here yet was sent before all that is done from now on.
            self.settle();
            while let Some((from, frame)) = self.receive()? {
                any = true;
                seen.packets.extend(self.send(from, frame));
            }
            let may = all_wait && !seen.answers;
            if self.deliver(may)? {
                seen.answers |= !any && seen.packets.is_empty();
                self.settle();
            } else if !any {
                return Ok(seen);
            }
        }
    }

    /// On a busy machine the kernel hands frames on a little later.
    fn settle(&self) {
        let start = Instant::now();
        while self.backlog.waits() && start.elapsed() < LONG {
            thread::sleep(Duration::from_micros(100));
        }
    }

    /// The next frame, and from which end it is.
    fn receive(&mut self) -> Result<Option<(usize, Vec<u8>)>, String> {
        loop {
            let got = recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut self.buffer);
            let (length, from) = match got {
                Ok((length, Some(from))) => (length, from),
                Ok(_) | Err(Errno::EINTR | Errno::ENETDOWN) => continue,
                Err(Errno::EAGAIN) => return Ok(None),
                Err(error) => return Err(format!("the cable: {error}")),
            };
            let end = self.ends.iter().position(|end| end.ifindex() == from.ifindex());
            if let Some(end) = end.filter(|_| from.pkttype() != PACKET_OUTGOING) {
                let frame = &mut self.buffer[..length];
                let sum = match SlicedPacket::from_ethernet(frame) {
                    Ok(packet) if is_of_a_program(&packet) => checksum(frame, &packet),
                    _ => continue,
                };
                if let Some((place, sum)) = sum {
                    frame[place..place + 2].copy_from_slice(&sum.to_be_bytes());
                }
                return Ok(Some((end, frame.to_vec())));
            }
        }
    }

    /// Decides what becomes of a frame. `None`: it is nothing to be shown.
    fn send(&mut self, from: usize, frame: Vec<u8>) -> Option<Packet> {
        let is_cut = self.is_cut();
        let time = now();
        // All parts of a datagram have the same fate.
        let (packet, mut frames) = match self.parts.add(&frame, time) {
            Content::Whole => (Packet::read(&frame, time), vec![]),
            Content::Part => {
                self.waiting[from].push(frame);
                return None;
            }
            Content::Last(whole) => {
                (Packet::read(&whole, time), std::mem::take(&mut self.waiting[from]))
            }
        };
        frames.push(frame);
        let mut fate = Fate::Arrives;
        let mut has_data = false;
        if let Some(packet) = &packet {
            self.sent += 1;
            has_data = packet.kind == Kind::Datagram || !packet.data.is_empty();
        }
        if has_data {
            self.sent_with_data += 1;
            let is_one = |which: &[u32]| which.contains(&self.sent_with_data);
            let Network { lost, swapped, doubled, percent, .. } = &self.wishes;
            let is_lost = self.dice.u32(0..100) < *percent;
            fate = match () {
                () if is_lost || is_one(lost) => Fate::Lost,
                () if is_one(swapped) => Fate::Late,
                () if is_one(doubled) => Fate::Twice,
                () => Fate::Arrives,
            };
        }
        if is_cut {
            fate = Fate::Lost;
        }
        let to = 1 - from;
        let due = Instant::now() + self.wishes.delay;
        let flying = |frames| Flying { due, to, frames };
        match fate {
            Fate::Arrives => self.flying.push_back(flying(frames)),
            Fate::Twice => {
                self.flying.push_back(flying(frames.clone()));
                self.flying.push_back(flying(frames));
            }
            Fate::Lost => {}
            Fate::Late => {
                self.held.push(Flying { due: due + HELD, to, frames });
                has_data = false;
            }
        }
        if has_data {
            let late = self.take_held(|late| late.to == to);
            self.flying.extend(late.into_iter().map(|late| Flying { due, ..late }));
        }
        packet.map(|packet| Packet { fate, ..packet })
    }

    fn take_held(&mut self, which: impl Fn(&Flying) -> bool) -> Vec<Flying> {
        let (taken, held) = std::mem::take(&mut self.held).into_iter().partition(which);
        self.held = held;
        taken
    }

    /// Writes what is due, if it may. Whether there was something.
    fn deliver(&mut self, may: bool) -> Result<bool, String> {
        let now = Instant::now();
        if may {
            for late in self.take_held(|late| late.due <= now) {
                self.flying.push_front(late);
            }
        }
        let at_once = self.wishes.delay.is_zero();
        let mut any = false;
        while self.flying.front().is_some_and(|next| {
            let may = at_once || (may && !any) || now.saturating_duration_since(next.due) > BUSY;
            may && next.due <= now
        }) {
            let Some(Flying { to, frames, .. }) = self.flying.pop_front() else { break };
            let socket = self.socket.as_raw_fd();
            for frame in frames {
                sendto(socket, &frame, &self.ends[to], MsgFlags::empty())
                    .map_err(|error| format!("the cable: {error}"))?;
            }
            any = true;
        }
        Ok(any)
    }
}

/// The address of an interface of this namespace, for packet sockets.
pub fn interface(name: &str) -> io::Result<LinkAddr> {
    let mut all = getifaddrs()?.filter(|one| one.interface_name == name);
    let address = all.find_map(|one| one.address.as_ref()?.as_link_addr().copied());
    address.ok_or_else(|| io::Error::other(format!("no interface {name}")))
}

/// Whether a frame is of a program: what machines tell of themselves when they come into a network
/// (as routers, neighbours, members of groups) is not.
fn is_of_a_program(packet: &SlicedPacket<'_>) -> bool {
    match &packet.transport {
        Some(TransportSlice::Icmpv6(icmp)) => icmp.type_u8() < ICMPV6_FOR_NEIGHBOURS,
        Some(_) => true,
        // A part of a datagram.
        None => packet.ip_payload().is_some_and(|part| part.fragmented),
    }
}

/// The checksum, and where it has to stand: the kernel leaves it to a network card, and there is
/// none.
fn checksum(frame: &[u8], packet: &SlicedPacket<'_>) -> Option<(usize, u16)> {
    let net = packet.net.as_ref()?;
    let ends = net.ipv4_ref().map(|ip| (ip.header().source(), ip.header().destination()));
    let ends_6 = net.ipv6_ref().map(|ip| (ip.header().source(), ip.header().destination()));
    let (length, place, sum) = match packet.transport.as_ref()? {
        TransportSlice::Tcp(tcp) => {
            let (header, data) = (tcp.to_header(), tcp.payload());
            let sum = match (ends, ends_6) {
                (Some((from, to)), _) => header.calc_checksum_ipv4_raw(from, to, data).ok(),
                (_, Some((from, to))) => header.calc_checksum_ipv6_raw(from, to, data).ok(),
                _ => None,
            };
            (tcp.slice().len(), 16, sum?)
        }
        TransportSlice::Udp(udp) => {
            let (header, data) = (udp.to_header(), udp.payload());
            let sum = match (ends, ends_6) {
                (Some((from, to)), _) => header.calc_checksum_ipv4_raw(from, to, data).ok(),
                (_, Some((from, to))) => header.calc_checksum_ipv6_raw(from, to, data).ok(),
                _ => None,
            };
            (udp.slice().len(), 6, sum?)
        }
        _ => return None,
    };
    Some((frame.len() - length + place, sum))
}
