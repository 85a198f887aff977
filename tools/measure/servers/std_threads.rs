//! The chat of step 7 with Rust's standard library alone: a thread for each
//! client, as in `examples/16_one_at_a_time.rs`, but with more places.
//!
//!     rustc --edition 2024 -O std_threads.rs && ./std_threads 127.0.0.1:8090

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

const PLACES: usize = 10_000;

fn converse(mut client: TcpStream) -> std::io::Result<()> {
    client.set_write_timeout(Some(Duration::from_secs(1)))?;
    client.write_all(b"Hello, client!")?;
    let mut buffer = [0; 1024];
    loop {
        let length = client.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        let text = &buffer[..length];
        client.write_all(&[b"Server received: ", text].concat())?;
        if matches!(text, b"quit" | b"quit\n" | b"quit\r\n") {
            return Ok(());
        }
    }
}

/// It comes back when it is dropped.
struct Place(Sender<()>);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

fn main() -> std::io::Result<()> {
    let address = std::env::args().next_back().unwrap_or_default();
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    let (give_back, free) = channel();
    for _ in 0..PLACES {
        let _ = give_back.send(());
    }
    while free.recv().is_ok() {
        let place = Place(give_back.clone());
        let accepted = listener.accept().and_then(|(client, _)| {
            let talk = move || {
                let _place = place;
                let _ = converse(client);
            };
            std::thread::Builder::new().spawn(talk)
        });
        if let Err(error) = accepted {
            eprintln!("accept: {error}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    Ok(())
}
