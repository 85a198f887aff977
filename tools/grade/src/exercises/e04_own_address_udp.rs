//! Calls: `recv_from`, `send_to`.
//! Idea: every datagram names its sender.
//! Usual mistake: 0 bytes taken for the end.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use socket2::Type;

use crate::clock::PATIENCE;
use crate::contents::{bytes, lines};
use crate::exercise::{Check, advice};
use crate::grading::{Grading, address_of};
use crate::patience::{LONG_SILENCE, Pace};
use crate::program::Program;
use crate::wire::Datagrams;
use crate::words::text;
use crate::wrong::{Explain as _, How, Outcome, Wrong, show};

pub const CHECKS: &[Check] = &[
    Check {
        title: "a sender is told its own address",
        usually: advice! {
            Silent => "No answer came. A UDP socket needs no listen and no accept: create, bind, \
                print \"ready\", then receive with {Rust: recv_from}{else: recvfrom}, which gives the sender's address \
                as well, and answer there with {Rust: send_to}{else: sendto}. {C: (The length argument of recvfrom must \
                say ahead of each call how much room there is for the address.)}",
            More => "There is more in the answer than the address. Send just its text: no line \
                ending, and not the rest of a buffer. {C: Its length is what strlen says: sizeof \
                counts the whole array.}",
            _ => "That is not the address that the datagram came from. {Rust: recv_from}{else: recvfrom} gives \
                it with the datagram; put it into text as it is, address and port with a colon \
                between them.",
        },
        run: |grading| {
            let program = grading.start()?;
            let mut sender = grading.datagrams()?;
            sender.send(address_of(&program), b"who am I?")?;
            let own = sender.address()?.to_string();
            let Some((got, _)) = sender.receive(PATIENCE)? else {
                let expected = text!("a datagram of {bytes}", bytes = show(own.as_bytes()));
                let wrong = Wrong::new(How::Silent, expected, "none for 3 seconds");
                return Err(why_silent(wrong, &program, &mut sender)?.after(QUESTION));
            };
            if got == own.as_bytes() {
                grading.set_aside(program, None);
                return Ok(());
            }
            let how = if got.starts_with(own.as_bytes()) { How::More } else { How::Other };
            let wrong = Wrong::new(how, show(own.as_bytes()), show(&got)).after(QUESTION);
            let port = sender.address()?.port();
            Err(match String::from_utf8_lossy(&got) {
                got if got == program.argument => wrong.advice(SERVERS),
                got if got == "who am I?" => wrong.advice(ECHOED),
                got if how == How::Other && got.contains(&port.to_string()) => {
                    wrong.advice(OTHER_FORM)
                }
                got if own.rsplit_once(':').is_some_and(|(ip, _)| got == ip) => {
                    wrong.advice(NO_PORT)
                }
                got if got.starts_with("0.0.0.0") => wrong.advice(NO_ROOM_FOR_IT),
                got if !got.is_empty() && own.starts_with(&*got) => wrong.advice(CUT),
                _ => wrong,
            })
        },
    },
    Check {
        title: "the answer comes from the address that was asked, once",
        usually: advice! {
            Silent => "The first datagram was answered, and a later one of the same sender was \
                not. Receive and answer in a loop, each datagram by itself: don't wait for \
                another one, and don't leave out a sender that has had an answer.",
            _ => "The answer came from another port than the one that was asked. Many programs \
                take answers only from there. Send it with the very socket that received the \
                question: a new one has a port of its own.",
        },
        run: |grading| {
            let program = grading.start()?;
            let mut sender = grading.datagrams()?;
            let mut pace = Pace::of(&program);
            for _ in 0..20 {
                ask(&mut sender, &program.argument, b"and who are you?")?;
                pace.answered()?;
            }
            expect_no_more(&mut sender)?;
            grading.is_nowhere_else(&program, Type::DGRAM)
        },
    },
    Check {
        title: "each sender gets its own, in whatever order they come",
        usually: advice! {
            Silent => "One of several senders got no answer. One UDP socket serves all of them: \
                don't connect it (it would be deaf for all others), and answer each datagram, also \
                the second one of a sender.",
            _ => "A sender got an answer that was not for it. Each datagram can come from somebody \
                else: take the address that this receive gave, not an earlier one. (Threads share \
                a variable unless each has its own.)",
        },
        run: |grading| {
            let program = grading.start()?;
            let mut first = grading.datagrams()?;
            let mut second = grading.datagrams()?;
            ask(&mut first, &program.argument, b"first")?;
            ask(&mut second, &program.argument, b"second").map_err(|wrong| {
                let is_elsewhere = matches!(first.receive(Duration::ZERO), Ok(Some(_)));
                if is_elsewhere { elsewhere(wrong) } else { wrong }
            })?;
            // Some who leave at once. Their answers are sent before anybody else has their ports.
            for _ in 0..5 {
                let mut gone = grading.datagrams()?;
                gone.send(address_of(&program), b"I am gone")?;
            }
            ask(&mut first, &program.argument, b"first again")?;
            // Fifty at a time.
            let all = program.while_stopped(|| many_ask(grading, &program));
            let answered = all.and_then(|senders| all_are_answered(&program, senders));
            // Some calls fail when a program goes on after a stop: once more, without.
            if answered.is_ok() || program.ended_soon().is_none() {
                return answered;
            }
            let program = grading.start()?;
            all_are_answered(&program, many_ask(grading, &program)?)
        },
    },
    Check {
        title: "an empty datagram is answered, and so is the next one",
        usually: advice! {
            "An empty datagram is a datagram: {Rust: recv_from}{else: recvfrom} gives 0, and the sender's address. In UDP \
             0 bytes are not the end of anything (that is TCP)."
        },
        run: |grading| asked_by_one(grading, vec![vec![], b"not empty".to_vec(), vec![]]),
    },
    Check {
        title: "so is one that is no text, or any text",
        usually: advice! {
            Other => "What was in the datagram is in the answer. That is the address that the \
                datagram came from, and nothing else, whatever the datagram says.",
            _ => "It was not answered. Nobody asked what is in a datagram: it may be no text, so don't \
             decode it; and \"quit\", a blank, a 0 or an address are a datagram as any other.",
        },
        run: |grading| {
            let mut all: Vec<Vec<u8>> =
                lines(grading.chance()).into_iter().map(Vec::from).collect();
            all.extend([b"\xff\xfe\0\xe4".to_vec(), b"0".to_vec(), b"\n".to_vec(), vec![0]]);
            // An address is a text as any other.
            all.push(b"127.0.0.1:1".to_vec());
            let length = grading.chance().usize(100..1000);
            all.push(bytes(grading.chance(), length));
            asked_by_one(grading, all)
        },
    },
    Check {
        title: "so is one of 9,000 bytes, once",
        usually: advice! {
            Silent => "A long datagram got no answer. Each receive takes one whole datagram, \
                however long it is, and what does not fit into the buffer is lost: there is no \
                rest to wait for. (On Windows too small a buffer is an error.)",
            _ => "A long datagram did not get its one answer. It comes with one receive: answer it \
                once.",
        },
        // (macOS sends no more than 9,216 bytes, unless it is told to.)
        run: |grading| {
            let mut sizes = vec![9_000, 1024, 1025, 2048, 4096];
            sizes.extend((0..5).map(|_| grading.chance().usize(1..9_000)));
            let all = sizes.into_iter().map(|size| bytes(grading.chance(), size));
            let all = all.collect();
            asked_by_one(grading, all)
        },
    },
    Check {
        title: "so is one from another address than 127.0.0.1, or a port of four digits",
        usually: advice! {
            "All of 127.0.0.0/8 is loopback, so a sender need not be at 127.0.0.1; and a port has \
             as many digits as it has. Take the whole address from {Rust: recv_from}{else: recvfrom}, \
             not only its port, and put it into text as it is, from the shortest to the longest."
        },
        run: |grading| {
            let program = grading.start()?;
            // Some ports may be taken.
            let low = (0..100).find_map(|_| {
                let port = grading.chance().u16(2_000..10_000);
                grading.datagrams_at(&format!("127.0.0.1:{port}")).ok()
            });
            if let Some(mut low) = low {
                ask(&mut low, &program.argument, b"from a low port")?;
            }
            let [b, c] = [(); 2].map(|()| grading.chance().u8(100..=255));
            for address in [[127, 0, 0, 2], [127, b, c, 254]] {
                // Only Linux and Windows have these without being told.
                let address = Ipv4Addr::from(address);
                let Ok(mut sender) = grading.datagrams_at(&format!("{address}:0")) else {
                    return Ok(());
                };
                ask(&mut sender, &program.argument, b"from elsewhere")?;
            }
            Ok(())
        },
    },
    Check {
        title: "after a pause, too",
        usually: advice! {
            "For two seconds nothing came, and the next datagram was not answered any more. A \
             receive waits for as long as it takes: set no limit for it, and do not end when \
             nothing comes."
        },
        run: |grading| {
            for lonely in grading.after(LONG_SILENCE)? {
                let mut sender = grading.datagrams()?;
                let after = "nothing for two seconds, and then a datagram";
                ask(&mut sender, &lonely.program.argument, b"still there?").after(after)?;
            }
            Ok(())
        },
    },
];

