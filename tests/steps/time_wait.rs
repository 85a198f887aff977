//! A server that was just stopped, and is started again (on Linux, whose
//! kernel shows the states of its sockets in a file).

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::Stdio;

use socket2::{Domain, Socket, Type};

use crate::command_line::servers;
use crate::machine::{launch, program, spawn};
use crate::support::{accept, connect, rest, source, within_limit};

pub const TIME_WAIT: &str = "06";
const LISTEN: &str = "0A";

/// Every listener of the course on a port that has a connection in TIME_WAIT: SO_REUSEADDR lets it
/// have the port all the same. On an address of its own: no other test can be given these ports.
#[test]
fn a_listener_gets_a_port_that_is_in_time_wait() {
    let listens = |name: &&str| {
        let source = source(name);
        source.contains(".listen(") || source.contains("TcpListener::bind")
    };
    let tcp = servers().filter(|name| !name.ends_with("_udp"));
    let listeners: Vec<_> = tcp.filter(listens).collect();
    assert!(listeners.len() > 10, "{listeners:?}");
    for name in listeners {
        let address = port_in_time_wait();
        let mut example = launch(program(name));
        example.arg(address.to_string()).stdin(Stdio::null()).stdout(Stdio::null());
        let mut example = spawn(example.stderr(Stdio::piped()));
        let bound = within_limit(|| {
            let ended = example.try_wait().expect("a status").is_some();
            (ended || is_in(LISTEN, address)).then_some(())
        });
        let _ = example.kill();
        let errors = example.wait_with_output().expect("a status").stderr;
        assert_eq!(String::from_utf8_lossy(&errors), "", "{name}");
        bound.expect(name);
    }
}

/// The server's side of a connection closes first, and nothing is unread.
fn port_in_time_wait() -> SocketAddr {
    // std sets SO_REUSEADDR here, which Linux wants on the old socket, too.
    let listener = TcpListener::bind("127.0.0.3:0").expect("a port");
    let server = listener.local_addr().expect("an address");
    let client = connect(server);
    drop((accept(&listener), listener));
    assert_eq!(rest(&client), "");
    drop(client);
    within_limit(|| is_in(TIME_WAIT, server).then_some(server)).expect("TIME_WAIT")
}

/// Whether the kernel has a TCP socket in this state at this IPv4 address.
fn is_in(state: &str, address: SocketAddr) -> bool {
    number_in(state, address) > 0
}

/// How many it has.
pub fn number_in(state: &str, address: SocketAddr) -> usize {
    let SocketAddr::V4(v4) = address else { unreachable!("{address} is not IPv4") };
    let ip = u32::from_ne_bytes(v4.ip().octets());
    let local = format!("{ip:08X}:{:04X}", v4.port());
    let table = std::fs::read_to_string("/proc/net/tcp").expect("a table");
    // It is long after many tests: only few lines are taken apart.
    let lines = table.lines().filter(|line| line.contains(&local));
    let lines = lines.filter(|line| {
        // The number of the line, both addresses, the state.
        let words: Vec<_> = line.split_whitespace().collect();
        (words[1], words[3]) == (&local, state)
    });
    lines.count()
}

/// What step 8 says of SO_REUSEADDR on Linux: only a listener keeps the port,
/// and a conversation that goes on does not; and of two UDP sockets that both
/// set it, the second takes the datagrams. On an address of its own, as above.
#[test]
fn what_the_option_permits() {
    let listen = |address: SocketAddr| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(1)?;
        Ok::<_, io::Error>(TcpListener::from(socket))
    };
    let any = SocketAddr::from(([127, 0, 0, 4], 0));
    let listener = listen(any).expect("a listener");
    let here = listener.local_addr().expect("an address");
    let (client, conversation) = (connect(here), accept(&listener).0);
    listen(here).expect_err("somebody listens");
    drop(listener);
    // A program that another test is starting has a copy for a moment.
    within_limit(|| listen(here).ok()).expect("a conversation is not in the way");
    drop((client, conversation));

    let bind = |address: SocketAddr| {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        Ok::<_, io::Error>(UdpSocket::from(socket))
    };
    let first = bind(any).expect("a port");
    let here = first.local_addr().expect("an address");
    let second = bind(here).expect("the same port");
    second.send_to(b"whose?", here).expect("sent");
    let first_set = first.set_nonblocking(true);
    first_set.and(second.set_nonblocking(true)).expect("an option");
    let mut buffer = [0; 16];
    second.recv_from(&mut buffer).expect("the datagram");
    first.recv_from(&mut buffer).expect_err("nothing");
}
