//! Why a check failed, as far as that can be found out: the program is asked before it is advised.
//!
//! First what it says itself, and how it ended; then where its sockets are; then, where an answer
//! is missing, whether that comes late, or when the grader sends a line ending, fills a buffer or
//! ends its direction. All this takes some 3 seconds, and only a program that has failed is asked.

mod answer;
mod awaited;
mod line;
mod nearly;
mod place;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::ExitStatus;
use std::rc::Rc;

use answer::{no_answer, no_end};
use line::{no_line, not_ready, silent_start};
use nearly::{bound_swapped, of_python, other_ending, swapped};
use place::{no_datagram, not_udp, nothing, refused};

use crate::clock::PATIENCE;
use crate::complaint::{Complaint, Kind, complaint};
use crate::grading::Grading;
use crate::program::{Program, ending};
use crate::sockets;
use crate::words::{Words, text};
use crate::wrong::{How, Scene, Wrong};

/// What was found, in words.
enum Cause {
    /// It says all: what the check would say may be wrong.
    All(Words),
    /// What the check says follows.
    Also(Words),
}

use Cause::{All, Also};

/// The advice of the check, with what was found ahead of it, or instead of it. `is_first`: it is the
/// exercise's first check.
pub fn explain(wrong: &Wrong, grading: &Grading, is_first: bool, advice: Words) -> Words {
    let Some(program) = concerned(wrong, grading) else { return advice };
    let status = program.ended();
    let said = complaint(&program.complaints());
    let lead = leads(said, status, &program, wrong, is_first);
    let found = match lead {
        Some(_) if status.is_some() || matches!(lead, Some(All(_))) => None,
        _ => found(wrong, grading, &program, status.filter(|_| !program.is_killed()), is_first),
    };
    // A broken pipe is explained once.
    let has_it = matches!(&lead, Some(Also(words)) if words.english().contains("SIGPIPE"));
    match (lead, found) {
        (None, None) => advice,
        (Some(All(words)), _) | (None, Some(All(words))) => words,
        (Some(Also(_)), None) if has_it && advice.english().contains("SIGPIPE") => advice,
        (Some(Also(words)), None) | (None, Some(Also(words))) => words.followed_by(advice),
        (Some(Also(lead)), Some(All(words))) => lead.followed_by(words),
        (Some(Also(lead)), Some(Also(words))) => lead.followed_by(words).followed_by(advice),
    }
}

/// The run that the failure is about, if one is: the one at the other end, or the last one that
/// the grader has not ended (or has given up).
fn concerned(wrong: &Wrong, grading: &Grading) -> Option<Rc<Program>> {
    let programs = grading.bench().programs.borrow();
    let can_tell = |it: &&Rc<Program>| !it.is_killed() || it.seen.borrow().is_some();
    let peer = match wrong.scene.as_deref() {
        Some(Scene::Stream(stream)) => stream.socket.peer_addr().ok(),
        _ => None,
    };
    let is_peer = |it: &&Rc<Program>| peer.is_some_and(|peer| it.argument == peer.to_string());
    let mut all = programs.iter().rev().filter(can_tell);
    all.clone().find(is_peer).or_else(|| all.next()).cloned()
}

