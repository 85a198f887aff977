//! The frames of step 9, read by tokio-util's codec.

use std::{error::Error, time::Duration};

use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::codec::{Decoder as _, LengthDelimitedCodec};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut client = TcpStream::connect(listener.local_addr()?).await?;
    let (server, _) = listener.accept().await?;

    // A length of 4 bytes, and then the message. The limit is 1024 bytes.
    let mut codec = LengthDelimitedCodec::new();
    codec.set_max_frame_length(1024);
    let mut frames = codec.framed(server);

    // Half of a length comes, and the wait is dropped. `frames` keeps it.
    client.write_all(b"\0\0").await?;
    let first = timeout(Duration::from_millis(300), frames.next()).await;
    println!("in time: {}", first.is_ok());

    client.write_all(b"\0\x05hello").await?;
    let message = frames.next().await.ok_or("the end")??;
    println!("message: {}", String::from_utf8_lossy(&message));
    Ok(())
}
