//! The error atlas against the kernel: every row that can be provoked, is.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV6, TcpListener, TcpStream,
    ToSocketAddrs as _, UdpSocket,
};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
#[cfg(unix)]
use std::os::fd::OwnedFd;
#[cfg(target_os = "linux")]
use {
    socket2::{MaybeUninitSlice, SockFilter, TcpKeepalive},
    std::mem::MaybeUninit,
};

use crate::machine::side_by_side;
#[cfg(target_os = "linux")]
use crate::support::{Terminal, expect, rest};
use crate::support::{accept, closed_udp_port, connect, datagrams, top, within_limit};

/// A call that fails: two lines below "Comes from" of an entry, without their back quotes.
pub struct Row {
    /// What is seen.
    pub title: String,
    pub call: String,
    pub linux: String,
    windows: String,
    pub kind: String,
    pub example: String,
}

fn atlas() -> String {
    let path = top().join("book/src/error-atlas.md");
    fs::read_to_string(path).expect("the atlas")
}

/// The entries: heading, place and text.
fn entries(atlas: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    atlas.split("\n## ").skip(1).map(|entry| {
        let (heading, text) = entry.split_once('\n').expect("a text");
        let (heading, place) = heading.split_once(" {#").expect("an anchor");
        (heading, place.trim_end_matches('}'), text)
    })
}

pub fn rows() -> Vec<Row> {
    let atlas = atlas();
    let mut rows = Vec::new();
    for (heading, _, text) in entries(&atlas) {
        // Below "**Comes from**:" or "**Comes from** (other words than the heading's):".
        for part in text.split("\n**Comes from**").skip(1) {
            let (words, list) = part.split_once(":\n\n").expect("a list");
            let title = match words.strip_prefix(" (").and_then(|words| words.strip_suffix(')')) {
                Some(title) => title.to_owned(),
                None if words.is_empty() => small_first_letter(heading),
                None => unreachable!("{heading}: {words}"),
            };
            rows.extend(list.split("- ").skip(1).map(|row| row_of(&title, row)));
        }
    }
    rows
}

fn row_of(title: &str, row: &str) -> Row {
    let row = row.replace('`', "");
    let (call, details) = row.split_once("\\\n").expect("two lines");
    let details: Vec<_> = details.trim().split(" · ").collect();
    let detail = |name: &str| {
        let mut with_name = details.iter().filter_map(|detail| detail.strip_prefix(name));
        let detail = with_name.next().unwrap_or_default().to_owned();
        assert_eq!(with_name.next(), None, "{row}");
        detail
    };
    let row = Row {
        title: title.to_owned(),
        call: call.to_owned(),
        linux: detail("Linux: "),
        windows: detail("Windows: "),
        kind: detail("Kind: "),
        example: details.last().filter(|last| !last.contains(':')).unwrap_or(&"").to_string(),
    };
    assert!(!row.linux.is_empty() && !row.windows.is_empty(), "{call}: {details:?}");
    let known = [&row.linux, &row.windows, &row.kind, &row.example];
    let known = known.iter().filter(|detail| !detail.is_empty()).count();
    assert_eq!(details.len(), known, "{call}: {details:?}");
    row
}

fn small_first_letter(heading: &str) -> String {
    let mut letters = heading.chars();
    let first = letters.next().expect("a heading");
    first.to_lowercase().chain(letters).collect()
}

const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const IPV6: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 9);
/// Loopback's broadcast address: it needs no route.
const EVERYBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 255, 255, 255)), 9);

fn tcp() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket")
}

fn udp() -> Socket {
    Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket")
}

fn address(socket: &Socket) -> SocketAddr {
    let address = socket.local_addr().expect("an address");
    address.as_socket().expect("an IP address")
}

/// A connection: this end, and the other one.
pub fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(ANY).expect("a port");
    let here = listener.local_addr().expect("an address");
    let this = connect(here);
    (this, accept(&listener).0)
}

/// A listener whose queue is full, and the clients in it.
fn full() -> (Socket, Vec<TcpStream>) {
    let listener = tcp();
    listener.bind(&ANY.into()).expect("a port");
    listener.listen(0).expect("a listener");
    let limit = Duration::from_millis(200);
    let mut clients = Vec::new();
    while let Ok(client) = TcpStream::connect_timeout(&address(&listener), limit) {
        clients.push(client);
    }
    (listener, clients)
}

