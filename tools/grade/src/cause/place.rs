//! Nobody is there: where the program is instead.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Socket, Type};

use super::awaited::{LATE, late};
use super::nearly::NTOHS;
use super::{All, Also, Cause, given};
use crate::grading::Grading;
use crate::program::Program;
use crate::sockets::{Held, State};
use crate::wire::NO_ANSWER;
use crate::words::{Words, text};
use crate::wrong::{Wrong, plural};

/// Where the program is instead.
pub fn elsewhere(program: &Program, held: &[Held], is_udp: bool) -> Option<Words> {
    let given = given(program)?;
    let is_there = |one: &&Held| {
        let has_address = !one.local.ip().is_unspecified() || one.local.is_ipv4();
        one.local.port() == given.port()
            && (one.local.ip() == given.ip() || (one.local.ip().is_unspecified() && has_address))
    };
    let here = |one: &&Held| match is_udp {
        true => one.is_udp,
        false => !one.is_udp && matches!(one.state, State::Listens | State::Bound),
    };
    let mut all: Vec<_> = held.iter().filter(here).filter(|one| !one.holders.is_empty()).collect();
    if all.iter().any(is_there) {
        return None;
    }
    // A listener says most.
    all.sort_by_key(|one| one.state != State::Listens);
    let Some(first) = all.first() else {
        // Perhaps it is of the other kind.
        let other = held.iter().find(|one| one.is_udp != is_udp && is_there(one))?;
        let (is, be) = if other.is_udp { ("UDP", "TCP") } else { ("TCP", "UDP") };
        return Some(text!(
            "Your program has a {is} socket at {given}, and it is to be a {be} one: the type of \
             the socket is SOCK_{kind} (step 1).",
            is,
            given,
            be,
            kind = if is_udp { "DGRAM" } else { "STREAM" }
        ));
    };
    let (local, does) = (
        first.local,
        if is_udp || first.state == State::Bound { "is bound to" } else { "listens at" },
    );
    let words = text!("Your program {does} {local}, and was told {given}", does, local, given);
    // Some ports are the same either way round.
    Some(if local.port() == given.port() {
        text!(
            "{words}: another address of this machine. Take address and port as given (step 2).",
            words
        )
    } else if local.port() == given.port().swap_bytes() {
        text!("{words}: that is the port with its two bytes swapped. {ntohs}", words, ntohs = NTOHS)
    } else if first.state == State::Listens && local.port() >= 32_768 {
        text!(
            "{words}. Did the system choose the port? It does so for port 0, and for a socket \
             that listens without bind. Take apart what the last argument says (step 2).",
            words
        )
    } else {
        text!(
            "{words}, by its last argument. Read the address and the port from there: they are \
             others each time (step 2).",
            words
        )
    })
}

