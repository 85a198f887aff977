//! A TCP server for one client: it greets, and prints what comes.

use std::env::args;
use std::io::{Read, Write};
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};

fn main() -> std::io::Result<()> {
    // Where this server is. (Somewhere else: give another address.)
    let address = args().nth(1).unwrap_or("127.0.0.1:8090".to_string());
    let address: SocketAddr = address.parse().expect("an address");

    // Steps 1 to 3: create, bind, listen.
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (So that a second run can have the port at once: step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(100)?;
    let here = listener.local_addr()?.as_socket().expect("an address");
    println!("listening at {here}");

    // Step 4: accept one client.
    let (mut conversation, _) = listener.accept()?;

    // Step 5: greet it, then receive until it has finished.
    conversation.write_all("Hello, 你好!".as_bytes())?;
    let mut buffer = [0; 1024];
    loop {
        let length = conversation.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&buffer[..length]);
        println!("received {length} bytes: {text}");
    }

    // Step 6: close. Both sockets go here.
    println!("the client has gone");
    Ok(())
}