/// Makes the kernel fail in the way that the row with this call tells.
fn provoke(call: &str) -> io::Result<()> {
    let mut buffer = [0; 16];
    match call {
        "bind: somebody listens there" => {
            let first = TcpListener::bind(ANY)?;
            tcp().bind(&first.local_addr()?.into())
        }
        "bind: a restart, a connection in TIME-WAIT" => {
            let listener = TcpListener::bind(ANY)?;
            let here = listener.local_addr()?;
            let mut client = connect(here);
            drop((listener.accept()?, listener));
            client.read_exact(&mut buffer[..0])?;
            assert_eq!(client.read(&mut buffer)?, 0);
            drop(client);
            tcp().bind(&here.into())
        }
        "join_multicast_v4: the same group and card again" => {
            let (socket, group) = (udp(), Ipv4Addr::new(239, 1, 2, 3));
            socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)?;
            socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST)
        }
        "bind: an address of another machine" => {
            tcp().bind(&SocketAddr::from(([192, 0, 2, 1], 0)).into())
        }
        "bind: a number of no network card" => {
            let nowhere = SocketAddrV6::new("fe80::1".parse().expect("IPv6"), 0, 0, 9_999);
            Socket::new(Domain::IPV6, Type::STREAM, None)?.bind(&nowhere.into())
        }
        "join_multicast_v4: for an address of no network card" => {
            udp().join_multicast_v4(&Ipv4Addr::new(239, 1, 2, 3), &Ipv4Addr::new(192, 0, 2, 1))
        }
        // It may take no other port than this one, and that already talks to the peer.
        "connect: no port is left for that peer" => {
            let listener = TcpListener::bind(ANY)?;
            let peer = listener.local_addr()?.into();
            let [first, second] = [tcp(), tcp()];
            first.set_reuse_address(true)?;
            second.set_reuse_address(true)?;
            first.bind(&ANY.into())?;
            second.bind(&first.local_addr()?)?;
            first.connect(&peer)?;
            second.connect(&peer)
        }
        "connect: again, after an attempt with a limit failed" => {
            let closed = tcp();
            closed.bind(&ANY.into())?;
            let client = tcp();
            let limit = Duration::from_secs(10);
            let attempt = || client.connect_timeout(&closed.local_addr()?, limit);
            let first = attempt().expect_err("nobody listens there");
            assert_eq!(first.kind(), ErrorKind::ConnectionRefused);
            attempt()
        }
        "recv_from: a UDP socket without an address" => {
            let socket = udp();
            socket.set_read_timeout(Some(Duration::from_millis(50)))?;
            let waited = (&socket).read(&mut buffer).expect_err("nobody knows of it");
            let kinds = [ErrorKind::WouldBlock, ErrorKind::Interrupted];
            assert!(kinds.contains(&waited.kind()), "{waited}");
            Ok(())
        }
        #[cfg(target_os = "linux")]
        "any call: your program has closed it" => {
            Err(crate::unseen::used_after_close().unwrap_or_else(untested))
        }
        #[cfg(unix)]
        "any call: it is something else" => {
            let file = fs::File::open("/dev/null")?;
            TcpStream::from(OwnedFd::from(file)).read(&mut buffer).map(drop)
        }
        "to_socket_addrs: a name that nobody has" => {
            "http://127.0.0.1:8090".to_socket_addrs().map(drop)
        }
        "to_socket_addrs: without a port" => "127.0.0.1".to_socket_addrs().map(drop),
        "send_to: a broadcast address" => udp().send_to(b"x", &EVERYBODY.into()).map(drop),
        "connect: UDP, a broadcast address" => udp().connect(&EVERYBODY.into()),
        "connect: IPv6 address, IPv4 UDP socket" => udp().connect(&IPV6.into()),
        "connect: port 0" => tcp().connect(&ANY.into()),
        "bind: 0.0.0.0, and a listener at [::] takes IPv4, too" => {
            let both = Socket::new(Domain::IPV6, Type::STREAM, None)?;
            both.set_only_v6(false)?;
            both.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into())?;
            both.listen(1)?;
            let there = (Ipv4Addr::UNSPECIFIED, address(&both).port());
            tcp().bind(&SocketAddr::from(there).into())
        }
        "set_only_v6: after bind" => {
            let socket = Socket::new(Domain::IPV6, Type::STREAM, None)?;
            socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)).into())?;
            socket.set_only_v6(true)
        }
        "bind: IPv6 address, IPv4 socket" => tcp().bind(&IPV6.into()),
        "socket: an unknown domain" => Socket::new(Domain::from(250), Type::STREAM, None).map(drop),
        "socket: a stream with UDP" => {
            let udp = Some(Protocol::UDP);
            Socket::new(Domain::IPV4, Type::STREAM, udp).map(drop)
        }
        #[cfg(target_os = "linux")]
        "socket: raw, without the right to it" => {
            Err(crate::reported::a_raw_socket().unwrap_or_else(untested))
        }
        #[cfg(target_os = "linux")]
        "spawn: a thread, and this system allows no more" => {
            Err(crate::reported::a_thread_too_many())
        }
        "listen: a UDP socket" => {
            let socket = udp();
            socket.bind(&ANY.into())?;
            socket.listen(1)
        }
        "accept: a UDP socket" => {
            let socket = udp();
            socket.bind(&ANY.into())?;
            socket.accept().map(drop)
        }
        "accept: before listen" => {
            let socket = tcp();
            socket.bind(&ANY.into())?;
            socket.accept().map(drop)
        }
        // One that waits, or begins after it: both get the same.
        #[cfg(target_os = "linux")]
        "accept: another thread has shut the listener down" => {
            let listener = TcpListener::bind(ANY)?;
            std::thread::scope(|scope| {
                let waiting = scope.spawn(|| listener.accept().map(drop));
                SockRef::from(&listener).shutdown(Shutdown::Both)?;
                waiting.join().expect("it returns")
            })
        }
        "bind: a second time" => {
            let socket = tcp();
            socket.bind(&ANY.into())?;
            socket.bind(&ANY.into())
        }
        "set_read_timeout: 0, in std" => pair().0.set_read_timeout(Some(Duration::ZERO)),
        "peer_addr: a TCP socket without a peer" => tcp().peer_addr().map(drop),
        "recv: a TCP socket without a peer" => (&tcp()).read(&mut buffer).map(drop),
        "shutdown: after the peer's reset" => {
            let (mut this, other) = pair();
            SockRef::from(&other).set_linger(Some(Duration::ZERO))?;
            drop(other);
            this.read(&mut buffer).expect_err("the reset");
            this.shutdown(Shutdown::Both)
        }
        "peer_addr: both directions are closed" => {
            let (mut this, other) = pair();
            drop(other);
            assert_eq!(this.read(&mut buffer)?, 0);
            this.shutdown(Shutdown::Write)?;
            within_limit(|| this.peer_addr().err()).map_or(Ok(()), Err)
        }
        "connect: a second time" => {
            let listener = TcpListener::bind(ANY)?;
            let peer = listener.local_addr()?.into();
            let client = tcp();
            client.connect(&peer)?;
            client.connect(&peer)
        }
        "send_to: a connected UDP socket (macOS)" => {
            let socket = datagrams(&ANY.to_string());
            socket.connect(socket.local_addr()?)?;
            socket.send_to(b"x", socket.local_addr()?).map(drop)
        }
        "send: a UDP socket without a peer" => udp().send(b"x").map(drop),
        "connect: nobody listens there" => {
            let closed = tcp();
            closed.bind(&ANY.into())?;
            tcp().connect(&closed.local_addr()?)
        }
        "recv: connected UDP, a closed port" => {
            let (_closed, there) = closed_udp_port();
            let client = datagrams(&ANY.to_string());
            client.connect(there)?;
            client.send(b"x")?;
            client.recv(&mut buffer).map(drop)
        }
        "connect_timeout: no answer in time" => {
            let (listener, _clients) = full();
            let limit = Duration::from_millis(200);
            tcp().connect_timeout(&listener.local_addr()?, limit)
        }
        "recv: a read timeout is over" => {
            let (mut this, _other) = pair();
            this.set_read_timeout(Some(Duration::from_millis(50)))?;
            this.read(&mut buffer).map(drop)
        }
        // Each packet for the peer is thrown away. Keep-alive notices, and the user timeout does.
        #[cfg(target_os = "linux")]
        "recv: the peer has stopped answering" => {
            let (mut asked, mut sent) = (pair(), pair());
            let second = Duration::from_secs(1);
            let times = TcpKeepalive::new().with_time(second).with_interval(second);
            SockRef::from(&asked.0).set_tcp_keepalive(&times.with_retries(1))?;
            SockRef::from(&sent.0).set_tcp_user_timeout(Some(second / 4))?;
            for peer in [&asked.1, &sent.1] {
                SockRef::from(peer).attach_filter(&[SockFilter::new(6, 0, 0, 0)])?;
            }
            sent.0.write_all(b"x")?;
            let error = sent.0.read(&mut buffer).expect_err("it is over");
            let other = asked.0.read(&mut buffer).expect_err("it is over");
            assert_eq!(error.raw_os_error(), other.raw_os_error());
            // It is told once.
            assert_eq!((sent.0.read(&mut buffer)?, asked.0.read(&mut buffer)?), (0, 0));
            Err(error)
        }
        "accept: non-blocking, and nobody" => {
            let listener = TcpListener::bind(ANY)?;
            listener.set_nonblocking(true)?;
            listener.accept().map(drop)
        }
        "send: non-blocking, and no room" => {
            let (mut this, _other) = pair();
            this.set_nonblocking(true)?;
            loop {
                this.write_all(&[0; 65536])?;
            }
        }
        "connect: non-blocking" => {
            let (listener, _clients) = full();
            let client = tcp();
            client.set_nonblocking(true)?;
            client.connect(&listener.local_addr()?)
        }
        #[cfg(target_os = "linux")]
        "connect: blocking, and a write timeout is over" => {
            let (listener, _clients) = full();
            let client = tcp();
            client.set_write_timeout(Some(Duration::from_millis(200)))?;
            client.connect(&listener.local_addr()?)
        }
        "connect: again meanwhile" => {
            let (listener, _clients) = full();
            let client = tcp();
            client.set_nonblocking(true)?;
            client.connect(&listener.local_addr()?).expect_err("begun");
            client.connect(&listener.local_addr()?)
        }
        "recv: the peer did not receive all" => {
            let (mut this, other) = pair();
            this.write_all(b"unread")?;
            other.peek(&mut buffer)?;
            drop(other);
            this.read(&mut buffer).map(drop)
        }
        "recv: the peer has a linger of 0" => {
            let (mut this, other) = pair();
            SockRef::from(&other).set_linger(Some(Duration::ZERO))?;
            drop(other);
            this.read(&mut buffer).map(drop)
        }
        "recv: in the middle of an answer, from a server that has closed" => {
            let (mut this, mut other) = pair();
            this.write_all(b"unread")?;
            other.peek(&mut buffer)?;
            other.set_nonblocking(true)?;
            // Until no more finds room.
            while other.write(&[b'.'; 65_536]).is_ok() {}
            drop(other);
            io::copy(&mut this, &mut io::sink()).map(drop)
        }
        "send: after a reset, first time" => after_a_reset(1),
        "send: after a reset, second time" => after_a_reset(2),
        "recv: the client left while it was queued" => {
            let listener = TcpListener::bind(ANY)?;
            let client = connect(listener.local_addr()?);
            SockRef::from(&client).set_linger(Some(Duration::ZERO))?;
            drop(client);
            accept(&listener).0.read(&mut buffer).map(drop)
        }
        "send: the peer is gone, second time" => {
            let (mut this, other) = pair();
            drop(other);
            assert_eq!(this.read(&mut buffer)?, 0);
            this.write_all(b"the first one succeeds").expect("taken");
            loop {
                this.write_all(b"until the reset is there")?;
            }
        }
        "send: after our own shutdown" => {
            let (mut this, _other) = pair();
            this.shutdown(Shutdown::Write)?;
            this.write(b"x").map(drop)
        }
        "send: a TCP socket without a peer" => tcp().send(b"x").map(drop),
        "send_to: a datagram of 65,508 bytes" => {
            let peer = UdpSocket::bind(ANY)?.local_addr()?;
            udp().send_to(&[0; 65_508], &peer.into()).map(drop)
        }
        "the chat: no answer to what was sent" => Err(ErrorKind::InvalidData.into()),
        "read_exact: the stream ended before" => (&b"short"[..]).read_exact(&mut buffer),
        "recv_from: a small buffer" => {
            let socket = datagrams(&ANY.to_string());
            socket.send_to(&[0; 20], socket.local_addr()?)?;
            let (length, _) = socket.recv_from(&mut buffer)?;
            assert_eq!(length, buffer.len());
            Ok(())
        }
        "socket, accept: at the limit" => at_the_limit(),
        _ => unreachable!("no way to provoke {call:?}: is it documented?"),
    }
}

