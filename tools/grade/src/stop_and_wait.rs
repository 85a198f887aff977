//! The other end of a program that sends a datagram, waits for its answer, and sends it once more
//! if none comes: the ping of 13, the file of 15. What a check does not answer, the network has
//! lost.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::clock::{LIMIT, Moment, PATIENCE};
use crate::grading::Grading;
use crate::processor;
use crate::program::{Program, ending, one_is_busy};
use crate::wire::{Bench, Datagrams};
use crate::words::{Words, text};
use crate::wrong::{How, Outcome, Scene, Wrong, seconds, show};

/// The program waits so long for an answer.
pub const TRY: Duration = Duration::from_millis(100);
/// Most tries are shorter than this.
const TOO_LONG: Duration = Duration::from_millis(120);
/// Strays come while a try is young: if one ends it, it ends too early.
const EARLY: Duration = Duration::from_millis(60);
/// A stray has so long to make the program do something; and longer while it is seen that it
/// does.
const STRAY: Duration = Duration::from_micros(if cfg!(target_os = "linux") { 500 } else { 3000 });
/// So long the input pauses.
const PAUSE: Duration = Duration::from_millis(250);
/// So many datagrams come at a time when there is noise.
const NOISE: usize = 8;

/// So many tries in a row tell whether they get longer.
const MANY: usize = 4;

pub struct Opponent {
    pub program: Rc<Program>,
    /// `None`: closed.
    wire: Option<Datagrams>,
    /// The number of the datagram that came last; 0: none yet.
    pub number: u32,
    /// The current number cannot have been sent before this. It is noted ahead of what makes the
    /// program send it, so it holds on a busy machine, too.
    pub since: Instant,
    noise: Option<Noise>,
    /// What is sent next, one by one, whenever the program has nothing to say.
    strays: VecDeque<Stray>,
    try_began: Instant,
    stray_to: SocketAddr,
    /// Sockets of strangers.
    strangers: Vec<Datagrams>,
    /// What is typed next, whenever the program has nothing to say.
    input: VecDeque<Vec<u8>>,
    /// After the first piece, and this number, the input pauses for a while.
    pause_after: Option<u32>,
    has_begun: bool,
    /// The last datagram came after this.
    looked: Instant,
    /// It had not come by then.
    before: Instant,
    /// What is waited for is waited for since then.
    waits: Moment,
    /// It has ended, and not much earlier.
    end: Option<Instant>,
    pub sent: Words,
    /// If something is wrong now, it is most likely this.
    advice: Option<&'static str>,
    /// What most likely has ended a try that is over too soon.
    too_soon: &'static str,
    /// So long after the one before the last datagram came.
    took: Duration,
    bench: Rc<Bench>,
    /// What was taken down of a run that was set apart, and when the last of it came.
    notes: Option<Receiver<Note>>,
    came: Instant,
    /// When it began.
    began: Moment,
}

/// What a thread has taken down.
enum Note {
    Datagram(Instant, Vec<u8>, SocketAddr),
    /// The program had ended by then.
    End(Instant),
}

/// A datagram that is no answer.
pub struct Stray {
    pub bytes: Vec<u8>,
    /// `None`: from the one who was asked. Otherwise the number of a stranger.
    pub stranger: Option<usize>,
    /// What a program has got wrong that takes it for something else.
    pub advice: &'static str,
}

impl Stray {
    pub fn new(bytes: impl Into<Vec<u8>>, advice: &'static str) -> Self {
        Self { bytes: bytes.into(), stranger: None, advice }
    }
}

impl Opponent {
    /// Starts the program. Its first datagram must not wait for the grader to read "ready".
    pub fn start(grading: &mut Grading, wire: Datagrams) -> Outcome<Self> {
        let since = Instant::now();
        let program = grading.start_unready(&wire.address()?.to_string())?;
        Ok(Self {
            program,
            wire: Some(wire),
            number: 0,
            since,
            noise: None,
            strays: VecDeque::new(),
            try_began: since,
            stray_to: SocketAddr::from(([127, 0, 0, 1], 9)),
            strangers: Vec::new(),
            input: VecDeque::new(),
            pause_after: None,
            has_begun: false,
            looked: since,
            before: since,
            waits: Moment::now(),
            end: None,
            sent: Words::default(),
            advice: None,
            too_soon: TOO_SOON,
            took: Duration::ZERO,
            bench: Rc::clone(grading.bench()),
            notes: None,
            came: since,
            began: Moment::now(),
        })
    }

