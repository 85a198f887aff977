//! Why a check failed, as far as that can be found out: the program is asked before it is advised.
//!
//! First what it says itself, and how it ended; then where its sockets are; then, where an answer
//! is missing, whether that comes late, or when the grader sends a line ending, fills a buffer or
//! ends its direction. All this takes some 3 seconds, and only a program that has failed is asked.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::ExitStatus;
use std::rc::Rc;
use std::time::{Duration, Instant};

use socket2::{Socket, Type};

use crate::clock::PATIENCE;
use crate::complaint::{Complaint, Kind, complaint};
use crate::grading::Grading;
use crate::processor::time_of;
use crate::program::{Program, ending};
use crate::sockets::{self, Held, State};
use crate::terminal;
use crate::wire::is_timeout;
use crate::wrong::{How, Scene, Stream, Wrong, plural, seconds};

/// A program that is late has so long before anything else is tried; the other waits follow.
const LATE: Duration = Duration::from_millis(900);
const AFTER_A_BYTE: Duration = Duration::from_millis(300);
const AFTER_A_LINE: Duration = Duration::from_millis(400);
const AFTER_A_CLIENT: Duration = Duration::from_millis(400);
const AFTER_THE_END: Duration = Duration::from_millis(700);
const AFTER_ITS_INPUT: Duration = Duration::from_millis(400);
/// Fills most buffers.
const MUCH: usize = 1 << 16;

/// What was found, in words.
enum Cause {
    /// It says all: what the check would say may be wrong.
    All(String),
    /// What the check says follows.
    Also(String),
}

use Cause::{All, Also};