/// An error that stands for: what it takes is not here, and that was said.
#[cfg(target_os = "linux")]
fn untested() -> io::Error {
    io::Error::other(UNTESTED)
}

const UNTESTED: &str = "not tested here";

/// What the last of so many sends says, after a reset without an end of the
/// stream before it. Again, if the first one was too early: a program that
/// another test is starting has a copy of the socket for a moment.
fn after_a_reset(sends: usize) -> io::Result<()> {
    let last = within_limit(|| {
        let (mut this, other) = pair();
        SockRef::from(&other).set_linger(Some(Duration::ZERO)).ok()?;
        drop(other);
        let mut last = this.write(b"x").err()?;
        for _ in 1..sends {
            last = this.write(b"x").err()?;
        }
        Some(last)
    });
    Err(last.expect("a reset"))
}

/// The limit holds for a whole process, so another one has to reach it: an
/// example that opens two sockets, and may have one.
#[cfg(unix)]
fn at_the_limit() -> io::Result<()> {
    let program = crate::machine::program("04_connect");
    let mut shell = crate::machine::command("sh");
    shell.args(["-c", "ulimit -n 4 && exec \"$0\"", program]);
    let output = shell.output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let words = "too many open files or sockets (os error ";
    let (_, rest) = errors.split_once(words).expect("it failed with that");
    let (number, _) = rest.split_once(')').expect("a number");
    Err(io::Error::from_raw_os_error(number.parse().expect("digits")))
}