    /// From now on a thread takes down what comes, and answers it like this. The check that looks
    /// at it comes later.
    pub fn go_on_apart(
        &mut self,
        mut answers: impl FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
    ) -> Outcome {
        const TICK: Duration = Duration::from_millis(4);

        let Some(wire) = &self.wire else { return Ok(()) };
        let (socket, id) = (wire.for_a_thread()?, self.program.id());
        socket.set_read_timeout(Some(TICK))?;
        let (notes, inbox) = mpsc::channel();
        self.notes = Some(inbox);
        let end = Instant::now() + LIMIT * 2;
        thread::Builder::new().spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            let mut has_ended = false;
            while Instant::now() < end {
                if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    let bytes = &buffer[..length];
                    let note = Note::Datagram(Instant::now(), bytes.to_vec(), from);
                    if notes.send(note).is_err() {
                        return;
                    }
                    for answer in answers(bytes) {
                        let _ = socket.send_to(&answer, from);
                    }
                } else if has_ended {
                    let _ = notes.send(Note::End(Instant::now()));
                    return;
                } else {
                    // (What it has sent last is looked for once more.)
                    has_ended = processor::has_ended(id);
                }
            }
        })?;
        Ok(())
    }

    /// The last datagram may have come long ago: the machine is busy.
    pub fn may_be_late(&self) -> bool {
        self.notes.is_none() && self.before.elapsed() > TRY / 2
    }

    /// So long after the one before the last datagram came.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// When what was looked at last has come.
    pub fn now(&self) -> Instant {
        match &self.notes {
            Some(_) => self.came,
            None => Instant::now(),
        }
    }

    /// How long its tries are.
    pub fn pace(&self) -> Pace {
        Pace { start: self.began, last: None, times: Vec::new() }
    }

    /// The same as `look`, in what was taken down.
    fn look_back(&mut self, awaited: &Words, patience: Duration) -> Outcome<Look> {
        let Some(notes) = &self.notes else { return Ok(Look::End) };
        match notes.recv_timeout(patience) {
            Ok(Note::Datagram(at, bytes, from)) => {
                self.took = at.saturating_duration_since(self.came);
                (self.came, self.waits) = (at, Moment::now());
                return Ok(Look::Datagram(bytes, from));
            }
            Ok(Note::End(at)) => {
                self.end.get_or_insert(at);
                return Ok(Look::End);
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(Look::End),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if cfg!(not(target_os = "linux")) && self.program.ended().is_some() {
            self.end.get_or_insert_with(Instant::now);
            return Ok(Look::End);
        }
        if self.bench.clock.is_up() {
            return Err(self.wrong(How::Silent, awaited, "nothing yet, and time is up"));
        }
        if self.waits.elapsed() > PATIENCE {
            let got = text!("no datagram for {time}", time = seconds(PATIENCE));
            return Err(self.wrong(How::Silent, awaited, got));
        }
        Ok(Look::Nothing)
    }

    /// Strangers, from whom a stray can be: at another port; and where there is such an address
    /// (Linux), at the same port of another one.
    pub fn invite_strangers(&mut self, grading: &Grading) -> Outcome {
        let own = self.wire.as_ref().map(Datagrams::address).transpose()?;
        self.strangers.push(grading.datagrams()?);
        let port = own.map_or(0, |own| own.port());
        let other = format!("127.0.0.2:{port}");
        if cfg!(target_os = "linux") {
            self.strangers.extend(grading.datagrams_at(&other));
        }
        Ok(())
    }

    /// What the grader does that may end a try too soon, as advice.
    pub fn may_end_a_try(&mut self, advice: &'static str) {
        self.too_soon = advice;
    }

    pub fn strangers(&self) -> usize {
        self.strangers.len()
    }

    /// The next datagram; `None`: the program has ended.
    pub fn receive(&mut self, awaited: &Words) -> Outcome<Option<(Vec<u8>, SocketAddr)>> {
        loop {
            match self.look(awaited, Duration::from_millis(5))? {
                Look::Datagram(bytes, from) => return Ok(Some((bytes, from))),
                Look::End => return Ok(None),
                Look::Nothing => {}
            }
        }
    }

    /// Looks for a datagram. Until the first one comes, the program has to be started.
    pub fn look(&mut self, awaited: &Words, patience: Duration) -> Outcome<Look> {
        if self.notes.is_some() {
            return self.look_back(awaited, patience);
        }
        let limit = match self.number {
            0 => PATIENCE * 2,
            _ => PATIENCE,
        };
        if self.bench.clock.is_up() {
            return Err(self.wrong(How::Silent, awaited, "nothing yet, and time is up"));
        }
        let is_noisy = self.noise.as_ref().is_some_and(Noise::is_long_enough);
        let Some(wire) = &mut self.wire else { return Ok(Look::End) };
        let has_ended = self.program.ended().is_some();
        // What has come is taken, however long that was.
        let is_over = self.waits.elapsed() > limit;
        let before = std::mem::replace(&mut self.looked, Instant::now());
        let is_early = self.try_began.elapsed() < EARLY;
        let patience = match !self.strays.is_empty() && is_early {
            true => Duration::ZERO,
            false => patience,
        };
        if let Some((bytes, from)) = wire.receive(patience)? {
            if self.number == 0 {
                // It was not there at the look before.
                self.since = before;
            }
            self.before = before;
            self.waits = Moment::now();
            self.took = self.looked.saturating_duration_since(self.try_began);
            self.try_began = self.looked;
            return Ok(Look::Datagram(bytes, from));
        }
        if has_ended {
            self.end.get_or_insert(self.looked);
            return Ok(Look::End);
        }
        if is_over {
            let got = text!("no datagram for {time}", time = seconds(limit));
            return Err(self.wrong(How::Silent, awaited, got));
        }
        if is_noisy {
            let got = "nothing, for much longer than a try";
            return Err(self.wrong(How::Silent, awaited, got));
        }
        let has_noise = self.noise.is_some();
        let stray = (is_early && !has_noise).then(|| self.strays.pop_front()).flatten();
        if let Some(noise) = &mut self.noise {
            noise.make(wire, &mut self.strangers)?;
            self.sent = text!("{words}, again and again", words = noise.words);
        } else if let Some(stray) = stray {
            self.stray(stray)?;
        } else if self.has_to_pause() {
            // The program must wait for it.
        } else if let Some(piece) = self.input.pop_front() {
            self.has_begun = true;
            self.program.type_bytes(&piece);
            if self.input.is_empty() {
                self.program.end_input();
            }
        }
        Ok(Look::Nothing)
    }

    /// From now on these are typed, one by one, and then the end.
    pub fn type_in_pieces<'a>(&mut self, pieces: impl IntoIterator<Item = &'a [u8]>) {
        self.input = pieces.into_iter().map(<[u8]>::to_vec).collect();
    }

    /// After the first piece, and when the datagram of this number has come, nothing is typed for a
    /// while.
    pub fn pause_after(&mut self, number: u32) {
        self.pause_after = Some(number);
    }

    /// The input is in its pause, and the program is to wait.
    pub fn has_paused(&self) -> bool {
        self.pause_after.is_some() && self.has_begun
    }

    fn has_to_pause(&mut self) -> bool {
        let Some(number) = self.pause_after.filter(|_| self.has_begun) else { return false };
        // (One who reads ahead sends nothing yet.)
        let pause = if self.number < number { 4 * PAUSE } else { PAUSE };
        let is_over = self.try_began.elapsed() > pause;
        if is_over {
            self.pause_after = None;
        }
        !is_over
    }

    /// From now on these come there, one by one, whenever the program has nothing to say. So it is
    /// known which of them makes it do something.
    pub fn let_strays_come(&mut self, to: SocketAddr, strays: VecDeque<Stray>) {
        (self.stray_to, self.strays) = (to, strays);
    }

    /// So many of them have not come yet.
    pub fn strays_left(&self) -> usize {
        self.strays.len()
    }

    /// No more of them: so many have not come.
    pub fn no_more_strays(&mut self) -> usize {
        std::mem::take(&mut self.strays).len()
    }

    /// Sends it, and waits until the program has dealt with it.
    fn stray(&mut self, stray: Stray) -> Outcome {
        let Stray { bytes, stranger, advice } = stray;
        let words = match &bytes[..] {
            [] => text!("an empty datagram"),
            bytes => show(bytes),
        };
        let words = text!("{words}, as an answer to number {number}", words, number = self.number);
        let (wire, words) = match stranger.map(|number| self.strangers.get_mut(number)) {
            None => (self.wire.as_mut(), words),
            Some(stranger) => {
                let from = stranger.as_ref().map(|it| it.address()).transpose()?;
                let from = from.map_or_else(String::new, |from| from.to_string());
                (stranger, text!("{words}, from {from}", words, from))
            }
        };
        if let Some(wire) = wire {
            wire.send(self.stray_to, &bytes)?;
        }
        (self.sent, self.advice) = (words, Some(advice));
        let end = Instant::now() + TRY;
        thread::sleep(STRAY);
        while one_is_busy(std::slice::from_ref(&self.program)) && Instant::now() < end {
            thread::sleep(STRAY);
        }
        Ok(())
    }

    /// Any bytes, and what they are in words.
    pub fn send(&mut self, to: SocketAddr, bytes: &[u8], words: impl Into<Words>) -> Outcome {
        if let Some(wire) = self.wire.as_mut().filter(|_| self.notes.is_none()) {
            wire.send(to, bytes)?;
        }
        self.call_it(words);
        Ok(())
    }

    /// Says in other words what was sent last, for the report.
    pub fn call_it(&mut self, words: impl Into<Words>) {
        self.sent = words.into();
        self.advice = None;
    }

    /// From now on these datagrams keep coming, until a try has ended during them. One with gaps
    /// between them does not count: once more.
    pub fn make_noise(
        &mut self,
        to: SocketAddr,
        bytes: &'static [u8],
        words: &'static str,
    ) -> bool {
        self.advice = None;
        let had_gap = self.noise.take().is_none_or(|noise| noise.has_gap || noise.is_late());
        if had_gap {
            let (last, since) = (self.looked, self.looked);
            self.noise = Some(Noise { to, bytes, words, last, since, has_gap: false });
        }
        had_gap
    }

    pub fn end_noise(&mut self) {
        self.noise = None;
    }

    /// From now on nobody is at the port.
    pub fn close(&mut self) {
        if let Some(wire) = self.wire.take() {
            wire.close();
        }
    }

    /// Somebody is there again.
    pub fn open(&mut self, wire: Datagrams) {
        self.wire = Some(wire);
    }

    /// So many tries of the current number must have taken their time.
    pub fn not_too_soon(&self, tries: u32, now: Instant, awaited: &Words) -> Outcome {
        if now >= self.since + least(tries) {
            return Ok(());
        }
        let expected = text!("{awaited} when the 100 ms of the try before are over", awaited);
        let got = match self.took < TRY {
            true => text!("{awaited}, after {time} ms", awaited, time = self.took.as_millis()),
            false => text!("that already"),
        };
        let wrong = self.wrong(How::More, expected, got);
        Err(match self.advice {
            // It is known which datagram it was.
            Some(advice) => wrong.advice(text!(ENDED_BY_A_DATAGRAM).followed_by(advice)),
            None => wrong.advice(self.too_soon),
        })
    }

    /// The program must end by itself: its status, and what it has printed.
    pub fn expect_end(&self) -> Outcome<(ExitStatus, Vec<String>)> {
        let still_runs = |wrong: Wrong| self.wrong(How::Silent, wrong.expected, wrong.got);
        let status = self.program.expect_end().map_err(still_runs)?;
        Ok((status, self.program.last_lines()))
    }

    /// It has ended, and should not have.
    pub fn too_early(&self, awaited: Words, status: ExitStatus) -> Wrong {
        self.wrong(
            How::Exit,
            awaited,
            text!("the end of the program: {status}", status = ending(status)),
        )
    }

    pub fn wrong(&self, how: How, expected: impl Into<Words>, got: impl Into<Words>) -> Wrong {
        let wrong = Wrong::new(how, expected, got).after(self.sent.clone());
        let wrong = wrong.at((how == How::Silent).then_some(Scene::Sender));
        match self.advice {
            Some(advice) => wrong.advice(advice),
            None => wrong,
        }
    }

    /// When it has ended.
    pub fn end(&self) -> Instant {
        self.end.unwrap_or_else(Instant::now)
    }
}

