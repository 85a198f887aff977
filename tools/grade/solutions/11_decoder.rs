//! A server that takes text apart into its characters, however it is cut.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::str::from_utf8;
use std::thread::sleep;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

fn main() -> std::io::Result<()> {
    let address = std::env::args().next_back().expect("an argument");
    let address: SocketAddr = address.parse().expect("an address");

    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (So that a second run can have the port at once: step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(100)?;
    println!("ready");

    loop {
        let client = next_client(&listener)?;
        if let Err(error) = serve(client) {
            eprintln!("a conversation failed: {error}");
        }
    }
}

/// The next client. What passes is no reason to end: a client that has gone,
/// or too many open files. Wait a moment, and try again.
fn next_client(listener: &Socket) -> std::io::Result<Socket> {
    loop {
        let error = match listener.accept() {
            Ok((client, _)) => return Ok(client),
            Err(error) => error,
        };
        // But what lasts is: the socket does not listen. (On macOS, socket2
        // says the same of a client that has gone.)
        let lasts = error.kind() == ErrorKind::InvalidInput;
        if lasts && !cfg!(target_os = "macos") {
            return Err(error);
        }
        eprintln!("accept: {error}");
        sleep(Duration::from_millis(20));
    }
}

/// One conversation. What is left over from one receive waits in `bytes` for
/// the next one; each client has its own.
fn serve(mut client: Socket) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let length = client.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        bytes.extend_from_slice(&buffer[..length]);
        let answer = decode(&mut bytes);
        client.write_all(answer.as_bytes())?;
    }
    // The stream ended in the middle of a character.
    if !bytes.is_empty() {
        client.write_all(b"[?]")?;
    }
    Ok(())
}

/// Takes all that is complete from `bytes`, and leaves the beginning of a
/// character there.
fn decode(bytes: &mut Vec<u8>) -> String {
    let mut answer = String::new();
    loop {
        // As much text as there is, and why it ends there.
        let (text, wrong) = match from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) => {
                let text = &bytes[..error.valid_up_to()];
                (from_utf8(text).expect("valid so far"), error.error_len())
            }
        };
        for character in text.chars() {
            answer += &format!("[{character}]");
        }
        // These bytes are no character. (None: they may become one.)
        let wrong = wrong.unwrap_or(0);
        if wrong > 0 {
            answer += "[?]";
        }
        bytes.drain(..text.len() + wrong);
        if wrong == 0 {
            return answer;
        }
    }
}