/// The advice of the check (the first one, or a later one), with what was found ahead of it, or instead of it.
pub fn explain(wrong: &Wrong, grading: &Grading, is_first: bool, advice: String) -> String {
    let Some(program) = concerned(wrong, grading) else { return advice };
    let status = program.ended();
    let said = complaint(&program.complaints());
    let lead = leads(said, status, &program, wrong, is_first);
    let found = match lead {
        Some(_) if status.is_some() || matches!(lead, Some(All(_))) => None,
        _ => found(wrong, grading, &program, status.filter(|_| !program.is_killed()), is_first),
    };
    // A broken pipe is explained once.
    let has_it = matches!(&lead, Some(Also(words)) if words.contains("SIGPIPE"));
    match (lead, found) {
        (None, None) => advice,
        (Some(All(words)), _) | (None, Some(All(words))) => words,
        (Some(Also(_)), None) if has_it && advice.contains("SIGPIPE") => advice,
        (Some(Also(words)), None) | (None, Some(Also(words))) => format!("{words} {advice}"),
        (Some(Also(lead)), Some(All(words))) => format!("{lead} {words}"),
        (Some(Also(lead)), Some(Also(words))) => format!("{lead} {words} {advice}"),
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
    if let Some(words) = by_itself.and_then(signal).filter(|_| !is_said) {
        return Some(Also(words));
    }
    let has_failed = by_itself.is_some_and(|status| !status.success());
    match said {
        Some(Complaint { words, kind: Kind::NoProgram }) if by_itself.is_some() => Some(All(
            format!("{words} Is the path in the command right? It begins in the current folder."),
        )),
        Some(Complaint { words, kind: Kind::Mistake }) => Some(All(format!("{words} {A_MISTAKE}"))),
        // Where nothing is right yet, it is what all the rest comes of.
        Some(Complaint { words, kind: Kind::Fatal }) if is_first => {
            Some(All(format!("{words} Look at that first: the rest may come of it.")))
        }
        Some(Complaint { words, kind: Kind::Fatal }) => Some(Also(words)),
        Some(Complaint { words, kind: Kind::Error | Kind::NoProgram }) if has_failed => {
            // A client that was to come to the grader.
            let is_client = wrong.expected.starts_with("a connection to ");
            Some(if is_client && words.contains("efused") {
                All(format!(
                    "{words} Where it was told to connect to, by its last argument, the grader \
                     listens ({}): your program goes to another address.",
                    program.argument
                ))
            } else {
                Also(words)
            })
        }
        _ => None,
    }
}

const A_MISTAKE: &str = "That is a mistake in the program itself, and not one about sockets: mend \
     it first.";

/// What it means that a signal has ended it.
#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<String> {
    use std::os::unix::process::ExitStatusExt as _;

    use nix::sys::signal::Signal;

    let signal = Signal::try_from(status.signal()?).ok()?;
    let why = match signal {
        Signal::SIGPIPE => return Some(BROKEN_PIPE.to_owned()),
        Signal::SIGSEGV | Signal::SIGBUS => {
            "it used memory that is not its own: a pointer that points nowhere, or an index beyond \
             the end of a buffer{C: (compile with -g -fsanitize=address, and it says in which \
             line)}"
        }
        Signal::SIGABRT => "it gave up by itself: abort, most often of a check that failed",
        Signal::SIGFPE => "it divided by zero",
        Signal::SIGALRM => "a timer that it had set was over, and nothing handles that signal",
        Signal::SIGKILL => "somebody killed it; the system does so when memory runs out",
        Signal::SIGINT | Signal::SIGTERM => "somebody ended it",
        _ => "see man 7 signal",
    };
    Some(format!("Your program was ended by the signal {signal}: {why}."))
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<String> {
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
    if let Some(words) = other_ending(wrong) {
        return Some(All(words));
    }
    if let Some(status) = status {
        let is_cut = matches!(wrong.how, How::Refused | How::Silent | How::Short | How::End);
        let is_cut = is_cut || wrong.how == How::Reset;
        // Some are to end in the end.
        let is_cut = is_cut
            && (!status.success()
                || wrong.how == How::Refused
                || wrong.got.starts_with("nothing")
                || wrong.got.starts_with("none"));
        let words = || format!("Your program has ended by then: {}.", ending(status));
        return is_cut.then(|| Also(words()));
    }
    // What is there at once, a check with advice of its own has brought about: it knows why.
    let has_asked = wrong.advice.is_some();
    let seen = program.seen.borrow();
    let held = || seen.clone().unwrap_or_else(|| sockets::of(program.id()));
    match (wrong.scene.as_deref(), wrong.how) {
        (_, How::Refused) => refused(grading, program, &held()),
        (Some(Scene::Line), How::Printed) if program.is_killed() => not_ready(grading, program),
        (Some(Scene::Line), _) if program.is_killed() => silent_start(grading, program),
        (Some(Scene::Line), _) => no_line(grading, program),
        (Some(Scene::Stream(stream)), _) => match stream.missing[..] {
            [] => no_end(grading, program, stream, has_asked),
            _ => no_answer(grading, program, stream, wrong, is_first),
        },
        (Some(Scene::Sender), _) => None,
        (Some(Scene::Datagram), _) => no_datagram(wrong, grading, program, &held()),
        (None, How::Silent) => nothing(wrong, grading, program, &held()),
        (None, How::Other) => bound_swapped(wrong, &held()).map(All),
        _ => None,
    }
}

/// A port with its bytes the wrong way round.
fn swapped(wrong: &Wrong) -> Option<String> {
    let port = |text: &str| {
        let digits = text.split(':').skip(1).filter_map(|part| {
            let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..end].parse::<u16>().ok()
        });
        digits.last()
    };
    let (expected, got) = (port(&wrong.expected)?, port(&wrong.got)?);
    let is_swapped = expected != got && expected.swap_bytes() == got;
    is_swapped.then(|| format!("{got} is {expected} with its two bytes swapped. {NTOHS}"))
}

const NTOHS: &str = "On the wire, and in the address of a socket, a port has its high byte first: \
     {C: htons(port) puts a number into an address, ntohs takes it out}{else: something takes it \
     the other way round}.";

/// It is at a port, and has another one in mind.
fn bound_swapped(wrong: &Wrong, held: &[Held]) -> Option<String> {
    let numbers = wrong.expected.split(|c: char| !c.is_ascii_digit());
    let mut ports = numbers.filter_map(|number| number.parse::<u16>().ok());
    ports.find_map(|port| {
        let swapped = port.swap_bytes();
        // Some are the same either way round.
        let is_it = |one: &&Held| port > 1023 && swapped != port && one.local.port() == swapped;
        let there = held.iter().find(is_it)?.local;
        Some(format!(
            "Your program has a socket at {there}, and that port is {port} with its two bytes \
             swapped. {NTOHS}"
        ))
    })
}

