//! A program that runs only once: its address is its lock.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::thread::sleep;
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
        let mut client = next_client(&listener)?;
        if let Err(error) = client.write_all(LINE) {
            eprintln!("a client has gone: {error}");
        }
    }
}

/// The next client. What passes is no reason to end: a client that has gone,
/// or too many open files. Wait a moment, and try again.
fn next_client(listener: &Socket) -> std::io::Result<Socket> {
    loop {
        let error = match listener.accept() {
            Ok((client, _)) => return Ok(client),
            Err(error) => error,
        };
        // But what lasts is: the socket does not listen. (On macOS, socket2
        // says the same of a client that has gone.)
        let lasts = error.kind() == ErrorKind::InvalidInput;
        if lasts && !cfg!(target_os = "macos") {
            return Err(error);
        }
        eprintln!("accept: {error}");
        sleep(Duration::from_millis(20));
    }
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
