//! Calls: `bind`, `connect`.
//! Idea: an address as a lock.
//! Usual mistake: every error taken for "in use".

use std::net::TcpListener;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use crate::exercise::{Check, advice};
use crate::grading::{Grading, restarts};
use crate::program::Program;
use crate::wire::Peer;
use crate::wrong::{Explain as _, Outcome};

const LINE: &str = "it runs already";

pub const CHECKS: &[Check] = &[
    Check {
        title: "the first one tells its clients that it runs",
        usually: advice! {
            End | Other => "The client is to get the line \"it runs already\", and \\n at its end: \
                16 bytes, and nothing else.",
            More => "After the line the connection is to be closed, so that the client knows that \
                nothing more comes. Drop (close) the client's socket.",
            _ => "The client got no line. After accept: send it, and close the connection. Don't \
                wait for the client to say something first.",
        },
        run: |grading| {
            let (_, mut peer) = grading.start_and_connect()?;
            tells(&mut peer)
        },
    },
    Check {
        title: "a second one prints that line, and ends with 0",
        usually: advice! {
            Silent => "The first one runs, and the second one neither printed the line nor ended. \
                If it listens as well, there is no lock: it took another port, or both have set \
                SO_REUSEPORT (on Windows: SO_REUSEADDR), with which several programs can share one \
                address.",
            Exit => "bind failed with \"address already in use\". For this program that is an \
                answer, and no failure: look which error it is (AddrInUse, EADDRINUSE), connect to \
                the address instead, receive the line, print it, and end with exit status 0.",
            _ => "The second one is to print exactly the line that came from the first one.",
        },
        run: |grading| {
            let first = grading.start()?;
            let second = grading.start_unready(&first.argument)?;
            prints_it(&second)
        },
    },
    Check {
        title: "three more do the same, and the first one still runs",
        usually: advice! {
            "After some second ones the first one no longer answered. It stays until it is ended: \
             after each client it goes back to accept, with the same listener."
        },
        run: |grading| {
            let first = grading.start()?;
            let mut more = Vec::new();
            for _ in 0..3 {
                more.push(grading.start_unready(&first.argument)?);
            }
            for second in &more {
                prints_it(second)?;
            }
            let mut peer = grading.connect(&first)?;
            tells(&mut peer)
        },
    },
    Check {
        title: "the line counts, in however many pieces it comes",
        usually: advice! {
            "The whole line was sent, and it came in pieces: a receive gives what is there \
             already. Receive until you have all 16 bytes, and compare these (step 5)."
        },
        run: |grading| {
            let (first, program) = start_at_another(grading)?;
            let mut peer = grading.accept(&first)?;
            let line = format!("{LINE}\n");
            let (beginning, rest) = line.split_at(3);
            // Who has enough of the first piece shows it below.
            let _ = peer.send(beginning);
            thread::sleep(Duration::from_millis(500));
            let _ = peer.send(rest);
            peer.finish();
            let after = format!("by the first one: {line:?}, in two pieces");
            program.expect_line(LINE).and_then(|()| program.expect_success()).after(after)
        },
    },
    Check {
        title: "another error does not mean that it runs already",
        usually: advice! {
            "192.0.2.1 is not this machine's address, so bind fails, and not because the address \
             is in use. Look which error it is: only \"address in use\" (AddrInUse, EADDRINUSE) is \
             an answer. Any other one ends the program, with an exit status other than 0. (On \
             Linux listen works even if bind has failed, at a port of the kernel's choice.)"
        },
        run: |grading| {
            let address = "192.0.2.1:20817";
            let program = grading.start_unready(address)?;
            program.expect_failure().after(format!("a start with {address}"))
        },
    },
    Check {
        title: "another program that says something else is found out",
        usually: advice! {
            "Another program has the address, and yours took it for its first one. Receive the \
             whole line, in however many pieces it comes, compare it with what the first one would \
             say, and end with an exit status other than 0 if it is not that."
        },
        run: |grading| {
            let mut others = Vec::new();
            for says in ["hello\n", "it runs already?\n"] {
                others.push((says, start_at_another(grading)?));
            }
            for (says, (other, program)) in others {
                let mut peer = grading.accept(&other)?;
                // It may have looked no further than to here.
                let _ = peer.send(says);
                peer.finish();
                let after = format!("by the other program: {says:?}, and the end of the stream");
                program.expect_failure().after(after)?;
            }
            Ok(())
        },
    },
    Check {
        title: "another program that says nothing is, too, after a second",
        usually: advice! {
            "Another program has the address and says nothing, so a receive without a limit waits \
             forever. Set one (set_read_timeout, settimeout, SO_RCVTIMEO) of a second; \
             time that is up is a failure here: end with an exit status other than 0."
        },
        run: |grading| {
            let (other, program) = start_at_another(grading)?;
            let _silent = grading.accept(&other)?;
            program.expect_failure().after("by the other program: nothing")
        },
    },
    Check {
        title: "a client that breaks off doesn't end the first one",
        usually: advice! {
            "Clients broke their connections off, perhaps before they got their line: send fails \
             then. It is the end of this client, and not of the program: handle the error, and go \
             back to accept (step 7)."
        },
        run: |grading| {
            let first = grading.start()?;
            let break_off = || grading.connect(&first).map(Peer::reset);
            // These two for sure ahead of their line.
            first.while_stopped(|| break_off().and(break_off()))?;
            for _ in 0..50 {
                break_off()?;
            }
            let mut peer = grading.connect(&first)?;
            tells(&mut peer)
        },
    },
    Check {
        title: "after the first one was ended, the next one is the first",
        usually: |_| "The next one does not tell its clients that it runs, as the first one did.",
        run: |grading| restarts(grading, tells),
    },
];

pub const HINTS: &[&str] = &[
    "Create, bind, listen: one of these fails if the address is in use. Put the three into a \
     function that gives an `io::Result<Socket>`, and look at its error.",
    "`error.kind() == ErrorKind::AddrInUse` is the answer \"it runs already\". Then: a new socket, \
     `connect`, receive, print.",
    "`set_read_timeout(Some(Duration::from_secs(1)))` ahead of the receive. `read_exact` into 16 \
     bytes takes the whole line, however it is cut.",
    "SO_REUSEADDR (`set_reuse_address(true)`, not on Windows) ahead of bind: old connections don't \
     keep the address then, and a listener still does.",
];

/// The program, started where another one listens already.
fn start_at_another(grading: &mut Grading) -> Outcome<(TcpListener, Rc<Program>)> {
    let other = grading.listen()?;
    let program = grading.start_unready(&other.local_addr()?.to_string())?;
    Ok((other, program))
}

/// What each client is to get.
fn tells(peer: &mut Peer) -> Outcome {
    peer.expect(format!("{LINE}\n"))?;
    peer.expect_end()
}

/// A second one, at the address of the first.
fn prints_it(second: &Program) -> Outcome {
    let at = &second.argument;
    let after = format!("a second start, with {at} in use by the first one");
    let result = second
        .expect_line(LINE)
        .and_then(|()| second.expect_success())
        .and_then(|()| second.expect_not_ready());
    result.after(after)
}
