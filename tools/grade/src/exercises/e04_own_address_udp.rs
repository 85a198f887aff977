//! Calls: `recv_from`, `send_to`.
//! Idea: every datagram names its sender.
//! Usual mistake: 0 bytes taken for the end.

use crate::clock::PATIENCE;
use crate::exercise::{Check, advice};
use crate::grading::{Grading, address_of};
use crate::wire::Datagrams;
use crate::wrong::{How, Outcome, Wrong, show};

pub const CHECKS: &[Check] = &[
    Check {
        title: "a sender is told its own address",
        usually: advice! {
            Silent => "No answer came. A UDP socket needs no listen and no accept: create, bind, \
                print \"ready\", then receive with recv_from, which gives the sender's address as \
                well, and answer there with send_to. (In C the length argument of recvfrom must \
                say ahead of each call how much room there is for the address.)",
            More => "There is more in the answer than the address. Send just its text: no line \
                ending, and not the rest of a buffer.",
            _ => "That is not the address that the datagram came from. recv_from (recvfrom) gives \
                it with the datagram; put it into text as it is, address and port with a colon \
                between them.",
        },
        run: |grading| {
            let program = grading.start()?;
            let mut sender = grading.datagrams()?;
            sender.send(address_of(&program), b"who am I?")?;
            let own = sender.address()?.to_string();
            let Some((got, _)) = sender.receive(PATIENCE)? else {
                let expected = format!("a datagram of {}", show(own.as_bytes()));
                return Err(Wrong::new(How::Silent, expected, "none for 3 seconds").after(QUESTION));
            };
            if got == own.as_bytes() {
                return Ok(());
            }
            let how = if got.starts_with(own.as_bytes()) { How::More } else { How::Other };
            let wrong = Wrong::new(how, show(own.as_bytes()), show(&got)).after(QUESTION);
            let port = sender.address()?.port().swap_bytes();
            Err(match String::from_utf8_lossy(&got) {
                got if got == program.argument => wrong.advice(SERVERS),
                got if got.ends_with(&format!(":{port}")) => wrong.advice(SWAPPED),
                got if !got.is_empty() && own.starts_with(&*got) => wrong.advice(CUT),
                _ => wrong,
            })
        },
    },
    Check {
        title: "the answer comes from the address that was asked",
        usually: advice! {
            "The answer came from another port than the one that was asked. Many programs take \
             answers only from there. Send it with the very socket that received the question: a \
             new one has a port of its own."
        },
        run: |grading| asked_by_one(grading, &[b"and who are you?"]),
    },
    Check {
        title: "each sender gets its own, in whatever order they come",
        usually: advice! {
            Silent => "One of several senders got no answer. One UDP socket serves all of them: \
                don't connect it (it would be deaf for all others), and answer each datagram, also \
                the second one of a sender.",
            _ => "A sender got an answer that was not for it. Each datagram can come from somebody \
                else: take the address that this receive gave, not an earlier one.",
        },
        run: |grading| {
            let program = grading.start()?;
            let mut first = grading.datagrams()?;
            let mut second = grading.datagrams()?;
            ask(&mut first, &program.argument, b"first")?;
            ask(&mut second, &program.argument, b"second")?;
            ask(&mut first, &program.argument, b"first again")?;
            // Some who leave at once, and ten at a time.
            for _ in 0..5 {
                let mut gone = grading.datagrams()?;
                gone.send(address_of(&program), b"I am gone")?;
            }
            let mut senders = Vec::new();
            for _ in 0..10 {
                let mut sender = grading.datagrams()?;
                sender.send(address_of(&program), b"one of ten")?;
                senders.push(sender);
            }
            for mut sender in senders {
                let own = sender.address()?.to_string();
                sender.expect(address_of(&program), own.as_bytes())?;
            }
            Ok(())
        },
    },
    Check {
        title: "an empty datagram is answered, and so is the next one",
        usually: advice! {
            "An empty datagram is a datagram: recv_from gives 0, and the sender's address. In UDP \
             0 bytes are not the end of anything (that is TCP)."
        },
        run: |grading| asked_by_one(grading, &[b"", b"not empty"]),
    },
    Check {
        title: "so is one that is no text",
        usually: advice! {
            "This datagram is not valid UTF-8, and it was not answered. Nobody asked what is in \
             it: don't decode it."
        },
        run: |grading| asked_by_one(grading, &[b"\xff\xfe\0\xe4", b"text"]),
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
        run: |grading| asked_by_one(grading, &[&[b'x'; 9_000], b"short"]),
    },
    Check {
        title: "so is one from another address than 127.0.0.1",
        usually: advice! {
            "This one came from 127.0.0.2, which is loopback as well. Take the whole address from \
             recv_from, not only its port."
        },
        run: |grading| {
            // Only Linux and Windows have it without being told.
            let Ok(mut sender) = grading.datagrams_at("127.0.0.2:0") else {
                return Ok(());
            };
            let program = grading.start()?;
            ask(&mut sender, &program.argument, b"from elsewhere")
        },
    },
];

pub const HINTS: &[&str] = &[
    "Three calls, and two of them in a loop: Socket::new with DGRAM, bind; then receive and send. \
     Neither listen nor accept: a bound UDP socket already receives.",
    "std's UdpSocket is easier to receive with: `UdpSocket::from(socket)`. Its `recv_from(&mut \
     buffer)` gives the length and the sender's address.",
    "`sender.to_string()` is the text that the exercise asks for. `socket.send_to(text.as_bytes(), \
     sender)` sends it back.",
];

const QUESTION: &str = "a datagram of 9 bytes: \"who am I?\"";

const SWAPPED: &str = "The two bytes of the port are the wrong way round. On the wire the high one \
     comes first: in C, ntohs(from.sin_port).";

const CUT: &str = "The end of the address is missing. Send as many bytes as this text has, and not \
     as many as came in.";

const SERVERS: &str = "That is the server's own address (local_addr). Wanted is the address of who \
     has sent the datagram: recv_from gives it, with the datagram.";

/// One question, and its answer.
fn ask(sender: &mut Datagrams, server: &str, question: &[u8]) -> Outcome {
    let server = server.parse().expect("it was given an address");
    let own = sender.address()?.to_string();
    sender.send(server, question)?;
    sender.expect(server, own.as_bytes())
}

/// Questions of one sender, one after the other.
fn asked_by_one(grading: &mut Grading, questions: &[&[u8]]) -> Outcome {
    let program = grading.start()?;
    let mut sender = grading.datagrams()?;
    for question in questions {
        ask(&mut sender, &program.argument, question)?;
    }
    Ok(())
}
