//! An error in plain words: what it is called here, why it happens, and what
//! to try.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// What a call is named that the line does not tell.
pub const A_CALL: &str = "a call";

/// What the kernel answered: `granted`, or its refusal [`in_words`].
pub fn answer<T, E: Refusal>(result: &Result<T, E>) -> String {
    match result {
        Ok(_) => "granted".to_owned(),
        Err(refusal) => refusal.in_words(),
    }
}

/// What [`answer`] can put into words.
pub trait Refusal {
    /// Why a call failed, as [`in_words`] says it.
    fn in_words(&self) -> String;
}

impl Refusal for io::Error {
    fn in_words(&self) -> String {
        in_words(self)
    }
}

/// What went wrong, in a few plain words that are the same on every system.
///
/// The system's own texts differ: "Address already in use" here is "Only one
/// usage of each socket address ..." there. Kinds are std's `ErrorKind`; the
/// numbers, for errors to which std gives no kind, are from Linux'
/// `asm-generic/errno.h`, Apple's `sys/errno.h` and Microsoft's list of
/// Windows Sockets error codes.
pub fn in_words(error: &io::Error) -> String {
    match lookup(error) {
        Some(Lookup::NoSuchName) => return NO_SUCH_NAME.to_owned(),
        Some(Lookup::NobodyToAsk) => return NOBODY_TO_ASK.to_owned(),
        None => {}
    }
    // Words that somebody has put into it.
    if let Some(inside) = error.get_ref() {
        return inside.to_string();
    }
    let is = |linux, bsd| has_number(error, linux, bsd);
    let words = match error.kind() {
        ErrorKind::AddrInUse => "the address is already in use",
        ErrorKind::AddrNotAvailable => "the address is not available",
        ErrorKind::ConnectionReset => "connection reset by the peer",
        ErrorKind::BrokenPipe => "the connection is closed (broken pipe)",
        ErrorKind::WouldBlock => "nothing yet (it would block)",
        ErrorKind::Unsupported => NOT_SUPPORTED,
        ErrorKind::Interrupted => "interrupted",
        ErrorKind::UnexpectedEof => "the peer left too early",
        ErrorKind::InvalidData => "the peer speaks another protocol",
        ErrorKind::InvalidInput if is_no_name(error) => NO_NAME,
        ErrorKind::InvalidInput => "invalid argument",
        _ if is_unknown_family(error) => "address family not supported",
        kind => match error.raw_os_error() {
            // EOPNOTSUPP: newer Rusts have a kind for it on some systems.
            Some(95) if cfg!(target_os = "linux") => NOT_SUPPORTED,
            Some(102) if cfg!(target_vendor = "apple") => NOT_SUPPORTED,
            Some(10045) if cfg!(windows) => NOT_SUPPORTED,
            _ if is(9, 9) => "bad file descriptor",
            _ if is(19, 19) => "no such device",
            _ if is(23, 23) => "too many open files on this system",
            _ if is(24, 24) => "too many open files or sockets",
            _ if is(88, 38) => "not a socket",
            _ if is(91, 41) => "the protocol is of another type",
            _ if is(93, 43) => "protocol not supported",
            _ if is(115, 36) => "operation in progress",
            _ if is(106, 56) => "already connected",
            _ if is(89, 39) => "destination address required",
            _ if is(114, 37) => "operation in progress",
            _ if is(90, 40) => "message too long",
            _ if is(105, 55) => "no buffer space",
            // Std's own words will do: "connection refused", "timed out".
            _ => return kind.to_string(),
        },
    };
    words.to_owned()
}

const NOT_SUPPORTED: &str = "operation not supported";

const NO_SUCH_NAME: &str = "no address is known for this name";
const NO_NAME: &str = "no name with a port";
const NOBODY_TO_ASK: &str = "no name server has answered";

/// How a lookup failed. That is no socket call, and no kernel's error.
enum Lookup {
    NoSuchName,
    NobodyToAsk,
}

