//! The chat of step 7 with Rust's standard library alone: what
//! `examples/07_first_server.rs` does, but for the length of the queue, which
//! `std` does not let us choose. One client after another.
//!
//!     rustc --edition 2024 -O std.rs && ./std 127.0.0.1:8090

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

fn serve(mut client: TcpStream) -> std::io::Result<()> {
    client.set_write_timeout(Some(Duration::from_secs(1)))?;
    client.write_all(b"Hello, client!")?;
    let mut buffer = [0; 1024];
    let mut length = client.read(&mut buffer)?;
    while length > 0 {
        let reply = [b"Server received: ", &buffer[..length]].concat();
        client.write_all(&reply)?;
        length = client.read(&mut buffer)?;
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let address = std::env::args().next_back().unwrap_or_default();
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        match listener.accept() {
            // Whatever goes wrong with this client, the next one is served.
            Ok((client, _)) => drop(serve(client)),
            Err(error) => {
                eprintln!("accept: {error}");
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}
