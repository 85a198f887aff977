//! The grader's end of the wire: a TCP peer, a UDP socket.

mod datagrams;

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub use datagrams::Datagrams;
use socket2::{Domain, SockRef, Socket, Type};

use crate::clock::{Clock, FIRST_START, LIMIT, PATIENCE};
use crate::machine;
use crate::marks::{self, mark};
use crate::program::{Program, one_is_busy};
use crate::words::{Words, text};
use crate::wrong::{How, Outcome, Scene, Stream, Wrong, in_words, plural, quoted, seconds, show};

/// A check has so many clients at a time, if not more.
const FEW: u32 = 5;
/// What a connect gets that is neither accepted nor refused.
pub const NO_ANSWER: &str = "no answer";
/// Who waits looks at the clock so often.
pub const GLANCE: Duration = Duration::from_millis(500);
/// What comes behind wrong bytes has so long to come, to be shown.
const A_MOMENT: Duration = Duration::from_millis(200);
/// A slow client receives nothing for so long.
const SLOW: Duration = Duration::from_millis(1100);
/// So much a slow client receives at a time.
const LUMP: usize = 100_000;

/// What all parts of one grading share.
#[derive(Default)]
pub struct Bench {
    pub clock: Rc<Clock>,
    pub programs: RefCell<Vec<Rc<Program>>>,
    /// Sockets that a check has let go of. They are closed before the grader goes on; but if the
    /// check ends with an error there, what the programs say last is heard first: it must not be
    /// about a grader that hangs up.
    dropped: RefCell<Vec<Socket>>,
    /// How often the grader has waited for bytes for a while, for how long in all, and at most.
    waits: Cell<(u32, Duration, Duration)>,
    /// Each connection to the program has one more of it.
    connected: Rc<()>,
}

impl Bench {
    pub fn close_dropped(&self) {
        self.dropped.borrow_mut().clear();
    }

    /// The sockets of this type that a check has let go of: copies.
    pub fn dropped(&self, kind: Type) -> Vec<Socket> {
        let dropped = self.dropped.borrow();
        let is_it = |socket: &&Socket| socket.r#type().is_ok_and(|it| it == kind);
        dropped.iter().filter(is_it).filter_map(|socket| socket.try_clone().ok()).collect()
    }

    /// What of the time went by in waits for bytes that came, if it is much.
    pub fn waits(&self) -> Option<Words> {
        let (number, all, longest) = self.waits.get();
        (all > LIMIT / 4).then(|| {
            text!(
                "The grader has waited {time} for the program, {number} times, up to {other} at \
                 a time: does it sleep, or wait for a limit to pass?",
                time = seconds(all),
                number,
                other = seconds(longest)
            )
        })
    }

    fn has_waited(&self, time: Duration) {
        let (number, all, longest) = self.waits.get();
        if time > Duration::from_millis(5) {
            self.waits.set((number + 1, all + time, longest.max(time)));
        }
    }

    fn keep(&self, socket: io::Result<impl Into<Socket>>) {
        self.dropped.borrow_mut().extend(socket.map(Into::into));
    }
}

/// One connection, on the grader's side. No call waits forever.
pub struct Peer {
    stream: TcpStream,
    /// What was sent last, in words.
    sent: Words,
    bench: Rc<Bench>,
    /// For a receive.
    limit: Duration,
    /// The program did not sleep in time: it is not waited for again.
    never_sleeps: bool,
    /// All that was sent, and whether the grader has ended its direction.
    all_sent: Vec<u8>,
    has_finished: bool,
    /// One of those that the program may still have in its queue.
    in_its_queue: Option<Rc<()>>,
    /// Nothing more is to be sent by `send_meanwhile`.
    is_done: Arc<AtomicBool>,
}

/// How a receive ended.
enum Stop {
    Full,
    /// Nothing more for so long.
    Silent(Duration),
    End,
    Broken(io::Error),
}

