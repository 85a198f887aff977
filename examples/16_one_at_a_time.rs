//! Step 16, TCP: one client at a time, and then several.
//!
//! A server that ends one conversation before it accepts the next client
//! leaves the others in the queue: connected, and not served. The cure is a
//! thread for each conversation, and a limit on their number.
//!
//! Look for: ben, who waits until anna has left; ben with a thread of his own;
//! carl, for whom there is none; and a place that a silent client loses.
//!
//! One terminal, all ends (it waits half a second, three times):
//!     cargo run --example 16_one_at_a_time
//! The chat of step 7 for 8 terminals at once, until Ctrl-C:
//!     cargo run --example 16_one_at_a_time -- 127.0.0.1:8090
//!     cargo run --example 07_chat_client

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::{process::ExitCode, thread, time::Duration};

// Not the lesson: `run` reads the command line, `say` prints a line, `at`
// puts the address into an error.
use socket_steps::{At, Failure, in_words, invite, run, say};
use socket2::{Domain, Protocol, Socket, Type};

const PLACES: usize = 8;
const A_WHILE: Duration = Duration::from_millis(500);
const SOON: Duration = Duration::from_secs(10);
const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// Room in the queue for a crowd. (The kernel may give less: step 14.)
const BACKLOG: i32 = 4096;

fn main() -> ExitCode {
    run(include_str!("16_one_at_a_time.rs"), lesson, with_you)
}

/// Steps 1 to 3: create, bind, listen.
fn listen(address: SocketAddr) -> Result<Socket, Failure> {
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into()).at(address)?;
    listener.listen(BACKLOG)?;
    Ok(listener)
}

/// Step 4: accept. No failure ends the server: it says what happened, waits a
/// little, and tries again. (A shortage of open files passes.)
fn next_client(listener: &Socket) -> Socket {
    loop {
        match listener.accept() {
            Ok((client, _)) => return client,
            Err(error) => say("server", "accept", in_words(&error)),
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Steps 5 and 6: the conversation of step 7, in bytes. A client that says
/// nothing for as long as `silence`, or doesn't receive what is sent to it,
/// loses its place (step 13). (The limits are for each call: one that says a
/// word now and then may stay, and so may one that receives a little.)
fn converse(mut client: Socket, silence: Duration) -> io::Result<()> {
    client.set_read_timeout(Some(silence))?;
    client.set_write_timeout(Some(Duration::from_secs(1)))?;
    client.write_all(b"Hello, client!")?;
    let mut buffer = [0; 1024];
    loop {
        let length = match client.read(&mut buffer) {
            // (By Ctrl-Z and `fg`, for one: step 13.)
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                continue;
            }
            result => result?,
        };
        let text = &buffer[..length];
        if length == 0 {
            return Ok(());
        }
        client.write_all(&[b"Server received: ", text].concat())?;
        // (A `quit` in two pieces, or behind other text, is not seen: step 9.)
        if matches!(text, b"quit" | b"quit\n" | b"quit\r\n") {
            return Ok(());
        }
    }
}

/// A place in the server, for one conversation. When that ends, the place is
/// dropped, and with it comes back to the server. (`drop` is called in any
/// case, even if the thread panics.)
struct Place(mpsc::Sender<()>);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// A thread for each conversation, and a bound, or strangers could start any
/// number of threads. The bound is a number of places: `free` holds one item
/// for each free place, and `recv` waits while there is none. (With a single
/// place this is the server of step 7. `channel` makes the two ends of a
/// queue between threads: what one sends, the other receives.)
fn serve(listener: Socket, places: usize, silence: Duration) {
    let (give_back, free) = mpsc::channel();
    for _ in 0..places {
        let _ = give_back.send(());
    }
    while free.recv().is_ok() {
        let place = Place(give_back.clone());
        let client = next_client(&listener);
        let talk = move || {
            let _place = place;
            let _ = converse(client, silence);
        };
        // If no thread can be started, `talk` goes, and with it the client
        // and the place.
        if let Err(error) = thread::Builder::new().spawn(talk) {
            say("server", "thread", error);
        }
    }
}

/// A client receives, for as long as `limit`.
fn hear(
    who: &str,
    mut client: &TcpStream,
    limit: Duration,
) -> io::Result<()> {
    client.set_read_timeout(Some(limit))?;
    let mut buffer = [0; 1024];
    loop {
        match client.read(&mut buffer) {
            Ok(0) => say(who, "recv", "0 bytes: the server has ended it"),
            Ok(n) => {
                say(who, "recv", String::from_utf8_lossy(&buffer[..n]))
            }
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => continue,
                ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                    say(who, "recv", format!("nothing in {limit:?}"));
                }
                _ => return Err(error),
            },
        }
        return Ok(());
    }
}

/// All ends. The address is 127.0.0.1:0, so each server gets its own port.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // The failure: one place, two clients. The cure: two places. The bound:
    // two places, three clients.
    let names = ["anna", "ben", "carl"];
    for places in [1, 2] {
        let listener = listen(address)?;
        let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
        say("server", "serve", format!("{places} at a time"));
        thread::Builder::new()
            .spawn(move || serve(listener, places, FIVE_MINUTES))?;
        let mut clients = Vec::new();
        for (number, name) in names[..=places].iter().enumerate() {
            let client = TcpStream::connect(here)?;
            say(name, "connect", client.peer_addr()?);
            let served = number < places;
            hear(name, &client, if served { SOON } else { A_WHILE })?;
            clients.push(client);
        }

        // The first one leaves. Now there is a place for the last one.
        let sent = clients[0].write(b"quit")?;
        say(names[0], "send", format!("{sent} bytes"));
        hear(names[0], &clients[0], SOON)?;
        hear(names[places], &clients[places], SOON)?;
    }

    // One place, and a client that says nothing: it loses the place in time.
    let listener = listen(address)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    say("server", "serve", format!("{A_WHILE:?} of silence at most"));
    thread::Builder::new().spawn(move || serve(listener, 1, A_WHILE))?;
    let dora = TcpStream::connect(here)?;
    hear("dora", &dora, SOON)?;
    let erik = TcpStream::connect(here)?;
    hear("erik", &erik, SOON)?;
    hear("dora", &dora, SOON)?;
    Ok(())
}

/// With an address, the clients are you.
fn with_you(address: SocketAddr) -> Result<(), Failure> {
    let listener = listen(address)?;
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    say("server", "serve", format!("{PLACES} at a time"));
    invite("server", "accept", here, &["nc", "07_chat_client"]);
    serve(listener, PLACES, FIVE_MINUTES);
    Ok(())
}
