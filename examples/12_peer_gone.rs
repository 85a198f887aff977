//! Step 12, TCP: the peer is gone, in good order.
//!
//! When the peer has ended its direction, a receive gives 0 bytes. It gives
//! them at once, and every time: a loop that does not test for 0 never ends.
//! A peer that closed and one that half-closed look the same from here.
//!
//! Look for: 0 bytes three times over, and an answer that still arrives
//! after them. (12_peer_gone_reset shows the endings that are errors.)
//!
//! One terminal, both ends:
//!     cargo run --example 12_peer_gone
//! With an address, both ends use that port, for you to watch (tcpdump, ss):
//!     cargo run --example 12_peer_gone -- 127.0.0.1:8090

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::ExitCode;

use socket_steps::{ANY_PORT, During, Failure, NOT_IP, run, say};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> ExitCode {
    run(include_str!("12_peer_gone.rs"), lesson)
}

fn lesson(given: Option<SocketAddr>) -> Result<(), Failure> {
    // Steps 1 to 3: create, bind, listen.
    let address = given.unwrap_or(ANY_PORT);
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
        .during("socket", None)?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true).during("set_reuse_address", None)?;
    listener.bind(&address.into()).during("bind", address)?;
    listener.listen(100).during("listen", address)?;
    let here = listener.local_addr().during("local_addr", None)?;
    let here = here.as_socket().ok_or(NOT_IP)?;

    // Step 4: connect (one line of std), accept.
    let mut client = TcpStream::connect(here).during("connect", here)?;
    let (conversation, peer) = listener.accept().during("accept", here)?;
    let peer = peer.as_socket().ok_or(NOT_IP)?;
    let mut buffer = [0; 1024];

    // The first ending, a clean close: the client sends, closes, is gone.
    let sent = client.write(b"bye").during("send", here)?;
    drop(client);
    say("client", "close", format!("after {sent} bytes"));

    // The failure: nobody tests for 0. What was sent comes first, and then 0
    // bytes without end. A loop without this bound would never end.
    for _ in 0..4 {
        let length =
            (&conversation).read(&mut buffer).during("recv", peer)?;
        say("server", "recv", format!("{length} bytes"));
    }
    drop(conversation);

    // The second ending, a half-close: the client says that it has sent all,
    // and waits for the answer.
    let mut client = TcpStream::connect(here).during("connect", here)?;
    let (conversation, peer) = listener.accept().during("accept", here)?;
    let peer = peer.as_socket().ok_or(NOT_IP)?;
    let sent = client.write(b"1 + 1 =").during("send", here)?;
    client.shutdown(Shutdown::Write).during("shutdown", here)?;
    say("client", "shutdown", format!("after {sent} bytes"));

    // The cure: test for 0. It means that no more will come, and not that
    // nobody is there. So: leave the loop, send what is still to be sent,
    // then close. A client that waits gets its answer; for one that has
    // closed, the send fails sooner or later, and that can be ignored.
    loop {
        let length =
            (&conversation).read(&mut buffer).during("recv", peer)?;
        say("server", "recv", format!("{length} bytes"));
        if length == 0 {
            break;
        }
    }
    let sent = conversation.send(b"2").during("send", peer)?;
    say("server", "send", format!("{sent} byte, the answer"));
    drop(conversation);

    // The client reads to the end, too: `read_to_end` is a loop that tests.
    let mut answer = Vec::new();
    let length = client.read_to_end(&mut answer).during("recv", here)?;
    say("client", "recv", format!("{length} byte, then the end"));
    Ok(())
}
