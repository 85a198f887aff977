//! A whole run: what is measured, of whom, and how often.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::load::{self, Load};
use crate::machine;
use crate::place::Place;
use crate::programs::{BLOCKING, EPOLL, KNOWN, Program, Workshop};
use crate::row::Row;
use crate::server::Server;
use crate::side_by_side::{By, Compared, Rounds, Side};
use crate::speech::Speech;
use crate::statistics::{Spread, ZERO};
use crate::{sinks, takes};

/// So long a run may take, at the most.
const LIMIT: Duration = Duration::from_secs(300);

/// So often other processes are started until the zero of all rounds together holds. (Two processes of
/// one program differ by a percent or three for as long as they live: of several, some are slower and some
/// are faster.)
const TRIES: usize = 5;

/// So many comparisons may be left out because their zero does not hold. With more of them, all are.
const MOST_UNLIKE: usize = 4;

/// The length of a block: the shorter, the less happens to the machine in a round. But with many clients
/// it takes a while until each had its turn.
const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_millis(50);

/// Of how many and how long blocks the numbers are.
pub struct Plan {
    /// With few clients who talk; with many; beside silent ones; of a throughput.
    rounds: [(usize, Duration); 4],
    active: &'static [usize],
    silent: &'static [usize],
    memory: usize,
    sizes: &'static [usize],
    exchanges: usize,
    /// Without a zero that holds, there is no result.
    pub is_strict: bool,
}

impl Plan {
    /// (A number of rounds is a multiple of three: see `side_by_side`.)
    pub const WHOLE: Self = Self {
        rounds: [(45, SHORT), (21, LONG), (30, SHORT), (15, LONG)],
        active: &[10, 100, 1000, 5000],
        silent: &[10, 100, 1000, 5000],
        memory: 5000,
        sizes: &sinks::SIZES,
        exchanges: 30,
        is_strict: true,
    };

    /// To see whether it works.
    pub const QUICK: Self = Self {
        rounds: [(3, SHORT); 4],
        active: &[10, 100],
        silent: &[100],
        memory: 100,
        sizes: &[1 << 10, 1 << 16],
        exchanges: 3,
        is_strict: false,
    };
}

/// The rows for each file.
pub type Results = Vec<(&'static str, Vec<Row>)>;

/// Why there are none.
pub enum Trouble {
    /// The machine does other things as well.
    Busy(String),
    /// Something does not work.
    Fails(String),
}

impl From<String> for Trouble {
    fn from(words: String) -> Self {
        Self::Fails(words)
    }
}

pub struct Run<'a> {
    plan: Plan,
    place: &'a Place,
    programs: Vec<Program>,
    descriptors: usize,
    own_speech: Speech,
    machine: String,
    start: Instant,
    /// Those that fewer clients were too many for.
    overwhelmed: Vec<String>,
    /// What could not be measured, and why.
    pub left_out: Vec<String>,
    /// How many comparisons were thrown away because of their zero.
    too_unlike: usize,
}

impl<'a> Run<'a> {
    pub fn new(plan: Plan, place: &'a Place, programs: Vec<Program>) -> Self {
        let mut machine = machine::describe();
        if !plan.is_strict {
            machine += "; to see whether it works: these numbers say little";
        }
        Self {
            plan,
            place,
            programs,
            descriptors: machine::descriptors(),
            own_speech: Speech::chat(),
            machine,
            start: Instant::now(),
            overwhelmed: vec![],
            left_out: vec![],
            too_unlike: 0,
        }
    }

    /// What this server of the reader speaks; or, in a line, why nobody can talk to it.
    pub fn learn(&mut self, own: &Program) -> Result<(), String> {
        let mut server = Server::start(self.place, own)?;
        let learned = load::learn(&server).map_err(|why| server.end_soon().unwrap_or(why))?;
        self.own_speech = learned;
        tell(&format!("{}: {}", own.name, self.own_speech.describe()));
        Ok(())
    }