/// The first of these whose datagram has come, and that; `None`: all of them have ended.
pub fn first_of(
    plays: &mut [(&mut Opponent, Words)],
) -> Outcome<Option<(usize, Vec<u8>, SocketAddr)>> {
    loop {
        let mut have_ended = true;
        for (number, (opponent, awaited)) in plays.iter_mut().enumerate() {
            if opponent.end.is_some() {
                continue;
            }
            have_ended = false;
            if let Look::Datagram(bytes, from) = opponent.look(awaited, Duration::from_millis(2))? {
                return Ok(Some((number, bytes, from)));
            }
        }
        if have_ended {
            return Ok(None);
        }
    }
}

/// What there is to see at one look.
pub enum Look {
    Datagram(Vec<u8>, SocketAddr),
    /// The program has ended, or nobody is at the port.
    End,
    Nothing,
}

/// So many tries take longer than this: clocks are not the same everywhere. (On Windows they tick
/// every 15.6 ms.)
pub fn least(tries: u32) -> Duration {
    match cfg!(windows) {
        true => TRY * tries * 3 / 4,
        false => TRY * tries * 9 / 10,
    }
}

/// How long tries are to which nobody says anything. On a busy machine some are longer than they
/// should be, and not all of them.
pub struct Pace {
    start: Moment,
    last: Option<Instant>,
    times: Vec<Duration>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { start: Moment::now(), last: None, times: Vec::new() }
    }
}

