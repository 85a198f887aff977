//! Standard output: one line per step, and what to type elsewhere.

use std::fmt::Display;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Loopback, and port 0: "this machine only, on any port that is free".
///
/// The kernel picks the port when the socket is bound; `local_addr` tells
/// which one it was.
pub const ANY_PORT: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Prints one line of the transcript: who acts, the call, what came of it.
///
/// Once nobody reads standard output any more (`... | head -1`) the line is
/// dropped: that is no reason for a lesson to stop halfway.
pub fn say(who: &str, call: &str, what: impl Display) {
    let _ = writeln!(io::stdout(), "{who:<10}{call:<12}{what}");
}

/// Prints one line of a chat, as [`say`] prints one of a lesson.
pub fn line(text: impl Display) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// In bytes. What goes on for longer is split, so that no input fills memory.
const LONGEST_LINE: u64 = 65_536;

/// The lines of standard input, as bytes and with their endings.
///
/// Where a person types them, each is asked for with `prompt`, and the end of
/// input (Ctrl-D; on Windows Ctrl-Z and Enter) leaves the prompt's line.
/// Where they come from a file or a pipe, no prompt is in the transcript.
pub fn lines(prompt: &str) -> impl Iterator<Item = io::Result<Vec<u8>>> {
    let person = io::stdin().is_terminal();
    std::iter::from_fn(move || {
        if person {
            let _ = write!(io::stdout(), "{prompt}");
            let _ = io::stdout().flush();
        }
        let mut line = Vec::new();
        let mut input = io::stdin().lock().take(LONGEST_LINE);
        match input.read_until(b'\n', &mut line) {
            Ok(0) => {
                if person {
                    let _ = writeln!(io::stdout());
                }
                None
            }
            Ok(_) => Some(Ok(line)),
            Err(error) => Some(Err(error)),
        }
    })
}

/// Says that the other end is the reader, and what to type there.
pub fn invite(who: &str, call: &str, commands: &[String]) {
    say(who, call, "waits for you. In another terminal, type");
    for (place, command) in commands.iter().enumerate() {
        say("", if place == 0 { "" } else { "or" }, command);
    }
}

/// The `nc` command that connects to `address` by TCP.
pub fn nc(address: SocketAddr) -> String {
    let address = reachable(address);
    format!("nc {} {}", address.ip(), address.port())
}

/// The `nc` command that sends datagrams to `address` by UDP.
pub fn nc_udp(address: SocketAddr) -> String {
    let address = reachable(address);
    format!("nc -u {} {}", address.ip(), address.port())
}

/// The command that runs `example`, this crate's own other half, towards
/// `address`.
pub fn other_half(example: &str, address: SocketAddr) -> String {
    let address = reachable(address);
    if address.is_ipv6() {
        // Without the quotes, zsh takes the brackets for a pattern.
        return format!("cargo run --example {example} -- \"{address}\"");
    }
    format!("cargo run --example {example} -- {address}")
}

/// Where a program on this machine reaches a socket that is bound to `address`.
///
/// 0.0.0.0 and `[::]` mean "every address of this machine" to `bind`, and
/// nothing portable to who sends there: it takes loopback.
pub fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Waits until the reader presses Enter, or standard input ends.
pub fn wait_for_enter() {
    let _ = io::stdin().read_line(&mut String::new());
}

/// The number by which this process names a socket: a file descriptor.
#[cfg(unix)]
pub fn descriptor(socket: &impl std::os::fd::AsRawFd) -> i32 {
    socket.as_raw_fd()
}

/// The number by which this process names a socket: on Windows, a handle.
#[cfg(windows)]
pub fn descriptor(
    socket: &impl std::os::windows::io::AsRawSocket,
) -> std::os::windows::io::RawSocket {
    socket.as_raw_socket()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn nc_takes_address_and_port_apart_and_without_brackets() {
        assert_eq!(nc(address("127.0.0.1:8090")), "nc 127.0.0.1 8090");
        assert_eq!(nc(address("[::1]:8090")), "nc ::1 8090");
        assert_eq!(nc_udp(address("[::1]:53")), "nc -u ::1 53");
    }

    #[test]
    fn a_wildcard_is_reached_by_loopback_of_its_own_family() {
        assert_eq!(nc(address("0.0.0.0:8090")), "nc 127.0.0.1 8090");
        assert_eq!(
            other_half("04_connect", address("[::]:8090")),
            "cargo run --example 04_connect -- \"[::1]:8090\""
        );
    }

    #[test]
    fn any_port_is_loopback_only() {
        assert!(ANY_PORT.ip().is_loopback());
        assert_eq!(ANY_PORT.port(), 0);
    }
}