    /// All of it.
    pub fn measure(&mut self, workshop: &Workshop) -> Result<Results, Trouble> {
        let is_own = self.programs.iter().any(|program| program.is_own);
        let mut results = vec![
            ("round_trips", self.one_client()?),
            ("active", self.active()?),
            ("silent", self.silent()?),
            ("memory", self.memory()?),
            ("calls", self.calls()?),
        ];
        if !is_own {
            results.push(("throughput", self.throughput(workshop)?));
            results.push(("small_writes", self.small_writes(workshop)?));
        }
        self.progress("done");
        let _ = writeln!(io::stderr());
        for row in results.iter_mut().flat_map(|(_, rows)| rows) {
            row.machine.clone_from(&self.machine);
        }
        Ok(results)
    }

    /// What comes next, if there is time for it.
    fn next(&self, what: &str) -> Result<(), Trouble> {
        self.progress(what);
        if self.start.elapsed() > LIMIT {
            return Err(Trouble::Busy(format!("{} s are over", LIMIT.as_secs())));
        }
        Ok(())
    }

    fn progress(&self, what: &str) {
        let line = format!(
            "[{:3} s of at most {}] {what}",
            self.start.elapsed().as_secs(),
            LIMIT.as_secs()
        );
        let mut errors = io::stderr();
        let _ = match errors.is_terminal() {
            true => write!(errors, "\r\x1b[K{line}"),
            false => writeln!(errors, "{line}"),
        };
        let _ = errors.flush();
    }

    fn named(&self, name: &str) -> Result<Program, Trouble> {
        let program = self.programs.iter().find(|program| program.name == name);
        program.cloned().ok_or_else(|| {
            Trouble::Fails(format!("without {name} there is nothing to compare with"))
        })
    }

    fn speech(&self, program: &Program) -> Speech {
        if program.is_own { self.own_speech.clone() } else { Speech::chat() }
    }

    /// A server, with clients who talk and clients who do not.
    fn side(&self, program: &Program, talking: usize, silent: usize) -> Result<Side, String> {
        let mut server = Server::start(self.place, program)?;
        let load = Load::connect(&server, &self.speech(program), talking, silent);
        let load = load.map_err(|why| server.end_soon().unwrap_or(why))?;
        server.is_complete();
        Ok(Side { load, server })
    }

    /// Whether there are descriptors for so many clients.
    fn has_room(&mut self, clients: usize) -> bool {
        let has_room = clients + 100 <= self.descriptors;
        if !has_room {
            let most = self.descriptors;
            let words =
                format!("{clients} connections: only {most} files may be open (ulimit -Hn)");
            self.leave_out(words);
        }
        has_room
    }

    fn leave_out(&mut self, words: String) {
        if !self.left_out.contains(&words) {
            self.left_out.push(words);
        }
    }

    /// After a zero that does not hold: more rounds, or none, which is said.
    fn once_more(&mut self, what: &str, zero: f64, attempt: usize) -> Result<(), Trouble> {
        let Some(why) = given_up(what, zero, attempt) else { return Ok(()) };
        self.too_unlike += 1;
        if self.too_unlike > MOST_UNLIKE {
            return Err(Trouble::Busy(why));
        }
        self.leave_out(why);
        Ok(())
    }