impl Pace {
    pub fn a_try_begins(&mut self, now: Instant) {
        self.times.extend(self.last.replace(now).map(|last| now - last));
    }

    /// The time that half of them took at least, where it is more than it may be, and more than
    /// what the machine has taken away explains. (The shortest tells less: a datagram that is seen
    /// late makes one of them longer, and the next one shorter.)
    pub fn too_long(&self) -> Option<u128> {
        let mut times = self.times.clone();
        times.sort_unstable();
        let time = times.get(times.len() / 2).copied()?;
        let lost = self.start.lost() / u32::try_from(times.len()).unwrap_or(1);
        (time >= TOO_LONG + lost.min(TRY / 5)).then_some(time.as_millis())
    }

    /// Each of the last tries was longer than the one before, and the machine is not the reason.
    pub fn does_not_grow(&self) -> Outcome {
        let last = self.last();
        if !self.seems_to_grow() || self.start.lost() > last[last.len() - 1] {
            return Ok(());
        }
        let times: Vec<_> = last.iter().map(|time| time.as_millis().to_string()).collect();
        let got = text!("tries of {times} ms", times = times.join(", "));
        Err(Wrong::new(How::Silent, "tries of 100 ms", got).after("nothing"))
    }

    /// The same, and it may be the machine.
    pub fn seems_to_grow(&self) -> bool {
        let last = self.last();
        last.len() == MANY
            && last.windows(2).all(|two| two[1] > two[0] + two[0] / 10)
            && last[MANY - 1] > TRY * 4
    }

