//! Step 8, TCP: the address is already in use.
//!
//! `bind` refuses a port for two reasons, mostly: another socket listens there,
//! or a connection of the last run is not quite over. The end that closes first
//! keeps its address for a while (on Linux, a minute) in the state TIME-WAIT.
//!
//! Look for: the same words for both, and which of them SO_REUSEADDR cures.
//!
//! One terminal, both ends:
//!     cargo run --example 08_address_in_use
//! Two terminals, the client is you (the server closes first):
//!     cargo run --example 08_address_in_use -- 127.0.0.1:8090
//!     nc 127.0.0.1 8090

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;

// Not the lesson: `run` reads the command line, `say` prints a line,
// `answer` puts into words what the kernel answered, `at` puts the address
// into an error.
use socket_steps::{At, Failure, answer, invite, run, say};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("08_address_in_use.rs"), lesson, with_you)
}

/// Steps 1 to 3: create, bind, listen; with or without SO_REUSEADDR.
///
/// Set the option before `bind`. Then no connection of the last run keeps the
/// port, only a listener does. Linux wants it on the old socket and on the new
/// one, hence the rule: on every TCP listener, always. Only on Unix, though.
/// Windows doesn't need it: there another program could then take the port.
fn listen(address: SocketAddr, reuse: bool) -> Result<Socket, Failure> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if cfg!(unix) {
        socket.set_reuse_address(reuse)?;
    }
    socket.bind(&address.into()).at(address)?;
    socket.listen(100)?;
    Ok(socket)
}

/// Both ends. The address is 127.0.0.1:0.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    let listener = listen(address, true)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    say("server", "listen", here);

    // The first failure: a second server, while the first one listens. The
    // option does not help, and must not: who should get the next client?
    let plain = listen(here, false).map(drop);
    say("second", "bind", format!("plain: {}", answer(&plain)));
    if cfg!(unix) {
        let reuse = listen(here, true).map(drop);
        say("second", "bind", format!("SO_REUSEADDR: {}", answer(&reuse)));
    }

    // Step 4: a client connects (one line of std), accept it.
    let mut client = TcpStream::connect(here)?;
    let (conversation, peer) = listener.accept()?;
    say("server", "accept", peer.as_socket().ok_or("not IP")?);

    // Step 6: the server closes first, the conversation and the listener. The
    // client receives 0 bytes, and closes, too. Now nobody listens at the port,
    // and no program has it open.
    close(conversation, listener);
    let length = client.read(&mut [0; 1024])?;
    say("client", "recv", format!("{length} bytes"));
    drop(client);

    start_again(here)
}

/// Step 6: close. In Rust a socket is closed when its owner is dropped.
fn close(conversation: Socket, listener: Socket) {
    drop((conversation, listener));
    say("server", "close", "the conversation and the listener");
}

/// The second failure: the server is started again. Its kernel still keeps
/// the old connection. (Windows gives out the port anyway. And after a reset
/// there is nothing to keep, so type nothing into nc: see step 12.)
fn start_again(here: SocketAddr) -> Result<(), Failure> {
    let again = listen(here, false).map(drop);
    say("again", "bind", answer(&again));

    // The cure: the option.
    let listener = listen(here, true)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    let set = listener.reuse_address()?;
    say("again", "listen", format!("{here}, SO_REUSEADDR is {set}"));
    Ok(())
}

/// With an address, the client is you.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let listener = listen(address, true)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    say("server", "listen", here);
    let plain = listen(here, false).map(drop);
    say("second", "bind", format!("plain: {}", answer(&plain)));
    if cfg!(unix) {
        let reuse = listen(here, true).map(drop);
        say("second", "bind", format!("SO_REUSEADDR: {}", answer(&reuse)));
    }

    invite("server", "accept", here, &["nc"]);
    let (conversation, peer) = listener.accept()?;
    say("server", "accept", peer.as_socket().ok_or("not IP")?);
    close(conversation, listener);
    start_again(here)
}
