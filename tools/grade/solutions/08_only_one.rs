//! A program that runs only once: its address is its lock.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

const LINE: &[u8] = b"it runs already\n";
const LIMIT: Duration = Duration::from_secs(1);

fn main() -> std::io::Result<()> {
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    let listener = match listen(address) {
        Ok(listener) => listener,
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            return ask_the_first(address);
        }
        Err(error) => return Err(error),
    };
    println!("ready");

    loop {
        if let Err(error) = tell_the_next(&listener) {
            eprintln!("a client has gone: {error}");
        }
    }
}

/// (On some systems it is accept that says that a client has gone.)
fn tell_the_next(listener: &Socket) -> std::io::Result<()> {
    let (mut client, _) = listener.accept()?;
    client.write_all(LINE)
}

/// The lock: this fails for everybody but the first.
fn listen(address: SocketAddr) -> std::io::Result<Socket> {
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // Old connections don't keep the lock, and a listener does: on Unix this
    // option means no more than that.
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(100)?;
    Ok(listener)
}

/// Somebody is there. Is it this program?
fn ask_the_first(address: SocketAddr) -> std::io::Result<()> {
    let domain = Domain::for_address(address);
    let mut first = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    first.connect_timeout(&address.into(), LIMIT)?;
    first.set_read_timeout(Some(LIMIT))?;
    // (In full: a line can come in pieces.)
    let mut line = [0; LINE.len()];
    first.read_exact(&mut line)?;
    if line != LINE {
        return Err(Error::other("another program has this address"));
    }
    print!("{}", String::from_utf8_lossy(&line));
    Ok(())
}
