//! Step 19, TCP: two threads that write on one connection.
//!
//! Each sends a frame (step 9) in two parts: its length, then its text. Between
//! the two the other one may come, and its bytes get into the middle of the
//! frame: nobody can read the stream any more. The cure is a lock, and within
//! it the whole frame.
//!
//! Look for: a message of letters that are a length, and a length of letters;
//! then 200 frames of two threads, all of them whole.
//!
//! One terminal, both ends:
//!     cargo run --example 19_two_writers
//! With an address, both ends use that port, for you to watch (tcpdump):
//!     cargo run --example 19_two_writers -- 127.0.0.1:8090

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::{Mutex, mpsc};
use std::thread;

// Not the lesson: `run_at` reads the command line, `say` prints a line,
// `in_words` puts an error into words.
use socket_steps::{Failure, in_words, run_at, say};
use socket2::{Domain, Protocol, Socket, Type};

/// No message is longer than this, in bytes.
const LIMIT: usize = 1024;

fn main() -> ExitCode {
    run_at(include_str!("19_two_writers.rs"), lesson)
}

/// The failure: a frame in two sends, and something happens in `between`.
fn send_in_two(
    mut to: &TcpStream,
    text: &str,
    between: impl FnOnce(),
) -> io::Result<()> {
    let length = u32::try_from(text.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_be_bytes())?;
    between();
    to.write_all(text.as_bytes())
}

/// The cure: who has the lock sends a whole frame, in one call, while the
/// other one waits. (One call without a lock is no cure: when it has to wait
/// for room in the kernel, the other one gets in.)
fn send_frame(to: &Mutex<&TcpStream>, text: &str) -> io::Result<()> {
    let length = u32::try_from(text.len()).map_err(io::Error::other)?;
    let frame = [&length.to_be_bytes(), text.as_bytes()].concat();
    let mut to = to.lock().map_err(|_| io::Error::other("a panic"))?;
    to.write_all(&frame)
}

/// Step 9: the length in full, then that many bytes in full. `None`: the end.
fn read_frame(from: &mut Socket) -> io::Result<Option<String>> {
    let mut prefix = [0; 4];
    if from.read(&mut prefix[..1])? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut prefix[1..])?;
    let length = u32::from_be_bytes(prefix) as usize;
    if length > LIMIT {
        let told = format!("{prefix:?}: a length of {length} is too much");
        return Err(io::Error::other(told));
    }
    let mut message = vec![0; length];
    from.read_exact(&mut message)?;
    Ok(Some(format!("{:?}", String::from_utf8_lossy(&message))))
}

/// Receives frames to the end, or to what is none; gives how many were whole.
fn receive_all(mut from: Socket, show: bool) -> usize {
    let mut whole = 0;
    loop {
        let told = match read_frame(&mut from) {
            Ok(Some(text)) => {
                whole += 1;
                if show {
                    say("server", "read_frame", text);
                }
                continue;
            }
            Ok(None) => "the end".to_owned(),
            Err(error) => in_words(&error),
        };
        say("server", "read_frame", told);
        return whole;
    }
}

/// Step 4, for each scene: connect (one line of std), accept.
fn meet(listener: &Socket) -> Result<(TcpStream, Socket), Failure> {
    let here = listener.local_addr()?.as_socket().ok_or("not IP")?;
    let client = TcpStream::connect(here)?;
    let (conversation, _) = listener.accept()?;
    Ok((client, conversation))
}

/// Both ends. The address is 127.0.0.1:0, unless you give another one.
fn lesson(address: SocketAddr) -> Result<(), Failure> {
    // Steps 1 to 3: create, bind, listen.
    let domain = Domain::for_address(address);
    let listener = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // (This lets a second run have the port again at once: see step 8.)
    #[cfg(unix)]
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(100)?;

    // The failure. Between anna's two sends ben has his turn. Two channels make
    // that happen here each time. Else it happens now and then, and more often
    // on a busy machine. (Nothing is sent through them: who waits goes on when
    // the other end is dropped, which happens after an error, too.)
    let (client, conversation) = meet(&listener)?;
    let (begin, begun) = mpsc::channel::<()>();
    let (end, ended) = mpsc::channel::<()>();
    let bens_turn = || {
        drop(begin);
        _ = ended.recv();
    };
    let to = &client;
    let (anna, ben) = thread::scope(|scope| {
        let ben = scope.spawn(move || {
            _ = begun.recv();
            let sent = send_in_two(to, "ben", || ());
            drop(end);
            sent
        });
        (send_in_two(to, "I am anna", bens_turn), ben.join())
    });
    anna?;
    ben.map_err(|_| "ben's thread broke off")??;
    client.shutdown(Shutdown::Write)?;
    receive_all(conversation, true);

    // The cure: a hundred frames each, as fast as they can. (So few bytes have
    // room in any kernel: that's why we can receive later, and why here one
    // call for each frame would do, without a lock. Sooner or later it won't.)
    let (client, conversation) = meet(&listener)?;
    let locked = Mutex::new(&client);
    let hundred =
        |text| (0..100).try_for_each(|_| send_frame(&locked, text));
    let (anna, ben) = thread::scope(|scope| {
        let ben = scope.spawn(|| hundred("ben"));
        (hundred("I am anna"), ben.join())
    });
    anna?;
    ben.map_err(|_| "ben's thread broke off")??;
    client.shutdown(Shutdown::Write)?;
    let whole = receive_all(conversation, false);
    say("server", "in all", format!("{whole} whole frames"));
    Ok(())
}
