//! The calls of the book, by std. Both ends are in this one thread.
//!
//! The words at the ends of lines are marks: the book quotes these lines.

use std::io::{ErrorKind, Read as _, Result, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

fn main() -> Result<()> {
    tcp()?;
    udp()?;
    a_peer_that_has_gone()?;
    println!("std: every call was made");
    Ok(())
}

fn tcp() -> Result<()> {
    let port = 0;
    let address = SocketAddr::from(([127, 0, 0, 1], port)); // address

    let listener = TcpListener::bind(address)?; // bind
    let address = listener.local_addr()?;
    assert_ne!(address.port(), 0);

    let mut client = TcpStream::connect(address)?; // connect
    let (mut conversation, peer) = listener.accept()?; // accept
    assert_eq!(peer, client.local_addr()?);

    let data = "你好".as_bytes();
    let mut buffer = [0; 1024];
    let sent = client.write(data)?; // send
    assert_eq!(sent, 6);
    let length = conversation.read(&mut buffer)?; // receive
    assert_eq!(&buffer[..length], data);
    conversation.write_all(data)?; // send-all
    client.read_exact(&mut buffer[..6])?;
    assert_eq!(&buffer[..6], data);

    // Nothing is there: after `limit`, and at once.
    let limit = Duration::from_millis(50);
    conversation.set_read_timeout(Some(limit))?; // limit
    let late = conversation.read(&mut buffer).map_err(|e| e.kind());
    let late = late.expect_err("nothing was sent");
    assert!(matches!(late, ErrorKind::WouldBlock | ErrorKind::TimedOut));
    conversation.set_read_timeout(None)?; // (or that would end the wait)
    conversation.set_nonblocking(true)?; // no-wait
    let none = conversation.read(&mut buffer).map_err(|e| e.kind());
    assert_eq!(none, Err(ErrorKind::WouldBlock));
    conversation.set_nonblocking(false)?;

    // The end of the stream, in one direction and then in the other.
    client.shutdown(Shutdown::Write)?; // shutdown
    assert_eq!(conversation.read(&mut buffer)?, 0);
    drop(conversation); // close
    assert_eq!(client.read(&mut buffer)?, 0);
    Ok(())
}

fn udp() -> Result<()> {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let receiver = UdpSocket::bind(address)?; // bind-udp
    let sender = UdpSocket::bind(address)?;
    let address = receiver.local_addr()?;

    let data = "你好".as_bytes();
    let mut buffer = [0; 1024];
    let sent = sender.send_to(data, address)?; // send-to
    assert_eq!(sent, 6);
    let (length, peer) = receiver.recv_from(&mut buffer)?; // receive-from
    assert_eq!(&buffer[..length], data);
    assert_eq!(peer, sender.local_addr()?);

    sender.connect(address)?; // connect-udp
    sender.send(data)?;
    assert_eq!(receiver.recv_from(&mut buffer)?.0, 6);
    assert_eq!(sender.peer_addr()?, address);
    Ok(())
}

/// An error, and no signal. (The first write may still be taken: the answer
/// "nobody is here" comes after it.)
fn a_peer_that_has_gone() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    drop(listener.accept()?);
    let gone = (0..10_000).find_map(|_| client.write(b"x").err());
    let gone = gone.expect("an error").kind();
    let expected = match cfg!(windows) {
        false => [ErrorKind::BrokenPipe; 2],
        true => [ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted],
    };
    assert!(expected.contains(&gone), "{gone:?}");
    Ok(())
}
