//! The calls of the book, by socket2. Both ends are in this one thread.
//!
//! The words at the ends of lines are marks: the book quotes these lines.

use std::io::{ErrorKind, Read as _, Result, Write as _};
use std::net::{Shutdown, SocketAddr, UdpSocket};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

fn main() -> Result<()> {
    tcp()?;
    udp()?;
    println!("socket2: every call was made");
    Ok(())
}

fn tcp() -> Result<()> {
    let port = 0;
    let address = SocketAddr::from(([127, 0, 0, 1], port)); // address

    let listener =
        Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?; // create-tcp
    listener.set_reuse_address(true)?; // reuse
    assert!(listener.reuse_address()?);
    listener.bind(&address.into())?; // bind
    listener.listen(100)?; // listen
    let here = listener.local_addr()?.as_socket();
    let address = here.expect("an IP address");
    assert_ne!(address.port(), 0);

    let mut client =
        Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    client.connect(&address.into())?; // connect
    let (mut conversation, peer) = listener.accept()?; // accept
    let local = client.local_addr()?.as_socket();
    assert_eq!(peer.as_socket(), local);

    let data = "你好".as_bytes();
    let mut buffer = [0; 1024];
    let sent = client.send(data)?; // send
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
    let receiver =
        Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?; // create-udp
    receiver.bind(&address.into())?; // bind-udp
    let receiver = UdpSocket::from(receiver); // as-udp
    let address = receiver.local_addr()?;

    let data = "你好".as_bytes();
    let mut buffer = [0; 1024];
    let sender =
        Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    let sent = sender.send_to(data, &address.into())?; // send-to
    assert_eq!(sent, 6);
    let (length, peer) = receiver.recv_from(&mut buffer)?; // receive-from
    assert_eq!(&buffer[..length], data);
    assert_eq!(Some(peer.port()), port_of(&sender)?);

    sender.connect(&address.into())?; // connect-udp
    sender.send(data)?;
    assert_eq!(receiver.recv_from(&mut buffer)?.0, 6);
    let peer = sender.peer_addr()?.as_socket();
    assert_eq!(peer, Some(address));

    let receiver = Socket::from(receiver);
    assert_eq!(receiver.local_addr()?.as_socket(), Some(address));
    Ok(())
}

fn port_of(socket: &Socket) -> Result<Option<u16>> {
    Ok(socket.local_addr()?.as_socket().map(|address| address.port()))
}
