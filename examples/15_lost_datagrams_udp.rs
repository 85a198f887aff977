//! Step 15, UDP: datagrams that are lost, doubled, or out of order.
//!
//! UDP promises nothing but whole datagrams. On loopback nothing gets lost, so
//! a relay between the two ends does it here, by a fixed script: it drops the
//! 3rd, doubles the 5th, and holds back the 7th until another has passed.
//!
//! Look for: what arrives of 1 to 8, first without a cure and then with one:
//! each number is acknowledged, or else sent again.
//!
//! One terminal, all ends:
//!     cargo run --example 15_lost_datagrams_udp
//! With an address, the relay uses that port, for you to watch (tcpdump):
//!     cargo run --example 15_lost_datagrams_udp -- 127.0.0.1:8090

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

use socket_steps::{ANY_PORT, During, Failure, run, say};

fn main() -> ExitCode {
    run(include_str!("15_lost_datagrams_udp.rs"), lesson)
}

/// Receives one datagram: the number in it.
fn receive(socket: &UdpSocket) -> io::Result<u8> {
    let mut byte = [0];
    socket.recv_from(&mut byte)?;
    Ok(byte[0])
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    // Steps 1 and 2, three times: create, bind. (No receive waits for ever.)
    let address = given.unwrap_or(ANY_PORT);
    let relay = UdpSocket::bind(address).during("bind", address)?;
    let here = relay.local_addr().during("local_addr", None)?;
    let any = SocketAddr::new(here.ip(), 0);
    let receiver = UdpSocket::bind(any).during("bind", any)?;
    let to = receiver.local_addr().during("local_addr", None)?;
    let sender = UdpSocket::bind(any).during("bind", any)?;
    let back = sender.local_addr().during("local_addr", None)?;
    for (socket, ms) in [(&relay, 2000), (&receiver, 2000), (&sender, 100)]
    {
        let limit = Some(Duration::from_millis(ms));
        socket.set_read_timeout(limit).during("set_read_timeout", None)?;
    }

    // The network: takes the `count`th datagram, tells how many it sends on.
    let mut held = None;
    let mut pass = |count: usize| -> io::Result<usize> {
        let number = receive(&relay)?;
        let mut out = match count {
            3 | 7 => vec![],
            5 => vec![number, number],
            _ => vec![number],
        };
        match count {
            7 => held = Some(number),
            _ => out.extend(held.take()),
        }
        for number in &out {
            relay.send_to(&[*number], to)?;
        }
        Ok(out.len())
    };

    // The failure: eight datagrams, each holding its number.
    let mut got = Vec::new();
    for number in 1..=8 {
        sender.send_to(&[number], here).during("send_to", here)?;
        for _ in 0..pass(number.into()).during("relay", here)? {
            got.push(receive(&receiver).during("recv_from", to)?);
        }
    }
    say("receiver", "recv_from", format!("{got:?} of 1 to 8"));

    // The cure. The number tells the receiver what is new: it keeps the one
    // that it expects, and acknowledges that one and those it has. (One that
    // comes too early is not acknowledged: it would be lost.) The sender waits
    // for that, or else sends again, 5 times at most. The relay counts what
    // passes: its 3rd is the 3, but with one sent again its 5th carries the 4.
    say("sender", "wait", "100 ms for each answer that is missing");
    let (mut count, mut got) = (0, Vec::new());
    'next: for number in 1..=8 {
        for attempt in 1..=5 {
            sender.send_to(&[number], here).during("send_to", here)?;
            count += 1;
            for _ in 0..pass(count).during("relay", here)? {
                let new = receive(&receiver).during("recv_from", to)?;
                if usize::from(new) == got.len() + 1 {
                    got.push(new);
                } else {
                    say("receiver", "recv_from", format!("{new} again"));
                }
                if usize::from(new) <= got.len() {
                    receiver
                        .send_to(&[new], back)
                        .during("send_to", back)?;
                }
            }
            // (Late answers, to earlier numbers, are skipped.)
            while let Ok(answer) = receive(&sender) {
                if answer == number {
                    continue 'next;
                }
            }
            let told = format!("no answer to {number}, attempt {attempt}");
            say("sender", "recv_from", told);
        }
        say("sender", "send_to", "gives up");
        return Ok(());
    }
    say("receiver", "deliver", format!("{got:?}"));
    Ok(())
}
