//! A server that notices who has gone silent. Each client has a thread, which
//! waits for its bytes until the next ping is due, or until it is gone.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

/// Who has said nothing for so long is asked, ...
const ASKED: Duration = Duration::from_secs(1);
/// ... and gone after so long.
const GONE: Duration = Duration::from_secs(3);

fn main() -> std::io::Result<()> {
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (So that a second run can have the port at once: step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(50)?;
    println!("ready");

    loop {
        let client: TcpStream = match listener.accept() {
            Ok((client, _)) => client.into(),
            // It does not listen: that lasts. (On macOS, the same is said of a
            // client that has gone.)
            Err(error)
                if error.kind() == ErrorKind::InvalidInput && !cfg!(target_os = "macos") =>
            {
                return Err(error);
            }
            // What passes is no reason to end.
            Err(error) => {
                eprintln!("accept: {error}");
                thread::sleep(Duration::from_millis(20));
                continue;
            }
        };
        let conversation = move || {
            // The client's socket is closed with the end of this function,
            // whatever happened.
            if let Err(error) = converse(client) {
                eprintln!("a conversation ended: {error}");
            }
        };
        if let Err(error) = thread::Builder::new().spawn(conversation) {
            eprintln!("no thread: {error}");
        }
    }
}

/// Until the client has ended, or is gone.
fn converse(mut client: TcpStream) -> std::io::Result<()> {
    // A line is kept here until it is whole.
    let mut kept = Vec::new();
    let mut buffer = [0; 1024];
    // When its last byte came, and how often it was asked since then.
    let mut heard = Instant::now();
    let mut pings = 0;
    loop {
        let silence = heard.elapsed();
        if silence >= GONE {
            return Ok(());
        }
        let next = ASKED * (pings + 1);
        if silence >= next {
            client.write_all(b"ping\n")?;
            pings += 1;
            continue;
        }
        // What is left until the next ping, or the end. (Not 0: that would
        // be no limit.)
        client.set_read_timeout(Some((next - silence).max(Duration::from_millis(1))))?;
        match client.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => {
                (heard, pings) = (Instant::now(), 0);
                kept.extend_from_slice(&buffer[..length]);
            }
            // Only the clock says what that means.
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => continue,
                ErrorKind::TimedOut if cfg!(windows) => continue,
                _ => return Err(error),
            },
        }
        while let Some(end) = kept.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = kept.drain(..=end).collect();
            if line != b"pong\n" {
                client.write_all(&line)?;
            }
        }
    }
}
