//! The clients: any number of them, in one thread. Each says something, waits until the answer is
//! whole, and then says the next thing. They are the same for all servers.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::server::Server;
use crate::speech::{Speech, message};

/// Nobody has to wait longer for an answer, on whatever machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// And so long it may take until all are connected.
const CONNECTED: Duration = Duration::from_secs(30);

/// So many connect, and are served, before the next ones do: so many fit into any queue.
const AT_A_TIME: usize = 4;

/// The clients of one server.
pub struct Load {
    pub speech: Speech,
    name: String,
    talking: Vec<Client>,
    /// They were served once, and say nothing more.
    silent: Vec<TcpStream>,
    events: Option<OwnedFd>,
}

struct Client {
    stream: TcpStream,
    message: [u8; crate::speech::LENGTH],
    got: usize,
}

/// A while in which all of them talked.
#[derive(Clone, Copy)]
pub struct Block {
    pub round_trips: u64,
    pub lasted: Duration,
}

impl Block {
    pub fn each_second(self) -> f64 {
        self.number() / self.lasted.as_secs_f64()
    }

    #[expect(clippy::cast_precision_loss, reason = "so many there never are")]
    pub fn number(self) -> f64 {
        self.round_trips as f64
    }
}

impl Load {
    /// Connects so many who talk, after so many who will be silent. Each is greeted, and answered
    /// once, with its own message.
    pub fn connect(
        server: &Server,
        speech: &Speech,
        talking: usize,
        silent: usize,
    ) -> Result<Self, String> {
        server.network.enter()?;
        let mut load = Self {
            speech: speech.clone(),
            name: server.name.clone(),
            talking: vec![],
            silent: vec![],
            events: None,
        };
        let mut numbers = 0..talking + silent;
        let start = Instant::now();
        loop {
            let some: Vec<usize> = numbers.by_ref().take(AT_A_TIME).collect();
            if some.is_empty() {
                break;
            }
            if start.elapsed() > CONNECTED {
                let served = some[0];
                return Err(format!("{}: in {CONNECTED:?}, only {served} were served", load.name));
            }
            let mut streams = vec![];
            for number in &some {
                streams.push(connect(server).map_err(|error| load.of_client(*number, &error))?);
            }
            for (number, stream) in some.iter().zip(&streams) {
                load.is_served(*number, stream).map_err(|error| load.of_client(*number, &error))?;
            }
            for (number, stream) in some.into_iter().zip(streams) {
                if number < silent {
                    load.silent.push(stream);
                } else {
                    load.talking.push(Client { stream, message: message(number), got: 0 });
                }
            }
        }
        if talking > 1 {
            load.events = Some(load.watched()?);
        }
        Ok(load)
    }

