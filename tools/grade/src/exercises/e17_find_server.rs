//! Calls: a lookup, `connect`.
//! Idea: try each address, and do not wait for a silent one.
//! Usual mistake: the first address, and no other.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::clock::PATIENCE;
use crate::complaint::is_uncaught;
use crate::exercise::{Check, advice};
use crate::grading::Grading;
use crate::program::{Program, expect_no_line};
use crate::wire::Peer;
use crate::words::text;
use crate::wrong::{Explain as _, How, Outcome, Wrong, show};

pub const CHECKS: &[Check] = &[
    Check {
        title: "a server at the only address is found",
        usually: advice! {
            Silent => "Nobody connected. The last argument is a list, and here it has one place, an \
                address with a port: create a TCP socket and connect it to that.",
            Short | Other | More => "What came is not \"hello\" and a line ending, 6 bytes. The \
                server waits for the whole line.",
            Printed => "The server's line is missing on standard output, or another one. It comes in \
                two pieces: receive until the \"\\n\" is there, print it once, without anything \
                else, and flush it.",
            _ => "It ended otherwise than it should. After the server's line it prints that, and ends \
                with exit status 0.",
        },
        run: |grading| {
            let listener = grading.listen()?;
            let place = listener.local_addr()?.to_string();
            let (program, mut peer) = found_at(grading, &listener, &place)?;
            peer.expect_line("hello").advice_if(is_short, LINE_ENDING)?;
            is_ready(&program)?;
            peer.send_alone(b"you have ")?;
            peer.send(b"found me\n")?;
            prints_and_ends(&program, "you have found me")
        },
    },
    Check {
        title: "an address that refuses is not the last one",
        usually: advice! {
            Silent | Exit => "The first address refused, and nobody came to the second one. A \
                refusal is the end of that address alone: go on with the next one in the list, \
                with a new socket.",
            _ => "So far all was as in the check above; look there what changed.",
        },
        run: |grading| {
            let closed = [closed()?, closed()?];
            let listener = grading.listen()?;
            let here = listener.local_addr()?;
            let places = format!("{},{},{here}", closed[0].1, closed[1].1);
            let (program, peer) = found_at(grading, &listener, &places)?;
            talk(&program, peer)
        },
    },
    Check {
        title: "a name is looked up, and each of its addresses tried",
        usually: advice! {
            Silent | Exit => "The place was \"localhost\" and a port, and nobody came. Look the name \
                up{Rust: : `place.to_socket_addrs()` gives all its addresses}{Python: : \
                socket.getaddrinfo gives all its addresses}{C: : getaddrinfo gives a list of all \
                its addresses}{Node|Perl|Java: }{else: }. It may have several, and the server is at \
                one of them: try each.",
            _ => "So far all was as in the checks above; look there what changed.",
        },
        run: |grading| {
            // The last of its addresses, so that those before it refuse.
            let found = ("localhost", 0).to_socket_addrs();
            let last = found.ok().and_then(|mut all| all.rfind(|it| it.ip().is_loopback()));
            let Some(last) = last else {
                return Err(Wrong::machine(
                    "localhost has no address here. Write it into the list of names: on Unix \
                     \"127.0.0.1 localhost\" in /etc/hosts",
                ));
            };
            let listener = TcpListener::bind(last)?;
            let places = format!("localhost:{}", listener.local_addr()?.port());
            let (program, peer) = found_at(grading, &listener, &places)?;
            talk(&program, peer)
        },
    },
    Check {
        title: "a name without an address is not the end",
        usually: advice! {
            Silent | Exit => "The first place was a name that nobody has, and nobody came to the \
                second place. A lookup fails in a way of its own, and that is the end of this \
                place alone{Python: : socket.gaierror, and for some names UnicodeError: catch \
                both}{C: : getaddrinfo returns a number other than 0, and errno says nothing}. Go \
                on with the next place.",
            _ => "So far all was as in the checks above; look there what changed.",
        },
        run: |grading| {
            let listener = grading.listen()?;
            let here = listener.local_addr()?;
            let (program, peer) = found_at(grading, &listener, &format!("{NO_NAME},{here}"))?;
            talk(&program, peer)
        },
    },
    Check {
        title: "an IPv6 address is one as well",
        usually: advice! {
            Silent | Exit => "The place was an IPv6 address in brackets, then a colon and a port, \
                and nobody came. The port stands behind the *last* colon, the brackets are no part \
                of the address, and its socket is one of IPv6.",
            _ => "So far all was as in the checks above; look there what changed.",
        },
        run: |grading| {
            // (Without IPv6 there is nothing to find.)
            let Ok(listener) = TcpListener::bind("[::1]:0") else { return Ok(()) };
            let place = listener.local_addr()?.to_string();
            let (program, peer) = found_at(grading, &listener, &place)?;
            talk(&program, peer)
        },
    },
    Check {
        title: "silent addresses hold nobody up",
        usually: advice! {
            Silent | Exit => "Eight addresses were silent, and the server at the ninth one got no \
                connection. connect waits for a silent address as long as the system likes, two \
                minutes on Linux. Wait for a quarter of a second, and then try the next address as \
                well: in a thread for each attempt, or with sockets that do not block. A limit for \
                each, one after the other, adds up.",
            _ => "So far all was as in the checks above; look there what changed.",
        },
        run: |grading| {
            let mut silent = Vec::new();
            for _ in 0..8 {
                silent.push(Silent::new()?);
            }
            let listener = grading.listen()?;
            let mut places = String::new();
            for one in &silent {
                places += &format!("{},", one.address);
            }
            places += &listener.local_addr()?.to_string();
            let (program, peer) = found_at(grading, &listener, &places)?;
            talk(&program, peer)
        },
    },
    Check {
        title: "an address that answers late is found, too",
        usually: advice! {
            Silent | Exit => "The first address was silent for a second, and the second one \
                refused. So the first was the right one, and the program had given it up. Try the \
                next address *as well*: an attempt goes on until it is answered, or for 10 \
                seconds.",
            _ => "So far all was as in the checks above; look there what changed.",
        },
        run: |grading| {
            let mut silent = Silent::new()?;
            let (_held, refuses) = closed()?;
            let program = grading.start_unready(&format!("{},{refuses}", silent.address))?;
            sleep(Duration::from_millis(800));
            silent.has_room()?;
            let peer =
                grading.accept(&silent.listener).advice_if(|_| program.ends_soon(), TOO_EARLY)?;
            talk(&program, peer)
        },
    },
    Check {
        title: "with a connection no other address is tried",
        usually: advice! {
            More => "Two addresses were good, the first one answered at once, and the program \
                connected to the second one as well. Try the next address only when the one before \
                it has failed, or has been silent for a quarter of a second. An address that is \
                connected and takes its time to speak is not silent.",
            Silent => "Nobody connected to the first address. The order of the list counts.",
            _ => "The server took a second to answer, and the program did not wait for that. The \
                quarter of a second is for the connection alone.",
        },
        run: |grading| {
            let [first, second] = [grading.listen()?, grading.listen()?];
            let places = format!("{},{}", first.local_addr()?, second.local_addr()?);
            let (program, mut peer) = found_at(grading, &first, &places)?;
            // (Who connects to both may talk to the other one.)
            let heard = peer.expect_line("hello");
            if heard.is_ok() {
                sleep(Duration::from_millis(1000));
            }
            second.set_nonblocking(true)?;
            if second.accept().is_ok() {
                let expected = "no connection to the second address";
                return Err(Wrong::new(How::More, expected, "one").after("nothing, for a second"));
            }
            heard?;
            peer.send(b"at last\n")?;
            prints_and_ends(&program, "at last")
        },
    },
    Check {
        title: "a connection that comes too late is closed, and hears nothing",
        usually: advice! {
            More => "The first address was silent, the second one answered, and then the first one \
                answered as well: so there were two connections. Talk on the one that was there \
                first, and close the other one as soon as it is there, without a byte.",
            Silent => "Nobody came to the second address, while the first one was silent.",
            _ => "So far all was as in the checks above; look there what changed.",
        },
        run: |grading| {
            let mut silent = Silent::new()?;
            let listener = grading.listen()?;
            let places = format!("{},{}", silent.address, listener.local_addr()?);
            let (program, mut peer) = found_at(grading, &listener, &places)?;
            peer.expect_line("hello")?;
            silent.has_room()?;
            // (It may have given that attempt up, and then nobody comes.)
            let end = Instant::now() + Duration::from_millis(2300);
            while Instant::now() < end {
                match silent.listener.accept() {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        sleep(Duration::from_millis(5));
                    }
                    Err(error) => return Err(error.into()),
                    Ok((late, _)) => {
                        late_one_is_closed(&late)?;
                        break;
                    }
                }
            }
            peer.send(b"here\n")?;
            prints_and_ends(&program, "here")
        },
    },
    Check {
        title: "without a server it says so, and ends",
        usually: advice! {
            "No place had a server: one refused, one was a name that nobody has, one refused. When \
             the last attempt has failed, say on standard error what it was, and end with an exit \
             status other than 0: a script that starts your program must be able to see it."
        },
        run: |grading| {
            let closed = [closed()?, closed()?];
            let places = format!("{},{NO_NAME},{}", closed[0].1, closed[1].1);
            let program = grading.start_unready(&places)?;
            let after = "nothing (nobody is at any of the places)";
            fails(&program).after(after)?;
            program.expect_not_ready().after(after).advice(READY)
        },
    },
];

