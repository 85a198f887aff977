//! A server that can be stopped: nobody new, and nobody is cut off in the middle of a word.

// (Some of it is for Linux only.)
#![cfg_attr(not(target_os = "linux"), allow(unused))]

use std::io::{ErrorKind, Read as _};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use super::crowd::unseen;
use super::hostile::floods;
use super::room::GREETING;
use super::{Room, Running, Server, Speaks, knock};
use crate::support::{HANG_LIMIT, rest, took_less};

const GRACE: Duration = Duration::from_secs(5);

impl Running {
    /// Presses Enter; gives when that was, and waits for the server's word.
    fn press_enter(&self, talks: usize) -> Instant {
        let pressed = Instant::now();
        let mut terminal = self.terminal.borrow_mut();
        terminal.type_line("");
        let line = terminal.wait_for("go on");
        assert!(line.contains(&format!(" {talks} go on")), "{line}");
        took_less(pressed, Duration::from_secs(2));
        pressed
    }

    /// Its last word is one of these.
    fn finish(self, ends: &[&str]) {
        let shown = self.terminal.into_inner().finish();
        assert!(ends.iter().any(|end| shown.ends_with(end)), "{shown}");
    }

    /// Who comes after the stop hears nothing and need not wait for it.
    fn turns_away(&self) {
        let began = Instant::now();
        match TcpStream::connect_timeout(&self.address, HANG_LIMIT) {
            Ok(mut late) => {
                late.set_read_timeout(Some(HANG_LIMIT)).expect("a timeout");
                let mut nothing = Vec::new();
                // Or a reset.
                let _ = late.read_to_end(&mut nothing);
                assert_eq!(String::from_utf8_lossy(&nothing), "");
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused),
        }
        took_less(began, Duration::from_secs(1));
    }
}

pub fn with_nobody_there(server: &'static Server) {
    let running = server.start();
    let mut room = Room::of(&running);
    let guest = room.join();
    room.talk(guest, "hi");
    for guest in room.guests.keys().copied().collect::<Vec<_>>() {
        room.leave(guest);
    }
    drop(room);
    // It looks after its threads a hundred times a second.
    thread::sleep(Duration::from_millis(200));
    let pressed = running.press_enter(0);
    running.turns_away();
    running.finish(&[" 0 cut off\n"]);
    took_less(pressed, Duration::from_secs(2));
}

/// All places are taken, and one more client is in the queue; of many places, a few. A stop lets the
/// conversations end, and is over when they have.
pub fn waits(server: &'static Server) {
    let running = server.start();
    let mut room = Room::of(&running);
    while room.guests.len() < server.places.min(8) {
        room.join();
    }
    room.settle();
    let queued = (server.places == 8).then(|| running.knock());
    let pressed = running.press_enter(8);
    if let Some(queued) = queued {
        // In good order, and not by a reset.
        assert_eq!(rest(&queued), "");
    }
    running.turns_away();
    let guests: Vec<_> = room.guests.keys().copied().collect();
    for guest in &guests {
        room.talk(*guest, "still there?");
    }
    let (quit, left) = guests.split_at(4);
    quit.iter().for_each(|guest| room.say_goodbye(*guest));
    left.iter().for_each(|guest| room.leave(*guest));
    drop(room);
    running.finish(&[" 0 cut off\n"]);
    took_less(pressed, Duration::from_secs(4));
}

/// Far more in the queue than it can accept at once: a stop tells every one that it is over. (A
/// server of many places has a queue only while it is stopped by a signal.)
#[cfg(target_os = "linux")]
pub fn resets_nobody(server: &'static Server) {
    let running = server.start();
    let mut room = Room::of(&running);
    while room.guests.len() < server.places.min(8) {
        room.join();
    }
    room.settle();
    let queued = if server.places == 8 {
        super::descriptors::limit(&running, 18);
        knock(&running, 60)
    } else {
        vec![]
    };
    let queued = unseen(&running, || {
        let queued = if queued.is_empty() { knock(&running, 60) } else { queued };
        running.terminal.borrow_mut().type_line("");
        queued
    });
    running.terminal.borrow_mut().wait_for("go on");
    for client in &queued {
        // (Of many places, one may have been given to it before.)
        client.shutdown(Shutdown::Write).expect("no reset");
        let heard = rest(client);
        assert!(["", GREETING].contains(&heard.as_str()), "{heard}");
    }
    for guest in room.guests.keys().copied().collect::<Vec<_>>() {
        room.leave(guest);
    }
    drop(room);
    running.finish(&[" 0 cut off\n"]);
}

/// Two who say nothing, one who never reads, and one who talks, but not to
/// the end: the grace is theirs, and no more.
pub fn cuts_off(server: &'static Server) {
    let running = server.start();
    let mut room = Room::of(&running);
    while room.guests.len() < 3 {
        room.join();
    }
    room.settle();
    let talking = *room.guests.keys().last().expect("a guest");
    let floods = (server.speaks == Speaks::Chat).then(|| floods(&running, channel().0));
    // It comes after that one: then all are being served.
    let guest = room.join();
    room.leave(guest);
    thread::sleep(Duration::from_millis(200));
    let pressed = running.press_enter(3 + usize::from(floods.is_some()));
    running.turns_away();
    while pressed.elapsed() < GRACE - Duration::from_secs(1) {
        room.talk(talking, "still there?");
        thread::sleep(Duration::from_millis(100));
    }
    for guest in room.guests.values() {
        assert_eq!(rest(&guest.peer), "");
    }
    let waited = pressed.elapsed();
    assert!(waited > GRACE - Duration::from_millis(500), "{waited:?}");
    drop(room);
    // Who never reads may have lost its place before.
    running.finish(&[" 3 cut off\n", " 4 cut off\n"]);
    took_less(pressed, GRACE + Duration::from_secs(2));
}