    /// The last of them.
    fn last(&self) -> &[Duration] {
        &self.times[self.times.len().saturating_sub(MANY)..]
    }

    pub fn is_right(&self) -> Outcome {
        self.is_not_over(Duration::ZERO)
    }

    /// The same where much longer ones are all right.
    pub fn is_not_over(&self, limit: Duration) -> Outcome {
        let time = self.too_long().filter(|time| *time > limit.as_millis());
        let Some(time) = time else { return Ok(()) };
        let got = text!("tries of {time} ms and more", time);
        let wrong = Wrong::new(How::Silent, "tries of 100 ms", got);
        Err(wrong.after("nothing").advice(TOO_LATE))
    }
}

/// Datagrams that keep coming while a program waits for another one, so fast
/// that a limit for each receive never ends, and a limit for all of them does.
///
/// On a busy machine there are gaps. A try with a gap tells nothing.
struct Noise {
    to: SocketAddr,
    bytes: &'static [u8],
    words: &'static str,
    /// When the last one was sent, and since when there was no gap.
    last: Instant,
    since: Instant,
    has_gap: bool,
}

impl Noise {
    /// One more.
    fn make(&mut self, wire: &mut Datagrams, strangers: &mut [Datagrams]) -> Outcome {
        let before = Instant::now();
        // More than who counts them has thought of; of each kind, some.
        for _ in 0..NOISE {
            wire.send(self.to, self.bytes)?;
        }
        wire.send(self.to, b"")?;
        for stranger in strangers {
            stranger.send(self.to, self.bytes)?;
        }
        if self.is_late() {
            self.has_gap = true;
            self.since = before;
        }
        self.last = before;
        Ok(())
    }

