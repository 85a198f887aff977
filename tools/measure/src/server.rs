//! A server while it runs, and what it takes from the machine.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

use crate::place::{Network, Place};
use crate::programs::Program;

/// So long it may take to start.
const START: Duration = Duration::from_secs(10);

/// It ends when this is dropped.
pub struct Server {
    pub name: String,
    pub network: Network,
    child: Child,
    errors: File,
    clocks: Vec<ClockId>,
}

impl Server {
    /// Starts it in a network of its own, and waits until it listens.
    pub fn start(place: &Place, program: &Program) -> Result<Self, String> {
        Self::start_with(place, program, &[])
    }

    /// The same, and these words stand ahead of its command: those of a program that runs it.
    pub fn start_with(place: &Place, program: &Program, ahead: &[&str]) -> Result<Self, String> {
        let name = program.name.clone();
        let network = place.network()?;
        let failed = |what: &str, error: std::io::Error| format!("{name}: {what}: {error}");
        let errors = tempfile::tempfile().map_err(|error| failed("a file", error))?;
        // It ends with this program, whatever ends that.
        let words = keeper().iter().chain(ahead).copied();
        let mut words = words.chain(program.command.iter().map(String::as_str));
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).arg(&network.address);
        command
            // The course's servers run until Enter, or the end of this.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(errors.try_clone().map_err(|error| failed("a file", error))?);
        let child = place
            .cores
            .of_servers(|| command.spawn())
            .map_err(|error| failed(&program.command[0], error))?;
        let mut server = Self { name, network, child, errors, clocks: vec![] };
        server.wait_until_it_listens()?;
        Ok(server)
    }

    fn wait_until_it_listens(&mut self) -> Result<(), String> {
        let start = Instant::now();
        let port = self.network.address.rsplit(':').next().and_then(|port| port.parse().ok());
        loop {
            let listening = listening();
            if listening.iter().any(|at| Some(*at) == port) {
                return Ok(());
            }
            if let Some(end) = self.ended() {
                return Err(end);
            }
            if start.elapsed() > START {
                // In a network of its own, nobody else listens.
                let elsewhere = listening.first().filter(|_| self.network.is_own());
                let elsewhere = elsewhere.map(|at| format!(", but at port {at}"));
                return Err(format!(
                    "{}: it does not listen at {} within {START:?}{}. (It gets the address as its \
                     last argument.)",
                    self.name,
                    self.network.address,
                    elsewhere.unwrap_or_default(),
                ));
            }
            sleep(Duration::from_millis(5));
        }
    }

    /// In one line, if it has ended.
    pub fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        let mut said = String::new();
        let _ = self.errors.rewind();
        let _ = (&self.errors).take(1 << 16).read_to_string(&mut said);
        let last = said.lines().rfind(|line| !line.trim().is_empty());
        if let Some(why) = last.and_then(|line| line.strip_prefix("setpriv: failed to execute ")) {
            return Some(format!("{}: {why}", self.name));
        }
        let last = last.map(|line| format!(": {}", line.trim()));
        Some(format!("{} has ended ({status}){}", self.name, last.unwrap_or_default()))
    }

    /// The same, a moment later: who has closed all connections may be about to end.
    pub fn end_soon(&mut self) -> Option<String> {
        (0..20).find_map(|_| {
            sleep(Duration::from_millis(10));
            self.ended()
        })
    }

    /// It and all that it has started.
    pub fn processes(&self) -> Vec<u32> {
        let mut all = vec![self.child.id()];
        let mut at = 0;
        while let Some(id) = all.get(at) {
            let tasks = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
            let children =
                tasks.filter_map(|it| fs::read_to_string(it.path().join("children")).ok());
            let children: Vec<String> = children.collect();
            all.extend(
                children
                    .iter()
                    .flat_map(|ids| ids.split(' '))
                    .filter_map(|id| id.parse::<u32>().ok()),
            );
            at += 1;
        }
        all
    }

    /// What it has started by now is measured as a part of it.
    pub fn is_complete(&mut self) {
        let clock = |id: u32| clock_getcpuclockid(Pid::from_raw(i32::try_from(id).ok()?)).ok();
        self.clocks = self.processes().into_iter().filter_map(clock).collect();
    }

    /// The time that processors have spent on it.
    pub fn processor(&self) -> Duration {
        let times = self.clocks.iter().filter_map(|clock| clock_gettime(*clock).ok());
        times.map(Duration::from).sum()
    }

    /// Asks what it has started to end, and waits a while until it has ended by itself then.
    pub fn stop(&mut self, signal: Signal) {
        for id in self.processes().into_iter().skip(1).filter_map(|id| i32::try_from(id).ok()) {
            let _ = kill(Pid::from_raw(id), signal);
        }
        let start = Instant::now();
        while self.ended().is_none() && start.elapsed() < Duration::from_secs(5) {
            sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // And all that it has started.
        for id in self.processes().into_iter().rev().filter_map(|id| i32::try_from(id).ok()) {
            let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

/// What stands ahead of a command: util-linux has a program for it.
fn keeper() -> &'static [&'static str] {
    static IS_HERE: LazyLock<bool> =
        LazyLock::new(|| Command::new("setpriv").arg("--version").output().is_ok());
    if *IS_HERE { &["setpriv", "--pdeathsig", "KILL"] } else { &[] }
}

/// The ports at which somebody listens in this network.
fn listening() -> Vec<u16> {
    let rows = [procfs::net::tcp(), procfs::net::tcp6()].into_iter().flatten().flatten();
    let listen = rows.filter(|row| row.state == procfs::net::TcpState::Listen);
    listen.map(|row| row.local_address.port()).collect()
}
