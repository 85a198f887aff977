//! What is asked of the network: two machines, and what it does to their packets.

use std::time::Duration;

/// The addresses of the two machines. The first one has another one: `SECOND`.
pub const FIRST: [&str; 2] = ["192.168.7.1", "fd07::1"];
pub const OTHER: [&str; 2] = ["192.168.7.2", "fd07::2"];
pub const SECOND: [&str; 2] = ["192.168.7.3", "fd07::3"];

/// The options that take a value.
pub const OPTIONS: [&str; 7] = ["ack", "cut", "delay", "double", "drop", "seed", "swap"];

/// What is asked of the network. Packets with data have numbers from 1 on, in the order in which
/// they are sent.
#[derive(Debug, Default, PartialEq)]
pub struct Network {
    /// Two machines, one for each program.
    pub apart: bool,
    /// The kernel acknowledges when it does elsewhere, too.
    pub acks_late: bool,
    /// These packets with data are lost.
    pub lost: Vec<u32>,
    /// So many of a hundred packets with data are lost,
    pub percent: u32,
    /// by this throw of the dice, if one is named.
    pub seed: Option<u64>,
    /// Each of these packets with data comes after the next one.
    pub swapped: Vec<u32>,
    /// These packets with data come twice.
    pub doubled: Vec<u32>,
    /// How long each packet is on its way.
    pub delay: Duration,
    /// After so many packets, with data or without, all are lost.
    pub cut: Option<u32>,
}

impl Network {
    /// Reads one of the [`OPTIONS`].
    pub fn read(&mut self, name: &str, value: &str) -> Result<(), String> {
        let odd = |what: &str| format!("--{name} {value}: {what}");
        let which = || value.split(',').map(|one| one.parse().ok().filter(|one| *one > 0));
        let packets = || which().collect::<Option<Vec<u32>>>();
        let packets = || packets().ok_or_else(|| odd("which packets with data? 3, or 3,5"));
        match name {
            "ack" if value == "delayed" => self.acks_late = true,
            "ack" => return Err(odd("--ack delayed is the only one")),
            "drop" => match value.strip_suffix('%').map(str::parse) {
                Some(Ok(percent @ 1..=99)) => self.percent = percent,
                Some(_) => return Err(odd("1% to 99%")),
                None => self.lost = packets()?,
            },
            "swap" => self.swapped = packets()?,
            "double" => self.doubled = packets()?,
            "seed" => self.seed = Some(value.parse().map_err(|_| odd("a number"))?),
            "cut" => self.cut = Some(value.parse().map_err(|_| odd("after how many packets?"))?),
            _ => match value.parse() {
                Ok(milliseconds @ 1..=5000) => self.delay = Duration::from_millis(milliseconds),
                _ => return Err(odd("milliseconds, 1 to 5000")),
            },
        }
        Ok(())
    }

    /// Whether anything is asked of it.
    pub fn is_asked(&self) -> bool {
        *self != Self::default()
    }

    /// Whether these go together.
    pub fn check(&self) -> Result<(), String> {
        if self.seed.is_some() && self.percent == 0 {
            return Err("--seed is for packets that are lost by chance: --drop 10%".to_owned());
        }
        let all = [
            ("--drop", !self.lost.is_empty() || self.percent > 0),
            ("--swap", !self.swapped.is_empty()),
            ("--double", !self.doubled.is_empty()),
            ("--delay", !self.delay.is_zero()),
            ("--cut", self.cut.is_some()),
        ];
        match all.into_iter().find(|(_, asked)| *asked && !self.apart) {
            Some((option, _)) => Err(format!(
                "{option} needs two machines: --apart (what a machine sends to itself, nobody can \
                 lose)"
            )),
            None => Ok(()),
        }
    }
}
