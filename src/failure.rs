//! A call that failed: which one, at which address, why in plain words, and
//! what to try.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// A failed call, told to a person.
///
/// Its text has up to three lines: the call, its address and the reason with
/// the system's own number; `why:`; and `try:`.
#[derive(Debug)]
pub struct Failure {
    call: &'static str,
    address: Option<SocketAddr>,
    cause: Option<io::Error>,
}

/// An address that should have been an IP one is of another family.
///
/// `as_socket()` answers `None` then. The course opens IP sockets only, so
/// this is rare: macOS may hand over a client that has left without one.
pub const NOT_IP: Failure =
    Failure { call: "as_socket", address: None, cause: None };

/// Names the call that an [`io::Result`] comes from.
pub trait During<T> {
    /// Turns an error into a [`Failure`] that says it came `during` this
    /// call, and at which address, where there is one.
    fn during(
        self,
        call: &'static str,
        address: impl Into<Option<SocketAddr>>,
    ) -> Result<T, Failure>;
}

impl<T> During<T> for io::Result<T> {
    fn during(
        self,
        call: &'static str,
        address: impl Into<Option<SocketAddr>>,
    ) -> Result<T, Failure> {
        self.map_err(|error| Failure {
            call,
            address: address.into(),
            cause: Some(error),
        })
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.call)?;
        if let Some(address) = self.address {
            write!(f, " {address}")?;
        }
        let Some(error) = &self.cause else {
            return write!(f, ": this is not an IP address");
        };
        write!(f, ": {}", in_words(error))?;
        if let Some(code) = error.raw_os_error() {
            write!(f, " (os error {code})")?;
        }
        if let Some((why, cure)) = self.advice(error) {
            write!(f, "\n  why: {why}\n  try: {cure}")?;
        }
        Ok(())
    }
}

impl Failure {
    /// Why this happens, and what to do about it.
    fn advice(
        &self,
        error: &io::Error,
    ) -> Option<(&'static str, &'static str)> {
        let low_port = self.address.is_some_and(|a| a.port() < 1024);
        Some(match error.kind() {
            ErrorKind::AddrInUse => (
                "a program on this machine has that port, or (TCP only) had \
                 it less than a minute ago",
                "end that program, or take another port",
            ),
            ErrorKind::AddrNotAvailable if self.call == "bind" => (
                "bind takes only addresses that this machine has",
                "127.0.0.1 (this machine only) or 0.0.0.0 (all of its \
                 addresses)",
            ),
            ErrorKind::PermissionDenied
                if self.call == "bind" && low_port =>
            {
                (
                    "this system keeps the ports below 1024 for \
                     privileged programs",
                    "a port from 1024 on, such as 8090",
                )
            }
            ErrorKind::PermissionDenied => (
                "the system, or a firewall on it, does not allow this",
                "the address 127.0.0.1, and a port from 1024 on",
            ),
            ErrorKind::AddrNotAvailable => (
                "this machine has no address or port of its own from which \
                 to reach that one",
                "127.0.0.1, and a port other than 0",
            ),
            ErrorKind::ConnectionRefused => (
                "the machine answered, but no program listens at that \
                 port",
                "start the other end first, and compare the port numbers",
            ),
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => (
                "the other end left in the middle of the conversation",
                "look at the other end: did it stop, or crash?",
            ),
            ErrorKind::UnexpectedEof => (
                "the other end closed the connection before it had sent all \
                 of its message",
                "look at the other end: did it stop, or crash?",
            ),
            ErrorKind::InvalidData => (
                "what came is not the answer to what was sent: another \
                 program listens there, or it received a line in two pieces",
                "look whether the right program listens at that address",
            ),
            ErrorKind::TimedOut | ErrorKind::WouldBlock => (
                "no answer came in time: nobody is at that address, or a \
                 firewall drops what is sent there",
                "the address 127.0.0.1 and a program that listens there",
            ),
            ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => (
                "this machine knows no way to that address",
                "127.0.0.1, or an address on a network that it is on",
            ),
            _ if is_unknown_family(error) => (
                "IPv6 is switched off on this machine",
                "an IPv4 address, such as 127.0.0.1:8090",
            ),
            _ => return None,
        })
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
    let is = |linux, bsd| has_number(error, linux, bsd);
    let words = match error.kind() {
        ErrorKind::AddrInUse => "the address is already in use",
        ErrorKind::AddrNotAvailable => "the address is not available",
        ErrorKind::PermissionDenied => "permission denied",
        ErrorKind::ConnectionRefused => "connection refused",
        ErrorKind::ConnectionReset => "connection reset by the peer",
        ErrorKind::ConnectionAborted => "connection aborted",
        ErrorKind::BrokenPipe => "the connection is closed (broken pipe)",
        ErrorKind::NotConnected => "not connected",
        ErrorKind::WouldBlock => "nothing yet (it would block)",
        ErrorKind::TimedOut => "timed out",
        ErrorKind::NetworkUnreachable => "network unreachable",
        ErrorKind::HostUnreachable => "host unreachable",
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
            _ if is(24, 24) => "too many open files or sockets",
            _ if is(93, 43) => "protocol not supported",
            _ if is(115, 36) => "operation in progress",
            _ if is(106, 56) => "already connected",
            _ if is(89, 39) => "destination address required",
            _ if is(114, 37) => "operation in progress",
            _ if is(90, 40) => "message too long",
            _ if is(105, 55) => "no buffer space",
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

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: ErrorKind, call: &'static str, at: &str) -> String {
        let address: SocketAddr = at.parse().expect("an address");
        let result: io::Result<()> = Err(kind.into());
        result.during(call, address).expect_err("an error").to_string()
    }

    #[test]
    fn each_common_failure_names_call_and_address_and_helps() {
        use ErrorKind::*;
        for (kind, call, at, words) in [
            (AddrInUse, "bind", "127.0.0.1:8090", "another port"),
            (AddrNotAvailable, "bind", "192.0.2.1:8090", "127.0.0.1"),
            (PermissionDenied, "bind", "127.0.0.1:80", "below 1024"),
            (PermissionDenied, "connect", "127.0.0.1:80", "firewall"),
            (ConnectionRefused, "connect", "127.0.0.1:1", "start the"),
            (ConnectionReset, "recv", "127.0.0.1:1", "left in"),
            (BrokenPipe, "send", "127.0.0.1:1", "left in"),
            (TimedOut, "connect", "192.0.2.1:80", "no answer"),
            (NetworkUnreachable, "connect", "[2001:db8::1]:80", "way"),
        ] {
            let text = failure(kind, call, at);
            assert!(text.starts_with(&format!("{call} {at}: ")), "{text}");
            assert!(text.contains(words), "{text}");
            assert!(text.contains("\n  why: "), "{text}");
            assert!(text.contains("\n  try: "), "{text}");
        }
    }

    #[test]
    fn the_systems_own_number_is_there_to_search_for() {
        let code = if cfg!(windows) { 10048 } else { 1 };
        let failed: io::Result<()> =
            Err(io::Error::from_raw_os_error(code));
        let text = failed.during("listen", None).expect_err("").to_string();
        assert!(text.contains(&format!("(os error {code})")), "{text}");
        assert!(!text.contains("Os {"), "{text}");
    }

    #[test]
    fn an_unknown_error_still_gets_words() {
        let text = failure(ErrorKind::OutOfMemory, "socket", "127.0.0.1:1");
        assert_eq!(text, "socket 127.0.0.1:1: out of memory");
    }
}
