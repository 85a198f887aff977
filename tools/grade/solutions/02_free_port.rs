//! Takes the first free port of a range, and keeps it.

use std::io::{Error, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

fn main() -> std::io::Result<()> {
    let range = std::env::args().next_back().expect("an argument");
    let (address, ports) = range.rsplit_once(':').expect("a colon");
    let (first, last) = ports.split_once('-').expect("a dash");
    let address: IpAddr = address.parse().expect("an address");
    let first: u16 = first.parse().expect("a port");
    let last: u16 = last.parse().expect("a port");

    // As long as this socket lives, its port is taken.
    let Some(socket) = first_free(address, first, last)? else {
        println!("all taken");
        return Err(Error::other("no port is free"));
    };
    let mine = socket.local_addr()?.as_socket().expect("an address");
    println!("mine: {mine}");
    println!("ready");

    // Until standard input ends.
    for _ in std::io::stdin().lines() {}
    Ok(())
}

fn first_free(
    address: IpAddr,
    first: u16,
    last: u16,
) -> std::io::Result<Option<Socket>> {
    for port in first..=last {
        // A new socket for each try: no error of an earlier one is in it.
        let address = SocketAddr::new(address, port);
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        match socket.bind(&address.into()) {
            Ok(()) => return Ok(Some(socket)),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
