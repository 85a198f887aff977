//! Step 15, UDP: datagrams that are lost, doubled, or out of order.
//!
//! UDP promises nothing but whole datagrams. Some get lost even on loopback,
//! when the receiver's buffer is full. The rest is what networks do: a relay
//! between the two ends plays a bad one, by a fixed script.
//!
//! Look for: a loss that no call reports; what arrives of 1 to 8, first
//! without a cure and then with one: what isn't acknowledged is sent again.
//!
//! One terminal, all ends:
//!     cargo run --example 15_lost_datagrams_udp
//! With an address, the receiver uses that port, for you to watch (tcpdump):
//!     cargo run --example 15_lost_datagrams_udp -- 127.0.0.1:8090

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, Instant};

// Not the lesson: `run_at` reads the command line, `say` prints a line, `at`
// puts the address into an error, `reachable` makes 127.0.0.1 of 0.0.0.0.
use socket_steps::{At, Failure, reachable, run_at, say};
use socket2::{Domain, Protocol, Socket, Type};

/// How often the sender tries, and how long it waits for each answer.
const ATTEMPTS: usize = 5;
const PATIENCE: Duration = Duration::from_millis(100);

/// How long the other two wait for a datagram that is on its way.
const LONG: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    run_at(include_str!("15_lost_datagrams_udp.rs"), lesson)
}

/// Steps 1 and 2: create, bind.
fn bind(address: SocketAddr) -> Result<UdpSocket, Failure> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.bind(&address.into()).at(address)?;
    Ok(socket.into())
}

/// Receives a number, one byte, from this peer. `None`: it is too late.
/// Anybody can send to this port, and anything, even nothing at all: what
/// comes from elsewhere, or has another length, is skipped. And nobody waits
/// longer because of it: each receive gets the time that is left.
fn receive(
    socket: &UdpSocket,
    peer: SocketAddr,
    deadline: Instant,
) -> io::Result<Option<u8>> {
    // (No datagram is too long for it. On Windows, that would be an error.)
    let mut buffer = [0; 65_536];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv_from(&mut buffer) {
            Ok((1, from)) if from == peer => return Ok(Some(buffer[0])),
            Ok(_) => {}
            // (A receive with a limit may be interrupted: step 13. A reset is
            // how Windows says that an earlier datagram found nobody.)
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock
                | ErrorKind::TimedOut
                | ErrorKind::Interrupted
                | ErrorKind::ConnectionReset => {}
                _ => return Err(error),
            },
        }
    }
}

/// The sender waits for the acknowledgement of this number. (One of another
/// number is late: it is skipped.)
fn is_acknowledged(
    sender: &UdpSocket,
    receiver: SocketAddr,
    number: u8,
) -> io::Result<bool> {
    let deadline = Instant::now() + PATIENCE;
    while let Some(answer) = receive(sender, receiver, deadline)? {
        if answer == number {
            return Ok(true);
        }
    }
    Ok(false)
}

/// All ends. The address is 127.0.0.1:0, unless you give another one.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    let receiver = bind(address)?;
    let to = reachable(receiver.local_addr()?);
    let any = SocketAddr::new(to.ip(), 0);
    let sender = bind(any)?;
    let back = sender.local_addr()?;

    // The first failure: the receiver is busy, and doesn't receive. The kernel
    // keeps a buffer for it. What doesn't fit in there is dropped, and no call
    // fails: the sender can't know. (How many fit depends on the system.)
    let mut taken = 0;
    while taken < 5000 && sender.send_to(&[1; 1000], to).is_ok() {
        taken += 1;
    }
    say("sender", "send_to", format!("{taken} datagrams taken"));
    receiver.set_nonblocking(true)?;
    let mut arrived = 0;
    while receiver.recv_from(&mut [0; 1000]).is_ok() {
        arrived += 1;
    }
    receiver.set_nonblocking(false)?;
    let less = if arrived < taken { "fewer arrived" } else { "all" };
    say("receiver", "recv_from", less);

    // The second: a network between the two, played by a relay. It gets 1 to
    // 8, loses the 3, doubles the 5, and lets the 8 overtake the 7.
    let relay = bind(any)?;
    let through = relay.local_addr()?;
    let soon = || Instant::now() + LONG;
    let mut datagrams = Vec::new();
    let numbers = 1..=8;
    for number in numbers.clone() {
        sender.send_to(&[number], through)?;
        datagrams.extend(receive(&relay, back, soon())?);
    }
    let [one, two, _, four, five, six, seven, eight] = datagrams[..] else {
        return Err("the kernel lost one by itself: run it again")?;
    };
    let mut got = Vec::new();
    for number in [one, two, four, five, five, six, eight, seven] {
        relay.send_to(&[number], to)?;
        got.extend(receive(&receiver, through, soon())?);
    }
    say("receiver", "recv_from", format!("{got:?} of {numbers:?}"));

    // The cure: the receiver acknowledges each number. The sender waits for
    // that before it sends the next. If nothing comes, it sends the same again,
    // a few times at most. So no buffer overflows, and nothing overtakes. What
    // comes twice has a number that the receiver knows.
    let (mut passed, mut got) = (0, Vec::new());
    for number in numbers {
        for attempt in 1..=ATTEMPTS {
            sender.send_to(&[number], through)?;

            // The network loses the 3rd datagram, and doubles the 6th.
            if let Some(datagram) = receive(&relay, back, soon())? {
                passed += 1;
                let copies = match passed {
                    3 => 0,
                    6 => 2,
                    _ => 1,
                };
                for _ in 0..copies {
                    relay.send_to(&[datagram], to)?;

                    // The receiver: is it new? In both cases, acknowledge.
                    let arrived = receive(&receiver, through, soon())?;
                    let Some(new) = arrived else { break };
                    if got.contains(&new) {
                        let told = format!("{new} again");
                        say("receiver", "recv_from", told);
                    } else {
                        got.push(new);
                    }
                    receiver.send_to(&[new], back)?;
                }
            }

            if is_acknowledged(&sender, to, number)? {
                break;
            }
            let told = format!("no answer to {number}, attempt {attempt}");
            say("sender", "recv_from", told);
            if attempt == ATTEMPTS {
                Err("the sender gives up")?;
            }
        }
    }
    say("receiver", "deliver", format!("{got:?}"));
    Ok(())
}
