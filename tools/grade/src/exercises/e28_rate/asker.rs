//! One socket that asks from many addresses, and takes down when each answer came.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread::sleep;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::clock::PATIENCE;
use crate::grading::{Grading, address_of};
use crate::program::Program;
use crate::words::text;
use crate::wrong::{How, Outcome, Wrong, show};

/// An answer: to which address it is, when that one has asked, and when it came.
#[derive(Clone, Copy)]
pub struct Answer {
    pub from: Ipv4Addr,
    pub asked: Instant,
    pub at: Instant,
}

pub struct Asker {
    socket: UdpSocket,
    server: SocketAddr,
    /// Each question has a number. Who asked it, and when; once it is answered, it is out.
    open: BTreeMap<usize, (Ipv4Addr, Instant)>,
    next: usize,
    pub answers: Vec<Answer>,
}

impl Asker {
    /// On Linux its questions may be from any address of 127.0.0.0/8.
    pub fn new(program: &Program) -> Outcome<Self> {
        let any = if cfg!(target_os = "linux") { "0.0.0.0:0" } else { "127.0.0.1:0" };
        let socket = UdpSocket::bind(any)?;
        // (Where that is not allowed, as much as is.)
        let _ = SockRef::from(&socket).set_recv_buffer_size(1 << 21);
        socket.set_nonblocking(true)?;
        let (server, open, answers) = (address_of(program), BTreeMap::new(), Vec::new());
        Ok(Self { socket, server, open, next: 1, answers })
    }

    /// Asks from this address.
    pub fn ask(&mut self, from: Ipv4Addr) -> Outcome {
        let question = question(self.next);
        self.open.insert(self.next, (from, Instant::now()));
        self.next += 1;
        send_from(&self.socket, from, self.server, question.as_bytes())?;
        Ok(())
    }

    /// Asks so many times at once, with room for the program's kernel to keep them.
    pub fn ask_at_once(&mut self, from: Ipv4Addr, number: usize) -> Outcome {
        (0..number).try_for_each(|_| self.ask(from))
    }

    /// The answers that are there.
    pub fn look(&mut self) -> Outcome {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
            let at = Instant::now();
            let answer = &buffer[..length];
            let number = std::str::from_utf8(answer).ok().and_then(number);
            let asked = number.filter(|_| from == self.server);
            match asked.and_then(|number| self.open.remove(&number)) {
                Some((from, asked)) => self.answers.push(Answer { from, asked, at }),
                None => {
                    let is_old = asked.is_some_and(|number| number < self.next);
                    let (how, expected) = match is_old {
                        true => (How::More, "one answer to each datagram"),
                        false => (How::Other, "each datagram as it was"),
                    };
                    let got = match is_old {
                        true => text!("a second one, of {bytes}", bytes = show(answer)),
                        false => {
                            text!("a datagram from {from} of {bytes}", from, bytes = show(answer))
                        }
                    };
                    return Err(Wrong::new(how, expected, got).after("by many, datagrams"));
                }
            }
        }
        Ok(())
    }

    /// Goes on looking for so long.
    pub fn look_for(&mut self, time: Duration) -> Outcome {
        let start = Instant::now();
        while start.elapsed() < time {
            self.look()?;
            sleep(Duration::from_millis(1));
        }
        self.look()
    }

    /// How many answers there are to this address, since then.
    pub fn answers_to(&self, from: Ipv4Addr, since: Instant) -> usize {
        self.answers.iter().filter(|it| it.from == from && it.at >= since).count()
    }

    /// Waits until so many are there, as long as the grader waits for anything.
    pub fn wait_for(
        &mut self,
        grading: &Grading,
        from: Ipv4Addr,
        number: usize,
        since: Instant,
    ) -> Outcome<usize> {
        let wait = grading.bench().clock.wait(PATIENCE);
        loop {
            self.look()?;
            let came = self.answers_to(from, since);
            if came >= number {
                return Ok(came);
            }
            if wait.left().is_none() {
                return match grading.bench().clock.has_cut(wait.elapsed()) {
                    true => Err(grading.bench().clock.time_was_up()),
                    false => Ok(came),
                };
            }
            sleep(Duration::from_millis(1));
        }
    }
}

fn question(number: usize) -> String {
    format!("question {number}, and no more")
}

/// The number of a question, if it is one.
fn number(text: &str) -> Option<usize> {
    let number = text.strip_prefix("question ")?.split(',').next()?.parse().ok()?;
    (text == question(number)).then_some(number)
}

/// An address that is all its own.
#[cfg(target_os = "linux")]
pub fn send_from(
    socket: &UdpSocket,
    from: Ipv4Addr,
    to: SocketAddr,
    bytes: &[u8],
) -> std::io::Result<()> {
    use nix::libc::{IP_PKTINFO, IPPROTO_IP};
    use socket2::MsgHdr;

    // One message of ancillary data: a cmsghdr, and in it an in_pktinfo (ip(7)).
    let mut control = Vec::with_capacity(32);
    control.extend((size_of::<usize>() + 20).to_ne_bytes());
    control.extend(IPPROTO_IP.to_ne_bytes());
    control.extend(IP_PKTINFO.to_ne_bytes());
    control.extend(0_u32.to_ne_bytes());
    control.extend(from.octets());
    control.extend([0; 4]);
    control.resize(control.len().next_multiple_of(size_of::<usize>()), 0);
    let (to, buffers) = (to.into(), [std::io::IoSlice::new(bytes)]);
    let message = MsgHdr::new().with_addr(&to).with_buffers(&buffers).with_control(&control);
    SockRef::from(socket).sendmsg(&message, 0).map(drop)
}

#[cfg(not(target_os = "linux"))]
pub fn send_from(
    socket: &UdpSocket,
    _: Ipv4Addr,
    to: SocketAddr,
    bytes: &[u8],
) -> std::io::Result<()> {
    socket.send_to(bytes, to).map(drop)
}