pub const HINTS: &[&str] = &[
    "Take the list apart at its commas, and look up each place. {Rust: \
     `place.to_socket_addrs()` takes names and addresses alike, with the port behind.}{Python: The \
     port stands behind the last colon: place.rpartition(\":\"). Take the brackets away, and give \
     both to socket.getaddrinfo.}{else: The port stands behind the last colon. What getaddrinfo, \
     or whatever your language has for it, takes has no brackets.}",
    "First without the race: for each address a new socket, connect, and if it fails, the next \
     one. That is good for five checks.",
    "Then the race. A function that starts one attempt in a thread, and tells what came of it \
     through a channel (or a queue). The loop over the addresses starts one, and waits for a \
     quarter of a second for *any* of them to tell something.",
    "A connection: done. A failure, or nothing within that time: the next address. When there are \
     no more addresses, wait on until all have told that they failed.",
    "{Rust: The receiver of the channel is dropped when `find` returns. A late `send` fails then, \
     and the connection in it is dropped, which closes it.}{else: Note that somebody has won. An \
     attempt that succeeds later looks at that, and closes its socket.}",
];

/// A name that has an empty part: nobody asks a name server for that.
const NO_NAME: &str = "nobody..example:8090";

const LINE_ENDING: &str = "\"hello\" came without a line ending, so the server waits for the rest of \
     the line. Send \"\\n\" behind it.";