pub const HINTS: &[&str] = &[
    "Three calls, and two of them in a loop: {Rust: Socket::new with DGRAM}{else: socket with SOCK_DGRAM}, bind; then receive and send. \
     Neither listen nor accept: a bound UDP socket already receives.",
    "{Rust: std's UdpSocket is easier to receive with: `UdpSocket::from(socket)`. Its \
     `recv_from(&mut buffer)` gives the length and the sender's address.}{else: recvfrom gives \
     the datagram and the sender's address.}",
    "{Rust: `sender.to_string()` is the text that the exercise asks for. \
     `socket.send_to(text.as_bytes(), sender)` sends it back.}{else: Address and port with a \
     colon between them are the text. sendto sends it back, on the same socket.}",
];

const QUESTION: &str = "a datagram of 9 bytes: \"who am I?\"";

const OTHER_FORM: &str = "The port is right, and the form is another one. The text is the address \
     as numbers, a colon and the port, and nothing else: 127.0.0.1:40123. No name, no slash, no \
     brackets, no blank.";

const NO_ROOM_FOR_IT: &str = "The address was not filled in. {C: The length that recvfrom gets \
     says ahead of each call how much room there is for it: socklen_t length = sizeof \
     from.}{else: Take it from the receive that gave the datagram.}";

