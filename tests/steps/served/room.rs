//! A server that runs, and those it serves. Each of them knows what it must get: every text once,
//! and what one says in the order in which it was said. More or less than that fails.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use super::{Server, Speaks};
use crate::support::{Terminal, expect, rest};

pub const GREETING: &str = "Hello, client!";
pub const PREFIX: &str = "Server received: ";

/// A server that was started.
pub struct Running {
    pub server: &'static Server,
    pub terminal: RefCell<Terminal>,
    pub address: SocketAddr,
}

impl Running {
    /// A client in the queue: nobody has talked to it yet.
    pub fn knock(&self) -> TcpStream {
        let patience = self.server.patience;
        let peer = TcpStream::connect_timeout(&self.address, patience).expect("it listens");
        peer.set_read_timeout(Some(patience)).expect("a timeout");
        peer.set_write_timeout(Some(patience)).expect("a timeout");
        peer.set_nodelay(true).expect("an option");
        peer
    }

    #[cfg(target_os = "linux")]
    pub fn id(&self) -> u32 {
        self.terminal.borrow().id()
    }
}

pub struct Guest {
    pub name: String,
    pub peer: TcpStream,
    /// What it must still get: in the chat its own texts, in the group chat the others' lines.
    owed: Vec<String>,
    pub got: Vec<u8>,
    /// The lines of `leaving` that it has got.
    early: usize,
}

/// All clients of a server. In the group chat somebody is there all the time, and hears the others.
pub struct Room<'a> {
    pub running: &'a Running,
    pub guests: BTreeMap<usize, Guest>,
    number: usize,
    /// A line that may come at any time: somebody is about to be put out.
    leaving: Option<String>,
}

impl<'a> Room<'a> {
    pub fn of(running: &'a Running) -> Self {
        let mut room = Self { running, guests: BTreeMap::new(), number: 0, leaving: None };
        if room.is_group() {
            room.join();
        }
        room
    }

    fn is_group(&self) -> bool {
        self.running.server.speaks == Speaks::Group
    }

    pub fn join(&mut self) -> usize {
        self.enter(self.running.knock())
    }

    /// Waits until somebody who has knocked is served.
    pub fn enter(&mut self, mut peer: TcpStream) -> usize {
        self.number += 1;
        let name = format!("guest{}", self.number);
        if self.is_group() {
            peer.write_all(format!("{name}\n").as_bytes()).expect("its name");
            expect(&peer, &format!("* welcome {name}\n"));
            self.owe_others(None, format!("* {name} joins\n"));
        } else {
            expect(&peer, GREETING);
        }
        let guest = Guest { name, peer, owed: vec![], got: vec![], early: 0 };
        self.guests.insert(self.number, guest);
        self.number
    }

    fn owe_others(&mut self, speaker: Option<usize>, line: String) {
        let others = self.guests.iter_mut().filter(|(guest, _)| Some(**guest) != speaker);
        others.for_each(|(_, other)| other.owed.push(line.clone()));
    }

    /// Says texts, which go over the wire in one piece.
    pub fn say(&mut self, who: usize, texts: &[&str]) {
        self.put(who, self.wire(texts).as_bytes());
        self.owe(who, texts);
    }

    /// These texts as they are sent.
    pub fn wire(&self, texts: &[&str]) -> String {
        let end = if self.is_group() { "\n" } else { "" };
        texts.iter().map(|text| format!("{text}{end}")).collect()
    }

    pub fn put(&mut self, who: usize, bytes: &[u8]) {
        self.guests[&who].peer.try_clone().expect("a copy").write_all(bytes).expect("sent");
    }

    /// These texts have been sent: who must get what for that?
    pub fn owe(&mut self, who: usize, texts: &[&str]) {
        for text in texts {
            if self.is_group() {
                let line = format!("{}: {text}\n", self.guests[&who].name);
                self.owe_others(Some(who), line);
            } else {
                let guest = self.guests.get_mut(&who).expect("a guest");
                guest.owed.push((*text).to_owned());
            }
        }
    }

    /// Everybody gets what it must get.
    pub fn settle(&mut self) {
        let is_group = self.is_group();
        for guest in self.guests.values_mut() {
            guest.settle(is_group, self.leaving.as_deref());
        }
    }

    pub fn talk(&mut self, who: usize, text: &str) {
        self.say(who, &[text]);
        self.settle();
    }

    /// An ordinary client, from the greeting to the end.
    pub fn still_serves(&mut self) {
        let guest = self.join();
        self.talk(guest, "hi");
        self.leave(guest);
    }

    /// Ends its direction. It gets what it must still get, and the end.
    pub fn leave(&mut self, who: usize) {
        self.guests[&who].peer.shutdown(Shutdown::Write).expect("our end");
        self.ends(who);
    }

