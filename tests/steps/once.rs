//! What is true the first time only, and what a limit in the middle loses.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::SockRef;
#[cfg(target_os = "linux")]
use socket2::{Domain, Socket, Type};

use crate::atlas::pair;
use crate::support::{HANG_LIMIT, accept, connect};
#[cfg(target_os = "linux")]
use crate::support::{closed_tcp_port, within_limit};

/// This end of a connection that the other end has reset, without a FIN.
fn reset() -> TcpStream {
    let (this, other) = pair();
    SockRef::from(&other).set_linger(Some(Duration::ZERO)).expect("an option");
    drop(other);
    this
}

/// Whichever call comes first gets the error; then the stream looks complete.
#[test]
#[cfg(target_os = "linux")]
fn an_error_is_told_to_one_call_only() {
    let mut this = reset();
    let error = within_limit(|| this.write(b"x").err()).expect("the reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(this.read(&mut [0; 16]).expect("no second error"), 0);

    let mut this = reset();
    let error = within_limit(|| this.take_error().expect("an option"));
    assert_eq!(error.expect("the reset").kind(), ErrorKind::ConnectionReset);
    assert_eq!(this.read(&mut [0; 16]).expect("no second error"), 0);
}

/// All that a listener accepts has its own port, and the clients differ.
#[test]
fn accept_takes_no_new_port() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let here = listener.local_addr().expect("an address");
    let clients = [connect(here), connect(here)];
    for client in &clients {
        let (conversation, peer) = accept(&listener);
        assert_eq!(conversation.local_addr().expect("an address"), here);
        assert_eq!(peer, client.local_addr().expect("an address"));
    }
    let [one, other] = clients.map(|client| client.local_addr().expect("an address"));
    assert_ne!(one, other);
}

/// Who closed in good order while it was queued has sent all of it.
#[test]
fn a_client_that_left_while_queued_is_served() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let mut client = connect(listener.local_addr().expect("an address"));
    client.write_all(b"bye").expect("room");
    drop(client);
    let mut text = String::new();
    accept(&listener).0.read_to_string(&mut text).expect("three bytes, and no error");
    assert_eq!(text, "bye");
}

/// `SO_REUSEADDR` is for connections that a listener left behind.
#[test]
#[cfg(target_os = "linux")]
fn a_port_is_held_by_what_does_not_listen_as_well() {
    let bind = |to: SocketAddr| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_reuse_address(true).expect("an option");
        socket.bind(&to.into()).map(|()| socket)
    };
    let (client, _server) = pair();
    let outgoing = client.local_addr().expect("an address");
    assert_eq!(bind(outgoing).expect_err("taken").kind(), ErrorKind::AddrInUse);

    let (_plain, here) = closed_tcp_port();
    assert_eq!(bind(here).expect_err("taken").kind(), ErrorKind::AddrInUse);

    // Unless both have the option: then one of them can listen.
    let first = bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
    let here = first.local_addr().expect("an address").as_socket().expect("an IP address");
    let second = bind(here).expect("the same port");
    first.listen(1).expect("the first one");
    assert_eq!(second.listen(1).expect_err("taken").kind(), ErrorKind::AddrInUse);

    let outgoing = bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    outgoing.connect(&listener.local_addr().expect("an address").into()).expect("a listener");
    let here = outgoing.local_addr().expect("an address").as_socket().expect("an IP address");
    bind(here).expect("the port of a client").listen(1).expect("no other listens there");
}

/// 0.0.0.0 is every IPv4 address, and no IPv6 one.
#[test]
fn a_listener_at_all_addresses_is_not_reached_over_ipv6() {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let other = TcpStream::connect_timeout(&(Ipv6Addr::LOCALHOST, port).into(), HANG_LIMIT);
    other.expect_err("nobody is there");
}

/// A length of 5, in two parts, with a limit in between.
#[test]
fn read_exact_loses_what_it_had_when_time_is_up() {
    let (mut this, mut other) = pair();
    this.set_read_timeout(Some(Duration::from_millis(100))).expect("an option");
    let mut length = [0; 4];
    other.write_all(&[0, 0]).expect("room");
    this.read_exact(&mut length).expect_err("time is up");
    other.write_all(&[0, 5]).expect("room");
    other.write_all(b"hello").expect("room");
    this.read_exact(&mut length).expect("four bytes");
    assert_eq!(u32::from_be_bytes(length), 354_405, "the number that step 13 names");
}

#[test]
fn nobody_knows_how_much_of_a_write_all_went() {
    let (mut this, mut other) = pair();
    this.set_nonblocking(true).expect("an option");
    let all = vec![0; 64 << 20];
    let error = this.write_all(&all).expect_err("no room for all of it");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    this.shutdown(Shutdown::Write).expect("an end");
    let mut received = Vec::new();
    other.read_to_end(&mut received).expect("an end");
    assert!((1..all.len()).contains(&received.len()), "{}", received.len());
}

#[test]
fn a_new_reader_for_each_line_takes_the_others_along() {
    let (this, mut other) = pair();
    other.write_all(b"one\ntwo\nthree\n").expect("room");
    drop(other);
    let lines = [(); 3].map(|()| {
        let mut line = String::new();
        BufReader::new(&this).read_line(&mut line).expect("a line, or an end");
        line
    });
    assert_eq!(lines, ["one\n", "", ""]);
}

/// A peer that receives a little each time keeps a `write_all` going for good.
/// (Not under Wine: there a send that took a part until time was up fails.)
#[test]
#[cfg(target_os = "linux")]
fn each_send_has_the_whole_limit_again() {
    const LIMIT: Duration = Duration::from_millis(100);
    let (mut this, mut other) = pair();
    this.set_write_timeout(Some(LIMIT)).expect("an option");
    let all = vec![0; 64 << 20];
    for _ in 0..3 {
        let began = std::time::Instant::now();
        let part = this.write(&all).expect("a part of it");
        assert!((1..all.len()).contains(&part), "{part}");
        // (The kernel counts in ticks.)
        assert!(began.elapsed() >= LIMIT / 2, "{:?}", began.elapsed());
        other.read_exact(&mut vec![0; part]).expect("that part");
    }
}
