//! Step 8, TCP: the address is already in use.
//!
//! `bind` refuses a port for two reasons: another socket listens there, or a
//! connection of the last run is not quite over. The end that closes first
//! keeps its address for a while (on Linux, a minute) in the state TIME_WAIT.
//!
//! Look for: the same words for both, and which of them SO_REUSEADDR cures.
//!
//! One terminal, both ends:
//!     cargo run --example 08_address_in_use
//! Two terminals, the client is you (the server closes first):
//!     cargo run --example 08_address_in_use -- 127.0.0.1:8090
//!     nc 127.0.0.1 8090

use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;

use socket_steps::{
    ANY_PORT, During, Failure, NOT_IP, in_words, invite, nc, run, say,
};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("08_address_in_use.rs"), lesson)
}

/// Steps 1 to 3: create, bind, listen; with or without SO_REUSEADDR.
///
/// The option goes before `bind`, and says: connections that are over do not
/// count. Linux wants it on the old socket and on the new one, hence the rule:
/// on every listener, always. Only on Unix, though. Windows needs it for
/// nothing, and there it lets any program take a port that another one holds.
fn listen(address: SocketAddr, reuse: bool) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if cfg!(unix) {
        socket.set_reuse_address(reuse)?;
    }
    socket.bind(&address.into())?;
    socket.listen(100)?;
    Ok(socket)
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    let address = given.unwrap_or(ANY_PORT);
    let listener = listen(address, true).during("bind", address)?;
    let here = listener.local_addr().during("local_addr", None)?;
    let here = here.as_socket().ok_or(NOT_IP)?;
    say("server", "listen", here);

    // The first failure: a second server, while the first one listens. The
    // option does not help, and must not: who should get the next client?
    for (how, reuse) in [("plain", false), ("SO_REUSEADDR", true)] {
        if let Err(error) = listen(here, reuse) {
            say("second", "bind", format!("{how}: {}", in_words(&error)));
        }
    }

    // Step 4: a client connects (you, or one line of std), accept it.
    let client = match given {
        Some(_) => {
            invite("server", "accept", &[nc(here)]);
            None
        }
        None => Some(TcpStream::connect(here).during("connect", here)?),
    };
    let (conversation, peer) = listener.accept().during("accept", here)?;
    let peer = peer.as_socket().ok_or(NOT_IP)?;
    say("server", "accept", peer);

    // Step 6: the server closes first, then its listener; the client follows.
    // Nobody listens at the port now, and no program has it open.
    drop((conversation, listener));
    say("server", "close", "first, and the server ends");
    if let Some(mut client) = client {
        let length = client.read(&mut [0; 1024]).during("recv", here)?;
        say("client", "recv", format!("{length} bytes, so it closes, too"));
    }

    // The second failure: the server is started again. Its kernel still keeps
    // the old connection. (Windows gives the port out all the same. And none
    // is kept after a reset: type nothing into nc, or see step 12.)
    match listen(here, false) {
        Err(error) => say("again", "bind", in_words(&error)),
        Ok(_) => say("again", "bind", "granted: no connection is kept"),
    }

    // The cure: the option.
    let listener = listen(here, true).during("bind", here)?;
    let here = listener.local_addr().during("local_addr", None)?;
    let here = here.as_socket().ok_or(NOT_IP)?;
    say("again", "listen", format!("{here}, with SO_REUSEADDR"));
    Ok(())
}
