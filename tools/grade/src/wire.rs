//! The grader's end of the wire: a TCP peer, a UDP socket.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use crate::program;
use crate::wrong::{How, Wrong, counted, in_words, seconds, shown};

/// What a connect gets that is neither accepted nor refused.
pub const NO_ANSWER: &str = "no answer";

/// One connection, on the grader's side. No call waits forever.
pub struct Peer {
    stream: TcpStream,
    /// What was sent last, in words.
    sent: String,
    until: Instant,
    patience: Duration,
    /// The program did not sleep in time: it is not waited for again.
    never_sleeps: bool,
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
    pub fn connect(to: SocketAddr, until: Instant, patience: Duration) -> Result<Self, Wrong> {
        let stream = TcpStream::connect_timeout(&to, limit(until, patience));
        let stream = stream.map_err(|error| not_connected(to, &error))?;
        Self::new(stream, until, patience)
    }

    /// The same, with a receive buffer of about so many bytes.
    pub fn connect_with_buffer(
        to: SocketAddr,
        size: usize,
        until: Instant,
        patience: Duration,
    ) -> Result<Self, Wrong> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        // (Ahead of connect, where the other end is told of it.)
        socket.set_recv_buffer_size(size)?;
        let connected = socket.connect_timeout(&to.into(), limit(until, patience));
        connected.map_err(|error| not_connected(to, &error))?;
        Self::new(socket.into(), until, patience)
    }

    pub fn new(stream: TcpStream, until: Instant, patience: Duration) -> Result<Self, Wrong> {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(patience))?;
        stream.set_read_timeout(Some(patience))?;
        let sent = String::new();
        Ok(Self { stream, sent, until, patience, never_sleeps: false })
    }

    /// The socket itself, for what has no method here.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Says in other words what was sent last, for the report.
    pub fn call_it(&mut self, words: impl Into<String>) {
        self.sent = words.into();
    }

    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Wrong> {
        self.sent = shown(bytes);
        self.put(bytes)
    }

    /// Sends it for a receive of its own.
    pub fn send_alone(&mut self, bytes: &[u8]) -> Result<(), Wrong> {
        self.send(bytes)?;
        self.until_received();
        Ok(())
    }

    /// Sends it in pieces of this size, each for a receive of its own.
    pub fn send_in_pieces(&mut self, bytes: &[u8], size: usize) -> Result<(), Wrong> {
        for piece in bytes.chunks(size) {
            self.send_alone(piece)?;
        }
        let pieces = counted(size, "byte");
        self.sent = format!("{}, in pieces of {pieces}", shown(bytes));
        Ok(())
    }

    /// Waits until the program has received what was sent, so that what is
    /// sent next does not come with it: until it sleeps again. On a busy
    /// machine that takes a while, and some programs never sleep. (Seen on
    /// Linux only; elsewhere some milliseconds must do.)
    fn until_received(&mut self) {
        let end = Instant::now() + Duration::from_millis(500);
        while !self.never_sleeps && program::one_is_busy() {
            self.never_sleeps = Instant::now() > end;
            thread::sleep(Duration::from_millis(1));
        }
        // (A moment for an answer that comes too early.)
        thread::sleep(Duration::from_millis(3));
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Wrong> {
        self.not_beyond_the_limit();
        let start = Instant::now();
        put_all(&self.stream, bytes, self.until).map_err(|error| {
            let expected = "a peer that receives it";
            let (how, got) = match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                    let time = seconds(start.elapsed());
                    let got = format!("it takes no more bytes for {time}");
                    (How::Silent, got)
                }
                _ => (How::Reset, in_words(&error)),
            };
            Wrong::new(how, expected, got).after(self.sent.clone())
        })
    }

    /// Ends the grader's direction, and goes on receiving: a half-close.
    pub fn finish(&mut self) {
        // (If the connection is broken, the next receive tells.)
        let _ = self.stream.shutdown(Shutdown::Write);
        match self.sent.is_empty() {
            true => self.sent = "the end of the stream".to_owned(),
            false => self.sent += ", then the end of the stream",
        }
    }

    /// Breaks the connection off: the program gets a reset.
    pub fn reset(self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// Receives exactly these bytes, in whatever pieces they come.
    pub fn expect(&mut self, expected: &[u8]) -> Result<(), Wrong> {
        let (got, stop) = self.receive(expected.len());
        if got == expected {
            return Ok(());
        }
        Err(self.wrong(expected, &got, &stop))
    }

    /// Sends while it receives, so that neither end waits for the other: each
    /// piece with a `send` of its own.
    pub fn trade<'a>(
        &mut self,
        pieces: impl Iterator<Item = &'a [u8]> + Send,
        expected: &[u8],
    ) -> Result<(), Wrong> {
        let (stream, until) = (self.stream.try_clone()?, self.until);
        let (got, stop) = thread::scope(|scope| {
            scope.spawn(|| {
                for piece in pieces {
                    // (What is not received tells that something is wrong.)
                    if put_all(&stream, piece, until).is_err() {
                        return;
                    }
                }
            });
            let received = self.receive(expected.len());
            if received.0.len() < expected.len() {
                // The rest need not be sent.
                let _ = stream.shutdown(Shutdown::Both);
            }
            received
        });
        if got != expected {
            return Err(self.wrong(expected, &got, &stop));
        }
        Ok(())
    }

    /// A line up to `\n`, without that. At most 4096 bytes.
    pub fn receive_line(&mut self, expected: &str) -> Result<String, Wrong> {
        let mut line = Vec::new();
        loop {
            let (got, stop) = self.receive(1);
            match got[..] {
                [b'\n'] => break,
                [byte] if line.len() < 4096 => line.push(byte),
                _ => {
                    let expected = format!("{expected}\n");
                    return Err(self.wrong(expected.as_bytes(), &line, &stop));
                }
            }
        }
        String::from_utf8(line).map_err(|error| {
            let got = shown(error.as_bytes());
            let wrong = Wrong::new(How::Other, "a line of UTF-8 text", got);
            wrong.after(self.sent.clone())
        })
    }

    /// The line that comes next must be this one.
    pub fn expect_line(&mut self, expected: &str) -> Result<(), Wrong> {
        let line = self.receive_line(expected)?;
        if line != expected {
            let (expected, got) = (shown(expected.as_bytes()), shown(line.as_bytes()));
            let wrong = Wrong::new(How::Other, expected, got);
            return Err(wrong.after(self.sent.clone()));
        }
        Ok(())
    }

    /// The stream must end here, in order: no more bytes, no reset.
    pub fn expect_end(&mut self) -> Result<(), Wrong> {
        let expected = "the end of the stream";
        let (got, stop) = self.receive(1);
        let wrong = match (&got[..], stop) {
            (_, Stop::End) => return Ok(()),
            (_, Stop::Silent(time)) => {
                let time = seconds(time);
                let got = format!("neither bytes nor an end for {time}");
                Wrong::new(How::More, expected, got)
            }
            (_, Stop::Broken(error)) => Wrong::new(How::Reset, expected, in_words(&error)),
            (_, Stop::Full) => {
                let more = self.all_that_is_there(&got);
                Wrong::new(How::More, expected, format!("more: {}", shown(&more)))
            }
        };
        Err(wrong.after(self.sent.clone()))
    }

    /// Nothing must have come, up to now.
    pub fn expect_nothing(&mut self) -> Result<(), Wrong> {
        let got = self.all_that_is_there(&[]);
        if got.is_empty() {
            return Ok(());
        }
        let wrong = Wrong::new(How::More, "nothing yet", shown(&got));
        Err(wrong.after(self.sent.clone()))
    }

    fn all_that_is_there(&mut self, first: &[u8]) -> Vec<u8> {
        let mut all = first.to_vec();
        let mut buffer = [0; 4096];
        let _ = self.stream.set_nonblocking(true);
        if let Ok(length) = self.stream.read(&mut buffer) {
            all.extend(&buffer[..length]);
        }
        let _ = self.stream.set_nonblocking(false);
        all
    }

    /// The time for all the checks may be up before patience ends.
    fn not_beyond_the_limit(&self) {
        let left = self.until.saturating_duration_since(Instant::now());
        if left < self.patience {
            let left = Some(left.max(Duration::from_millis(1)));
            let _ = self.stream.set_read_timeout(left);
            let _ = self.stream.set_write_timeout(left);
        }
    }

    /// A program that sends an answer in two pieces waits for an
    /// acknowledgement between them, which the kernel delays by 40 ms.
    fn acknowledge_at_once(&self) {
        #[cfg(target_os = "linux")]
        let _ = SockRef::from(&self.stream).set_tcp_quickack(true);
    }

    /// Up to this many bytes, and what it stopped at.
    fn receive(&mut self, most: usize) -> (Vec<u8>, Stop) {
        let mut got = vec![0; most];
        let mut length = 0;
        let mut last = Instant::now();
        while length < most {
            if Instant::now() > self.until {
                return (got[..length].to_vec(), Stop::Silent(last.elapsed()));
            }
            self.not_beyond_the_limit();
            self.acknowledge_at_once();
            match self.stream.read(&mut got[length..]) {
                Ok(0) => return (got[..length].to_vec(), Stop::End),
                Ok(more) => {
                    length += more;
                    last = Instant::now();
                }
                Err(error) => {
                    let stop = match error.kind() {
                        ErrorKind::Interrupted => continue,
                        ErrorKind::WouldBlock | ErrorKind::TimedOut => Stop::Silent(last.elapsed()),
                        _ => Stop::Broken(error),
                    };
                    return (got[..length].to_vec(), stop);
                }
            }
        }
        (got, Stop::Full)
    }

    /// What was expected and what came instead.
    fn wrong(&self, expected: &[u8], got: &[u8], stop: &Stop) -> Wrong {
        let same = expected.iter().zip(got).take_while(|(a, b)| a == b);
        let same = same.count();
        let mut words = shown(got);
        let how = match stop {
            _ if same < got.len() => How::Other,
            Stop::Full => How::Other,
            Stop::Silent(_) if got.is_empty() => How::Silent,
            Stop::Silent(_) => How::Short,
            Stop::End => How::End,
            Stop::Broken(_) => How::Reset,
        };
        match how {
            How::Other if got.len() > 32 => {
                words += &format!(
                    ", wrong from byte {} on: {}, not {}",
                    same + 1,
                    shown(&got[same..got.len().min(same + 4)]),
                    shown(&expected[same..expected.len().min(same + 4)]),
                );
            }
            How::Other => {}
            _ => {
                words += &match stop {
                    Stop::Full => String::new(),
                    Stop::Silent(time) if got.is_empty() => {
                        format!(", for {}", seconds(*time))
                    }
                    Stop::Silent(time) => {
                        format!(", and no more for {}", seconds(*time))
                    }
                    Stop::End => ", then the end of the stream".to_owned(),
                    Stop::Broken(error) => {
                        format!(", then: {}", in_words(error))
                    }
                };
            }
        }
        Wrong::new(how, shown(expected), words).after(self.sent.clone())
    }
}

