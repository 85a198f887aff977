//! A UDP socket.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::{Bench, is_timeout};
use crate::clock::PATIENCE;
use crate::marks::mark;
use crate::words::{Words, text};
use crate::wrong::{How, Outcome, Scene, Wrong, seconds, show};

/// A UDP socket of the grader's. Each datagram that it sends and gets is kept
/// in words, for the report.
pub struct Datagrams {
    socket: UdpSocket,
    /// What was sent last, in words.
    sent: Words,
    bench: Rc<Bench>,
}

impl Datagrams {
    pub fn bind(at: &str, bench: &Rc<Bench>) -> Outcome<Self> {
        bench.close_dropped();
        let socket = UdpSocket::bind(at)?;
        // On macOS a datagram may have no more than 9216 bytes else.
        let _ = SockRef::from(&socket).set_send_buffer_size(1 << 17);
        Ok(Self { socket, sent: Words::default(), bench: Rc::clone(bench) })
    }

    /// Closes it now, and not when the grader goes on.
    pub fn close(self) {
        let bench = Rc::clone(&self.bench);
        drop(self);
        bench.close_dropped();
    }

    pub fn address(&self) -> Outcome<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }

    /// The same socket, for a thread that uses it alone from now on.
    pub fn for_a_thread(&self) -> Outcome<UdpSocket> {
        Ok(self.socket.try_clone()?)
    }

    pub fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> Outcome {
        self.sent = match bytes {
            [] => text!("an empty datagram"),
            _ => text!("a datagram of {bytes}", bytes = show(bytes)),
        };
        mark!("sends {} to {to}", self.sent);
        self.socket.send_to(bytes, to)?;
        Ok(())
    }

    /// The next datagram, and where it is from; `None` if none comes in time.
    pub fn receive(&mut self, patience: Duration) -> Outcome<Option<(Vec<u8>, SocketAddr)>> {
        self.bench.close_dropped();
        let mut buffer = vec![0; 1 << 16];
        if patience.is_zero() {
            // A limit of less than a tick of the kernel's clock takes a tick, or two.
            self.socket.set_nonblocking(true)?;
            let got = self.socket.recv_from(&mut buffer);
            self.socket.set_nonblocking(false)?;
            return Ok(got.ok().map(|(length, from)| (buffer[..length].to_vec(), from)));
        }
        let wait = self.bench.clock.wait(patience);
        let mut is_over = false;
        loop {
            // What is there already is taken in any case.
            let left = wait.left().unwrap_or(Duration::from_millis(1));
            self.socket.set_read_timeout(Some(left))?;
            match self.socket.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    buffer.truncate(length);
                    return Ok(Some((buffer, from)));
                }
                Err(error) if is_timeout(&error) && is_over => return Ok(None),
                Err(error) if is_timeout(&error) => is_over = wait.left().is_none(),
                Err(error) => match error.kind() {
                    // Windows: nobody is where the last one was sent to.
                    ErrorKind::Interrupted | ErrorKind::ConnectionReset => {}
                    _ => return Err(error.into()),
                },
            }
        }
    }

    /// The next datagram must be this one, and from there.
    pub fn expect(&mut self, from: SocketAddr, expected: &[u8]) -> Outcome {
        let words = |bytes: &[u8], from: SocketAddr| match bytes {
            [] => text!("an empty datagram from {from}", from),
            _ => text!("a datagram from {from} of {bytes}", from, bytes = show(bytes)),
        };
        mark!("expects {}", words(expected, from));
        let start = Instant::now();
        let (how, got) = match self.receive(PATIENCE)? {
            Some((got, at)) if got == expected && at == from => return Ok(()),
            Some((got, at)) => (How::Other, words(&got, at)),
            None => (How::Silent, text!("none for {time}", time = seconds(start.elapsed()))),
        };
        let wrong = Wrong::new(how, words(expected, from), got).after(self.sent.clone());
        Err(wrong.at((how == How::Silent).then_some(Scene::Datagram)))
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        self.bench.keep(self.socket.try_clone());
    }
}