#[cfg(not(unix))]
fn at_the_limit() -> io::Result<()> {
    unreachable!("documented only")
}

/// Newer Rusts have kinds for what 1.85 leaves uncategorized.
pub fn same_kind(expected: &str, kind: ErrorKind) -> bool {
    let kind = format!("{kind:?}");
    let newer = ["Unsupported", "InProgress"].contains(&expected);
    kind == expected || newer && kind == "Uncategorized"
}

impl Row {
    /// What this system says, and the kind of it: here, and on Unix.
    fn here(&self) -> Option<(&str, &str, &str)> {
        let (on_unix, on_windows) = self.kind.split_once("; ").unwrap_or((&self.kind, &self.kind));
        if cfg!(target_os = "linux") {
            Some((&self.linux, on_unix, on_unix))
        } else if cfg!(windows) && !self.windows.ends_with("(documented)") {
            Some((&self.windows, on_windows, on_unix))
        } else {
            None
        }
    }

    /// Whether that is this error: its number, its kind and its words.
    fn must_say(&self, error: &io::Error) {
        let Some((cell, kind, on_unix)) = self.here() else { return };
        let number = cell.split(' ').next().and_then(|n| n.parse().ok());
        assert_eq!(error.raw_os_error(), number, "{}", self.call);
        let actual = error.kind();
        assert!(same_kind(kind, actual), "{}: {actual:?}", self.call);
        // What is seen is what our examples would print, on each system
        // that knows the error, and as the same kind.
        if kind != on_unix || self.linux.starts_with("no error") {
            return;
        }
        let title = self.title.trim_end_matches(", with UDP");
        // A name is looked up without a call that fails: the words are those of others.
        if self.call.starts_with("to_socket_addrs") {
            let words = error.to_string().to_lowercase();
            let offline = words.ends_with("temporary failure in name resolution");
            assert!(offline || words.ends_with(title), "{words}");
            return;
        }
        assert_eq!(socket_steps::in_words(error), title, "{}", self.call);
    }
}