const TOO_EARLY: &str = "The program has ended, and the silent address might still have answered: it \
     did, after a second. Try the next address *as well*, and wait for all of them, up to 10 \
     seconds.";

const READY: &str = "\"ready\" says that the program is connected. Print it when one of the attempts \
     has succeeded, and not before.";

const SAY_READY: &str = "The connection is there, and \"hello\" has come: the line \"ready\" is missing. \
     Print it on a line of its own as soon as there is a connection, ahead of \"hello\", and flush \
     it if your language keeps its output for later.";

/// Before the server has said anything.
fn is_ready(program: &Program) -> Outcome {
    let end = Instant::now() + PATIENCE;
    while program.printed_up_to_now().is_empty() && !program.is_ready() {
        if Instant::now() > end {
            let wrong = Wrong::new(How::Printed, "the line \"ready\" on standard output", "none");
            return Err(wrong.advice(SAY_READY));
        }
        sleep(Duration::from_millis(5));
    }
    program.wait_until_ready()
}

fn is_short(wrong: &Wrong) -> bool {
    wrong.how == How::Short
}

/// Starts the program with these places. It must come to that one.
fn found_at(
    grading: &mut Grading,
    listener: &TcpListener,
    places: &str,
) -> Outcome<(Rc<Program>, Peer)> {
    let program = grading.start_unready(places)?;
    let peer = grading.accept(listener)?;
    Ok((program, peer))
}

