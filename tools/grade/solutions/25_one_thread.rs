//! An echo server for many clients at once, in one thread. It waits for all of
//! their sockets together, and sees to those that are ready.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

const LISTENER: Token = Token(0);
/// So many calls are for one client before the others have their turn.
const TURNS: usize = 32;

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
    // No call on it waits from now on. Only `poll` does.
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener.into());

    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("ready");

    let mut events = Events::with_capacity(256);
    let mut clients: HashMap<Token, Client> = HashMap::new();
    // (A number is never used again: no event is for another client.)
    let mut tokens = (1..).map(Token);
    // Who is to be seen to again without an event, and how soon.
    let mut again: Vec<Token> = Vec::new();
    let mut pause: Option<Duration> = None;
    loop {
        match poll.poll(&mut events, pause.take()) {
            Err(error) if error.kind() == ErrorKind::Interrupted => events.clear(),
            other => other?,
        }
        let mut ready: Vec<_> = events.iter().map(|event| event.token()).collect();
        ready.append(&mut again);
        ready.sort();
        ready.dedup();
        for token in ready {
            let turn = match clients.get_mut(&token) {
                Some(client) => client.is_ready(),
                None if token == LISTENER => {
                    accept_all(&listener, poll.registry(), &mut tokens, &mut clients)?
                }
                None => continue,
            };
            match turn {
                Turn::Waits => {}
                // Its socket is closed here, and `poll` forgets it.
                Turn::End => drop(clients.remove(&token)),
                Turn::Again(after) => {
                    again.push(token);
                    pause = Some(pause.unwrap_or(after).min(after));
                }
            }
        }
    }
}

/// How a turn ends.
enum Turn {
    /// When there is something to do again, an event will come.
    Waits,
    /// There is more to do, and no event will come for that.
    Again(Duration),
    End,
}

/// An event of the listener can stand for several clients: until nobody waits.
fn accept_all(
    listener: &TcpListener,
    registry: &Registry,
    tokens: &mut impl Iterator<Item = Token>,
    clients: &mut HashMap<Token, Client>,
) -> std::io::Result<Turn> {
    loop {
        let (mut stream, _) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Turn::Waits),
            // It does not listen: that lasts. (On macOS, the same is said of a
            // client that has gone.)
            Err(error)
                if error.kind() == ErrorKind::InvalidInput && !cfg!(target_os = "macos") =>
            {
                return Err(error);
            }
            // What passes is no reason to end: a client that has gone, or too
            // many open files. The others are served meanwhile.
            Err(error) => {
                eprintln!("accept: {error}");
                return Ok(Turn::Again(Duration::from_millis(20)));
            }
        };
        let token = tokens.next().expect("there are enough numbers");
        let both = Interest::READABLE | Interest::WRITABLE;
        match registry.register(&mut stream, token, both) {
            Ok(()) => drop(clients.insert(token, Client { stream, kept: vec![] })),
            Err(error) => eprintln!("a client is not served: {error}"),
        }
    }
}

struct Client {
    stream: TcpStream,
    /// What the kernel has not taken yet.
    kept: Vec<u8>,
}

impl Client {
    /// Its turn. Whatever happens to one client is no reason to end.
    fn is_ready(&mut self) -> Turn {
        self.converse().unwrap_or_else(|error| {
            eprintln!("a conversation failed: {error}");
            Turn::End
        })
    }

    /// Sends and receives until one of them would wait: an event says only
    /// that something has changed, and says it once.
    fn converse(&mut self) -> std::io::Result<Turn> {
        let mut buffer = [0; 4096];
        for _ in 0..TURNS {
            let result = match self.kept.is_empty() {
                // While something is kept for it, nothing more is received.
                false => self.stream.write(&self.kept),
                true => self.stream.read(&mut buffer),
            };
            match result {
                Ok(length) if !self.kept.is_empty() => drop(self.kept.drain(..length)),
                // All that came before has been sent.
                Ok(0) => return Ok(Turn::End),
                Ok(length) => self.kept.extend(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Turn::Waits),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // The others have their turn first.
        Ok(Turn::Again(Duration::ZERO))
    }
}
