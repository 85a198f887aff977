//! The machines on which the programs run: this one, or two in networks of their own, with a cable
//! in between. What is seen of each: its packets, and its tables of sockets.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;

use nix::sched::{CloneFlags, setns};

use crate::helper::Rights;
use crate::namespace::{self, CABLES, OWN};
use crate::net::{self, Seen, Wire};
use crate::network::Network;
use crate::tables::{self, Asker, Ends, Family, Others, Row};
use crate::tap::Tap;

/// One machine.
struct Machine {
    /// Its network namespace; `None`: that of this process.
    network: Option<File>,
    tap: Tap,
    /// `None`: this kernel has no sock_diag.
    asker: Option<Asker>,
}

pub struct Machines {
    all: Vec<Machine>,
    /// The network namespace of this process, if the machines have others.
    own: Option<File>,
    wire: Option<Wire>,
    /// The kernel sends by itself, when a timer runs out.
    pub have_timers: bool,
}

fn no_socket(error: io::Error) -> String {
    format!("no packet socket: {error}")
}

fn own() -> Result<File, String> {
    File::open(OWN).map_err(|error| format!("{OWN}: {error}"))
}

fn enter(network: &File) -> Result<(), String> {
    setns(network, CloneFlags::CLONE_NEWNET).map_err(|error| format!("no network: {error}"))
}

impl Machines {
    /// Sets them up, as it is asked for.
    pub fn set_up(wishes: Network, rights: &Rights) -> Result<Self, String> {
        let late = wishes.acks_late;
        if !wishes.apart {
            namespace::set_up(rights, late)?;
            let tap = Tap::open().map_err(no_socket)?;
            let machine = Machine { network: None, tap, asker: None };
            return Ok(Self { all: vec![machine], own: None, wire: None, have_timers: late });
        }
        let here = own()?;
        let mut all = vec![];
        for number in 0..CABLES.len() {
            namespace::machine(number, rights, late)?;
            // What goes through the cable is seen there.
            let lo = net::interface("lo").map_err(no_socket)?;
            let tap = Tap::open_at(Some(&lo)).map_err(no_socket)?;
            all.push(Machine { network: Some(own()?), tap, asker: None });
            enter(&here)?;
        }
        namespace::connect(rights)?;
        let wire = Some(Wire::between(CABLES, wishes)?);
        Ok(Self { all, own: Some(here), wire, have_timers: true })
    }

    /// The one on which a program runs already.
    pub fn of_others() -> Self {
        let machine = Machine { network: None, tap: Tap::none(), asker: None };
        Self { all: vec![machine], own: None, wire: None, have_timers: false }
    }

    /// Single sockets can be asked for from now on, if the kernel can do that.
    pub fn begin_to_ask(&mut self) {
        for number in 0..self.all.len() {
            let machine = &self.all[number];
            self.all[number].asker = self.at(machine, || Ok(Asker::open().ok())).unwrap_or(None);
        }
    }

    /// Whether there is more than one.
    pub fn are_two(&self) -> bool {
        self.wire.is_some()
    }

    /// Does something where a program runs.
    pub fn on<T>(
        &self,
        program: usize,
        act: impl FnOnce() -> Result<T, String>,
    ) -> Result<T, String> {
        self.at(&self.all[program.min(self.all.len() - 1)], act)
    }

    fn at<T>(
        &self,
        machine: &Machine,
        act: impl FnOnce() -> Result<T, String>,
    ) -> Result<T, String> {
        if let Some(network) = &machine.network {
            enter(network)?;
        }
        let result = act();
        if let Some(own) = &self.own {
            enter(own)?;
        }
        result
    }

    /// Passes on what the machines have sent each other, and gives the new packets. If `all_wait`,
    /// so do all programs.
    pub fn drain(&mut self, all_wait: bool) -> Result<Seen, String> {
        let mut all = Seen::default();
        loop {
            let mut more = match &mut self.wire {
                Some(wire) => wire.pass_on(all_wait && !all.answers)?,
                None => Seen::default(),
            };
            for machine in &mut self.all {
                let own = machine.tap.drain();
                more.packets.extend(own.map_err(|error| format!("the packet socket: {error}"))?);
            }
            let is_last = more.packets.is_empty() || self.wire.is_none();
            all.answers |= all.packets.is_empty() && more.answers;
            all.packets.extend(more.packets);
            if is_last {
                return Ok(all);
            }
        }
    }

    /// How many datagrams came in parts.
    pub fn in_parts(&self) -> usize {
        let wire = self.wire.as_ref().map_or(0, |wire| wire.parts.whole);
        wire + self.all.iter().map(|machine| machine.tap.parts.whole).sum::<usize>()
    }

    /// Whether a packet is on its way.
    pub fn are_busy(&self) -> bool {
        self.wire.as_ref().is_some_and(Wire::is_busy)
    }

    /// Whether what was not acknowledged is sent again, and may arrive.
    pub fn send_again(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| !wire.is_cut())
    }

    /// Whether single sockets can be asked for.
    pub fn can_be_asked(&self) -> bool {
        self.all.iter().all(|machine| machine.asker.is_some())
    }

    /// Reads the tables.
    pub fn read(&self, families: &BTreeSet<Family>) -> Result<Vec<Row>, String> {
        let mut rows = vec![];
        for machine in &self.all {
            rows.extend(self.at(machine, || tables::read(families))?);
        }
        Ok(rows)
    }

    /// See [`Asker::ask`].
    pub fn ask(
        &mut self,
        families: &BTreeSet<Family>,
        ends: &[Ends],
        others: Others,
    ) -> Result<Vec<Row>, String> {
        let mut rows = vec![];
        for machine in &mut self.all {
            if let Some(network) = &machine.network {
                enter(network)?;
            }
            if let Some(asker) = &mut machine.asker {
                rows.extend(asker.ask(families, ends, others)?);
            }
        }
        if let Some(own) = &self.own {
            enter(own)?;
        }
        Ok(rows)
    }
}