fn talk(program: &Program, mut peer: Peer) -> Outcome {
    peer.expect_line("hello")?;
    peer.send(b"found\n")?;
    prints_and_ends(program, "found")
}

fn prints_and_ends(program: &Program, line: &str) -> Outcome {
    let after = show(format!("{line}\n").as_bytes());
    let printed = program.expect_line(line).map_err(|wrong| match wrong.how {
        How::Silent | How::Exit => Wrong { how: How::Printed, ..wrong },
        _ => wrong,
    });
    printed.after(&after)?;
    program.expect_success().after(&after)?;
    expect_no_line(program.last_lines().first(), "no other line").after(&after)
}

/// Bound, and not listening: nobody else can be there, and who comes is refused.
fn closed() -> Outcome<(Socket, SocketAddr)> {
    let held = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    held.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    let address = held.local_addr()?.as_socket().expect("the address that it was bound to");
    Ok((held, address))
}

/// A listener whose queue is full: who comes gets no answer, until there is room.
struct Silent {
    listener: TcpListener,
    address: SocketAddr,
    queue: Vec<TcpStream>,
}

impl Silent {
    fn new() -> Outcome<Self> {
        let (socket, address) = closed()?;
        socket.listen(0)?;
        let listener = TcpListener::from(socket);
        listener.set_nonblocking(true)?;
        let mut queue = Vec::new();
        while queue.len() < 20 {
            match TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
                Ok(guest) => queue.push(guest),
                Err(_) => break,
            }
        }
        Ok(Self { listener, address, queue })
    }

    /// Takes the grader's own guests out of the queue.
    fn has_room(&mut self) -> Outcome {
        for _ in self.queue.drain(..) {
            self.listener.accept()?;
        }
        Ok(())
    }
}

/// Its end, and no byte before that.
fn late_one_is_closed(mut late: &TcpStream) -> Outcome {
    use std::io::Read as _;

    late.set_nonblocking(false)?;
    late.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut buffer = [0; 16];
    let expected = "the end of the late connection, and no byte before";
    let got = match late.read(&mut buffer) {
        Ok(0) => return Ok(()),
        Ok(length) => show(&buffer[..length]),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(()),
        Err(_) => text!("neither bytes nor an end for 2 seconds"),
    };
    Err(Wrong::new(How::More, expected, got).after("room for one more, at the first address"))
}

/// It ends, and tells that something is wrong, and what.
fn fails(program: &Program) -> Outcome {
    program.expect_failure()?;
    let complaints = program.complaints();
    if program.ended().and_then(|status| status.code()) == Some(101) {
        let expected = "an exit status of its own choice";
        return Err(Wrong::new(How::Exit, expected, "a panic").advice(
            "A panic says that the program has a mistake. That nobody is there is none. \
             {Rust: No `unwrap` or `expect` there: return the error from main with `?`.}{else: \
             Print a line on standard error that says what it was, and end with an exit status \
             other than 0.}",
        ));
    }
    let expected = "a line on standard error that says why";
    if is_uncaught(&complaints) {
        return Err(Wrong::new(How::Exit, expected, "an exception that nobody caught"));
    }
    match complaints.iter().any(|line| !line.trim().is_empty()) {
        true => Ok(()),
        false => Err(Wrong::new(How::Printed, expected, "none")),
    }
}
