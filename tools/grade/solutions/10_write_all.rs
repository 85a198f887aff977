//! A server with a long message for each client, and no call that waits.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

fn main() -> std::io::Result<()> {
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (So that a second run can have the port at once: step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(100)?;
    println!("ready");

    let message = (0..=250).collect::<Vec<u8>>().repeat(24_000);
    loop {
        let client = next_client(&listener)?;
        // Whatever happens to one client is no reason to end.
        match send_all(&client, &message) {
            Ok(()) => println!("sent"),
            Err(error) => eprintln!("a client is lost: {error}"),
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

/// What `write_all` does, for a socket that does not wait.
fn send_all(client: &Socket, message: &[u8]) -> std::io::Result<()> {
    client.set_nonblocking(true)?;
    // So many bytes has the kernel taken. The rest is still ours.
    let mut taken = 0;
    while taken < message.len() {
        match client.send(&message[taken..]) {
            Ok(more) => taken += more,
            // Nothing is broken: there is no room at the moment.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                println!("waiting");
                sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