/// Connects for so long at most.
fn limit(until: Instant, patience: Duration) -> Duration {
    let left = until.saturating_duration_since(Instant::now());
    patience.min(left).max(Duration::from_millis(1))
}

fn not_connected(to: SocketAddr, error: &io::Error) -> Wrong {
    let got = match error.kind() {
        ErrorKind::TimedOut => NO_ANSWER.to_owned(),
        _ => in_words(error),
    };
    Wrong::new(How::Refused, format!("a connection to {to}"), got)
}

/// As `write_all`, but for the time for all the checks: who takes a byte now
/// and then could make that last.
fn put_all(mut to: &TcpStream, mut bytes: &[u8], until: Instant) -> io::Result<()> {
    while !bytes.is_empty() {
        if Instant::now() > until {
            return Err(ErrorKind::TimedOut.into());
        }
        match to.write(bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Waits for the program to connect.
pub fn accept(listener: &TcpListener, until: Instant, patience: Duration) -> Result<Peer, Wrong> {
    listener.set_nonblocking(true)?;
    let start = Instant::now();
    let end = until.min(start + patience);
    loop {
        match listener.accept() {
            Ok((stream, _)) => return Peer::new(stream, until, patience),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if Instant::now() > end {
                    let at = listener.local_addr()?;
                    let expected = format!("a connection to {at}");
                    let got = format!("none for {}", seconds(start.elapsed()));
                    return Err(Wrong::new(How::Silent, expected, got));
                }
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Datagrams that keep coming while a program waits for another one, so fast
/// that a limit for each receive never ends, and a limit for all of them does.
///
/// On a busy machine there are gaps. A try with a gap tells nothing.
pub struct Noise {
    limit: Duration,
    /// When the last one was sent, and since when there was no gap.
    last: Instant,
    since: Instant,
    has_gap: bool,
}

impl Noise {
    /// For a program that waits so long, and did not begin before `start`.
    pub fn new(limit: Duration, start: Instant) -> Self {
        Self { limit, last: start, since: start, has_gap: false }
    }

    /// One more.
    pub fn make(
        &mut self,
        wire: &mut Datagrams,
        to: SocketAddr,
        bytes: &[u8],
    ) -> Result<(), Wrong> {
        let before = Instant::now();
        wire.send(to, bytes)?;
        if self.last.elapsed() > self.limit / 2 {
            self.has_gap = true;
            self.since = before;
        }
        self.last = before;
        Ok(())
    }

    pub fn has_gap(&self) -> bool {
        self.has_gap || self.last.elapsed() > self.limit / 2
    }

    /// Without a gap for much longer than the limit.
    pub fn is_long_enough(&self) -> bool {
        let time = self.last.duration_since(self.since);
        time > self.limit * 4 + Duration::from_millis(600)
    }
}

/// A UDP socket of the grader's. Each datagram that it sends and gets is kept
/// in words, for the report.
pub struct Datagrams {
    socket: UdpSocket,
    /// What was sent last, in words.
    sent: String,
    until: Instant,
    patience: Duration,
}

impl Datagrams {
    pub fn bind(at: &str, until: Instant, patience: Duration) -> Result<Self, Wrong> {
        let socket = UdpSocket::bind(at)?;
        // (On macOS a datagram may have no more than 9216 bytes else.)
        let _ = SockRef::from(&socket).set_send_buffer_size(1 << 17);
        Ok(Self { socket, sent: String::new(), until, patience })
    }

    pub fn address(&self) -> Result<SocketAddr, Wrong> {
        Ok(self.socket.local_addr()?)
    }

    pub fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> Result<(), Wrong> {
        self.sent = match bytes {
            [] => "an empty datagram".to_owned(),
            _ => format!("a datagram of {}", shown(bytes)),
        };
        self.socket.send_to(bytes, to)?;
        Ok(())
    }

    /// The next datagram, and where it is from; `None` if none comes in time.
    pub fn receive(&mut self, patience: Duration) -> Result<Option<(Vec<u8>, SocketAddr)>, Wrong> {
        let end = self.until.min(Instant::now() + patience);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let left = left.max(Duration::from_millis(1));
            self.socket.set_read_timeout(Some(left))?;
            match self.socket.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    buffer.truncate(length);
                    return Ok(Some((buffer, from)));
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                        if Instant::now() >= end {
                            return Ok(None);
                        }
                    }
                    // (Windows: nobody is where the last one was sent to.)
                    ErrorKind::Interrupted | ErrorKind::ConnectionReset => {}
                    _ => return Err(error.into()),
                },
            }
        }
    }

    /// The next datagram must be this one, and from there.
    pub fn expect(&mut self, from: SocketAddr, expected: &[u8]) -> Result<(), Wrong> {
        let words = |bytes: &[u8], from: SocketAddr| match bytes {
            [] => format!("an empty datagram from {from}"),
            _ => format!("a datagram from {from} of {}", shown(bytes)),
        };
        let expected_words = words(expected, from);
        let start = Instant::now();
        let wrong = match self.receive(self.patience)? {
            Some((got, at)) if got == expected && at == from => {
                return Ok(());
            }
            Some((got, at)) => Wrong::new(How::Other, expected_words, words(&got, at)),
            None => {
                let got = format!("none for {}", seconds(start.elapsed()));
                Wrong::new(How::Silent, expected_words, got)
            }
        };
        Err(wrong.after(self.sent.clone()))
    }
}