    /// As the protocol has it: with the word, if there is one.
    pub fn say_goodbye(&mut self, who: usize) {
        if self.running.server.quits {
            self.say(who, &["quit"]);
            self.ends(who);
        } else {
            self.leave(who);
        }
    }

    /// The server ends it, after all that it must get.
    pub fn ends(&mut self, who: usize) {
        let is_group = self.is_group();
        let mut guest = self.guests.remove(&who).expect("a guest");
        guest.settle(is_group, self.leaving.as_deref());
        assert_eq!(rest(&guest.peer), "", "{} gets more than it must", guest.name);
        self.tell_that_it_leaves(&guest.name);
    }

    /// Breaks off.
    pub fn reset(&mut self, who: usize) {
        let guest = self.guests.remove(&who).expect("a guest");
        reset(guest.peer);
        self.tell_that_it_leaves(&guest.name);
    }

    pub fn tell_that_it_leaves(&mut self, name: &str) {
        if self.is_group() {
            self.owe_others(None, format!("* {name} leaves\n"));
        }
        self.settle();
    }

    /// This one is not looked at any more: it may be put out, and it must be before
    /// [`Room::is_put_out`] is.
    pub fn is_about_to_be_put_out(&mut self, who: usize) -> TcpStream {
        let guest = self.guests.remove(&who).expect("a guest");
        self.leaving = Some(format!("* {} leaves\n", guest.name));
        guest.peer
    }

    /// Whether somebody has heard that it was put out. Then everybody does.
    pub fn is_put_out(&mut self) -> bool {
        if self.guests.values().all(|guest| guest.early == 0) {
            return false;
        }
        let line = self.leaving.take().expect("somebody who leaves");
        for guest in self.guests.values_mut() {
            match guest.early {
                0 => guest.owed.push(line.clone()),
                more => assert_eq!(more, 1, "{line}"),
            }
        }
        self.settle();
        true
    }
}

pub fn reset(peer: TcpStream) {
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).expect("a linger");
}

impl Guest {
    fn settle(&mut self, is_group: bool, leaving: Option<&str>) {
        let mut buffer = [0; 65_536];
        let bytes: usize = self.owed.iter().map(String::len).sum();
        loop {
            // (What is read is looked at as a whole when there is enough of it.)
            if self.got.len() >= bytes {
                leaving.inspect(|line| self.take_out(line));
                let got = if is_group { self.got.len() } else { texts(&self.got).len() };
                if got >= bytes {
                    break;
                }
            }
            let length = self.peer.read(&mut buffer);
            let length = length.unwrap_or_else(|error| unreachable!("{error}: {}", self.misses()));
            assert!(length > 0, "the end: {}", self.misses());
            self.got.extend_from_slice(&buffer[..length]);
        }
        let (got, mut owed) = (std::mem::take(&mut self.got), std::mem::take(&mut self.owed));
        if is_group {
            let got = String::from_utf8_lossy(&got);
            let mut got: Vec<_> = got.split_inclusive('\n').collect();
            // What two say may come in either order, what one says only in one.
            got.sort_by_key(|line| subject(line));
            owed.sort_by(|one, other| subject(one).cmp(subject(other)));
            assert_eq!(got, owed, "{}", self.name);
        } else {
            let got = texts(&got);
            assert_eq!(String::from_utf8_lossy(&got), owed.concat(), "{}", self.name);
        }
    }

    fn take_out(&mut self, line: &str) {
        let lines = self.got.split_inclusive(|byte| *byte == b'\n');
        let kept: Vec<_> = lines.filter(|other| *other != line.as_bytes()).collect();
        let kept = kept.concat();
        self.early += (self.got.len() - kept.len()) / line.len();
        self.got = kept;
    }

    fn misses(&self) -> String {
        let got = String::from_utf8_lossy(&self.got);
        let last = self.owed.last().map_or("nothing", String::as_str);
        format!("{} has {} bytes of what ends with {last:?}", self.name, got.len())
    }
}

/// What a server of the chat was told, by its replies. Each begins with the prefix; how many texts
/// are in one is up to the receive that brought them.
pub fn texts(mut replies: &[u8]) -> Vec<u8> {
    let mut texts = Vec::new();
    while let Some(first) = replies.first() {
        replies = replies.strip_prefix(PREFIX.as_bytes()).unwrap_or_else(|| {
            texts.push(*first);
            &replies[1..]
        });
    }
    texts
}

/// Whom a line of the group chat is about.
fn subject(line: &str) -> &str {
    let line = line.strip_prefix("* ").unwrap_or(line);
    line.split([' ', ':']).next().unwrap_or_default()
}