impl Peer {
    /// Connects a socket that is `set_up` ahead of that.
    pub fn connect(
        to: SocketAddr,
        bench: &Rc<Bench>,
        set_up: impl FnOnce(&Socket) -> io::Result<()>,
    ) -> Outcome<Self> {
        bench.close_dropped();
        let waiting = u32::try_from(Rc::strong_count(&bench.connected) - 1).unwrap_or(u32::MAX);
        machine::allow_queue(waiting.max(FEW))?;
        mark!("connects to {to}");
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        set_up(&socket)?;
        let wait = bench.clock.wait(PATIENCE);
        let connected = match wait.left() {
            None => Err(ErrorKind::TimedOut.into()),
            Some(left) => socket.connect_timeout(&to.into(), left),
        };
        connected.map_err(|error| {
            if error.kind() == ErrorKind::AddrNotAvailable {
                return error.into();
            }
            let got = match error.kind() {
                ErrorKind::TimedOut => NO_ANSWER.into(),
                _ => in_words(&error),
            };
            Wrong::new(How::Refused, text!("a connection to {to}", to), got)
        })?;
        let mut peer = Self::new(socket.into(), bench)?;
        peer.in_its_queue = Some(Rc::clone(&bench.connected));
        Ok(peer)
    }

    fn new(stream: TcpStream, bench: &Rc<Bench>) -> Outcome<Self> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(GLANCE))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let bench = Rc::clone(bench);
        Ok(Self {
            stream,
            sent: Words::default(),
            bench,
            limit: PATIENCE,
            never_sleeps: false,
            all_sent: vec![],
            has_finished: false,
            in_its_queue: None,
            is_done: Arc::default(),
        })
    }

    /// The socket itself, for what has no method here.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Says in other words what was sent last, for the report.
    pub fn call_it(&mut self, words: impl Into<Words>) {
        self.sent = words.into();
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> Outcome {
        let bytes = bytes.as_ref();
        self.sent = show(bytes);
        self.put(bytes)
    }

    /// Sends it for a receive of its own.
    pub fn send_alone(&mut self, bytes: &[u8]) -> Outcome {
        self.send(bytes)?;
        self.until_received();
        Ok(())
    }

    /// Sends it in pieces of this size, each for a receive of its own.
    pub fn send_in_pieces(&mut self, bytes: &[u8], size: usize) -> Outcome {
        for piece in bytes.chunks(size) {
            self.send_alone(piece)?;
        }
        self.sent = text!(
            "{bytes}, in pieces of {number}",
            bytes = show(bytes),
            number = plural(size, "byte")
        );
        Ok(())
    }

    /// Waits until the program has received what was sent, so that what is sent next does not come
    /// with it: until it sleeps again. On a busy machine that takes a while, and some programs
    /// never sleep. It is seen on Linux only: elsewhere some milliseconds must do.
    fn until_received(&mut self) {
        let end = Instant::now() + Duration::from_millis(500);
        while !self.never_sleeps && one_is_busy(&self.bench.programs.borrow()) {
            self.never_sleeps = Instant::now() > end;
            thread::sleep(Duration::from_millis(1));
        }
        // A moment for an answer that comes too early.
        thread::sleep(Duration::from_millis(3));
    }

    fn put(&mut self, bytes: &[u8]) -> Outcome {
        self.bench.close_dropped();
        if !bytes.is_empty() {
            mark!("sends {}", show(bytes));
        }
        self.all_sent.extend(bytes);
        let start = Instant::now();
        let clock = &self.bench.clock;
        let mut wait = clock.wait(PATIENCE);
        let is_over = |taken| {
            if taken > 0 {
                wait = clock.wait(PATIENCE);
            }
            wait.left().is_none()
        };
        put_all(&self.stream, bytes, is_over).map_err(|error| {
            let time = start.elapsed();
            if is_timeout(&error) && clock.has_cut(time) {
                return clock.time_was_up();
            }
            let time = seconds(time);
            let (how, got) = match is_timeout(&error) {
                true => (How::Silent, text!("it takes no more bytes for {time}", time)),
                false => (How::Reset, in_words(&error)),
            };
            let expected = match how {
                How::Silent => "that the program receives it",
                _ => "a connection that stays open",
            };
            self.wrong(how, expected, got)
        })
    }

    /// Ends the grader's direction, and goes on receiving: a half-close.
    pub fn finish(&mut self) {
        mark!("ends its direction, and goes on receiving");
        // If the connection is broken, the next receive tells.
        let _ = self.stream.shutdown(Shutdown::Write);
        self.has_finished = true;
        match self.sent.is_empty() {
            true => self.sent = text!("the end of the stream"),
            false => self.sent += ", then the end of the stream",
        }
    }

    /// Breaks the connection off: the program gets a reset.
    pub fn reset(self) {
        mark!("breaks the connection off");
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        self.close();
    }

    /// Closes it now, and not when the grader goes on.
    pub fn close(self) {
        mark!("closes the connection");
        let bench = Rc::clone(&self.bench);
        drop(self);
        bench.close_dropped();
    }

    /// Sends it, and it must come back.
    pub fn expect_echo(&mut self, bytes: impl AsRef<[u8]>) -> Outcome {
        self.send(&bytes)?;
        self.expect(&bytes)
    }

    /// A whole conversation with an echo.
    pub fn talk(&mut self, words: &str) -> Outcome {
        self.expect_echo(words)?;
        self.finish();
        self.expect_end()
    }

    /// Sends its last bytes, and ends its direction: the answer must come, and then the end.
    pub fn send_last(&mut self, bytes: impl AsRef<[u8]>, answer: impl AsRef<[u8]>) -> Outcome {
        self.send(bytes)?;
        self.finish();
        self.expect(answer)?;
        self.expect_end()
    }

    /// Receives exactly these bytes, in whatever pieces they come.
    pub fn expect(&mut self, expected: impl AsRef<[u8]>) -> Outcome {
        let expected = expected.as_ref();
        let (got, stop) = self.receive_as(expected);
        self.compare(expected, &got, &stop)
    }

    /// The same. If it is something else, it may be known why.
    pub fn expect_or(
        &mut self,
        expected: impl AsRef<[u8]>,
        why: impl FnOnce(&[u8]) -> Option<Words>,
    ) -> Outcome {
        let expected = expected.as_ref();
        let (got, stop) = self.receive_as(expected);
        self.compare(expected, &got, &stop).map_err(|wrong| match why(&got) {
            Some(why) if wrong.how == How::Other => wrong.advice(why),
            _ => wrong,
        })
    }

    /// Sends while it receives, so that neither end waits for the other: each
    /// piece with a `send` of its own.
    pub fn trade<'a>(
        &mut self,
        pieces: impl Iterator<Item = &'a [u8]> + Send,
        expected: &[u8],
    ) -> Outcome {
        self.trade_with(pieces, expected, |peer, _| peer.receive_as(expected))
    }

    /// The same, but it receives nothing before the program takes no more for a second. Then
    /// it receives all of it, in lumps: each time the program has room again for a part.
    pub fn trade_late<'a>(
        &mut self,
        pieces: impl Iterator<Item = &'a [u8]> + Send,
        expected: &[u8],
    ) -> Outcome {
        self.trade_with(pieces, expected, |peer, taken| {
            let (mut before, mut since) = (0, Instant::now());
            while since.elapsed() < SLOW && !peer.bench.clock.is_up() {
                thread::sleep(Duration::from_millis(5));
                let now = taken.load(Ordering::Relaxed);
                if now != before {
                    (before, since) = (now, Instant::now());
                }
            }
            peer.receive_in_lumps(expected.len())
        })
    }

    /// Sends the pieces from now on, and ends its direction, while the grader does other things.
    /// It receives nothing; `expect_late` does.
    pub fn send_meanwhile(&mut self, pieces: Vec<Vec<u8>>) -> Outcome {
        let (stream, is_done) = (self.stream.try_clone()?, Arc::clone(&self.is_done));
        let bytes: usize = pieces.iter().map(Vec::len).sum();
        mark!("sends {bytes} bytes from now on, and receives nothing meanwhile");
        self.call_it(text!("{bytes} bytes, by a client that receives nothing for a while", bytes));
        thread::Builder::new().spawn(move || {
            for piece in pieces {
                // What is not received tells that something is wrong.
                if put_all(&stream, &piece, |_| is_done.load(Ordering::Relaxed)).is_err() {
                    return;
                }
            }
            let _ = stream.shutdown(Shutdown::Write);
        })?;
        Ok(())
    }

    /// Receives what was not received meanwhile, and the rest.
    pub fn expect_late(&mut self, expected: &[u8]) -> Outcome {
        mark!("receives now, and expects {}", show(expected));
        let (got, stop) = self.receive_in_lumps(expected.len());
        self.is_done.store(true, Ordering::Relaxed);
        self.compare(expected, &got, &stop)
    }

    /// So much, with a pause after each part: each time the program has room again.
    fn receive_in_lumps(&mut self, length: usize) -> (Vec<u8>, Stop) {
        let mut all = Vec::new();
        loop {
            let (got, stop) = self.receive(LUMP.min(length - all.len()));
            all.extend(got);
            if all.len() == length || !matches!(stop, Stop::Full) {
                return (all, stop);
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Sends while `receive` receives; it knows how many pieces were taken.
    fn trade_with<'a>(
        &mut self,
        pieces: impl Iterator<Item = &'a [u8]> + Send,
        expected: &[u8],
        receive: impl FnOnce(&mut Self, &AtomicUsize) -> (Vec<u8>, Stop),
    ) -> Outcome {
        let stream = self.stream.try_clone()?;
        mark!("sends in pieces, and receives meanwhile");
        let (taken, is_done) = (AtomicUsize::new(0), AtomicBool::new(false));
        let (got, stop) = thread::scope(|scope| {
            scope.spawn(|| {
                for piece in pieces {
                    // What is not received tells that something is wrong.
                    if put_all(&stream, piece, |_| is_done.load(Ordering::Relaxed)).is_err() {
                        return;
                    }
                    taken.fetch_add(1, Ordering::Relaxed);
                }
            });
            let received = receive(self, &taken);
            is_done.store(true, Ordering::Relaxed);
            if received.0.len() < expected.len() {
                // The rest need not be sent.
                let _ = stream.shutdown(Shutdown::Both);
            }
            received
        });
        self.has_finished |= got.len() < expected.len();
        self.compare(expected, &got, &stop)
    }

    /// A line up to `\n`, without that. At most 4096 bytes.
    pub fn receive_line(&mut self, expected: &str) -> Outcome<String> {
        mark!("expects the line {}", quoted(expected.as_bytes()));
        let mut line = Vec::new();
        loop {
            let (got, stop) = self.receive(1);
            match got[..] {
                [b'\n'] => break,
                [byte] if line.len() < 4096 => line.push(byte),
                _ => self.compare(format!("{expected}\n").as_bytes(), &line, &stop)?,
            }
        }
        String::from_utf8(line)
            .map_err(|error| self.wrong(How::Other, "a line of UTF-8 text", show(error.as_bytes())))
    }

    /// The line that comes next must be this one.
    pub fn expect_line(&mut self, expected: &str) -> Outcome {
        let line = self.receive_line(expected)?;
        match line == expected {
            true => Ok(()),
            false => Err(self.wrong(How::Other, show(expected.as_bytes()), show(line.as_bytes()))),
        }
    }

    /// The stream must end here, in order: no more bytes, no reset.
    pub fn expect_end(&mut self) -> Outcome {
        mark!("expects the end of the stream");
        let (got, stop) = self.receive(1);
        let (how, got) = match stop {
            Stop::End => return Ok(()),
            Stop::Silent(time) if self.bench.clock.has_cut(time) => {
                return Err(self.bench.clock.time_was_up());
            }
            Stop::Silent(time) => {
                (How::More, text!("neither bytes nor an end for {time}", time = seconds(time)))
            }
            Stop::Broken(error) => (How::Reset, in_words(&error)),
            Stop::Full => {
                (How::More, text!("more: {bytes}", bytes = show(&self.all_that_is_there(&got))))
            }
        };
        let scene = got.english().starts_with("neither").then(|| self.scene(&[])).flatten();
        Err(self.wrong(how, "the end of the stream", got).at(scene))
    }

    /// Whatever may still come: then the connection is closed, or broken off.
    pub fn expect_close(&mut self) -> Outcome {
        mark!("expects the end of the connection");
        loop {
            match self.receive(1 << 16).1 {
                Stop::Full => {}
                Stop::End | Stop::Broken(_) => return Ok(()),
                Stop::Silent(time) => {
                    let got = text!("neither bytes nor an end for {time}", time = seconds(time));
                    let wrong = self.wrong(How::More, "the end of the stream", got);
                    return Err(wrong.at(self.scene(&[])));
                }
            }
        }
    }

    /// What comes within so long, to learn what an answer waited for. It ends with the first bytes.
    pub fn whatever_comes(&mut self, patience: Duration) -> Vec<u8> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            let came = self.all_that_is_there(&[]);
            if !came.is_empty() {
                return came;
            }
            thread::sleep(Duration::from_millis(5));
        }
        vec![]
    }

    /// All that comes up to the end of the stream, and no more than so many bytes.
    pub fn up_to_the_end(&mut self, most: usize) -> Outcome<Vec<u8>> {
        mark!("expects the end of the stream");
        let (got, stop) = self.receive(most);
        let (how, then) = match stop {
            Stop::End | Stop::Full => return Ok(got),
            Stop::Silent(time) if self.bench.clock.has_cut(time) => {
                return Err(self.bench.clock.time_was_up());
            }
            Stop::Silent(time) => {
                (How::Silent, text!(", and no end for {time}", time = seconds(time)))
            }
            Stop::Broken(error) => (How::Reset, text!(", then: {error}", error = in_words(&error))),
        };
        Err(self.wrong(how, "the end of the stream", show(&got) + &then))
    }

    /// Nothing must have come, up to now.
    pub fn expect_nothing(&mut self) -> Outcome {
        mark!("expects that nothing more has come");
        match &self.all_that_is_there(&[])[..] {
            [] => Ok(()),
            got => Err(self.wrong(How::More, "nothing yet", show(got))),
        }
    }

    /// How many bytes are there that nobody has asked for, with those that still come of them.
    pub fn too_many(&mut self) -> usize {
        const MOST: usize = 1 << 20;

        let mut number = 0;
        loop {
            // What follows has a moment to come.
            let came = match number {
                0 => self.all_that_is_there(&[]),
                _ => self.whatever_comes(A_MOMENT / 10),
            };
            number += came.len();
            if came.is_empty() || number > MOST {
                return number;
            }
        }
    }

    fn all_that_is_there(&self, first: &[u8]) -> Vec<u8> {
        let mut all = first.to_vec();
        let mut buffer = [0; 4096];
        let _ = self.stream.set_nonblocking(true);
        if let Ok(length) = (&self.stream).read(&mut buffer) {
            all.extend(&buffer[..length]);
        }
        let _ = self.stream.set_nonblocking(false);
        all
    }

    /// The next receive waits so long, or a bit longer.
    fn limit(&mut self, left: Duration) {
        let is_fine = left / 2 < self.limit && self.limit < left + Duration::from_millis(20);
        if !is_fine && self.stream.set_read_timeout(Some(left)).is_ok() {
            self.limit = left;
        }
    }

    /// A program that sends an answer in two pieces waits for an
    /// acknowledgement between them, which the kernel delays by 40 ms.
    fn acknowledge_at_once(&self) {
        // (The network of a grader that is watched does it by itself.)
        #[cfg(target_os = "linux")]
        if !marks::are_wanted() {
            let _ = SockRef::from(&self.stream).set_tcp_quickack(true);
        }
    }

    /// Up to this many bytes, and what it stopped at.
    fn receive(&mut self, most: usize) -> (Vec<u8>, Stop) {
        self.receive_while(most, |_, _| true)
    }

    /// As many bytes as are expected. When others come, the rest of those is not waited for.
    fn receive_as(&mut self, expected: &[u8]) -> (Vec<u8>, Stop) {
        if !expected.is_empty() {
            mark!("expects {}", show(expected));
        }
        let is_right = |at: usize, bytes: &[u8]| expected[at..].starts_with(bytes);
        self.receive_while(expected.len(), is_right)
    }

    /// Up to this many bytes. What follows some that are not right has a moment to come.
    fn receive_while(
        &mut self,
        most: usize,
        is_right: impl Fn(usize, &[u8]) -> bool,
    ) -> (Vec<u8>, Stop) {
        let mut got = vec![0; most];
        let mut patience = PATIENCE;
        let mut length = 0;
        let clock = Rc::clone(&self.bench.clock);
        self.bench.close_dropped();
        let mut last = Instant::now();
        let mut wait = clock.wait(PATIENCE);
        let stop = loop {
            if length == most {
                break Stop::Full;
            }
            let Some(left) = wait.left() else { break Stop::Silent(last.elapsed()) };
            self.limit(left);
            self.acknowledge_at_once();
            let begin = Instant::now();
            let read = self.stream.read(&mut got[length..]);
            self.bench.has_waited(begin.elapsed());
            match read {
                Ok(0) => break Stop::End,
                Ok(more) => {
                    if !is_right(length, &got[length..length + more]) {
                        patience = A_MOMENT;
                    }
                    length += more;
                    last = Instant::now();
                    wait = clock.wait(patience);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted || is_timeout(&error) => {}
                Err(error) => break Stop::Broken(error),
            }
        };
        got.truncate(length);
        (got, stop)
    }

    /// What came must be what was expected.
    fn compare(&self, expected: &[u8], got: &[u8], stop: &Stop) -> Outcome {
        if got == expected {
            return Ok(());
        }
        let same = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
        let from_there = |bytes: &[u8]| quoted(&bytes[same..bytes.len().min(same + 8)]);
        // What is cut off at the length that was expected is looked at as well.
        let got = &match stop {
            Stop::Full => self.all_that_is_there(got),
            _ => got.to_vec(),
        };
        let (how, then) = match stop {
            _ if same < got.len().min(expected.len()) && got.len() > 32 => {
                let (from, wrong, right) = (same + 1, from_there(got), from_there(expected));
                (
                    How::Other,
                    text!(
                        ", and from byte {from} on {wrong} instead of {right}",
                        from,
                        wrong,
                        right
                    ),
                )
            }
            _ if same < got.len() => (How::Other, Words::default()),
            Stop::Full => (How::Other, Words::default()),
            Stop::Silent(time) if self.bench.clock.has_cut(*time) => {
                return Err(self.bench.clock.time_was_up());
            }
            Stop::Silent(time) if got.is_empty() => {
                (How::Silent, text!(", for {time}", time = seconds(*time)))
            }
            Stop::Silent(time) => {
                (How::Short, text!(", and no more for {time}", time = seconds(*time)))
            }
            Stop::End => (How::End, text!(", then the end of the stream")),
            Stop::Broken(error) => (How::Reset, text!(", then: {error}", error = in_words(error))),
        };
        let is_missing = matches!(how, How::Silent | How::Short);
        let scene = is_missing.then(|| self.scene(&expected[got.len()..])).flatten();
        Err(self.wrong(how, show(expected), show(got) + &then).at(scene))
    }

    /// Here these bytes are missing; none: the end.
    fn scene(&self, missing: &[u8]) -> Option<Scene> {
        Some(Scene::Stream(Stream {
            socket: self.stream.try_clone().ok()?,
            missing: missing.to_vec(),
            sent: self.all_sent.clone(),
            has_finished: self.has_finished,
        }))
    }

    fn wrong(&self, how: How, expected: impl Into<Words>, got: impl Into<Words>) -> Wrong {
        Wrong::new(how, expected, got).after(self.sent.clone())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.is_done.store(true, Ordering::Relaxed);
        self.bench.keep(self.stream.try_clone());
    }
}