/// All is right but for a carriage return.
fn other_ending(wrong: &Wrong) -> Option<String> {
    let text = |words: &str| {
        let (_, text) = words.split_once(": \"")?;
        Some(text.trim_end_matches('"').to_owned())
    };
    let (expected, got) = (text(&wrong.expected)?, text(&wrong.got)?);
    let is_it = wrong.how == How::Other
        && !expected.contains("\\r")
        && (got.replace("\\r\\n", "\\n") == expected || got == expected.clone() + "\\r")
        && got != expected;
    let is_lost = wrong.how == How::Other
        && expected != got
        && expected.replace("\\r\\n", "\\n") == got.replace("\\r\\n", "\\n")
        && got.len() < expected.len();
    if is_lost {
        return Some(
            "It is right but for \\r, which is missing: something takes the bytes for text, and \
             changes its line endings. {Python: makefile with a text mode does, without \
             newline=\"\".}"
                .to_owned(),
        );
    }
    is_it.then(|| {
        "It is right but for the line ending: \\r\\n came (CR LF), and \\n alone is expected. \
         {Python: A file with text (makefile, print) may write it like this: newline=\"\\n\", or \
         send bytes.}{Java: println writes what the system has: print(... + \"\\n\").}{else: End \
         the line with \\n.}"
            .to_owned()
    })
}

/// The address that a server was given.
fn given(program: &Program) -> Option<SocketAddr> {
    program.argument.parse().ok().filter(|_| program.is_server.get())
}

/// Where the program is instead.
fn elsewhere(program: &Program, held: &[Held], is_udp: bool) -> Option<String> {
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
        return Some(format!(
            "Your program has a {is} socket at {given}, and it is to be a {be} one: the type of \
             the socket is SOCK_{} (step 1).",
            if is_udp { "DGRAM" } else { "STREAM" }
        ));
    };
    let (local, does) = (
        first.local,
        if is_udp || first.state == State::Bound { "is bound to" } else { "listens at" },
    );
    let words = format!("Your program {does} {local}, and was told {given}");
    // Some ports are the same either way round.
    Some(if local.port() == given.port() {
        format!(
            "{words}: another address of this machine. Take address and port as given (step 2)."
        )
    } else if local.port() == given.port().swap_bytes() {
        format!("{words}: that is the port with its two bytes swapped. {NTOHS}")
    } else if first.state == State::Listens && local.port() >= 32_768 {
        format!(
            "{words}. Did the system choose the port? It does so for port 0, and for a socket that \
             listens without bind. Take apart what the last argument says (step 2)."
        )
    } else {
        format!(
            "{words}, by its last argument. Read the address and the port from there: they are \
             others each time (step 2)."
        )
    })
}

