//! Step 28, UDP: many peers at one socket.
//!
//! One socket serves everybody, and so all that tells the peers apart is what
//! the server remembers of each. That needs an end: no peer says that it is
//! gone. And it needs limits: a sender's address is easily forged, and then
//! the answers go to somebody who has asked nothing.
//!
//! Look for: ben, who floods the server, and anna, who is served all the same;
//! carl, whose short question gets no long answer, and who is forgotten after
//! half a minute of silence; and who has to go when there is no room.
//!
//! One terminal, all ends (the lesson says what time it is, nobody waits):
//!     cargo run --example 28_many_peers_udp
//! The chat of step 7 for everybody; `help` has a long answer:
//!     cargo run --example 28_many_peers_udp -- 127.0.0.1:8090
//!     cargo run --example 07_chat_client_udp

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use std::{collections::BTreeMap, process::ExitCode, thread};

// Not the lesson: `run` reads the command line, `say` prints a line, `at`
// puts the address into an error.
use socket_steps::{At, Failure, in_words, invite, run, say};
use socket2::{Domain, Protocol, Socket, Type};

/// How many peers are remembered, and for how long one that is silent.
const MOST: usize = 1000;
const SILENCE: Duration = Duration::from_secs(30);

/// The answers that a peer may have at once, and each second from then on.
const BURST: f64 = 5.0;
const RATE: f64 = 1.0;

/// So many times as much as an address has sent, it gets at most. Headers
/// count (IPv4 and UDP: 28 bytes), on the way there and on the way back.
const FACTOR: usize = 3;
const HEADERS: usize = 28;

/// Over this limit of the chat, nothing is answered.
const LONGEST: usize = 1024;

/// How long a client waits for what may not come.
const A_WHILE: Duration = Duration::from_millis(50);

/// What the server knows of an address: when it last heard of it, how many
/// answers it may have just now, and the bytes in both directions.
struct Peer {
    last: Duration,
    tokens: f64,
    heard: usize,
    told: usize,
}

type Peers = BTreeMap<SocketAddr, Peer>;

fn main() -> ExitCode {
    run(include_str!("28_many_peers_udp.rs"), lesson, with_you)
}

/// Steps 1 and 2: create, bind.
fn bind(address: SocketAddr) -> Result<UdpSocket, Failure> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&address.into()).at(address)?;
    Ok(socket.into())
}

/// Receives a datagram, and answers it, or not. `now` is the time since the
/// server began. It comes from outside: so the lesson can say that half a
/// minute has passed, and nobody has to wait for it.
fn serve_one(
    socket: &UdpSocket,
    peers: &mut Peers,
    most: usize,
    now: Duration,
) -> io::Result<()> {
    // (Room for any datagram: a longer one is an error on Windows.)
    let mut buffer = [0; 65_536];
    let (length, from) = socket.recv_from(&mut buffer)?;

    // The state has an end: who was silent for too long is forgotten.
    peers.retain(|address, peer| {
        let stays = now.saturating_sub(peer.last) < SILENCE;
        if !stays {
            say("server", "forget", format!("{address}, silent"));
        }
        stays
    });

    // And a bound. Who was silent longest goes, not the newcomer: here it
    // loses nothing but its place, and is greeted again. (Where the state is
    // worth more, newcomers are refused, or must prove their address first.)
    let is_full = peers.len() >= most && !peers.contains_key(&from);
    let oldest = peers.iter().min_by_key(|(_, peer)| peer.last);
    if let (true, Some((&address, _))) = (is_full, oldest) {
        peers.remove(&address);
        say("server", "forget", format!("{address}, no room"));
    }
    let new = Peer { last: now, tokens: BURST, heard: 0, told: 0 };
    let peer = peers.entry(from).or_insert(new);

    // The rate limit: a bucket of tokens that fills up slowly. An answer takes
    // one. Who has none is not answered: its datagram is as good as lost.
    let passed = now.saturating_sub(peer.last).as_secs_f64();
    peer.tokens = (peer.tokens + passed * RATE).min(BURST);
    peer.last = now;
    peer.heard += HEADERS + length;
    if peer.tokens < 1.0 || length > LONGEST {
        return Ok(());
    }
    peer.tokens -= 1.0;

    // The chat of step 7. (`quit` is a text like any other: who could begin
    // anew by it would have a full bucket each time.)
    let text = &buffer[..length];
    let reply = [b"Server received: ", text].concat();
    let mut answers = vec![&reply[..]];
    if peer.told == 0 {
        say("server", "greet", from);
        answers.insert(0, b"Hello, client!");
    }
    if text.starts_with(b"help") {
        answers.push(b"Say anything, and you get it back.");
    }

    // The amplification limit: what goes beyond it is not sent. (And what
    // can't be sent is lost, like any other datagram.)
    for answer in answers {
        let size = HEADERS + answer.len();
        if peer.told + size > FACTOR * peer.heard {
            say("server", "withhold", format!("{size} bytes"));
        } else {
            peer.told += size;
            let _ = socket.send_to(answer, from);
        }
    }
    Ok(())
}

/// All ends. The address is 127.0.0.1:0; there is room for three peers.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    let socket = bind(address)?;
    let here = socket.local_addr()?;
    let mut peers = Peers::new();
    let mut clients = BTreeMap::new();

    // Who sends what, how often, and when: in seconds. No time passes here.
    for (name, times, text, seconds) in [
        ("anna", 1, "Hello, server!", 0),
        ("ben", 10, "Hello, server!", 0),
        ("anna", 1, "Still there?", 0),
        ("carl", 1, "help", 0),
        ("anna", 1, "help", 0),
        ("ben", 10, "And now?", 3),
        ("anna", 1, "Still there?", 20),
        ("dora", 1, "Hello, server!", 31),
        ("erik", 1, "Hello, server!", 31),
    ] {
        if !clients.contains_key(name) {
            let client = UdpSocket::bind(SocketAddr::new(here.ip(), 0))?;
            client.connect(here)?;
            client.set_read_timeout(Some(A_WHILE))?;
            clients.insert(name, client);
        }
        let client = &clients[name];
        say(name, "send", format!("{text} ({times} x, at {seconds} s)"));
        for _ in 0..times {
            client.send(text.as_bytes())?;
            let now = Duration::from_secs(seconds);
            serve_one(&socket, &mut peers, 3, now)?;
        }
        let mut lengths = Vec::new();
        while let Ok(length) = client.recv(&mut [0; LONGEST]) {
            lengths.push(length);
        }
        say(name, "recv", format!("bytes: {lengths:?}"));
    }
    say("server", "know", format!("{} peers", peers.len()));
    Ok(())
}

/// With an address, the clients are you, and the time is real.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let socket = bind(address)?;
    let here = socket.local_addr()?;
    invite("server", "recv_from", here, &["nc -u", "07_chat_client_udp"]);
    let (mut peers, start) = (Peers::new(), Instant::now());
    loop {
        // (It waits here. What counts is the time when something has come.)
        let _ = socket.peek_from(&mut [0; 1]);
        let served = serve_one(&socket, &mut peers, MOST, start.elapsed());
        let Err(error) = served else { continue };
        // (A reset is how Windows says that an answer reached nobody.)
        if error.kind() != ErrorKind::ConnectionReset {
            say("server", "recv_from", in_words(&error));
            thread::sleep(A_WHILE);
        }
    }
}
