//! Calls: `bind`, `local_addr`.
//! Idea: one error means "taken", the others don't.
//! Usual mistake: the socket is closed, and the port is free again.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::rc::Rc;

use socket2::{Domain, Socket, Type};

use crate::exercise::{Check, advice};
use crate::grading::{Grading, free_addresses};
use crate::program::{Program, expect_no_line};
use crate::wrong::{Explain as _, How, Outcome, Wrong};

/// How many ports are given.
const PORTS: u16 = 5;

pub const CHECKS: &[Check] = &[
    Check {
        title: "if all are free, it takes the first one",
        usually: advice! {
            Printed => "The line is to be \"mine: \" and the address that the socket has, port and \
                all: bind a TCP socket to the first port of the range, at the address that is \
                given, and read the address back (local_addr, getsockname).",
            _ => "The program is to print its line, then \"ready\", and then wait. Is the range \
                taken apart as the task says, ADDRESS:FIRST-LAST?",
        },
        run: |grading| takes(grading, &[], 0).map(drop),
    },
    Check {
        title: "it has that port, and keeps it",
        usually: advice! {
            "The program said that the port was its own, and it was free. Is there a socket bound \
             to it, and does that still live? A socket is closed when its variable goes, at the \
             end of a function for instance: give the socket back from there, and not only its \
             address."
        },
        run: |grading| {
            let (_program, first) = takes(grading, &[], 0)?;
            expect_taken(first, "is taken").after("a bind by the grader")?;
            if TcpStream::connect(at(first)).is_ok() {
                let wrong = Wrong::new(How::Other, "that nobody listens there", "somebody does");
                return Err(wrong.after(format!("a connect to port {first}")).advice(LISTENS));
            }
            Ok(())
        },
    },
    Check {
        title: "it goes past two ports where somebody listens",
        usually: advice! {
            Exit => "The first port is taken: bind fails with \"address already in use\". That is \
                no reason to end: try the next port, with a new socket.",
            _ => "The first two ports are taken, and the third one is free. Try one after the \
                other, from the first, and stop at the first that bind accepts.",
        },
        run: |grading| takes(grading, &[Taken::Listens, Taken::Listens], 2).map(drop),
    },
    Check {
        title: "it leaves the other ports to others",
        usually: advice! {
            "A port other than its own was taken by the program. Stop at the first free port, and \
             close what you do not need."
        },
        run: |grading| {
            let (_program, first) = takes(grading, &[Taken::Listens], 1)?;
            for port in first + 2..first + PORTS {
                bind(port, false).map_err(|error| {
                    let expected = format!("that port {port} is free");
                    let wrong = Wrong::new(How::Other, expected, format!("bind: {error}"));
                    wrong.after("a bind by the grader")
                })?;
            }
            Ok(())
        },
    },
    Check {
        title: "a port that is bound is taken, though nobody listens there",
        usually: advice! {
            "The first port belongs to a socket that is bound and does not listen. It is not free. \
             Who tries to connect, to see whether somebody is there, does not see that one; and \
             who sets SO_REUSEADDR may get the same port as well (Rust's TcpListener::bind and \
             Python's create_server set it). Just bind, and look at its error."
        },
        run: |grading| takes(grading, &[Taken::Bound], 1).map(drop),
    },
    Check {
        title: "the last port of the range belongs to it",
        usually: advice! {
            "All ports but the last one are taken. The range goes from the first port up to and \
             including the last one (in Rust: first..=last)."
        },
        run: |grading| takes(grading, &[Taken::Listens; PORTS as usize - 1], PORTS - 1).map(drop),
    },
    Check {
        title: "if all are taken, it says so, and fails",
        usually: advice! {
            Exit => "All ports of the range were taken. Print the line \"all taken\", and end with \
                an exit status other than 0, so that whoever has started the program knows.",
            _ => "All ports of the range were taken, so there is none to keep: print the line \
                \"all taken\", and end. A port outside of the range was not asked for.",
        },
        run: |grading| {
            let (first, _sockets) = ports(&[Taken::Listens; PORTS as usize])?;
            let program = grading.start_unready(&range(first))?;
            let result = program.expect_line("all taken");
            result
                .and_then(|()| program.expect_failure())
                .and_then(|()| program.expect_not_ready())
                .after("with all ports of the range taken")
        },
    },
    Check {
        title: "another error is no taken port",
        usually: advice! {
            Printed => "192.0.2.1 is not this machine's address, so bind fails, on each port, and \
                not because a port is taken. Look which error it is: only \"address in use\" \
                (AddrInUse, EADDRINUSE) means taken. Any other one ends the program.",
            _ => "192.0.2.1 is not this machine's address. The program is to end with the error of \
                bind, and with an exit status other than 0.",
        },
        run: |grading| {
            let address = "192.0.2.1:20817-20821";
            let program = grading.start_unready(address)?;
            program.expect_failure()?;
            expect_no_line(program.last_lines().first(), "no line on standard output")
                .after(format!("a start with {address}"))
        },
    },
    Check {
        title: "it ends with standard input, and its port is free again",
        usually: advice! {
            Exit => "Standard input ended (Ctrl-D), and the program is to end then, with exit \
                status 0. Read lines from it until there are no more.",
            _ => "Lines came on standard input, and the port was given back: keep it until \
                standard input ends.",
        },
        run: |grading| {
            let (program, first) = takes(grading, &[], 0)?;
            // If it ends at one of them, its port tells.
            let _ = program.type_line("a line is not the end");
            let _ = program.type_line("");
            // One that ends now does so at once.
            std::thread::sleep(std::time::Duration::from_millis(200));
            expect_taken(first, "is still taken")
                .after("two lines on standard input, and no end")?;
            program.end_input();
            program.expect_success().after("the end of standard input")?;
            bind(first, false)?;
            Ok(())
        },
    },
];