/// On Unix std puts the system's words behind its own; on Windows there are
/// numbers (`WSATRY_AGAIN` is 11002).
fn lookup(error: &io::Error) -> Option<Lookup> {
    if cfg!(windows) {
        return match error.raw_os_error()? {
            11002 => Some(Lookup::NobodyToAsk),
            11001 | 11003 | 11004 => Some(Lookup::NoSuchName),
            _ => None,
        };
    }
    let words = error.get_ref()?.to_string();
    let why = words.strip_prefix("failed to lookup address information")?;
    // glibc and macOS; musl.
    let later = ["emporary failure", "Try again"];
    match later.iter().any(|words| why.contains(words)) {
        true => Some(Lookup::NobodyToAsk),
        false => Some(Lookup::NoSuchName),
    }
}

/// Where std doesn't even ask: what it says then has no number.
fn is_no_name(error: &io::Error) -> bool {
    let words = error.to_string();
    ["invalid port value", "invalid socket address"].contains(&&*words)
}

/// `EAFNOSUPPORT`: the kernel has no such address family.
fn is_unknown_family(error: &io::Error) -> bool {
    has_number(error, 97, 47)
}

/// Whether this is the error with that number on Linux; or with that one on
/// macOS, which has BSD's. Windows Sockets took those over, and added 10,000.
fn has_number(error: &io::Error, linux: i32, bsd: i32) -> bool {
    error.raw_os_error() == Some(number(linux, bsd))
}

fn number(linux: i32, bsd: i32) -> i32 {
    if cfg!(windows) {
        10_000 + bsd
    } else if cfg!(target_os = "linux") {
        linux
    } else {
        bsd
    }
}

/// An IPv6 address that needs a scope, and has none.
fn is_link_local(address: Option<SocketAddr>) -> bool {
    let Some(SocketAddr::V6(v6)) = address else { return false };
    v6.ip().is_unicast_link_local() && v6.scope_id() == 0
}

