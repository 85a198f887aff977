//! An error in plain words: what it is called here, why it happens, and what
//! to try.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

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
        ErrorKind::InvalidInput => "invalid argument",
        _ if is_unknown_family(error) => "address family not supported",
        kind => match error.raw_os_error() {
            // EOPNOTSUPP: newer Rusts have a kind for it on some systems.
            Some(95) if cfg!(target_os = "linux") => NOT_SUPPORTED,
            Some(102) if cfg!(target_vendor = "apple") => NOT_SUPPORTED,
            Some(10045) if cfg!(windows) => NOT_SUPPORTED,
            _ if is(23, 23) => "too many open files on this system",
            _ if is(24, 24) => "too many open files or sockets",
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

/// `EAFNOSUPPORT`: the kernel has no such address family.
fn is_unknown_family(error: &io::Error) -> bool {
    has_number(error, 97, 47)
}

/// Whether this is the error with that number on Linux; or with that one on
/// macOS, which has BSD's. Windows Sockets took those over, and added 10,000.
fn has_number(error: &io::Error, linux: i32, bsd: i32) -> bool {
    let number = if cfg!(windows) {
        10_000 + bsd
    } else if cfg!(target_os = "linux") {
        linux
    } else {
        bsd
    };
    error.raw_os_error() == Some(number)
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
    let low_port = address.is_some_and(|a| a.port() < 1024);
    Some(match error.kind() {
        ErrorKind::AddrInUse => (
            "a program on this machine has that port, or (TCP only) had it \
             less than a minute ago",
            "end that program, wait a minute, or take another port",
        ),
        ErrorKind::AddrNotAvailable if call == "bind" => (
            "bind takes only addresses that this machine has",
            "127.0.0.1 (this machine only) or 0.0.0.0 (all of its \
             addresses)",
        ),
        ErrorKind::PermissionDenied if call == "bind" && low_port => (
            "this system keeps the ports below 1024 for privileged \
             programs",
            "a port from 1024 on, such as 8090",
        ),
        ErrorKind::PermissionDenied => (
            "the system, or a firewall on it, does not allow this; or the \
             address is that of many machines (broadcast)",
            "an address of one machine, such as 127.0.0.1:8090",
        ),
        ErrorKind::InvalidInput if is_link_local(address) => (
            "an address that begins with fe80 is known on one network only, \
             and does not say on which",
            "the number of the network card behind it: [fe80::1%2]:8090",
        ),
        ErrorKind::AddrNotAvailable => (
            "this machine has no address or port of its own from which to \
             reach that one",
            "127.0.0.1, and a port other than 0",
        ),
        ErrorKind::ConnectionRefused => (
            "the machine answered, but no program listens at that port",
            "start the other end first, and compare the port numbers",
        ),
        ErrorKind::BrokenPipe => (
            "this socket has no peer: the other end has left, or it is a \
             listener, which never has one",
            "look at the other end; a server sends on the socket that accept \
             returned",
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
        ErrorKind::TimedOut | ErrorKind::WouldBlock => (
            "no answer came in time: nobody is at that address, a firewall \
             drops what is sent there, or the other end is busy",
            "the address 127.0.0.1 and a program that listens there, and \
             has time for you",
        ),
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => (
            "this machine knows no way to that address",
            "127.0.0.1, or an address on a network that it is on",
        ),
        ErrorKind::Interrupted => (
            "a signal reached the program while the call waited",
            "the same call again: nothing is lost",
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
        _ if is_unknown_family(error) => (
            "IPv6 is switched off on this machine",
            "an IPv4 address, such as 127.0.0.1:8090",
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "127.0.0.1:8090";

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    /// The numbers of this system.
    fn number(linux: i32, bsd: i32) -> io::Error {
        io::Error::from_raw_os_error(if cfg!(windows) {
            10_000 + bsd
        } else if cfg!(target_os = "linux") {
            linux
        } else {
            bsd
        })
    }

    /// Each advice, and each condition that it hangs on: the last words of
    /// the cure.
    #[test]
    fn each_failure_gets_its_own_advice() {
        use ErrorKind::*;
        let kind = |kind: ErrorKind| io::Error::from(kind);
        for (error, call, at, words) in [
            (kind(AddrInUse), "bind", HERE, "take another port"),
            (
                kind(AddrNotAvailable),
                "bind",
                HERE,
                "(all of its addresses)",
            ),
            (kind(AddrNotAvailable), "connect", HERE, "other than 0"),
            (kind(PermissionDenied), "bind", "1.1.1.1:1023", "as 8090"),
            (
                kind(PermissionDenied),
                "bind",
                "1.1.1.1:1024",
                "127.0.0.1:8090",
            ),
            (
                kind(PermissionDenied),
                "connect",
                "1.1.1.1:80",
                "127.0.0.1:8090",
            ),
            (kind(InvalidInput), "bind", "[fe80::1]:1", "[fe80::1%2]:8090"),
            (kind(ConnectionRefused), "connect", HERE, "port numbers"),
            (kind(ConnectionReset), "read", HERE, "or crash?"),
            (kind(ConnectionAborted), "read", HERE, "or crash?"),
            (kind(BrokenPipe), "send", HERE, "accept returned"),
            (kind(UnexpectedEof), "receive", HERE, "or crash?"),
            (kind(InvalidData), "receive", HERE, "at that address"),
            (kind(TimedOut), "connect", HERE, "time for you"),
            (kind(WouldBlock), "recv", HERE, "time for you"),
            (kind(NetworkUnreachable), "connect", HERE, "it is on"),
            (kind(HostUnreachable), "connect", HERE, "it is on"),
            (kind(Interrupted), "read", HERE, "nothing is lost"),
            (number(105, 55), "send_to", HERE, "more slowly"),
            (number(24, 24), "socket", HERE, "(ulimit -n)"),
            (number(23, 23), "socket", HERE, "sockets open"),
            (number(97, 47), "socket", "[::1]:1", "127.0.0.1:8090"),
        ] {
            let advice = advice(&error, call, Some(address(at)));
            let (_, cure) = advice.expect("an advice");
            assert!(cure.ends_with(words), "{error:?}, {call}: {cure}");
        }
        let low = advice(&kind(PermissionDenied), "bind", None);
        let (why, _) = low.expect("an advice");
        assert!(why.contains("firewall"), "without a port: {why}");
        let (why, _) = advice(&kind(UnexpectedEof), "receive", None)
            .expect("an advice");
        assert!(why.contains("all of its message"), "{why}");
        assert!(advice(&kind(OutOfMemory), "socket", None).is_none());
        for at in ["[fe80::1%2]:1", "[::1]:1", "127.0.0.1:1"] {
            let advice =
                advice(&kind(InvalidInput), "bind", Some(address(at)));
            assert!(advice.is_none(), "{at}");
        }
        assert!(advice(&number(90, 40), "send_to", None).is_none());
    }

    #[test]
    fn each_error_has_words_of_its_own() {
        use ErrorKind::*;
        let kind = |kind: ErrorKind| io::Error::from(kind);
        let is_linux = cfg!(target_os = "linux");
        let not_supported = if is_linux {
            io::Error::from_raw_os_error(95)
        } else if cfg!(windows) {
            io::Error::from_raw_os_error(10045)
        } else {
            io::Error::from_raw_os_error(102)
        };
        for (error, words) in [
            (kind(AddrInUse), "the address is already in use"),
            (kind(AddrNotAvailable), "the address is not available"),
            (kind(PermissionDenied), "permission denied"),
            (kind(ConnectionRefused), "connection refused"),
            (kind(ConnectionReset), "connection reset by the peer"),
            (kind(ConnectionAborted), "connection aborted"),
            (kind(BrokenPipe), "the connection is closed (broken pipe)"),
            (kind(NotConnected), "not connected"),
            (kind(WouldBlock), "nothing yet (it would block)"),
            (kind(TimedOut), "timed out"),
            (kind(NetworkUnreachable), "network unreachable"),
            (kind(HostUnreachable), "host unreachable"),
            (kind(Unsupported), "operation not supported"),
            (kind(Interrupted), "interrupted"),
            (kind(UnexpectedEof), "the peer left too early"),
            (kind(InvalidData), "the peer speaks another protocol"),
            (kind(InvalidInput), "invalid argument"),
            (not_supported, "operation not supported"),
            (number(97, 47), "address family not supported"),
            (number(23, 23), "too many open files on this system"),
            (number(24, 24), "too many open files or sockets"),
            (number(91, 41), "the protocol is of another type"),
            (number(93, 43), "protocol not supported"),
            (number(106, 56), "already connected"),
            (number(89, 39), "destination address required"),
            (number(114, 37), "operation in progress"),
            (number(90, 40), "message too long"),
            (number(105, 55), "no buffer space"),
            (kind(OutOfMemory), "out of memory"),
        ] {
            assert_eq!(in_words(&error), words, "{error:?}");
        }
        // Windows says this of a non-blocking call in another way.
        if !cfg!(windows) {
            let error = number(115, 36);
            assert_eq!(in_words(&error), "operation in progress");
        }
    }
}