    fn of_client(&self, number: usize, error: &std::io::Error) -> String {
        let what = match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                let others = match number {
                    0 => "",
                    1 => ", while another one was connected",
                    _ => ", while others were connected",
                };
                format!("was not served within {PATIENCE:?}{others}")
            }
            ErrorKind::UnexpectedEof => "was put out".to_owned(),
            ErrorKind::InvalidData => "got another answer than the first one".to_owned(),
            _ => format!("was not served: {error}"),
        };
        format!("{}: client {} {what}", self.name, number + 1)
    }

    /// The greeting, a message, and its answer.
    fn is_served(&self, number: usize, mut stream: &TcpStream) -> std::io::Result<()> {
        let mut greeting = vec![0; self.speech.greeting];
        stream.read_exact(&mut greeting)?;
        let message = message(number);
        stream.write_all(&message)?;
        let mut answer = vec![0; self.speech.answer_length()];
        stream.read_exact(&mut answer)?;
        let is_its_own = self.speech.is_answer(&answer, &message);
        if is_its_own { Ok(()) } else { Err(ErrorKind::InvalidData.into()) }
    }

    fn watched(&self) -> Result<OwnedFd, String> {
        let events = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|it| it.to_string())?;
        for (number, client) in (0..).zip(&self.talking) {
            client.stream.set_nonblocking(true).map_err(|error| error.to_string())?;
            let data = epoll::EventData::new_u64(number);
            epoll::add(&events, &client.stream, data, epoll::EventFlags::IN)
                .map_err(|error| format!("epoll: {error}"))?;
        }
        Ok(events)
    }

    /// All who talk, for so long, and until each has its answer.
    pub fn block(&mut self, span: Duration) -> Result<Block, String> {
        let block = match &self.events {
            Some(_) => self.many(span),
            None => self.one(span),
        };
        block.map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                format!("{}: no answer within {PATIENCE:?}", self.name)
            }
            ErrorKind::UnexpectedEof => format!("{}: it has closed a connection", self.name),
            _ => format!("{}: {error}", self.name),
        })
    }

    /// So many round trips of the first client.
    pub fn exactly(&mut self, number: u64) -> Result<(), String> {
        let mut answer = vec![0; self.speech.answer_length()];
        let mut trip = || {
            let client = self.talking.first_mut().ok_or(ErrorKind::NotConnected)?;
            client.stream.write_all(&client.message)?;
            client.stream.read_exact(&mut answer)
        };
        (0..number).try_for_each(|_| trip()).map_err(|error| format!("{}: {error}", self.name))
    }

    /// A single client waits in its receive.
    fn one(&mut self, span: Duration) -> std::io::Result<Block> {
        let mut answer = vec![0; self.speech.answer_length()];
        let client = self.talking.first_mut().ok_or(ErrorKind::NotConnected)?;
        let (start, mut round_trips) = (Instant::now(), 0);
        loop {
            client.stream.write_all(&client.message)?;
            client.stream.read_exact(&mut answer)?;
            round_trips += 1;
            let lasted = start.elapsed();
            if lasted >= span {
                return Ok(Block { round_trips, lasted });
            }
        }
    }

    fn many(&mut self, span: Duration) -> std::io::Result<Block> {
        let epoll = self.events.as_ref().ok_or(ErrorKind::NotConnected)?;
        let whole = self.speech.answer_length();
        let patience = Timespec::try_from(PATIENCE).map_err(|_| ErrorKind::InvalidInput)?;
        let mut events = Vec::with_capacity(512);
        let mut buffer = [0; 4096];
        let start = Instant::now();
        for client in &mut self.talking {
            client.stream.write_all(&client.message)?;
        }
        let (mut waiting, mut round_trips) = (self.talking.len(), 0);
        while waiting > 0 {
            epoll::wait(epoll, spare_capacity(&mut events), Some(&patience))?;
            if events.is_empty() {
                return Err(ErrorKind::TimedOut.into());
            }
            let is_over = start.elapsed() >= span;
            for event in events.drain(..) {
                let number = usize::try_from(event.data.u64()).unwrap_or_default();
                let client = &mut self.talking[number];
                let length = client.stream.read(&mut buffer)?;
                if length == 0 {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                client.got += length;
                if client.got < whole {
                    continue;
                }
                if client.got > whole {
                    return Err(std::io::Error::other("more came than an answer"));
                }
                client.got = 0;
                round_trips += 1;
                if is_over {
                    waiting -= 1;
                } else {
                    client.stream.write_all(&client.message)?;
                }
            }
        }
        Ok(Block { round_trips, lasted: start.elapsed() })
    }

    /// Each who talks says something of its own once more, and gets its own answer: so many did.
    pub fn all_are_served(&mut self) -> Result<usize, String> {
        let mut served = 0;
        for (number, client) in self.talking.iter().enumerate() {
            // (Here each has as long as it takes.)
            let _ = client.stream.set_nonblocking(false);
            let message = message(number + 1_000_000);
            let mut stream = &client.stream;
            let mut answer = vec![0; self.speech.answer_length()];
            let asked = stream.write_all(&message).and_then(|()| stream.read_exact(&mut answer));
            served += usize::from(asked.is_ok() && self.speech.is_answer(&answer, &message));
            let _ = client.stream.set_nonblocking(self.events.is_some());
            // (Each of them may have waited for long.)
            if served + 3 < number {
                break;
            }
        }
        Ok(served)
    }
}

fn connect(server: &Server) -> std::io::Result<TcpStream> {
    let address: SocketAddr = server.network.address.parse().map_err(std::io::Error::other)?;
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// What this server speaks.
pub fn learn(server: &Server) -> Result<Speech, String> {
    server.network.enter()?;
    let stream = connect(server).map_err(|error| format!("{}: {error}", server.name))?;
    Speech::learn(&stream).map_err(|why| format!("{}: {why}", server.name))
}
