//! A UDP echo with a limit: ten answers a second to each address.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::thread::sleep;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

/// So many answers an address has at most, ...
const MOST: u32 = 10;
/// ... and after each of these it has one more.
const PAUSE: Duration = Duration::from_millis(100);
/// After so much silence it has all of them again.
const SILENCE: Duration = Duration::from_secs(1);
/// So many addresses are remembered.
const ROOM: usize = 1000;

fn main() -> std::io::Result<()> {
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&address.into())?;
    let socket = UdpSocket::from(socket);
    println!("ready");

    let mut peers = Peers::new();
    // More than any datagram has.
    let mut buffer = vec![0; 1 << 16];
    loop {
        let (length, sender) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            // What lasts is a reason to end: the socket is not bound.
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                return Err(error);
            }
            // What passes is none: no memory for now, or an earlier answer
            // found nobody (Windows). Wait a moment, and try again.
            Err(error) => {
                eprintln!("receive: {error}");
                sleep(Duration::from_millis(20));
                continue;
            }
        };
        // (All ports of an address have one limit.)
        if !peers.may_have_an_answer(sender.ip()) {
            continue;
        }
        if let Err(error) = socket.send_to(&buffer[..length], sender) {
            eprintln!("answer to {sender}: {error}");
        }
    }
}

/// What is known of an address.
struct Peer {
    /// So many answers it had at that time.
    left: u32,
    counted: Instant,
    /// When it sent something.
    last: Instant,
}

/// The addresses that have asked in the last second.
struct Peers {
    known: HashMap<IpAddr, Peer>,
    tidied: Instant,
}

impl Peers {
    fn new() -> Self {
        Self { known: HashMap::new(), tidied: Instant::now() }
    }

    /// Whether this one has an answer left: that is taken.
    fn may_have_an_answer(&mut self, address: IpAddr) -> bool {
        let now = Instant::now();
        self.forget_the_silent(now);
        let is_full = self.known.len() >= ROOM;
        if is_full && !self.known.contains_key(&address) {
            return false;
        }
        let new = Peer { left: MOST, counted: now, last: now };
        let peer = self.known.entry(address).or_insert(new);
        peer.last = now;

        // Whole pauses only: the part of one that has begun is not lost, as
        // it is still to be counted.
        while peer.left < MOST && now - peer.counted >= PAUSE {
            peer.left += 1;
            peer.counted += PAUSE;
        }
        if peer.left == MOST {
            // More than that is not saved up.
            peer.counted = now;
        }
        let has_one = peer.left > 0;
        peer.left -= u32::from(has_one);
        has_one
    }

    /// Who has all of its answers is as good as new. (To look through all of
    /// them for each datagram would be too much.)
    fn forget_the_silent(&mut self, now: Instant) {
        if now - self.tidied >= PAUSE {
            self.known.retain(|_, peer| now - peer.last < SILENCE);
            self.tidied = now;
        }
    }
}