/// For a row that fails elsewhere, such as in a network of its own.
#[cfg(target_os = "linux")]
pub fn the_atlas_says(call: &str, error: &io::Error) {
    let row = rows().into_iter().find(|row| row.call == call);
    row.expect(call).must_say(error);
}

/// The number and the kind of each row, or `None`: no error.
#[test]
fn the_kernel_fails_as_the_atlas_says() {
    let provoked = AtomicUsize::new(0);
    // They wait more than they do.
    let failed = side_by_side(rows(), 8, |row| {
        if is_provoked(row) {
            provoked.fetch_add(1, Relaxed);
        }
    });
    let failed: Vec<_> = failed.iter().map(|row| &row.call).collect();
    assert!(failed.is_empty(), "not as the atlas says: {failed:?}");
    let least = if cfg!(target_os = "linux") { 40 } else { 0 };
    assert!(provoked.load(Relaxed) >= least, "only {provoked:?} rows");
}

/// Whether this row can be provoked here. It must say what the kernel says.
fn is_provoked(row: &Row) -> bool {
    let Some((cell, ..)) = row.here() else { return false };
    // Without an error there is nothing to provoke: the examples show
    // these, or unseen.rs. One of them has an error on the other system.
    let silent = cell.starts_with("no error");
    let elsewhere = cell == "not known" // (of Windows)
        || cell.ends_with(" (documented)") // (not on Linux)
        || cell.ends_with(" (injected)"); // see faults.rs
    if elsewhere || silent && row.kind.is_empty() {
        return false;
    }
    #[cfg(target_os = "linux")]
    if crate::reported::fails_in_a_network(&row.call) {
        return false;
    }
    // A receive with a limit may be interrupted in the tests as well.
    let result = within_limit(|| {
        let result = provoke(&row.call);
        let kind = result.as_ref().err().map(io::Error::kind);
        (kind != Some(ErrorKind::Interrupted)).then_some(result)
    });
    let result = result.expect("an answer");
    if result.as_ref().is_err_and(|error| error.to_string() == UNTESTED) {
        return false;
    }
    if silent {
        assert!(result.is_ok(), "{}: {result:?}", row.call);
    } else {
        row.must_say(&result.expect_err(&row.call));
    }
    true
}