/// A limit for a receive or a send was over.
pub fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// As `write_all`, until `is_over`: it is asked each time with how many bytes were taken.
pub fn put_all(
    mut to: &TcpStream,
    mut bytes: &[u8],
    mut is_over: impl FnMut(usize) -> bool,
) -> io::Result<()> {
    while !bytes.is_empty() {
        let taken = match to.write(bytes) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted || is_timeout(&error) => 0,
            Err(error) => return Err(error),
        };
        bytes = &bytes[taken..];
        if is_over(taken) && !bytes.is_empty() {
            return Err(ErrorKind::TimedOut.into());
        }
    }
    Ok(())
}

/// Waits for the program to connect.
pub fn accept(listener: &TcpListener, bench: &Rc<Bench>) -> Outcome<Peer> {
    bench.close_dropped();
    mark!("expects a connection to {}", listener.local_addr()?);
    listener.set_nonblocking(true)?;
    let start = Instant::now();
    let wait = bench.clock.wait(bench.clock.patience_to_start().max(PATIENCE + FIRST_START));
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                let program = client_of(listener, bench);
                program.iter().for_each(|program| program.has_connected());
                return Peer::new(stream, bench);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                client_of(listener, bench).iter().for_each(|program| program.still_starts());
                if wait.left().is_none() {
                    if bench.clock.has_cut(start.elapsed()) {
                        return Err(bench.clock.time_was_up());
                    }
                    let expected =
                        text!("a connection to {address}", address = listener.local_addr()?);
                    let got = text!("none for {time}", time = seconds(start.elapsed()));
                    return Err(Wrong::new(How::Silent, expected, got));
                }
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The program that was told to connect there.
fn client_of(listener: &TcpListener, bench: &Bench) -> Option<Rc<Program>> {
    let address = listener.local_addr().ok()?.to_string();
    bench
        .programs
        .borrow()
        .iter()
        .rev()
        .find(|it| it.argument.split(',').any(|place| place == address))
        .cloned()
}

/// A text in which each place can be told from the others.
pub fn pattern(length: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(length + 8);
    let mut number = 0;
    while text.len() < length {
        write!(text, "{number} ").expect("a Vec takes all of it");
        number += 1;
    }
    text.truncate(length);
    text
}