/// Why this happens, and what to do about it.
pub fn advice(
    error: &io::Error,
    call: &str,
    address: Option<SocketAddr>,
) -> Option<(&'static str, &'static str)> {
    let low_port = cfg!(unix)
        && address.is_some_and(|a| (1..1024).contains(&a.port()));
    let is_connect = call.starts_with("connect");
    let is_bind = call == "bind";
    let is_told_later = !is_connect && !call.ends_with("_to");
    match lookup(error) {
        Some(Lookup::NoSuchName) => {
            return Some((
                "neither this machine's list of names nor its name server \
                 has it (a name has no http:// before it)",
                "look how it is written; or an address, as 127.0.0.1:8090",
            ));
        }
        Some(Lookup::NobodyToAsk) => {
            return Some((
                "the name is not in this machine's own list, and the name \
                 server is not reached",
                "look whether this machine is on the network; or an \
                 address, as 127.0.0.1:8090",
            ));
        }
        None => {}
    }
    Some(match error.kind() {
        // Windows. Linux and macOS say that the address is not available.
        ErrorKind::AddrInUse if is_connect => (
            "no port is left for this client (connections that were closed \
             keep theirs for a while), or it was bound to one that is taken",
            "one connection for many requests, and no bind before connect",
        ),
        ErrorKind::AddrInUse if address.is_some_and(|a| a.port() == 0) => (
            "every port that the kernel could give is taken",
            "end programs that have many sockets open, or ask for a port",
        ),
        ErrorKind::AddrInUse => (
            "a program on this machine has that port, or (TCP only) had it \
             less than a minute ago",
            "end that program, wait a minute, or take another port",
        ),
        ErrorKind::AddrNotAvailable if is_bind => (
            "bind takes only addresses that this machine has",
            "127.0.0.1 (this machine only) or 0.0.0.0 (all of its IPv4 \
             addresses; [::] for IPv6)",
        ),
        ErrorKind::PermissionDenied if is_bind && low_port => (
            "this system keeps the ports below 1024 for privileged \
             programs",
            "a port from 1024 on, such as 8090",
        ),
        ErrorKind::PermissionDenied if is_bind && address.is_some() => (
            "a security system, such as SELinux, forbids it; or (on Windows) \
             the port is kept back, or another program has it for itself \
             alone",
            "another port",
        ),
        ErrorKind::PermissionDenied => (
            "a firewall or a security system of this machine (such as \
             SELinux) forbids it; or the address is that of many machines \
             (broadcast)",
            "an address of one machine, such as 127.0.0.1:8090",
        ),
        ErrorKind::InvalidInput if is_link_local(address) => (
            "an address that begins with fe80 is known on one network only, \
             and does not say on which",
            "the number of the network card behind it: [fe80::1%2]:8090",
        ),
        // macOS: not a mistake of the server's.
        ErrorKind::InvalidInput if call == "accept" => (
            "this socket does not listen; or (on macOS) the client had left \
             before it was accepted",
            "listen before accept; a server goes on with the next client",
        ),
        ErrorKind::AddrNotAvailable => (
            "this machine has no address or port of its own from which to \
             reach that one",
            "127.0.0.1, and a port other than 0; or end programs that have \
             many connections",
        ),
        ErrorKind::ConnectionRefused => (
            "the machine answered, but no program listens at that address",
            "start the other end first, and compare addresses and ports",
        ),
        ErrorKind::BrokenPipe => (
            "this socket has no peer: the other end has left, or this end \
             has shut the direction down itself; or it is a listener, which \
             never has one",
            "look at the other end; a server sends on the socket that accept \
             returned",
        ),
        ErrorKind::ConnectionAborted if is_connect => (
            "most often: this socket has tried to connect before, and failed",
            "a new socket for each attempt",
        ),
        // Windows, where a UDP socket says so.
        ErrorKind::ConnectionReset if call.ends_with("_from") => (
            "nobody was at the port to which this socket sent something",
            "receive on: the socket is as good as before",
        ),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => (
            "the connection was ended at once: most often the other end left \
             while bytes were on their way to it",
            "look at the other end: did it stop, or crash?",
        ),
        ErrorKind::UnexpectedEof => (
            "the other end closed the connection before it had sent all of \
             its message",
            "look at the other end: did it stop, or crash?",
        ),
        ErrorKind::InvalidData => (
            "what came is not the answer to what was sent: another program \
             listens there, or it received a line in two pieces",
            "look whether the right program listens at that address",
        ),
        // Of a socket that had a peer, too.
        ErrorKind::NotConnected if call == "shutdown" => (
            "the connection is over already, or there never was one",
            "ignore it, and close",
        ),
        ErrorKind::NotConnected => (
            "this socket has no peer: its connection is over already, or \
             there never was one (and nobody is at a port 0)",
            "connect first, to the address of a program that is there; if \
             it is over, close",
        ),
        ErrorKind::WouldBlock if call == "spawn" => (
            "this system allows no more threads just now",
            "end other programs, or raise the limit (ulimit -u)",
        ),
        // Not a limit of the program's own: on Unix that is WouldBlock.
        _ if cfg!(unix) && !is_connect && has_number(error, 110, 60) => (
            "the other machine has stopped answering, and the kernel has \
             given the connection up",
            "a new connection; what was not answered may be lost",
        ),
        ErrorKind::WouldBlock if call == "accept" => (
            "no client has come yet",
            "start one; a server accepts again later",
        ),
        ErrorKind::WouldBlock if call == A_CALL => (
            "a limit of time is over (or the socket doesn't wait), and the \
             other end has sent nothing, or takes nothing",
            "look at what the other end waits for; or a longer limit",
        ),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => (
            "no answer came in time: nobody is at that address, a firewall \
             drops what is sent there, or the other end is busy",
            "the address 127.0.0.1 and a program that listens there, and \
             has time for you",
        ),
        // Of a connection that was there: the network has said so.
        ErrorKind::HostUnreachable if is_told_later => (
            "the other machine does not answer any more, and a TCP \
             connection to it is given up",
            "a new connection",
        ),
        ErrorKind::HostUnreachable => (
            "nobody there has that address; or a firewall, most often that \
             machine's own, refuses the port",
            "ping it: if it answers, let its firewall allow the port (and, \
             on macOS, allow your program the local network)",
        ),
        ErrorKind::NetworkUnreachable => (
            "this machine knows no way to that address",
            "127.0.0.1, or an address on a network that it is on; if that \
             fails, too, start loopback (Linux: ip link set lo up)",
        ),
        ErrorKind::Interrupted if is_connect => (
            "a signal reached the program while the call waited, and the \
             kernel goes on connecting",
            "a new socket, and the call again",
        ),
        ErrorKind::Interrupted => (
            "a signal reached the program while the call waited",
            "the same call again: nothing is lost",
        ),
        // macOS, from a socket that was made long ago.
        _ if has_number(error, 91, 41) && call != "socket" => (
            "the other end has just left, or a VPN was switched on after \
             the socket was made",
            "a new connection",
        ),
        _ if has_number(error, 105, 55) => (
            "the kernel has no room left for it just now",
            "close sockets that are done with, or send more slowly",
        ),
        _ if has_number(error, 24, 24) => (
            "a program may have only so many descriptors at a time",
            "close what is done with, or raise the limit (ulimit -n)",
        ),
        _ if has_number(error, 23, 23) => (
            "all programs together have as many descriptors as this system \
             allows",
            "end programs that have many files or sockets open",
        ),
        _ if has_number(error, 19, 19) => (
            "this machine has no network card with that number",
            "a number that it has (Linux: ip link), or 127.0.0.1",
        ),
        _ if is_unknown_family(error) && call != "socket" => (
            "the socket is of the other family, or IPv6 is switched off",
            "Domain::for_address, which fits the socket to its address",
        ),
        _ if is_unknown_family(error) => (
            "IPv6 is switched off on this machine",
            "an IPv4 address, such as 127.0.0.1:8090",
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::net::ToSocketAddrs as _;

    use super::*;

    fn cure(error: &io::Error, call: &str, at: &str) -> &'static str {
        let address = at.parse().expect("an address");
        advice(error, call, Some(address)).map_or("", |(_, cure)| cure)
    }

    /// Where it hangs on the call or the address: the end of the cure.
    #[test]
    fn each_failure_gets_its_own_advice() {
        use ErrorKind::*;
        for (kind, call, at, end) in [
            (AddrNotAvailable, "bind", "1.1.1.1:1", "[::] for IPv6)"),
            (AddrNotAvailable, "connect", "1.1.1.1:1", "many connections"),
            (PermissionDenied, "bind", "127.0.0.1:0", "another port"),
            (InvalidInput, "accept", "1.1.1.1:1", "the next client"),
            (
                PermissionDenied,
                "bind",
                "1.1.1.1:1023",
                if cfg!(unix) { "as 8090" } else { "another port" },
            ),
            (PermissionDenied, "bind", "1.1.1.1:1024", "another port"),
            (PermissionDenied, "connect", "1.1.1.1:80", "127.0.0.1:8090"),
            (InvalidInput, "bind", "[fe80::1]:1", "[fe80::1%2]:8090"),
            (InvalidInput, "bind", "[fe80::1%2]:1", ""),
            (InvalidInput, "bind", "[::1]:1", ""),
            (InvalidInput, "bind", "127.0.0.1:1", ""),
            (AddrInUse, "bind", "127.0.0.1:0", "ask for a port"),
            (AddrInUse, "bind", "127.0.0.1:1", "another port"),
            (AddrInUse, "connect", "127.0.0.1:0", "before connect"),
            (ConnectionAborted, "connect_timeout", "1.1.1.1:1", "attempt"),
            (ConnectionAborted, "read", "127.0.0.1:1", "stop, or crash?"),
            (ConnectionReset, "recv_from", "127.0.0.1:1", "as before"),
            (ConnectionReset, "recv", "127.0.0.1:1", "stop, or crash?"),
            (HostUnreachable, "connect", "1.1.1.1:1", "local network)"),
            (HostUnreachable, "send_to", "1.1.1.1:1", "local network)"),
            (HostUnreachable, "recv", "1.1.1.1:1", "a new connection"),
            (NetworkUnreachable, "connect", "1.1.1.1:1", "lo up)"),
            (Interrupted, "connect", "127.0.0.1:1", "the call again"),
            (Interrupted, "read", "127.0.0.1:1", "nothing is lost"),
            (WouldBlock, "spawn", "127.0.0.1:1", "(ulimit -u)"),
            (WouldBlock, "recv", "127.0.0.1:1", "time for you"),
            (WouldBlock, "accept", "127.0.0.1:1", "again later"),
            (NotConnected, "peer_addr", "127.0.0.1:0", "is over, close"),
            (NotConnected, "shutdown", "127.0.0.1:1", "and close"),
        ] {
            let cure = cure(&kind.into(), call, at);
            assert!(cure.ends_with(end), "{kind:?}, {call}: {cure}");
            assert_eq!(cure.is_empty(), end.is_empty(), "{kind:?}: {cure}");
        }
        let without_a_port = advice(&PermissionDenied.into(), "bind", None);
        let (why, _) = without_a_port.expect("an advice");
        assert!(why.contains("firewall"), "{why}");
    }

    /// What std makes of a lookup that failed; nothing is looked up here.
    #[test]
    fn a_lookup_that_failed_is_told_from_a_call_that_did() {
        let error = |why: &str| match cfg!(windows) {
            true => io::Error::from_raw_os_error(match why {
                "Name or service not known" => 11001,
                _ => 11002,
            }),
            false => io::Error::other(format!(
                "failed to lookup address information: {why}"
            )),
        };
        for (why, words, end) in [
            ("Name or service not known", NO_SUCH_NAME, "written; or"),
            (
                "Temporary failure in name resolution",
                NOBODY_TO_ASK,
                "on the network; or an",
            ),
            ("Try again", NOBODY_TO_ASK, "on the network; or an"),
        ] {
            let error = error(why);
            assert_eq!(in_words(&error), words);
            let (_, cure) =
                advice(&error, "to_socket_addrs", None).expect("an advice");
            assert!(cure.contains(end), "{cure}");
        }
        for text in ["localhost", "http://localhost"] {
            let error = text.to_socket_addrs().expect_err("no port");
            assert_eq!(in_words(&error), NO_NAME);
        }
        let other = io::Error::other("another one");
        assert_eq!(in_words(&other), "another one");
        assert!(advice(&other, "to_socket_addrs", None).is_none());
    }

    /// Errors that have no kind. The atlas of the book has the others.
    #[test]
    fn a_number_has_its_words_and_its_advice() {
        for ((linux, bsd), words, end) in [
            ((91, 41), "the protocol is of another type", ""),
            ((105, 55), "no buffer space", "more slowly"),
            ((19, 19), "no such device", "or 127.0.0.1"),
            ((24, 24), "too many open files or sockets", "(ulimit -n)"),
            (
                (23, 23),
                "too many open files on this system",
                "sockets open",
            ),
            ((97, 47), "address family not supported", "127.0.0.1:8090"),
        ] {
            let error = io::Error::from_raw_os_error(number(linux, bsd));
            assert_eq!(in_words(&error), words);
            let cure = cure(&error, "socket", "127.0.0.1:1");
            assert!(cure.ends_with(end), "{words}: {cure}");
        }
        let family = io::Error::from_raw_os_error(number(97, 47));
        let cure_of_bind = cure(&family, "bind", "[::1]:1");
        assert!(cure_of_bind.starts_with("Domain::"), "{cure_of_bind}");

        let wrong_type = io::Error::from_raw_os_error(number(91, 41));
        let cures = ["socket", "send"]
            .map(|call| cure(&wrong_type, call, "127.0.0.1:1"));
        assert_eq!(cures, ["", "a new connection"]);

        let silent = io::Error::from_raw_os_error(number(110, 60));
        let cure = ["connect", "read"].map(|call| {
            cure(&silent, call, "127.0.0.1:1").ends_with("time for you")
        });
        assert_eq!(cure, [true, cfg!(windows)]);
    }
}