pub const HINTS: &[&str] = &[
    "A loop over the ports: for each a new socket, and bind. Three things can come of that: it \
     works, it is in use, or something else is wrong.",
    "`match socket.bind(&address.into())`: `Ok(())` ends the search; `Err(error) if error.kind() \
     == ErrorKind::AddrInUse` goes on; any other `Err(error)` is returned.",
    "The socket must outlive the search: a function that gives back an `Option<Socket>` hands it \
     to `main`, where it lives until the end.",
    "`socket.local_addr()?.as_socket()` is the address for the line. `for _ in \
     std::io::stdin().lines() {}` waits for the end of standard input.",
];

const LISTENS: &str = "The port is bound, and somebody listens there as well: the task is to bind, \
     and no more. listen is the next step. (Python's create_server does both.)";

/// How a port is taken.
#[derive(Clone, Copy)]
enum Taken {
    Listens,
    Bound,
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn range(first: u16) -> String {
    format!("127.0.0.1:{first}-{}", first + PORTS - 1)
}

fn bind(port: u16, reuse: bool) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    #[cfg(unix)]
    socket.set_reuse_address(reuse)?;
    let _ = reuse;
    socket.bind(&at(port).into())?;
    Ok(socket)
}

/// The program's port must be taken, for others.
fn expect_taken(port: u16, words: &str) -> Outcome {
    match bind(port, false) {
        Ok(_) => Err(Wrong::new(How::Other, format!("that port {port} {words}"), "it is free")),
        Err(_) => Ok(()),
    }
}

/// A range of ports, of which the first ones are taken; and by whom.
fn ports(taken: &[Taken]) -> Outcome<(u16, Vec<Socket>)> {
    let first = free_addresses(PORTS)?;
    // Who looks for a free port meanwhile takes none of which UDP is taken.
    let mut sockets = Vec::new();
    for port in first..first + PORTS {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
        socket.bind(&at(port).into())?;
        sockets.push(socket);
    }
    for (port, taken) in (first..).zip(taken) {
        // Who sets SO_REUSEADDR as well could have a port that is only bound, too.
        let socket = bind(port, matches!(taken, Taken::Bound))?;
        if let Taken::Listens = taken {
            socket.listen(1)?;
        }
        sockets.push(socket);
    }
    Ok((first, sockets))
}

/// Starts the program; it must take this port. Gives it, and the first port.
fn takes(grading: &mut Grading, taken: &[Taken], which: u16) -> Outcome<(Rc<Program>, u16)> {
    let mut tries = 3;
    loop {
        let (first, sockets) = ports(taken)?;
        let after = match taken.len() {
            0 => "a range of free ports".to_owned(),
            1 => format!("{}, of which the first is taken", range(first)),
            n => format!("{}, of which the first {n} are taken", range(first)),
        };
        let program = grading.start_unready(&range(first))?;
        let line = format!("mine: 127.0.0.1:{}", first + which);
        let ready = program.expect_line(&line).and_then(|()| program.wait_until_ready());
        drop(sockets);
        let Err(wrong) = ready else { return Ok((program, first)) };
        grading.give_up();
        let all = first..first + PORTS;
        let none_else = all.map(|port| bind(port, false)).all(|it| it.is_ok());
        tries -= 1;
        if none_else || tries == 0 {
            return Err(wrong.after(after));
        }
        // Somebody else has taken one of them meanwhile: another range.
        grading.forget_last();
    }
}