/// What the program said itself, or the system, at its end.
fn leads(
    said: Option<Complaint>,
    status: Option<ExitStatus>,
    program: &Program,
    wrong: &Wrong,
    is_first: bool,
) -> Option<Cause> {
    let by_itself = status.filter(|_| !program.is_killed() || wrong.how == How::Exit);
    let is_said = said.as_ref().is_some_and(|it| matches!(it.kind, Kind::Fatal | Kind::Mistake));
    if let Some(words) =
        by_itself.and_then(|it| not_its_socket(it, said.as_ref(), program, is_first))
    {
        return Some(All(words));
    }
    if let Some(words) = by_itself.and_then(signal).filter(|_| !is_said) {
        return Some(Also(words));
    }
    let has_failed = by_itself.is_some_and(|status| !status.success());
    match said {
        Some(Complaint { words, kind: Kind::NoProgram }) if by_itself.is_some() => {
            Some(All(text!(
                "{words} Is the path in the command right? It begins in the current folder.",
                words
            )))
        }
        Some(Complaint { words, kind: Kind::Mistake }) => Some(All(words.followed_by(A_MISTAKE))),
        // Where nothing is right yet, it is what all the rest comes of.
        Some(Complaint { words, kind: Kind::Fatal }) if is_first && is_would_block(&words) => {
            Some(All(words.followed_by(NOTHING_THERE)))
        }
        Some(Complaint { words, kind: Kind::Fatal }) if is_first => {
            Some(All(text!("{words} Look at that first: the rest may come of it.", words)))
        }
        Some(Complaint { words, kind: Kind::Fatal }) => Some(Also(words)),
        Some(Complaint { words, kind: Kind::Error | Kind::NoProgram }) if has_failed => {
            // A client that was to come to the grader.
            // (With a list of places, the others refuse.)
            let is_client = wrong.expected.english().starts_with("a connection to ")
                && !program.argument.contains(',');
            Some(if is_client && words.english().contains("efused") {
                All(text!(
                    "{words} The grader listens at {argument}, the address in the program's last \
                     argument: your program connects to another one.",
                    words,
                    argument = program.argument
                ))
            } else {
                Also(words)
            })
        }
        _ => None,
    }
}

/// A call that did not wait.
fn is_would_block(words: &Words) -> bool {
    ["BlockingIOError", "WouldBlock", "Resource temporarily unavailable", "EAGAIN"]
        .iter()
        .any(|name| words.english().contains(name))
}

const NOTHING_THERE: &str = "A call on a non-blocking socket says so when there is nothing yet: \
     nobody to accept, nothing to receive. The socket should wait there, or the program asks again \
     later. Is the right one non-blocking? A listener and the sockets of its clients are set one \
     by one.";

/// A client of datagrams that has a socket of another kind, or takes the address of its peer.
fn not_its_socket(
    status: ExitStatus,
    said: Option<&Complaint>,
    program: &Program,
    is_first: bool,
) -> Option<Words> {
    let target: SocketAddr = program.argument.parse().ok()?;
    let own = sockets::of(std::process::id());
    if program.is_server.get() || !own.iter().any(|one| one.is_udp && one.local == target) {
        return None;
    }
    let said = said.map(|it| it.words.clone()).unwrap_or_default();
    let says = |words: &str| said.english().contains(words);
    if says("already in use") {
        return Some(text!(
            "{said} {target} is the address that the datagrams go to, and somebody has it \
             already. Here your program is the client: it need not bind its socket, the first \
             send gives it a port of its own.",
            said,
            target
        ));
    }
    // None of this comes of a datagram's socket to which somebody listens.
    let ended = signal(status).filter(|words| words.english().contains("SIGPIPE"));
    let is_stream = ended.is_some()
        || ["roken pipe", "not connected"].into_iter().any(says)
        || (is_first && says("onnection refused"));
    let said = match ended {
        Some(_) if said.is_empty() => text!("Your program was ended by the signal SIGPIPE."),
        _ => said,
    };
    is_stream.then(|| {
        text!(
            "{said} A UDP socket has no such error here: yours is a TCP one. Create it with \
             {Rust: Type::DGRAM}{Python: socket.SOCK_DGRAM}{else: SOCK_DGRAM} (step 1).",
            said
        )
    })
}

const A_MISTAKE: &str = "That is a mistake in the program itself, and not one about sockets: mend \
     it first.";