    /// Until the zero holds, and not too often: what came before counts as well. `None`: it has been left
    /// out, and why is said.
    fn compared(
        &mut self,
        what: &str,
        (by, (rounds, span)): (By, (usize, Duration)),
        references: &mut [Side; 2],
        reference: impl Fn(&Self) -> Result<Side, String>,
        other: impl Fn(&Self) -> Result<Side, String>,
    ) -> Result<Option<(Compared, Side)>, Trouble> {
        let mut measured = Rounds::default();
        for attempt in 1..=TRIES {
            let again =
                if attempt > 1 { format!(", try {attempt} of {TRIES}") } else { String::new() };
            self.next(&format!("{what}{again}"))?;
            if attempt > 1 {
                for side in references.iter_mut() {
                    *side = reference(self)?;
                }
            }
            let compared = other(self).and_then(|mut other| {
                let [first, zero] = &mut *references;
                let added = measured.add([first, zero, &mut other], rounds, span);
                // What it said when it ended says more than what its clients saw.
                added.map_err(|why| other.server.end_soon().unwrap_or(why))?;
                Ok((measured.compared(by)?, other))
            });
            match compared {
                Ok((compared, _))
                    if self.plan.is_strict && !ZERO.contains(&compared.zero.median) =>
                {
                    self.once_more(what, compared.zero.median, attempt)?;
                }
                Ok(compared) => {
                    if !self.plan.is_strict {
                        let Spread { median, low, high, .. } = compared.0.zero;
                        self.progress(&format!("{what}: zero {median:.3} ({low:.3} to {high:.3})"));
                    }
                    return Ok(Some(compared));
                }
                Err(why) => {
                    let with = what.split(": ").next().unwrap_or(what);
                    self.leave_out(format!("{with}: {why}"));
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }

    /// Only one of both ends works at any time, so they share a core: or what is compared is where the
    /// system puts them.
    fn one_client(&mut self) -> Result<Vec<Row>, Trouble> {
        self.place.cores.share();
        let reference = self.named(BLOCKING)?;
        self.speeds(&reference, 1)
    }

    fn active(&mut self) -> Result<Vec<Row>, Trouble> {
        self.place.cores.separate();
        let reference = self.named(EPOLL)?;
        let mut rows = vec![];
        for clients in self.plan.active {
            if self.has_room(3 * clients) {
                rows.extend(self.speeds(&reference, *clients)?);
            }
        }
        Ok(rows)
    }

    /// Round trips, beside this one's.
    fn speeds(&mut self, reference: &Program, clients: usize) -> Result<Vec<Row>, Trouble> {
        let again = |run: &Self| run.side(reference, clients, 0);
        let mut references = [again(self)?, again(self)?];
        let rounds = self.plan.rounds[usize::from(clients > 100)];
        let mut rows = vec![];
        let ratio_to = format!("ratio to {}", reference.name);
        for program in self.programs.clone() {
            if program.name == reference.name
                || program.places.min(program.at_once) < clients
                || self.overwhelmed.contains(&program.name)
            {
                continue;
            }
            let noun = if clients == 1 { "client" } else { "clients" };
            let what = format!("{clients} {noun}: {}", program.name);
            let by = (By::RoundTrips, rounds);
            let other = |run: &Self| run.side(&program, clients, 0);
            let unlike = self.too_unlike;
            let compared = self.compared(&what, by, &mut references, again, other)?;
            let Some((compared, mut side)) = compared else {
                // (A zero that does not hold says nothing of the program.)
                if self.too_unlike == unlike {
                    self.overwhelmed.push(program.name);
                }
                continue;
            };
            let name = &program.name;
            let served = side.load.all_are_served()?;
            if rows.is_empty() {
                rows.push(Row::spread("round trips", &reference.name, "1/s", compared.first_speed));
                let took = compared.first_processor.times(1e6);
                rows.push(Row::spread("processor", &reference.name, "µs", took));
                rows.push(Row::new(&ratio_to, &reference.name, "", 1.0));
            }
            rows.push(Row::spread("round trips", name, "1/s", compared.speed));
            rows.push(Row::spread("processor", name, "µs", compared.processor.times(1e6)));
            rows.push(Row::spread(&ratio_to, name, "", compared.ratio));
            rows.push(Row::spread("zero", name, "", compared.zero));
            let served = u32::try_from(served).map(f64::from).unwrap_or_default();
            rows.push(Row::new("served, each its own answer", name, "clients", served));
        }
        Ok(rows.into_iter().map(|row| row.with(clients)).collect())
    }

    /// One talks, and so many are silent.
    fn silent(&mut self) -> Result<Vec<Row>, Trouble> {
        let rounds = self.plan.rounds[2];
        self.place.cores.share();
        let mut rows = vec![];
        for program in self.programs.clone() {
            if program.places < 100 || self.overwhelmed.contains(&program.name) {
                continue;
            }
            let again = |run: &Self| run.side(&program, 1, 0);
            let mut references = [again(self)?, again(self)?];
            let name = &program.name;
            for (at, clients) in self.plan.silent.iter().enumerate() {
                if program.places <= *clients || !self.has_room(*clients) {
                    continue;
                }
                let what = format!("{clients} silent: {name}");
                let by = (By::Processor, rounds);
                let other = |run: &Self| run.side(&program, 1, *clients);
                let compared = self.compared(&what, by, &mut references, again, other)?;
                let Some((compared, _)) = compared else { break };
                if at == 0 {
                    let took = compared.first_processor.times(1e6);
                    rows.push(Row::spread("processor", name, "µs", took).with(0));
                }
                let took = compared.processor.times(1e6);
                rows.push(Row::spread("processor", name, "µs", took).with(*clients));
                rows.push(Row::spread("ratio to none", name, "", compared.ratio).with(*clients));
                rows.push(Row::spread("zero", name, "", compared.zero).with(*clients));
            }
        }
        Ok(rows)
    }

    fn memory(&mut self) -> Result<Vec<Row>, Trouble> {
        let mut rows = vec![];
        for program in self.programs.clone() {
            let takes_many = program.places > 100 && !self.overwhelmed.contains(&program.name);
            if takes_many && self.has_room(self.plan.memory) {
                self.next(&format!("memory: {}", program.name))?;
                let speech = self.speech(&program);
                match takes::memory(self.place, &program, &speech, self.plan.memory) {
                    Ok(some) => rows.extend(some),
                    Err(why) => self.leave_out(format!("memory: {why}")),
                }
            }
        }
        Ok(rows)
    }

    fn calls(&mut self) -> Result<Vec<Row>, Trouble> {
        let mut rows = vec![];
        if let Err(error) = Command::new("strace").arg("--version").output() {
            self.leave_out(format!("system calls: strace: {error}"));
            return Ok(rows);
        }
        for program in self.programs.clone() {
            self.next(&format!("system calls: {}", program.name))?;
            match takes::calls(self.place, &program, &self.speech(&program)) {
                Ok(some) => rows.extend(some),
                Err(why) => self.leave_out(format!("system calls: {why}")),
            }
        }
        Ok(rows)
    }

    fn throughput(&mut self, workshop: &Workshop) -> Result<Vec<Row>, Trouble> {
        let programs = [workshop.c("sink")?, workshop.rust("sink")?];
        let programs = programs.each_ref().map(String::as_str);
        // On two cores, how the two ends happen to meet decides: at 1 KiB one and the same server received
        // 95 MB/s or ten times as much.
        self.place.cores.share();
        let mut rows = vec![];
        for size in self.plan.sizes {
            let mut speeds = sinks::Speeds::default();
            for attempt in 1..=TRIES {
                self.next(&format!("throughput: {size} bytes at a time"))?;
                let (rounds, span) = self.plan.rounds[3];
                speeds.add(self.place, programs, *size, rounds, span)?;
                let (some, zero) = speeds.rows(*size)?;
                if !self.plan.is_strict || ZERO.contains(&zero) {
                    rows.extend(some);
                    break;
                }
                let what = format!("throughput, {size} bytes at a time");
                self.once_more(&what, zero, attempt)?;
            }
        }
        Ok(rows)
    }

    fn small_writes(&mut self, workshop: &Workshop) -> Result<Vec<Row>, Trouble> {
        self.place.cores.share();
        self.next("small writes")?;
        let program = workshop.c("sink")?;
        Ok(sinks::small_writes(self.place, &program, self.plan.exchanges)?)
    }
}

/// The zero does not hold: waits a little, if it may be tried once more.
fn given_up(what: &str, zero: f64, attempt: usize) -> Option<String> {
    if attempt < TRIES {
        sleep(Duration::from_secs(1));
        return None;
    }
    let (least, most) = (ZERO.start(), ZERO.end());
    Some(format!(
        "{what}: the same server twice differs by a factor of {zero:.3} (it may be {least} to {most})"
    ))
}

/// The names of those that are built: all; or beside a server of the reader's, these.
pub fn wanted(is_own: bool) -> Vec<&'static str> {
    let all = KNOWN.iter().map(|known| known.name);
    let beside = |name: &&str| !is_own || [0, 2, 3, 4, 5].iter().any(|at| KNOWN[*at].name == *name);
    all.filter(beside).collect()
}

/// A line that is no result.
pub fn tell(words: &str) {
    let _ = writeln!(io::stderr(), "{words}");
}

#[cfg(test)]
mod tests {
    use super::{TRIES, given_up};

    #[test]
    fn a_zero_that_does_not_hold_ends_it_in_time() {
        assert_eq!(given_up("x", 1.2, TRIES - 1), None);
        let words = given_up("10 clients: x", 1.2, TRIES).expect("an end");
        assert_eq!(
            words,
            "10 clients: x: the same server twice differs by a factor of 1.200 (it may be 0.99 to 1.01)"
        );
    }
}
