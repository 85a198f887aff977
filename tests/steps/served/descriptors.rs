//! What needs Linux: limits that are set from outside, and addresses of one's own.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use super::{Room, Running, Server, Speaks, knock};
use crate::hostile_linux::{does_not_spin, until};
use crate::machine::has;
use crate::support::{rest, within_limit};
use crate::time_wait::{TIME_WAIT, number_in};

/// How many it has open.
fn open(running: &Running) -> usize {
    numbers(running).len()
}

/// Their numbers. Not all are its own: some may come from who started the tests.
fn numbers(running: &Running) -> BTreeSet<usize> {
    let open = fs::read_dir(format!("/proc/{}/fd", running.id())).expect("it runs");
    let names = open.map(|entry| entry.expect("an entry").file_name());
    names.map(|name| name.to_string_lossy().parse().expect("a number")).collect()
}

/// From now on it can open so many more.
pub fn limit(running: &Running, more: usize) {
    let taken = numbers(running);
    let mut free = (0..).filter(|number| !taken.contains(number));
    let limit = free.nth(more).expect("a number");
    let id = running.id().to_string();
    let prlimit = ["--pid", &id, &format!("--nofile={limit}:")];
    assert!(Command::new("prlimit").args(prlimit).status().expect("it").success());
}

/// `accept` fails: for a server of one client without any, for others with some. Descriptors come
/// back by a new limit, or when clients leave.
pub fn run_out(server: &'static Server) {
    if !has(&["prlimit"]) {
        return;
    }
    let running = server.start();
    let mut room = Room::of(&running);
    let mut guests = vec![room.join()];
    let with_one = open(&running);
    if server.places == 1 {
        guests.into_iter().for_each(|guest| room.leave(guest));
        guests = vec![];
        within_limit(|| (open(&running) < with_one).then_some(())).expect("one less");
        // (The `accept` that waits has its descriptor already.)
        until(running.id(), "S");
        limit(&running, 0);
        room.still_serves();
    } else {
        guests.push(room.join());
        // For each client some servers have more than one.
        let each = open(&running) - with_one;
        limit(&running, each);
        guests.push(room.join());
    }
    let queued = knock(&running, 2);
    if server.speaks == Speaks::Chat && !server.name.contains('.') {
        running.terminal.borrow_mut().wait_for("too many open files");
    }
    does_not_spin(&mut running.terminal.borrow_mut());
    // Who is there is served all the same.
    for guest in &guests {
        room.talk(*guest, "hi");
    }
    if server.places == 1 {
        limit(&running, 64);
    }
    guests.into_iter().for_each(|guest| room.leave(guest));
    for peer in queued {
        let guest = room.enter(peer);
        room.talk(guest, "hi");
        room.leave(guest);
    }
    room.still_serves();
}

/// Killed, with conversations that go on, and one that has ended: its port has a connection in
/// TIME-WAIT, and it gets the port all the same.
pub fn starts_again(server: &'static Server) {
    // On an address of its own: nobody else can be given its port.
    static ADDRESSES: AtomicU8 = AtomicU8::new(1);
    let own = format!("127.0.5.{}:0", ADDRESSES.fetch_add(1, Relaxed));
    let running = server.start_at(&own);
    let address = running.address;
    let mut room = Room::of(&running);
    if server.quits {
        let guest = room.join();
        room.say_goodbye(guest);
    }
    let guest = room.join();
    room.talk(guest, "hi");
    let guests = room.guests;
    // It is killed here.
    drop(running);
    for guest in guests.values() {
        assert_eq!(rest(&guest.peer), "");
    }
    drop(guests);
    within_limit(|| (number_in(TIME_WAIT, address) > 0).then_some(())).expect("TIME-WAIT");
    let running = server.start_at(&address.to_string());
    assert_eq!(running.address, address);
    Room::of(&running).still_serves();
}
