//! A client that finds its server: the next address is tried while those
//! before it are silent.

use std::io::{BufRead, BufReader, Error, ErrorKind, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long an address may be silent before the next one is tried as well.
const HEAD_START: Duration = Duration::from_millis(250);
/// How long it may be silent at all.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> std::io::Result<()> {
    let places = std::env::args().next_back().expect("an argument");
    let mut server = find(&places)?;
    println!("ready");

    server.write_all(b"hello\n")?;
    let mut line = String::new();
    // (No limit: a server that has answered once may take its time.)
    let length = BufReader::new(server).read_line(&mut line)?;
    if length == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    println!("{}", line.trim_end());
    Ok(())
}

/// The first connection that is there.
fn find(places: &str) -> std::io::Result<TcpStream> {
    let (tell, told) = mpsc::channel();
    let mut outcome = Err(Error::new(ErrorKind::NotFound, "no place"));
    for place in places.split(',') {
        // A name may have no address: that is the end of this place alone.
        let addresses = match place.to_socket_addrs() {
            Ok(addresses) => addresses,
            Err(error) => {
                outcome = Err(error);
                continue;
            }
        };
        for address in addresses {
            // Each attempt goes on in its own thread. When somebody has won,
            // nobody listens here any more: a late connection can't be told,
            // so it is dropped, and closed by that.
            let tell = tell.clone();
            thread::spawn(move || {
                let attempt = TcpStream::connect_timeout(&address, PATIENCE);
                let _ = tell.send(attempt);
            });
            match told.recv_timeout(HEAD_START) {
                Ok(Ok(server)) => return Ok(server),
                Ok(failed) => outcome = failed,
                Err(_) => {}
            }
        }
    }
    // All are tried, and some may still answer.
    drop(tell);
    for attempt in told {
        match attempt {
            Ok(server) => return Ok(server),
            failed => outcome = failed,
        }
    }
    outcome
}