/// What it means that a signal has ended it.
#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<Words> {
    use std::os::unix::process::ExitStatusExt as _;

    use nix::sys::signal::Signal;

    let signal = Signal::try_from(status.signal()?).ok()?;
    let why = match signal {
        Signal::SIGPIPE => return Some(BROKEN_PIPE.into()),
        Signal::SIGSEGV | Signal::SIGBUS => {
            "it used memory that is not its own: a pointer that points nowhere, or an index beyond \
             the end of a buffer {C: (compile with -g -fsanitize=address, and it says in which \
             line)}"
        }
        Signal::SIGABRT => "it gave up by itself: abort, most often of a check that failed",
        Signal::SIGFPE => "it divided by zero",
        Signal::SIGALRM => "a timer that it had set was over, and nothing handles that signal",
        Signal::SIGKILL => "somebody killed it; the system does so when memory runs out",
        Signal::SIGINT | Signal::SIGTERM => "somebody ended it",
        _ => "see man 7 signal",
    };
    Some(text!(
        "Your program was ended by the signal {signal}: {why}.",
        signal = signal.to_string(),
        why
    ))
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<Words> {
    None
}

#[cfg(unix)]
const BROKEN_PIPE: &str = "Your program was ended by the signal SIGPIPE: it sent to a connection \
     that was gone. Ignore that signal, once, at the start{C: : signal(SIGPIPE, SIG_IGN), or \
     MSG_NOSIGNAL for each send}{Perl: : $SIG{PIPE} = 'IGNORE'}{Python: : Python does so by \
     itself, unless something sets it back}. Then send fails with \"broken pipe\" instead, which \
     is the end of this one conversation: go on with the next client (step 12).";

/// What the world around the program tells.
fn found(
    wrong: &Wrong,
    grading: &Grading,
    program: &Program,
    status: Option<ExitStatus>,
    is_first: bool,
) -> Option<Cause> {
    if let Some(words) = swapped(wrong) {
        return Some(Also(words));
    }
    if let Some(words) = other_ending(wrong).or_else(|| of_python(wrong, grading.language())) {
        return Some(All(words));
    }
    if let Some(status) = status {
        let is_cut = matches!(wrong.how, How::Refused | How::Silent | How::Short | How::End);
        let is_cut = is_cut || wrong.how == How::Reset;
        // Some are to end in the end.
        let is_cut = is_cut
            && (!status.success()
                || wrong.how == How::Refused
                || wrong.got.english().starts_with("nothing")
                || wrong.got.english().starts_with("none"));
        let words = || text!("By then your program had ended: {status}.", status = ending(status));
        return is_cut.then(|| Also(words()));
    }
    // What is there at once, a check with advice of its own has brought about: it knows why.
    let has_asked = wrong.advice.is_some();
    let seen = program.seen.borrow();
    let held = || seen.clone().unwrap_or_else(|| sockets::of(program.id()));
    match (wrong.scene.as_deref(), wrong.how) {
        (_, How::Refused) => refused(wrong, grading, program, &held()),
        (Some(Scene::Line), How::Printed) if program.is_killed() => not_ready(grading, program),
        (Some(Scene::Line), _) if program.is_killed() => silent_start(grading, program),
        (Some(Scene::Line), _) => no_line(grading, program),
        (Some(Scene::Stream(stream)), _) => match stream.missing[..] {
            [] => no_end(grading, program, stream, has_asked),
            _ => no_answer(grading, program, stream, wrong, is_first),
        },
        (Some(Scene::Sender), _) => not_udp(&held()).map(All),
        (Some(Scene::Datagram), _) => no_datagram(wrong, grading, program, &held()),
        (None, How::Silent) => nothing(wrong, grading, program, &held()),
        (None, How::Other) => bound_swapped(wrong, &held()).map(All),
        _ => None,
    }
}

/// The address that a server was given.
fn given(program: &Program) -> Option<SocketAddr> {
    program.argument.parse().ok().filter(|_| program.is_server.get())
}

/// Where not even the grader can connect to itself, the program is not to blame.
pub fn or_the_machine(wrong: Wrong) -> Wrong {
    let works = || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        TcpStream::connect_timeout(&listener.local_addr()?, PATIENCE).map(drop)
    };
    if wrong.how != How::Refused {
        return wrong;
    }
    match works() {
        Err(error) => Wrong::machine(text!(
            "127.0.0.1 cannot be reached: the grader cannot connect to itself ({error})",
            error
        )),
        _ => wrong,
    }
}
