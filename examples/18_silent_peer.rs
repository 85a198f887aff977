//! Step 18, TCP: a peer that is gone without a word.
//!
//! No power, no cable, a router that has forgotten the connection: no packet
//! says so. A send succeeds, for it only fills a buffer, and a receive waits
//! forever. So somebody has to ask, and to give up when no answer comes: the
//! program itself (a heartbeat), or the kernel (keep-alive, user timeout).
//!
//! Look for: what a server can still do with a client who is gone, and what
//! notices it; "timed out", which is the end of a connection, beside "nothing
//! yet" when a limit is over, which is not.
//!
//! On Linux the clients' machine is gone. Elsewhere only their program hangs,
//! and its kernel still answers: only the heartbeat notices that.
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

/// For the answer to a ping. (A real one would be seconds.)
const LIMIT: Duration = Duration::from_millis(250);
/// What a receive says when its limit is over (step 13). Nobody has given up.
const TIME_IS_UP: ErrorKind =
    if cfg!(windows) { ErrorKind::TimedOut } else { ErrorKind::WouldBlock };
/// Longer than the kernel needs to give up, with the times that we set.
const LONGER: Duration = Duration::from_millis(2300);
const SECOND: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    run_at(include_str!("18_silent_peer.rs"), lesson)
}

/// From now on each packet for this client is thrown away before its TCP sees
/// it: no answer, no reset. It is as if its machine were off. (A filter in the
/// language of tcpdump: 6 is "return", 0 is "no byte of it". Unlike a cable
/// that is cut in a network namespace, it takes no rights.)
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
            Err(error) if error.kind() == TIME_IS_UP => {
                return Ok("nothing yet".to_owned());
            }
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

    // Step 4: connect (one line of std), accept. The client is anna.
    let mut client = TcpStream::connect(here)?;
    let (anna, _) = listener.accept()?;

    // The first cure must be part of the protocol: a heartbeat. Now and then
    // the server says "ping", and a client answers, even one who has nothing
    // to say. Anna is still there, and does.
    let sent = anna.send(b"ping\n")?;
    say("server", "send", format!("to anna: a ping, {sent} bytes"));
    client.read_exact(&mut [0; 5])?;
    client.write_all(b"pong\n")?;
    say("server", "recv", format!("from anna: {}", hear(&anna, LIMIT)?));

    // The failure: anna is gone, and nobody tells the server. A send succeeds,
    // a receive would wait forever, and for this kernel she is connected.
    say("anna", "vanish", vanish(&client)?);
    let sent = anna.send(b"hello")?;
    say("server", "send", format!("to anna: {sent} bytes"));
    say("server", "recv", format!("from anna: {}", hear(&anna, LIMIT)?));
    say(
        "server",
        "peer_addr",
        format!("anna: {}", answer(&anna.peer_addr())),
    );

    // The heartbeat notices. (One answer may be late: hence two tries.) Then
    // the server closes, with a linger of 0 (step 12). Without that, its
    // kernel would go on for minutes to send what anna never gets.
    for number in 1..=2 {
        anna.send(b"ping\n")?;
        let heard = hear(&anna, LIMIT)?;
        say("server", "recv", format!("from anna, ping {number}: {heard}"));
    }
    anna.set_linger(Some(Duration::ZERO))?;
    drop(anna);

    // The second cure: keep-alive, for ben. The kernel asks ben's kernel. It
    // is off unless you switch it on; and then Linux asks after two hours,
    // unless you set the times. Here: after a second of silence, and when no
    // answer comes within another one, that is the end.
    let ben_here = TcpStream::connect(here)?;
    let (ben, _) = listener.accept()?;
    let before = ben.keepalive()?;
    let times = TcpKeepalive::new().with_time(SECOND).with_interval(SECOND);
    ben.set_tcp_keepalive(&once(times))?;
    let now = ben.keepalive()?;
    say("server", "keepalive", format!("for ben: {before}, then {now}"));
    say("ben", "vanish", vanish(&ben_here)?);

    // The third cure, on Linux: the user timeout, for carl. What is sent to
    // him may lack an acknowledgement for so long. (Without it, the kernel
    // tries for about a quarter of an hour.)
    #[cfg(target_os = "linux")]
    let (carl_here, carl) =
        (TcpStream::connect(here)?, listener.accept()?.0);
    #[cfg(target_os = "linux")]
    {
        carl.set_tcp_user_timeout(Some(SECOND))?;
        let limit = carl.tcp_user_timeout()?.unwrap_or_default();
        say("server", "timeout", format!("for carl: {limit:?}"));
        say("carl", "vanish", vanish(&carl_here)?);
        let sent = carl.send(b"hello")?;
        say("server", "send", format!("to carl: {sent} bytes"));
    }

    // Both end with ETIMEDOUT. That is no limit of a receive, which would say
    // "nothing yet": the connection is over. The kernel tells it once, and
    // from then on there are 0 bytes.
    say("server", "recv", format!("from ben: {}", hear(&ben, LONGER)?));
    #[cfg(target_os = "linux")]
    for _ in 0..2 {
        say(
            "server",
            "recv",
            format!("from carl: {}", hear(&carl, LIMIT)?),
        );
    }
    Ok(())
}

/// How often ben's kernel is asked: once. (Not every Windows can set that.)
fn once(times: TcpKeepalive) -> TcpKeepalive {
    #[cfg(not(windows))]
    let times = times.with_retries(1);
    times
}
