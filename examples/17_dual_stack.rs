//! Step 17, TCP: one listener for both families.
//!
//! A listener at [::] is reached at all addresses of this machine: those of
//! IPv6 alone, or those of IPv4, too. That hangs on an option, IPV6_V6ONLY,
//! which is off on Linux, and on for Windows. So set it, whichever you want.
//!
//! Look for: how a client that comes by IPv4 shows, and who can have 0.0.0.0
//! beside [::].
//!
//! One terminal, both ends:
//!     cargo run --example 17_dual_stack
//! With an address, all ends use its port, and nothing else of it, for you to
//! watch (tcpdump):
//!     cargo run --example 17_dual_stack -- 127.0.0.1:8090

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::{io, process::ExitCode, time::Duration};

// Not the lesson: `run_at` reads the command line, `say` prints a line,
// `answer` and `at` put into words what a call was answered, and where.
use socket_steps::{At, Failure, answer, run_at, say};
use socket2::{Domain, Protocol, Socket, Type};

/// How long we wait for a client that has been told it is connected.
const LIMIT: Duration = Duration::from_secs(5);

const EVERY_IPV6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
const EVERY_IPV4: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const LOOPBACK: [IpAddr; 2] =
    [IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];

fn main() -> ExitCode {
    run_at(include_str!("17_dual_stack.rs"), lesson)
}

/// All ends. The port is 0, unless you give another one.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    let mut port = address.port();
    for only_v6 in [false, true] {
        // Steps 1 to 3, with the option set, one way and the other. After
        // `bind` it is too late.
        let listener = match create(Domain::IPV6) {
            Ok(listener) => {
                listener.set_only_v6(only_v6)?;
                listen(listener, SocketAddr::new(EVERY_IPV6, port))?
            }
            // (Where the kernel has no IPv6, 0.0.0.0 is all there is.)
            failed => {
                say("server", "create", answer(&failed));
                let listener = create(Domain::IPV4)?;
                listen(listener, SocketAddr::new(EVERY_IPV4, port))?
            }
        };
        let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
        say("server", "listen", here);
        if here.is_ipv6() {
            say("server", "only_v6", listener.only_v6()?);
        }
        // (Both rounds have the same port. The first chooses it: it has to be
        // free for both families.)
        port = here.port();
        listener.set_read_timeout(Some(LIMIT))?;

        // Step 4: a client by each family. One that comes by IPv4 has an IPv6
        // address here, made from its own: an allowlist with 127.0.0.1 in it
        // doesn't know that one. `to_canonical` turns it back.
        for ip in LOOPBACK {
            let there = SocketAddr::new(ip, here.port());
            let client = TcpStream::connect(there);
            say(
                "client",
                "connect",
                format!("{there}: {}", answer(&client)),
            );
            if client.is_ok() {
                let (_conversation, peer) = listener.accept()?;
                let peer = peer.as_socket().ok_or("not IP")?;
                say("server", "accept", peer.ip());
                say("server", "canonical", peer.ip().to_canonical());
            }
        }

        // A second server, at 0.0.0.0 and the same port. If the first one
        // takes IPv4, too, then the two would have clients in common.
        let every_ipv4 = SocketAddr::new(EVERY_IPV4, here.port());
        let second = listen(create(Domain::IPV4)?, every_ipv4);
        say(
            "second",
            "listen",
            format!("{every_ipv4}: {}", answer(&second)),
        );
    }
    Ok(())
}

/// Step 1: create.
fn create(domain: Domain) -> io::Result<Socket> {
    Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
}

/// Steps 2 and 3: bind, listen.
fn listen(
    listener: Socket,
    address: SocketAddr,
) -> Result<Socket, Failure> {
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into()).at(address)?;
    listener.listen(100)?;
    Ok(listener)
}
