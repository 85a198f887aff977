//! Step 25, TCP: ready, by level and by edge. (The first half is by UDP.)
//!
//! Whoever waits for many sockets is told which of them are ready. By level
//! means: as long as there is something to receive. By edge means: when
//! something new has come, and only then. What is left is not told again.
//!
//! Look for: five datagrams, of which one is received; the same five by edge
//! with a receive that goes on until it would block; and a list of clients, of
//! whom one leaves while the server walks along it.
//!
//! One terminal, all ends (Linux; it waits for a second in all):
//!     cargo run --example 25_edge
//! With an address, all ends use that port, for you to watch (tcpdump, ss):
//!     cargo run --example 25_edge -- 127.0.0.1:8090

use std::net::SocketAddr;
use std::process::ExitCode;
#[cfg(target_os = "linux")]
use std::{io, io::Read as _, io::Write as _};
#[cfg(target_os = "linux")]
use std::{net::TcpListener, net::TcpStream, net::UdpSocket};

#[cfg(target_os = "linux")]
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
// Not the lesson: `run_at` reads the command line, `say` prints a line.
use socket_steps::{Failure, run_at, say};
#[cfg(target_os = "linux")]
use socket2::{Domain, Protocol, Socket, Type};

#[cfg(target_os = "linux")]
const LIMIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

fn main() -> ExitCode {
    run_at(include_str!("25_edge.rs"), lesson)
}

#[cfg(not(target_os = "linux"))]
fn lesson(_: SocketAddr) -> Result<(), Failure> {
    say("", "epoll", "only Linux has it, and with it both ways to be told");
    Ok(())
}

/// Five datagrams for one socket. Each time it is said to be ready, so many
/// are received, if there are as many.
#[cfg(target_os = "linux")]
fn receive_five(
    who: &str,
    address: SocketAddr,
    how: epoll::EventFlags,
    at_a_time: usize,
) -> io::Result<()> {
    // Steps 1 and 2: create, bind. No receive waits.
    let domain = Domain::for_address(address);
    let receiver = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    receiver.set_nonblocking(true)?;
    receiver.bind(&address.into())?;
    let receiver = UdpSocket::from(receiver);
    let here = receiver.local_addr()?;

    // A list, which the kernel keeps, of the sockets that it is to watch. This
    // one is on it, and whoever waits is told of it by level, or by edge.
    let list = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&list, &receiver, epoll::EventData::new_u64(0), how)?;

    // All five are there before anybody waits. (What the sender sends to
    // itself comes last.)
    let sender = UdpSocket::bind(SocketAddr::new(here.ip(), 0))?;
    for text in ["one", "two", "three", "four", "five"] {
        sender.send_to(text.as_bytes(), here)?;
    }
    sender.send_to(b"all sent", sender.local_addr()?)?;
    sender.recv(&mut [0; 64])?;

    let (flags, data) = (how, epoll::EventData::new_u64(0));
    let mut events = [epoll::Event { flags, data }];
    let [mut ready, mut received] = [0, 0];
    while epoll::wait(&list, &mut events, Some(&LIMIT))? > 0 {
        ready += 1;
        // (Why it fails here is always the same: it would block.)
        let calls = (0..at_a_time).map(|_| receiver.recv(&mut [0; 64]));
        received += calls.take_while(|result| result.is_ok()).count();
    }
    say(who, "wait", format!("times it was ready: {ready}"));
    say(who, "recv", format!("{received} of 5 datagrams"));
    Ok(())
}

/// One wait for all clients, and a receive from each who is ready. Who has
/// left is taken off the list. Returns how many were ready.
#[cfg(target_os = "linux")]
fn serve(clients: &mut Vec<(&str, TcpStream)>) -> io::Result<usize> {
    let sockets = clients.iter().map(|(_, socket)| socket);
    let mut list: Vec<_> =
        sockets.map(|s| PollFd::new(s, PollFlags::IN)).collect();
    let number = poll(&mut list, Some(&LIMIT))?;
    let answers = list.iter().map(|one| one.revents());
    let mut ready: Vec<_> = answers.map(|a| !a.is_empty()).collect();

    let mut place = 0;
    while place < clients.len() {
        let (who, socket) = &mut clients[place];
        let mut length = 1;
        if ready[place] {
            length = socket.read(&mut [0; 64])?;
            say(who, "recv", format!("{length} bytes"));
        }
        if length == 0 {
            // The last one comes into this place, and is looked at next.
            clients.swap_remove(place);
            ready.swap_remove(place);
        } else {
            place += 1;
        }
    }
    Ok(number)
}

/// All ends. The address is 127.0.0.1:0, unless you give another one.
#[cfg(target_os = "linux")]
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 to 3, for the clients of the second half.
    let listener = TcpListener::bind(address)?;
    let here = listener.local_addr()?;

    let level = epoll::EventFlags::IN;
    let edge = level | epoll::EventFlags::ET;

    // One receive each time. By level that is enough. The failure: by edge.
    receive_five("level", address, level, 1)?;
    receive_five("edge", address, edge, 1)?;
    // The cure: receive until it would block.
    receive_five("cure", address, edge, usize::MAX)?;

    // Step 4, three times. Then anna leaves, and the others speak.
    let (mut clients, mut peers) = (Vec::new(), Vec::new());
    for name in ["anna", "ben", "carl"] {
        peers.push(TcpStream::connect(here)?);
        clients.push((name, listener.accept()?.0));
    }
    drop(peers.remove(0));
    for peer in &mut peers {
        peer.write_all(b"hello")?;
    }
    // (All of that is there: this waits for it, and takes nothing.)
    for (_, client) in &clients {
        client.peek(&mut [0; 1])?;
    }
    let number = serve(&mut clients)?;
    say("server", "poll", format!("{number} were ready"));

    // Now nobody has anything to say, and each wait takes its time.
    let mut woken = 0;
    for _ in 0..5 {
        woken += usize::from(serve(&mut clients)? > 0);
    }
    say("server", "poll", format!("5 waits: woken in {woken} of them"));
    Ok(())
}
