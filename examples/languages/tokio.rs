//! The calls of the book, by tokio. Both ends are in this one task.
//!
//! The words at the ends of lines are marks: the book quotes these lines.

use std::io::{ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    tcp().await?;
    udp().await?;
    println!("tokio: every call was made");
    Ok(())
}

async fn tcp() -> Result<()> {
    let port = 0;
    let address = SocketAddr::from(([127, 0, 0, 1], port)); // address

    let socket = TcpSocket::new_v4()?; // create-tcp
    socket.set_reuseaddr(true)?; // reuse
    assert!(socket.reuseaddr()?);
    socket.bind(address)?; // bind
    let listener = socket.listen(100)?; // listen
    let address = listener.local_addr()?;
    assert_ne!(address.port(), 0);

    let mut client = TcpStream::connect(address).await?; // connect
    let (mut conversation, peer) = listener.accept().await?; // accept
    assert_eq!(peer, client.local_addr()?);

    let data = "你好".as_bytes();
    let mut buffer = [0; 1024];
    let sent = client.write(data).await?; // send
    assert_eq!(sent, 6);
    let length = conversation.read(&mut buffer).await?; // receive
    assert_eq!(&buffer[..length], data);
    conversation.write_all(data).await?; // send-all
    client.read_exact(&mut buffer[..6]).await?;
    assert_eq!(&buffer[..6], data);

    // Nothing is there: after `limit`, and at once.
    let limit = Duration::from_millis(50);
    let late = timeout(limit, conversation.read(&mut buffer)).await; // limit
    assert!(late.is_err());
    let none = conversation.try_read(&mut buffer); // no-wait
    assert_eq!(none.map_err(|e| e.kind()), Err(ErrorKind::WouldBlock));

    // The end of the stream, in one direction and then in the other.
    client.shutdown().await?; // shutdown
    assert_eq!(conversation.read(&mut buffer).await?, 0);
    drop(conversation); // close
    assert_eq!(client.read(&mut buffer).await?, 0);
    Ok(())
}

async fn udp() -> Result<()> {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let receiver = UdpSocket::bind(address).await?; // bind-udp
    let sender = UdpSocket::bind(address).await?;
    let address = receiver.local_addr()?;

    let data = "你好".as_bytes();
    let mut buffer = [0; 1024];
    let sent = sender.send_to(data, address).await?; // send-to
    assert_eq!(sent, 6);
    let (length, peer) = receiver.recv_from(&mut buffer).await?; // receive-from
    assert_eq!(&buffer[..length], data);
    assert_eq!(peer, sender.local_addr()?);

    sender.connect(address).await?; // connect-udp
    sender.send(data).await?;
    assert_eq!(receiver.recv_from(&mut buffer).await?.0, 6);
    assert_eq!(sender.peer_addr()?, address);
    Ok(())
}