const ECHOED: &str = "That is what was in the datagram. Wanted is the address that it came from: \
     {Rust: recv_from}{else: recvfrom} gives it, with the datagram.";

const TOO_EARLY: &str = "The first datagram was lost, and a later one was answered: \"ready\" came \
     too early. Print it after bind: from then on the kernel keeps what comes.";

const NEXT_FIRST: &str = "The first datagram was answered when the next one had come, and not \
     earlier. Answer each at once: receive one, send its answer, and only then receive again.";

const NO_PORT: &str = "The port is missing. The text is the whole address of the sender: its \
     numbers, a colon, and the port.";

const NOT_TO_IT: &str = "One of several senders got no answer, and another one got too many. Each \
     datagram can come from somebody else: answer to the address that this receive gave. (Threads \
     share a variable unless each has its own.)";

const NOBODY_THERE: &str = "No UDP socket is bound to the address that was the program's last \
     argument. Create a socket (DGRAM) and bind it to that address, with its port {C: (through \
     htons)}, then print \"ready\", and keep the socket until the end.";

const NO_UDP: &str = "There is a TCP socket at that address, and no UDP socket: datagrams need \
     one of the type DGRAM (SOCK_DGRAM). It needs no listen and no accept.";

const CUT: &str = "The end of the address is missing. Send as many bytes as this text has, and not \
     as many as came in.";

