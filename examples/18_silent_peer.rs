//! Step 18, TCP: a peer that is gone without a word.
//!
//! No power, no cable, a router that has forgotten the connection: no packet
//! says so. A send succeeds, for it only fills a buffer, and a receive waits
//! forever. So somebody has to ask, and to give up when no answer comes: the
//! program itself (a heartbeat), or the kernel (keep-alive, user timeout).
//!
//! Look for: what a server can still do with a client who is gone, and who
//! notices it; "timed out", which is the end of a connection, beside "nothing
//! yet" of a limit that is over, which is not.
//!
//! On Linux the clients' machine is gone. Elsewhere only their program hangs,
//! and its kernel still answers. That, only the heartbeat notices.
//!
//! One terminal, all ends (it takes less than three seconds):
//!     cargo run --example 18_silent_peer
//! With an address, all ends use that port, for you to watch (tcpdump, ss):
//!     cargo run --example 18_silent_peer -- 127.0.0.1:8090

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::{process::ExitCode, time::Duration};

// Not the lesson: `run_at` reads the command line, `say` prints a line,
// `answer` and `in_words` put what the kernel answered into words.
use socket_steps::{Failure, answer, in_words, run_at, say};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

/// How long a receive waits: for a pong, and for the kernel to give up.
const LIMIT: Duration = Duration::from_millis(200);
const LONGER: Duration = Duration::from_millis(1800);
const SECOND: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    run_at(include_str!("18_silent_peer.rs"), lesson)
}

/// From now on each packet for this client is thrown away before its kernel
/// has looked at it: no answer, no reset. It is as if its machine were off. (A
/// filter in the language of tcpdump: 6 is "return", 0 is "no byte of it".)
#[cfg(target_os = "linux")]
fn vanish(client: &TcpStream) -> io::Result<&'static str> {
    let nothing = socket2::SockFilter::new(6, 0, 0, 0);
    socket2::SockRef::from(client).attach_filter(&[nothing])?;
    Ok("the machine is gone")
}

/// Here the program hangs: it receives nothing, and says nothing.
#[cfg(not(target_os = "linux"))]
fn vanish(_: &TcpStream) -> io::Result<&'static str> {
    Ok("the program hangs, its kernel still answers")
}

/// One receive, for so long at most, and what came of it.
fn hear(mut from: &Socket, limit: Duration) -> io::Result<String> {
    from.set_read_timeout(Some(limit))?;
    let mut buffer = [0; 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(length) => return Ok(format!("{length} bytes")),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Ok(in_words(&error)),
        }
    }
}

/// All ends. The address is 127.0.0.1:0, unless you give another one.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 to 3: create, bind, listen.
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(100)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;

    // Step 4: anna, ben and carl, and what `accept` returns for each.
    let (mut clients, mut conversations) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        clients.push(TcpStream::connect(here)?);
        conversations.push(listener.accept()?.0);
    }
    let [anna, ben, carl] = &conversations[..] else { return Ok(()) };

    // The first cure: a heartbeat, for anna. It is part of the protocol. Now
    // and then the server says "ping", and a client answers. It must do that
    // even while it has nothing else to say.
    let sent = anna.send(b"ping\n")?;
    say("server", "send", format!("to anna: a ping, {sent} bytes"));
    clients[0].read_exact(&mut [0; 5])?;
    clients[0].write_all(b"pong\n")?;
    say("server", "recv", format!("from anna: {}", hear(anna, LIMIT)?));

    // The second cure: keep-alive, for ben. His kernel is asked, not his
    // program. It is off unless you switch it on, and then Linux asks after
    // two hours, unless you set the times: here after a second of silence,
    // and when there is no answer for another second, that is the end.
    let before = ben.keepalive()?;
    let times = TcpKeepalive::new().with_time(SECOND).with_interval(SECOND);
    ben.set_tcp_keepalive(&times.with_retries(1))?;
    let now = ben.keepalive()?;
    say("server", "keepalive", format!("ben: {before}, then {now}"));

    // The third cure, on Linux: the user timeout, for carl. What was sent to
    // him may stay without acknowledgement for so long.
    #[cfg(target_os = "linux")]
    {
        carl.set_tcp_user_timeout(Some(SECOND))?;
        let limit = carl.tcp_user_timeout()?.unwrap_or_default();
        say("server", "timeout", format!("carl: {limit:?}"));
    }

    // The failure: all three are gone, and nobody tells the server. It sends
    // and sends. To its own kernel, anna is connected.
    for client in &clients {
        say("client", "vanish", vanish(client)?);
    }
    let mut sent = 0;
    for _ in 0..5 {
        sent += anna.send(b"hello")?;
    }
    say("server", "send", format!("to anna: {sent} bytes in 5 sends"));
    say("server", "recv", format!("from anna: {}", hear(anna, LIMIT)?));
    say(
        "server",
        "peer_addr",
        format!("anna: {}", answer(&anna.peer_addr())),
    );

    // The heartbeat notices. One answer can be late, so anna has three tries.
    // Then the server closes, and her connection is over for its kernel, too.
    for number in 1..=3 {
        anna.send(b"ping\n")?;
        let heard = hear(anna, LIMIT)?;
        say("server", "recv", format!("from anna, ping {number}: {heard}"));
    }

    // The user timeout notices, once something has been sent. The kernel sends
    // it again and again, and nobody acknowledges it. (Without the limit, that
    // takes about 15 minutes.) ETIMEDOUT is no limit of a receive: here the
    // connection is over. That is told once, and then there are 0 bytes.
    #[cfg(target_os = "linux")]
    {
        let sent = carl.send(b"hello")?;
        say("server", "send", format!("to carl: {sent} bytes"));
        say(
            "server",
            "recv",
            format!("from carl: {}", hear(carl, LONGER)?),
        );
        say("server", "recv", format!("from carl: {}", hear(carl, LIMIT)?));
    }

    // Keep-alive notices, while nobody sends anything.
    say("server", "recv", format!("from ben: {}", hear(ben, LONGER)?));
    say("server", "recv", format!("from ben: {}", hear(ben, LIMIT)?));
    Ok(())
}
