//! What a buffer's size is good for, and what a small write costs: with a server that takes
//! everything, and says when it has it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::place::Place;
use crate::programs::Program;
use crate::row::Row;
use crate::server::Server;
use crate::statistics::Spread;

/// The sizes that are tried.
pub const SIZES: [usize; 6] = [1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20];

/// A server that takes everything, and who sends to it.
pub struct Sink {
    stream: TcpStream,
    _server: Server,
    buffer: Vec<u8>,
}

impl Sink {
    /// Both with buffers of this size.
    pub fn start(place: &Place, name: &str, program: &str, size: usize) -> Result<Self, String> {
        let command = vec![program.to_owned(), size.to_string()];
        let name = format!("{name}, {size} bytes");
        let program = Program { name: name.clone(), command, places: 1, at_once: 1, is_own: false };
        let server = Server::start(place, &program)?;
        server.network.enter()?;
        let failed = |error: std::io::Error| format!("{name}: {error}");
        let stream = TcpStream::connect(&server.network.address).map_err(failed)?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).map_err(failed)?;
        Ok(Self { stream, _server: server, buffer: vec![b'x'; size] })
    }

    /// Bytes a second that it received, of so many bytes.
    fn speed(&mut self, bytes: usize) -> std::io::Result<f64> {
        let start = Instant::now();
        self.stream.write_all(&head(bytes))?;
        let mut left = bytes;
        while left > 0 {
            let part = left.min(self.buffer.len());
            self.stream.write_all(&self.buffer[..part])?;
            left -= part;
        }
        self.stream.read_exact(&mut [0])?;
        Ok(as_number(bytes) / start.elapsed().as_secs_f64())
    }

    /// So many bytes take about so long.
    fn amount(&mut self, span: Duration) -> std::io::Result<usize> {
        let mut bytes = 1 << 20;
        loop {
            let start = Instant::now();
            self.speed(bytes)?;
            if start.elapsed() >= span || bytes >= 1 << 30 {
                return Ok(bytes);
            }
            bytes *= 2;
        }
    }
}

fn head(bytes: usize) -> [u8; 8] {
    (bytes as u64).to_be_bytes()
}

#[expect(clippy::cast_precision_loss, reason = "that is exact enough")]
fn as_number(bytes: usize) -> f64 {
    bytes as f64
}

/// What was measured, round by round: of the server in C, of it once more, and of the one in Rust.
#[derive(Default)]
pub struct Speeds([Vec<f64>; 3]);

impl Speeds {
    /// So many more rounds, with buffers of one size and with new processes.
    pub fn add(
        &mut self,
        place: &Place,
        [c, rust]: [&str; 2],
        size: usize,
        rounds: usize,
        span: Duration,
    ) -> Result<(), String> {
        let mut sinks = [("C", c), ("C", c), ("Rust", rust)]
            .into_iter()
            .map(|(name, program)| Sink::start(place, name, program, size))
            .collect::<Result<Vec<_>, _>>()?;
        let failed = |error: std::io::Error| format!("{size} bytes at a time: {error}");
        let amount = sinks[0].amount(span).map_err(failed)?;
        for round in 0..=rounds {
            for turn in 0..3 {
                let at = (round + turn) % 3;
                let speed = sinks[at].speed(amount).map_err(failed)?;
                if round > 0 {
                    self.0[at].push(speed);
                }
            }
        }
        Ok(())
    }

    /// The rows of all rounds, and the zero.
    pub fn rows(&self, size: usize) -> Result<(Vec<Row>, f64), String> {
        let [c, again, rust] = &self.0;
        let zero = Spread::of_ratios(again, c).ok_or("no rounds")?;
        let ratio = Spread::of_ratios(rust, c).ok_or("no rounds")?;
        let speed = |values: &Vec<f64>| {
            Spread::of(values.iter().copied()).map(|it| it.times(1e-6)).ok_or("no rounds")
        };
        let rows = [
            Row::spread("throughput", "C", "MB/s", speed(c)?),
            Row::spread("throughput", "Rust", "MB/s", speed(rust)?),
            Row::spread("ratio to C", "Rust", "", ratio),
            Row::spread("zero", "C", "", zero),
        ];
        Ok((rows.map(|row| row.of_size(size)).into(), zero.median))
    }
}

/// A message of 40 bytes, in two pieces or in one, and an answer.
pub fn small_writes(place: &Place, program: &str, rounds: usize) -> Result<Vec<Row>, String> {
    let mut sink = Sink::start(place, "C", program, 4096)?;
    let failed = |error: std::io::Error| format!("small writes: {error}");
    let mut rows = vec![];
    let message = [&head(32)[..], &[b'x'; 32]].concat();
    let (two, one) = ([&message[..8], &message[8..]], [&message[..]]);
    for (name, pieces, no_delay) in [
        ("two writes", &two[..], false),
        ("two writes, TCP_NODELAY", &two[..], true),
        ("one write", &one[..], false),
    ] {
        sink.stream.set_nodelay(no_delay).map_err(failed)?;
        let mut took = vec![];
        // At first, a kernel acknowledges at once.
        for round in 0..rounds + 20 {
            let start = Instant::now();
            for piece in pieces {
                sink.stream.write_all(piece).map_err(failed)?;
            }
            sink.stream.read_exact(&mut [0]).map_err(failed)?;
            if round >= 20 {
                took.push(start.elapsed().as_secs_f64() * 1e6);
            }
        }
        let spread = Spread::of(took).ok_or("no rounds")?;
        rows.push(Row::spread("an exchange", name, "µs", spread));
    }
    Ok(rows)
}