const SERVERS: &str = "That is the server's own address ({Rust: local_addr}{else: getsockname}). Wanted is the \
     address of who has sent the datagram: {Rust: recv_from}{else: recvfrom} gives it, with the datagram.";

/// Nothing came: asks again, for the cause.
pub fn why_silent(wrong: Wrong, program: &Program, sender: &mut Datagrams) -> Outcome<Wrong> {
    if program.ended_soon().is_some() {
        return Ok(wrong);
    }
    let server = address_of(program);
    sender.send(server, b"who am I?")?;
    if sender.receive(Duration::from_millis(300))?.is_some() {
        // Both answers?
        let advice = match sender.receive(Duration::from_millis(50))? {
            Some(_) => NEXT_FIRST,
            None => TOO_EARLY,
        };
        return Ok(wrong.advice(advice));
    }
    Ok(match is_bound(server) {
        true => wrong,
        false if TcpStream::connect(server).is_ok() => wrong.advice(NO_UDP),
        false => wrong.advice(NOBODY_THERE),
    })
}

/// Whether a UDP socket has this address.
fn is_bound(at: SocketAddr) -> bool {
    UdpSocket::bind(at).is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
}

/// One question, and its answer.
fn ask(sender: &mut Datagrams, server: &str, question: &[u8]) -> Outcome {
    let server = server.parse().expect("it was given an address");
    let own = sender.address()?.to_string();
    sender.send(server, question)?;
    sender.expect(server, own.as_bytes())
}

/// Fifty senders, each of which has asked.
fn many_ask(grading: &Grading, program: &Program) -> Outcome<Vec<Datagrams>> {
    let ask = |_| {
        let mut sender = grading.datagrams()?;
        sender.send(address_of(program), b"one of fifty")?;
        Ok(sender)
    };
    (0..50).map(ask).collect()
}

/// Each gets its own answer.
fn all_are_answered(program: &Program, mut senders: Vec<Datagrams>) -> Outcome {
    let mut answered = senders.iter_mut().map(|sender| {
        let own = sender.address()?.to_string();
        sender.expect(address_of(program), own.as_bytes())
    });
    let missing = answered.find_map(Result::err);
    // The others: has one of them too many?
    let is_double =
        |one: &mut Datagrams| (0..2).all(|_| matches!(one.receive(Duration::ZERO), Ok(Some(_))));
    match missing {
        Some(wrong) => {
            let is_elsewhere = senders.iter_mut().any(is_double);
            let is_it = is_elsewhere && wrong.how == How::Silent;
            Err(if is_it { elsewhere(wrong) } else { wrong })
        }
        None => senders.iter_mut().try_for_each(expect_no_more),
    }
}

/// The answer that is missing went to another sender.
fn elsewhere(wrong: Wrong) -> Wrong {
    let got = "none, and another sender got one more than it was to get";
    Wrong::new(How::Other, wrong.expected, got).after(wrong.sent).advice(NOT_TO_IT)
}

/// All answers have come that were expected.
fn expect_no_more(sender: &mut Datagrams) -> Outcome {
    match sender.receive(Duration::ZERO)? {
        None => Ok(()),
        Some((more, _)) => {
            let got = text!("one more, of {bytes}", bytes = show(&more));
            let wrong = Wrong::new(How::More, "an answer to each datagram", got);
            Err(wrong.advice(TWICE))
        }
    }
}

const TWICE: &str = "To one datagram came more than one answer. Send one for each that a receive \
     has given.";

/// Questions of one sender, one after the other.
fn asked_by_one(grading: &mut Grading, questions: Vec<Vec<u8>>) -> Outcome {
    let program = grading.start()?;
    let mut sender = grading.datagrams()?;
    for question in questions {
        ask(&mut sender, &program.argument, &question)?;
    }
    expect_no_more(&mut sender)
}