    fn is_late(&self) -> bool {
        self.last.elapsed() > TRY / 2
    }

    /// Without a gap for much longer than a try.
    fn is_long_enough(&self) -> bool {
        self.last.duration_since(self.since) > TRY * 4 + Duration::from_millis(600)
    }
}

const TOO_LATE: &str = "Nobody answered, and each try was longer than its 100 ms. Look at the \
     limit: which unit has it {Python: (settimeout counts in seconds: 0.1)}{C: (a timeval has \
     seconds and microseconds: 0 and 100000)}{Node|Java: (milliseconds: 100)}, and is it set for \
     the receive of a try once? Nothing else may wait between two tries.";

/// The advice where an empty datagram is taken for something.
pub const EMPTY: &str = "An empty datagram was taken for the end of the try, or of the program. It \
     is received as 0 bytes, and in UDP that is the end of nothing (step 5): throw it away, and \
     receive again in the same try. Look at the length before you take anything out of it.";

/// The advice where a stranger is not.
pub const STRANGER: &str = "The right bytes came from another address than the one that was asked, \
     and were taken for the answer, or for the end of the try. Anybody can send to your socket. \
     Compare the address that {Rust: recv_from}{C|Python: recvfrom}{else: the receive} gives, host \
     and port, or connect the socket before the \
     first send: then the kernel lets only this one peer through.";

/// The advice where the tries do not come from one port.
pub const NEW_SOCKET: &str = "Each try came from another port, so each has a socket of its own. An \
     answer that is late goes to the port of the try before, and nobody receives it. One socket \
     is enough for all of them: create it once, ahead of the loops.";

/// The advice where a try was ended by a datagram that is no answer.
pub const ENDED_BY_A_DATAGRAM: &str = "A try was over before its 100 ms were: a datagram that is no \
     answer has ended it. Receive again, however many of them come, until the 100 ms since the \
     send are over.";

/// The advice where a try was ended by nothing at all.
pub const NOTHING_CAME: &str = "A try was over before its 100 ms were, and nothing had come: look at \
     the unit of your timeout {Python: (settimeout counts in seconds: 0.1)}{C: (a timeval has \
     seconds and microseconds: 0 and 100000)}{Node|Java: (milliseconds: 100)}, and whether \
     something else ends the wait.";

const TOO_SOON: &str = "A try was over before its 100 ms were. What is not the answer (another \
     datagram, an error such as \"connection refused\" or \"interrupted\") neither ends a try nor \
     counts as one: receive again, until the time is up. And if nothing came at all, look at the \
     unit of your timeout.";
