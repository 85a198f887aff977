//! Step 7, TCP: the first server.
//!
//! All six steps, and nothing else: it greets each client, answers what it
//! receives with a prefix, and serves the next. The chat grows out of it.
//!
//! Look for: two clients, served one after the other.
//!
//! One terminal, both ends:
//!     cargo run --example 07_first_server
//! Two terminals, the client is you (the server itself prints nothing; Ctrl-C
//! ends nc, and then the server):
//!     cargo run --example 07_first_server -- 127.0.0.1:8090
//!     nc 127.0.0.1 8090

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::{process::ExitCode, thread::sleep, time::Duration};

// Not the lesson: `run` reads the command line, `say` prints a line, `at`
// puts the address into an error, and `in_words` puts that into words.
use socket_steps::{At, Failure, in_words, invite, run, say};
use socket2::{Domain, Protocol, Socket, Type};

/// How long to wait when no client can be accepted.
const A_MOMENT: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    run(include_str!("07_first_server.rs"), lesson, with_you)
}

/// Steps 1 to 3: create, bind, listen. (For the option, see step 8.)
fn listen(address: SocketAddr) -> Result<Socket, Failure> {
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into()).at(address)?;
    listener.listen(100)?;
    Ok(listener)
}

/// Steps 4 to 6, for one client: accept; send, and receive until 0 bytes, its
/// end; close. (At the end of the function `client` is dropped.) A client that
/// takes nothing of what is sent to it for a second is given up. (One that says
/// nothing makes us wait for good: step 16.)
fn serve(listener: &Socket) -> io::Result<()> {
    let accepted = listener.accept();
    // (If that fails, wait a moment. A shortage of open files passes.)
    let (mut client, _) = accepted.inspect_err(|_| sleep(A_MOMENT))?;
    client.set_write_timeout(Some(Duration::from_secs(1)))?;
    client.write_all(b"Hello, client!")?;
    let mut buffer = [0; 1024];
    let mut length = client.read(&mut buffer)?;
    while length > 0 {
        // (`concat` joins the two: the reply leaves in one piece.)
        let reply = [b"Server received: ", &buffer[..length]].concat();
        client.write_all(&reply)?;
        length = client.read(&mut buffer)?;
    }
    Ok(())
}

/// Both ends. Each client sends everything before it is accepted: the kernel
/// keeps it.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    let listener = listen(address)?;
    for name in ["anna", "ben"] {
        let client = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        client.connect(&listener.local_addr()?)?;
        client.send(name.as_bytes())?;
        client.shutdown(Shutdown::Write)?;
        serve(&listener)?;
        say(name, "recv", io::read_to_string(&client)?);
    }
    Ok(())
}

/// With an address: one client after another. If something goes wrong with
/// one of them, the server says so, and serves the next.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let listener = listen(address)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    invite("server", "accept", here, &["nc"]);
    loop {
        let Err(error) = serve(&listener) else { continue };
        say("server", "serve", in_words(&error));
    }
}