/// What the entries tell besides the rows.
#[test]
#[cfg(target_os = "linux")]
fn the_entries_of_the_atlas_hold() {
    // A link-local address does not say on which network it is.
    if let Ok(socket) = UdpSocket::bind("[::1]:0") {
        let error = socket.connect("[fe80::1]:9").expect_err("no scope");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        // Or it says a wrong one.
        let error = socket.connect("[fe80::1%9999]:9").expect_err("no such card");
        assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);
    }

    // What Rust says of an end that comes too early, in one line.
    let short = (&b"short"[..]).read_exact(&mut [0; 16]).expect_err("the end");
    let words = format!("- **Rust**: {short}; {}\n", io::Error::from(ErrorKind::UnexpectedEof));
    assert!(atlas().contains(&words), "{words}");

    // Who is killed with nothing unread: the end of the stream.
    let mut server = Terminal::start("07_first_server", &["127.0.0.1:0"]);
    let client = connect(server.invited_to());
    expect(&client, "Hello, client!");
    server.stop();
    assert_eq!(rest(&client), "");

    // One call does tell of a datagram that was cut.
    let socket = udp();
    socket.bind(&ANY.into()).expect("a port");
    let here = socket.local_addr().expect("an address");
    socket.send_to(b"0123456789", &here).expect("sent");
    let mut room = [MaybeUninit::uninit(); 4];
    let mut rooms = [MaybeUninitSlice::new(&mut room)];
    let received = socket.recv_from_vectored(&mut rooms);
    let (length, flags, _) = received.expect("a datagram");
    assert_eq!((length, flags.is_truncated()), (4, true));

    // Windows apart, socket2's timeouts are in microseconds, rounded down.
    let half_a_microsecond = Some(Duration::from_nanos(500));
    socket.set_read_timeout(half_a_microsecond).expect("taken");
    assert_eq!(socket.read_timeout().expect("a timeout"), None);

    // The number is doubled, and cut.
    socket.set_recv_buffer_size(100_000).expect("an option");
    assert_eq!(socket.recv_buffer_size().expect("a number"), 200_000);
    socket.set_recv_buffer_size(1 << 30).expect("an option, and no error");
    assert!(socket.recv_buffer_size().expect("a number") < 1 << 30);

    // A name is tried with each of its addresses; an address is no name.
    let listener = TcpListener::bind(ANY).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let addresses =
        [SocketAddr::from((Ipv6Addr::LOCALHOST, port)), (Ipv4Addr::LOCALHOST, port).into()];
    TcpStream::connect(&addresses[..]).expect("the second one");
    let no_number = "localhost:8090".parse::<SocketAddr>().expect_err("a name");
    assert_eq!(no_number.to_string(), "invalid socket address syntax");
    let no_port = "localhost:http".to_socket_addrs().expect_err("no number");
    assert_eq!(no_port.to_string(), "invalid port value");

    // What somebody else sends first, as a length.
    let atlas = atlas();
    for first in [
        *b"GET ",
        *b"POST",
        *b"HTTP",
        *b"SSH-",
        *b"{\"\0\0",
        [22, 3, 1, 0],
        [22, 3, 1, 1],
        [22, 3, 1, 2],
        [21, 3, 1, 0],
        [21, 3, 3, 0],
        [255, 251, 0, 0],
        [5, 0, 0, 0],
    ] {
        let length = format!(" {}", u32::from_be_bytes(first));
        assert!(atlas.contains(&length), "{first:?}: {length}");
    }
}