/// Nobody accepted a connection, though the program runs.
fn refused(grading: &Grading, program: &Program, held: &[Held]) -> Option<Cause> {
    let given = given(program)?;
    let listener = held.iter().find(|one| {
        one.state == State::Listens && !one.holders.is_empty() && one.local.port() == given.port()
    });
    if let Some(listener) = listener.filter(|one| one.local.ip() == given.ip()) {
        // No answer: its queue is full.
        return (listener.unread > 0).then(|| {
            let waiting = plural(usize::try_from(listener.unread).unwrap_or(0), "connection");
            Also(format!("The queue of your listener is full: {waiting} there, not accepted yet."))
        });
    }
    let start = Instant::now();
    let wait = grading.bench().clock.wait(LATE);
    while !program.is_killed() && wait.left().is_some() && program.ended().is_none() {
        if TcpStream::connect_timeout(&given, LATE).is_ok() {
            let time = start.elapsed().as_millis();
            return Some(All(format!(
                "\"ready\" came too early: nobody listened then, and {time} ms later somebody does. \
                 First bind and listen, and only then print \"ready\" (step 3): who starts the \
                 program connects as soon as that line is there."
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
        return Some(All(format!(
            "Your program runs, and its socket is bound to {given}, but does not listen: whoever \
             connects is refused. Call listen after bind, and ahead of \"ready\" (step 3)."
        )));
    }
    let knows = cfg!(target_os = "linux") && !program.is_killed() && program.ended().is_none();
    knows.then(|| {
        Also(match grading.has_connected() {
            true => format!("Your program runs, and its listener at {given} is closed."),
            false => format!("Your program runs, and has no socket that listens at {given}."),
        })
    })
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
        Err(error) => Wrong::machine(format!(
            "127.0.0.1 cannot be reached: the grader cannot connect to itself ({error})"
        )),
        _ => wrong,
    }
}

/// The line "ready" has not come.
fn not_ready(grading: &Grading, program: &Program) -> Option<Cause> {
    let unfinished = program.unfinished.borrow();
    if unfinished.as_ref().is_some_and(|line| line.trim() == "ready") {
        return Some(All(NO_NEWLINE.to_owned()));
    }
    let held = program.seen.borrow().clone().unwrap_or_default();
    let is_server = given(program).is_some();
    let udp_only = !held.is_empty() && held.iter().all(|one| one.is_udp);
    let place = is_server.then(|| elsewhere(program, &held, udp_only)).flatten();
    match (silent_start(grading, program), place) {
        (Some(All(words)), _) => Some(All(words)),
        (_, Some(place)) => Some(Also(place)),
        (other, None) => other,
    }
}

const NO_NEWLINE: &str = "It printed \"ready\", and no line ending behind it: the line is not \
     complete. {Python: print adds one, sys.stdout.write does not.}{C: puts adds one, printf does \
     not: printf(\"ready\\n\").}{Node: console.log adds one, process.stdout.write does \
     not.}{Rust: println! adds one, print! does not.}{Perl: print adds none: \"ready\\n\".}{else: \
     End it with \\n.}";

/// It printed nothing. On a terminal, does it?
fn silent_start(grading: &Grading, program: &Program) -> Option<Cause> {
    if program.lines() > 0 || program.unfinished.borrow().is_some() {
        return None;
    }
    let line = terminal::first_line(grading.command(), &program.argument)?;
    Some(All(format!(
        "On a terminal the program prints \"{line}\", and here nothing came: its output is kept \
         back, as standard output is no terminal here, until a buffer is full. {FLUSH}"
    )))
}

const FLUSH: &str = "Flush it after each line: {C: fflush(stdout), or once at the start \
     setvbuf(stdout, NULL, _IOLBF, 0)}{Python: print(..., flush=True)}{Rust: \
     std::io::stdout().flush()}{Perl: $| = 1 at the start}{Java: System.out.flush()}{Ruby: \
     $stdout.sync = true}{else: print and flush}.";

/// What is awaited once more, and how it is seen.
struct Awaited<'a> {
    grading: &'a Grading,
    program: &'a Program,
    socket: Option<&'a TcpStream>,
    /// These bytes; or the end; or, if there is none of the two, a line that it prints.
    missing: Option<&'a [u8]>,
    got: Vec<u8>,
    lines: usize,
    /// How long the last wait took.
    took: Duration,
}

impl<'a> Awaited<'a> {
    fn on(grading: &'a Grading, program: &'a Program, stream: &'a Stream) -> Self {
        let (socket, missing) = (Some(&stream.socket), Some(&stream.missing[..]));
        let _ = stream.socket.set_nonblocking(true);
        Self {
            grading,
            program,
            socket,
            missing,
            got: vec![],
            lines: program.lines(),
            took: Duration::ZERO,
        }
    }

    /// Whether it came within this time.
    fn comes_within(&mut self, time: Duration) -> bool {
        let wait = self.grading.bench().clock.wait(time);
        loop {
            if self.came() {
                self.took = wait.elapsed();
                return true;
            }
            if wait.left().is_none() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// It came so soon that what was done just before has brought it, and not by chance.
    fn is_prompt(&self) -> bool {
        self.took < Duration::from_millis(200)
    }

    fn came(&mut self) -> bool {
        let (Some(mut socket), Some(missing)) = (self.socket, self.missing) else {
            return self.program.lines() > self.lines;
        };
        let mut buffer = [0; 4096];
        match socket.read(&mut buffer) {
            Ok(0) => missing.is_empty(),
            Ok(length) => {
                self.got.extend(&buffer[..length]);
                self.is_right()
            }
            Err(_) => self.is_right(),
        }
    }

    fn is_right(&self) -> bool {
        let most = self.missing.map_or(0, <[u8]>::len).min(self.got.len());
        most > 0 && self.missing.is_some_and(|missing| missing[..most] == self.got[..most])
    }

    fn send(&self, bytes: &[u8]) -> bool {
        let sent = self.socket.map(|mut socket| socket.write(bytes));
        match sent {
            Some(Ok(_)) => true,
            Some(Err(error)) => is_timeout(&error) || error.kind() == ErrorKind::Interrupted,
            None => false,
        }
    }

    fn finish(&self) -> bool {
        self.socket.is_some_and(|socket| socket.shutdown(Shutdown::Write).is_ok())
    }
}

/// Bytes have not come, all or the last of them.
fn no_answer(
    grading: &Grading,
    program: &Program,
    stream: &Stream,
    wrong: &Wrong,
    is_first: bool,
) -> Option<Cause> {
    let has_asked = wrong.advice.is_some();
    let what = if wrong.how == How::Short { "The rest of the answer" } else { "The answer" };
    let start = Instant::now();
    let fact = connection(program, &stream.socket).and_then(|held| {
        let is_full = if held.holders.is_empty() { sockets::full(program.id()) } else { None };
        is_full.or_else(|| not_received(&held))
    });
    let mut awaited = Awaited::on(grading, program, stream);
    if has_asked && awaited.came() {
        return None;
    }
    let speed = Speed::of(program);
    if awaited.comes_within(LATE) {
        return Some(All(late(what, start)));
    }
    let fact = fact.or(speed.is_full().then(|| {
        "Your program runs at full speed all the while: is there a loop that never ends?".to_owned()
    }));
    // (A check with advice of its own knows what it comes of.)
    if has_asked {
        return fact.map(Also);
    }
    let may_ask = fact.is_none() && !stream.has_finished;
    // What is special about a later check, that one has to say. And with others there, what somebody else has sent may be what is missing: the check knows.
    let is_alone = grading.bench().dropped(Type::STREAM).len() < 2;
    let or_more = |words| if is_first { All(words) } else { Also(words) };
    let brought = |awaited: &Awaited<'_>, by: &str, words: String| match awaited.is_prompt() {
        true if is_alone => or_more(format!("{what} came when the grader {by}: {words}")),
        true => Also(format!("{what} came when the grader {by}, and not before.")),
        false => All(late(what, start)),
    };
    if may_ask && awaited.send(b"x") && awaited.comes_within(AFTER_A_BYTE) {
        if stream.sent.is_empty() {
            let words = "your program waits until the other end speaks. Nobody does here: send \
                         first, without a receive ahead of it.";
            return Some(brought(&awaited, "sent something", words.to_owned()));
        }
        let words = "your program waits for another receive, or for a byte more than belongs to \
                     this.";
        let by = "sent one byte more, whatever it was";
        // What is special about these bytes the check knows.
        return Some(match brought(&awaited, by, words.to_owned()) {
            All(words) if awaited.is_prompt() => Also(words),
            other => other,
        });
    }
    if may_ask && awaited.send(b"\n") && awaited.comes_within(AFTER_A_LINE) {
        return Some(match stream.sent[..] {
            [.., b'\n'] => {
                let words = "your program is behind by one line. Answer what has come before you \
                             wait for more.";
                brought(&awaited, "sent one more line ending", words.to_owned())
            }
            _ => {
                let words = format!(
                    "your program waits for one. {WAITS_FOR_A_LINE} Nothing says that a line ending \
                     comes: take what each receive brings, as it is (step 5)."
                );
                brought(&awaited, "sent a line ending", words)
            }
        });
    }
    if may_ask && awaited.finish() {
        let comes = awaited.comes_within(AFTER_THE_END);
        // What is answered without any of it now is no answer to it.
        let again = |end| is_alone && answered_anew(program, stream, end);
        let is_sure = comes || (!again(None) && again(Some(Shutdown::Write)));
        if is_sure {
            let is_full = !again(None) && again(Some(Shutdown::Read));
            return Some(match is_full {
                true => {
                    let words = format!(
                        "your program waits until it has so many bytes, until a buffer is full for \
                         instance. {WAITS_FOR_MORE} A receive that gives fewer bytes than there is \
                         room for has all that is there: answer that (step 5)."
                    );
                    brought(&awaited, &format!("sent {MUCH} bytes more"), words)
                }
                false => {
                    let words = format!(
                        "your program holds it back until the other end has finished. \
                         {WAITS_FOR_THE_END} Answer what each receive brings, and don't wait for \
                         more (step 5); and what you send through a buffer must be flushed."
                    );
                    brought(&awaited, "ended its direction", words)
                }
            });
        }
    }
    if let Some(words) = waits_for_its_input(&mut awaited, what) {
        return Some(if awaited.is_prompt() { or_more(words) } else { All(late(what, start)) });
    }
    let guest = given(program).map(|at| TcpStream::connect_timeout(&at, AFTER_A_CLIENT));
    if awaited.comes_within(AFTER_A_CLIENT) {
        return Some(match guest {
            Some(Ok(_)) if awaited.is_prompt() => or_more(format!(
                "{what} came when another client connected: your program is behind by one. It serves \
                 a client when the next one comes, or sends what it keeps in a buffer only then. Do \
                 for a client all that is to be done, and flush it, before you accept the next one."
            )),
            _ => All(late(what, start)),
        });
    }
    fact.map(Also)
}

/// Whether a program computes all the while.
struct Speed {
    id: u32,
    before: Duration,
    since: Instant,
}

impl Speed {
    fn of(program: &Program) -> Self {
        Self { id: program.id(), before: time_of(program.id()), since: Instant::now() }
    }

    fn is_full(&self) -> bool {
        // (Others may have the half of it.)
        time_of(self.id).saturating_sub(self.before) > self.since.elapsed() / 3
    }
}

/// On a new connection, after the same bytes: whether the answer comes with the end of the stream;
/// or with many bytes, without an end; or with nothing more.
fn answered_anew(program: &Program, stream: &Stream, end: Option<Shutdown>) -> bool {
    const MOST: usize = 4096;

    let Some(at) = given(program).filter(|_| (1..MOST).contains(&stream.sent.len())) else {
        return false;
    };
    // Some serve one client at a time.
    let _ = stream.socket.shutdown(Shutdown::Both);
    let Ok(mut socket) = TcpStream::connect_timeout(&at, AFTER_THE_END) else { return false };
    let _ = socket.set_nodelay(true);
    let _ = socket.set_write_timeout(Some(AFTER_THE_END));
    let sent = socket.write_all(&stream.sent);
    let sent = sent.and_then(|()| match end {
        None => Ok(()),
        Some(Shutdown::Write) => socket.shutdown(Shutdown::Write),
        Some(_) => {
            // For a receive of its own.
            std::thread::sleep(Duration::from_millis(50));
            socket.write(&[b'x'; MUCH]).map(drop)
        }
    });
    if sent.is_err() {
        return false;
    }
    let mut got = Vec::new();
    let mut buffer = [0; 4096];
    let patience = if end.is_none() { AFTER_A_LINE } else { AFTER_THE_END };
    let _ = socket.set_read_timeout(Some(patience));
    let start = Instant::now();
    while start.elapsed() < patience {
        match socket.read(&mut buffer) {
            Ok(length) if length > 0 => got.extend(&buffer[..length]),
            _ => break,
        }
        let is_there = |part: &[u8]| part == &stream.missing[..];
        if got.windows(stream.missing.len()).any(is_there) {
            return true;
        }
    }
    false
}

const WAITS_FOR_A_LINE: &str = "{Python: readline, and a loop over makefile(), do.}{C: fgets and \
     getline do.}{Rust: read_line and lines() do.}{Java: readLine does.}{Perl: <$socket> \
     does.}{Node: readline does.}{Go: ReadString and a Scanner do.}";

const WAITS_FOR_MORE: &str = "{Python: read(n) of makefile() and MSG_WAITALL do.}{C: fread and \
     MSG_WAITALL do.}{Rust: read_exact does, and so does a BufWriter that is not \
     flushed.}{Perl: read does, sysread does not.}{Java: readNBytes and readFully do.}";

const WAITS_FOR_THE_END: &str = "{Python: read() of makefile(), without a number, waits for the \
     end; and what is written to makefile() stays in its buffer.}{C: A loop that receives until 0 \
     waits for the end; and what fprintf writes stays in a buffer.}{Rust: read_to_end and \
     read_to_string wait for the end; and what a BufWriter has stays there.}{Java: readAllBytes \
     waits for the end; and what a PrintWriter has stays there.}{Perl: <$socket> waits for a line \
     ending or the end; and what print writes stays in a buffer.}{Node: \"end\" comes at the end, \
     \"data\" before.}";

fn late(what: &str, start: Instant) -> String {
    let time = seconds(PATIENCE + start.elapsed());
    format!(
        "{what} did come, but only after {time}: the grader waits {} for it. Is there a sleep, or \
         a limit that must be over first, or does your program wait for somebody else meanwhile?",
        seconds(PATIENCE)
    )
}

/// It comes when standard input ends.
fn waits_for_its_input(awaited: &mut Awaited<'_>, what: &str) -> Option<String> {
    awaited.program.end_input();
    awaited.comes_within(AFTER_ITS_INPUT).then(|| {
        format!(
            "{what} came when the program's standard input ended: it reads all of that first, or \
             waits for its end. Read it line by line."
        )
    })
}

/// The program's end of this connection.
fn connection(program: &Program, ours: &TcpStream) -> Option<Held> {
    let (ours, theirs) = (ours.local_addr().ok()?, ours.peer_addr().ok()?);
    let all = sockets::of(program.id());
    all.into_iter().find(|held| held.remote == ours && held.local.port() == theirs.port())
}

/// What came there, and was not received.
fn not_received(held: &Held) -> Option<String> {
    if held.holders.is_empty() {
        return Some(
            "This connection is still in the queue of your listener: the program has not accepted \
             it yet."
                .to_owned(),
        );
    }
    let is_end = u64::from(held.state == State::PeerHasEnded);
    match held.unread.saturating_sub(is_end) {
        0 => None,
        unread => Some(format!(
            "Your program has not received all that was sent: {} at its socket.",
            match unread {
                1 => "1 byte waits".to_owned(),
                _ => format!("{unread} bytes wait"),
            }
        )),
    }
}

/// The stream should have ended.
fn no_end(grading: &Grading, program: &Program, stream: &Stream, has_asked: bool) -> Option<Cause> {
    let start = Instant::now();
    let mut awaited = Awaited::on(grading, program, stream);
    if has_asked && awaited.came() {
        return None;
    }
    let speed = Speed::of(program);
    if awaited.comes_within(LATE) {
        return Some(All(late("The end of the stream", start)));
    }
    let is_fast = speed.is_full();
    let held = connection(program, &stream.socket);
    if !stream.has_finished
        && awaited.finish()
        && awaited.comes_within(AFTER_THE_END)
        && awaited.is_prompt()
    {
        let mut words = "Your program ended the connection only when the grader had ended its \
                         direction: it waits for the other end."
            .to_owned();
        if let Some([_, _, ..]) = held.map(|held| held.holders).as_deref() {
            words += " (The connection was open twice there: closing one of two ends nothing.)";
        }
        return Some(Also(words));
    }
    if waits_for_its_input(&mut awaited, "The end of the stream").is_some() {
        return Some(Also(
            "The stream ended when the program's standard input had ended, and not before."
                .to_owned(),
        ));
    }
    let held = held?;
    if let Some(words) = not_received(&held) {
        return Some(Also(words));
    }
    if stream.has_finished && held.state == State::PeerHasEnded && held.unread == 1 {
        return Some(Also(
            "Your program has not received the end of the client's direction: no receive has \
             given 0 bytes yet. It does not receive there now."
                .to_owned(),
        ));
    }
    if is_fast && held.state == State::PeerHasEnded {
        return Some(Also(
            "Your program has received the client's end, and runs on at full speed: each further \
             receive gives 0 bytes again, at once. Leave the loop at the first one."
                .to_owned(),
        ));
    }
    let mut processes: Vec<_> = held.holders.iter().map(|(process, _)| *process).collect();
    processes.dedup();
    Some(Also(match (&processes[..], &held.holders[..]) {
        ([_, _, ..], _) => format!(
            "{} processes have this connection open. It ends when all of them have closed it: \
             after fork, the parent closes its copy as well.",
            processes.len()
        ),
        (_, [_, _, ..]) => format!(
            "Your program has this connection open {} times. It ends when all of them are closed: \
             {{Rust: each try_clone makes one more}}{{else: each dup makes one more}}.",
            held.holders.len()
        ),
        _ => format!(
            "Your program still has this connection open{}. A socket that is kept in a list or \
             another variable is not closed. {{Python: And close() does not close it as long as a \
             makefile() of it is open.}}{{C: (After fork the parent has a copy of its own.)}}",
            match held.state {
                State::PeerHasEnded if held.unread == 0 => {
                    ", and has received the client's end (0 bytes)"
                }
                _ => "",
            }
        ),
    }))
}

/// It printed no line, and runs.
fn no_line(grading: &Grading, program: &Program) -> Option<Cause> {
    let start = Instant::now();
    let stream = grading.bench().dropped(Type::STREAM).pop().map(TcpStream::from);
    if let Some(stream) = &stream {
        let _ = stream.set_nonblocking(true);
    }
    let lines = program.lines();
    let mut awaited = Awaited {
        grading,
        program,
        socket: stream.as_ref(),
        missing: None,
        got: vec![],
        lines,
        took: Duration::ZERO,
    };
    if awaited.comes_within(LATE) {
        return Some(All(late("The line", start)));
    }
    let is_peer = stream.as_ref().is_some_and(|stream| stream.peer_addr().is_ok());
    let or_late = |awaited: &Awaited<'_>, cause| match awaited.is_prompt() {
        true => Some(cause),
        false => Some(All(late("The line", start))),
    };
    // Who has printed other lines before does not keep them back.
    let flush = if lines < 2 { FLUSH } else { "" };
    if is_peer && awaited.send(b"x") && awaited.comes_within(AFTER_A_BYTE) {
        let words = "The line came when the grader sent one byte more on the connection: your \
                     program waits there, in a receive.";
        return or_late(&awaited, Also(words.to_owned()));
    }
    if is_peer && awaited.send(b"\n") && awaited.comes_within(AFTER_A_LINE) {
        let words = format!(
            "The line came when the grader sent a line ending: your program waits for one. \
             {WAITS_FOR_A_LINE}"
        );
        return or_late(&awaited, All(words));
    }
    if is_peer && awaited.finish() && awaited.comes_within(AFTER_THE_END) {
        let words = match flush {
            "" => "The line came when the grader ended its direction: your program waits for the \
                   end of the stream."
                .to_owned(),
            _ => format!(
                "The line came when the grader ended its direction: your program waits for the end \
                 of the stream, or keeps the line back until it ends itself. {flush}"
            ),
        };
        return or_late(&awaited, Also(words));
    }
    program.end_input();
    if !awaited.comes_within(AFTER_ITS_INPUT) {
        return None;
    }
    // A program that ends writes all that it has kept.
    let has_ended = awaited.program.ends_soon();
    if has_ended && lines == 0 {
        return silent_start(grading, program).map(|cause| match cause {
            All(words) | Also(words) => All(words),
        });
    }
    Some(All(match has_ended && !flush.is_empty() {
        true => format!(
            "The line came when standard input ended, and the program with it: it keeps its output \
             back until then, or does not print before. {FLUSH}"
        ),
        false => "The line came when standard input ended: the program reads all of it first, or \
                  waits for its end. Do for each line all that is to be done, before you read the \
                  next one."
            .to_owned(),
    }))
}

/// No datagram came from a program that runs.
fn no_datagram(
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
        return Some(All(format!(
            "Your program's socket is connected to {}: it gets nothing from anybody else. A server \
             does not connect its socket: {{Python: recvfrom}}{{C: recvfrom}}{{Rust: \
             recv_from}}{{else: each receive}} says whom to answer (step 4).",
            at.remote
        )));
    }
    (at.unread > 0).then(|| {
        Also(
            "Your program has not received it: what was sent waits at its socket. It is in another \
             call, or receives no more."
                .to_owned(),
        )
    })
}

/// Takes one, if one is there.
fn has_datagram(socket: &Socket) -> bool {
    let _ = socket.set_nonblocking(true);
    socket.recv_from(&mut []).is_ok()
}

/// Something is missing, and there is no connection to ask on.
fn nothing(wrong: &Wrong, grading: &Grading, program: &Program, held: &[Held]) -> Option<Cause> {
    if wrong.expected.contains("datagram") {
        return no_datagram(wrong, grading, program, held);
    }
    // A client that goes elsewhere.
    let target: SocketAddr = program.argument.parse().ok()?;
    if given(program).is_some() || !wrong.expected.contains("a connection to ") {
        return None;
    }
    let is_connected =
        |one: &&Held| !one.is_udp && matches!(one.state, State::Connecting | State::Connected);
    let other = held.iter().filter(is_connected).find(|one| one.remote != target)?;
    Some(All(format!(
        "Your program connects to {}, and was told {target}, by its last argument. Read the address \
         and the port from there: they are others each time (step 4).",
        other.remote
    )))
}