/// Nobody accepted a connection, though the program runs.
pub fn refused(
    wrong: &Wrong,
    grading: &Grading,
    program: &Program,
    held: &[Held],
) -> Option<Cause> {
    let given = given(program)?;
    let listener = held.iter().find(|one| {
        one.state == State::Listens && !one.holders.is_empty() && one.local.port() == given.port()
    });
    if let Some(listener) = listener.filter(|one| one.local.ip() == given.ip()) {
        // No answer: its queue is full.
        if listener.unread > 0 {
            let waiting = plural(usize::try_from(listener.unread).unwrap_or(0), "connection");
            return Some(Also(text!(
                "The queue of your listener is full: {waiting} in it, and not accepted yet.",
                waiting
            )));
        }
        if wrong.got == NO_ANSWER {
            return None;
        }
        // It has come since then.
    }
    let start = Instant::now();
    let wait = grading.bench().clock.wait(LATE);
    while !program.is_killed() && wait.left().is_some() && program.ended().is_none() {
        if TcpStream::connect_timeout(&given, LATE).is_ok() {
            return Some(All(text!(
                "\"ready\" came too early: nobody listened then, and {time} later somebody does. \
                 First bind and listen, and only then print \"ready\" (step 3): who starts the \
                 program connects as soon as that line is there.",
                time = match start.elapsed().as_millis() {
                    0..20 => text!("a moment"),
                    time => text!("{time} ms", time),
                }
            )));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    if let Some(words) = elsewhere(program, held, false) {
        return Some(All(words));
    }
    let is_bound =
        held.iter().any(|one| one.state == State::Bound && one.local.port() == given.port());
    if is_bound && held.iter().all(|one| one.state != State::Listens) {
        return Some(All(text!(
            "Your program runs, and its socket is bound to {given}, but does not listen: whoever \
             connects is refused. Call listen after bind, and ahead of \"ready\" (step 3).",
            given
        )));
    }
    let knows = cfg!(target_os = "linux") && !program.is_killed() && program.ended().is_none();
    knows.then(|| {
        Also(match grading.has_connected() {
            true => text!("Your program runs, and its listener at {given} is closed.", given),
            false => text!("Your program runs, and has no socket that listens at {given}.", given),
        })
    })
}

/// No datagram came from a program that runs.
pub fn no_datagram(
    wrong: &Wrong,
    grading: &Grading,
    program: &Program,
    held: &[Held],
) -> Option<Cause> {
    if let Some(words) = elsewhere(program, held, true) {
        return Some(All(words));
    }
    if wrong.advice.is_some() {
        return None;
    }
    let start = Instant::now();
    let sockets = grading.bench().dropped(Type::DGRAM);
    // What is there already is for others.
    sockets.iter().for_each(|socket| while has_datagram(socket) {});
    let wait = grading.bench().clock.wait(LATE);
    while wait.left().is_some() {
        if sockets.iter().any(has_datagram) {
            return Some(All(late("A datagram", start)));
        }
        std::thread::sleep(Duration::from_millis(3));
    }
    let given = given(program)?;
    let at = held.iter().find(|one| one.is_udp && one.local.port() == given.port())?;
    if at.remote.port() != 0 {
        return Some(All(text!(
            "Your program's socket is connected to {remote}: it gets nothing from anybody else. \
             A server does not connect its socket: {Python: recvfrom}{C: recvfrom}{Rust: \
             recv_from}{else: each receive} says whom to answer (step 4).",
            remote = at.remote
        )));
    }
    (at.unread > 0).then(|| {
        Also(text!(
            "Your program has not received it: what was sent waits at its socket. It is in \
                 another call, or receives no more."
        ))
    })
}

/// A client that sends datagrams, and has sockets of the other kind only.
pub fn not_udp(held: &[Held]) -> Option<Words> {
    let is_it = !held.is_empty() && held.iter().all(|one| !one.is_udp);
    is_it.then(|| {
        text!(
            "Your program has a TCP socket, and no UDP one: the type of the socket is {Rust: \
             Type::DGRAM}{Python: socket.SOCK_DGRAM}{else: SOCK_DGRAM} (step 1)."
        )
    })
}

/// Takes one, if one is there.
fn has_datagram(socket: &Socket) -> bool {
    let _ = socket.set_nonblocking(true);
    socket.recv_from(&mut []).is_ok()
}

/// Something is missing, and there is no connection to ask on.
pub fn nothing(
    wrong: &Wrong,
    grading: &Grading,
    program: &Program,
    held: &[Held],
) -> Option<Cause> {
    if wrong.expected.english().contains("datagram") {
        return no_datagram(wrong, grading, program, held);
    }
    // A client that goes elsewhere.
    let target: SocketAddr = program.argument.parse().ok()?;
    if given(program).is_some() || !wrong.expected.english().contains("a connection to ") {
        return None;
    }
    let is_connected =
        |one: &&Held| !one.is_udp && matches!(one.state, State::Connecting | State::Connected);
    let other = held.iter().filter(is_connected).find(|one| one.remote != target)?;
    Some(All(text!(
        "Your program connects to {remote}, and was told {target}, by its last argument. Read \
         the address and the port from there: they are others each time (step 4).",
        remote = other.remote,
        target
    )))
}