/// The words that people search for are those that the system prints, with its number.
#[test]
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn each_system_has_its_own_words() {
    let path = top().join("book/errors.json");
    let errors = fs::read_to_string(path).expect("the words");
    let errors: serde_json::Value = serde_json::from_str(&errors).expect("JSON");
    let errors = errors.as_object().expect("names");
    let system = if cfg!(target_os = "linux") { "Linux" } else { "macOS" };
    for (name, row) in errors {
        let number = row[system][0].as_i64().expect("a number");
        let text = row[system][1].as_str().expect("words");
        let number = i32::try_from(number).expect("a small number");
        let words = io::Error::from_raw_os_error(number).to_string();
        assert_eq!(words, format!("{text} (os error {number})"), "{name}");
    }
    // Each number in the rows has its words.
    for row in rows() {
        let cell = row.linux.trim_end_matches(" (injected)");
        if let Some((number, name)) = cell.split_once(' ') {
            if let Ok(number) = number.parse::<i64>() {
                assert_eq!(errors[name]["Linux"][0], number, "{name}");
            }
        }
    }
}

/// Linux' names are those of its numbers.
#[test]
fn one_name_for_one_number() {
    let mut pairs = BTreeSet::new();
    for row in rows() {
        let cell = row.linux.trim_end_matches(" (injected)");
        if let Some((number, name)) = cell.split_once(' ') {
            if number.parse::<u32>().is_ok() {
                pairs.insert((number.to_owned(), name.to_owned()));
            }
        }
    }
    let numbers: BTreeSet<_> = pairs.iter().map(|pair| &pair.0).collect();
    let names: BTreeSet<_> = pairs.iter().map(|pair| &pair.1).collect();
    assert_eq!((numbers.len(), names.len()), (pairs.len(), pairs.len()));
    assert!(pairs.len() >= 20, "{pairs:?}");
}

/// Every entry says what it means, what to do and what it comes from, and every
/// example that it names exists.
#[test]
fn every_entry_is_whole() {
    let atlas = atlas();
    let mut places = BTreeSet::new();
    for (heading, place, text) in entries(&atlas) {
        for part in ["\n**Means**: ", "\n**Do**: ", "\n**Comes from**"] {
            assert!(text.contains(part), "{heading}: {part}");
        }
        assert!(places.insert(place), "{place}");
    }
    // No row stands anywhere else.
    let rows = rows();
    assert_eq!(rows.len(), atlas.matches("\n  Linux: ").count());
    let calls: BTreeSet<_> = rows.iter().map(|row| &row.call).collect();
    assert!(rows.len() >= 20);
    for row in &rows {
        let path = format!("examples/{}.rs", row.example);
        let exists = row.example.is_empty() || top().join(path).exists();
        assert!(exists, "{}", row.example);
    }
    assert!(calls.len() > 40, "the calls tell the rows apart");
}
