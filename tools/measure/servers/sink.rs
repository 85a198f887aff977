//! Takes what it is sent, in receives of at most SIZE bytes: first 8 bytes
//! that say how many follow (the highest first), then those. When all are
//! there it answers with one byte. One client after another.
//!
//!     rustc --edition 2024 -O sink.rs && ./sink 16384 127.0.0.1:8090

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

/// One message.
fn take(client: &mut TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    let mut head = [0; 8];
    client.read_exact(&mut head)?;
    let mut left = usize::try_from(u64::from_be_bytes(head)).unwrap_or(0);
    while left > 0 {
        let most = left.min(buffer.len());
        let got = client.read(&mut buffer[..most])?;
        if got == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        left -= got;
    }
    client.write_all(b"!")
}

fn main() -> io::Result<()> {
    let [_, size, address] =
        &std::env::args().collect::<Vec<_>>()[..]
    else {
        return Err(io::Error::other("a size and an address"));
    };
    let size = size.parse().map_err(io::Error::other)?;
    let mut buffer = vec![0; size];
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (mut client, _) = listener.accept()?;
        while take(&mut client, &mut buffer).is_ok() {}
    }
}
