//! Clients that mean no good or know no better: whatever they do, the others are served.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::crowd::unseen;
use super::room::reset;
use super::{Room, Running, Server, Speaks, knock};
use crate::machine::queues;
use crate::support::{HANG_LIMIT, took_less};

/// The time that a loaded machine may add to what a server promises.
pub const LOAD: Duration = Duration::from_secs(10);

/// No server takes so much from one that does not read.
const BOUND: usize = 24 << 20;

/// They are connected, wait in the queue, and leave: half of them in order, half with a reset.
pub fn leave_the_queue(server: &'static Server) {
    if !queues(20) {
        return;
    }
    let running = server.start();
    let mut room = Room::of(&running);
    let guests: Vec<_> = (0..server.places.min(8)).map(|_| room.join()).collect();
    // The first server takes a tenth of a second for each reset.
    let last = unseen(&running, || {
        for (number, queued) in knock(&running, 20).into_iter().enumerate() {
            if number % 2 == 0 {
                reset(queued);
            }
        }
        running.knock()
    });
    guests.into_iter().for_each(|guest| room.leave(guest));
    let last = room.enter(last);
    room.talk(last, "hi");
    room.leave(last);
    room.still_serves();
}

/// Before it is greeted, when it has said something, and with an answer unread.
pub fn resets(server: &'static Server) {
    let running = server.start();
    let mut room = Room::of(&running);
    let stays = (server.places > 1).then(|| room.join());
    for _ in 0..5 {
        reset(running.knock());
        let guest = room.join();
        room.reset(guest);
        let guest = room.join();
        room.talk(guest, "hi");
        room.reset(guest);
        // (A part of a text that is none.)
        let guest = room.join();
        room.put(guest, b"hi");
        room.reset(guest);
    }
    if let Some(guest) = stays {
        room.talk(guest, "still there");
        room.leave(guest);
    }
    room.still_serves();
}

pub fn resets_after_the_word(server: &'static Server) {
    let running = server.start();
    let mut room = Room::of(&running);
    let stays = (server.places > 1).then(|| room.join());
    for number in 0..10 {
        let guest = room.join();
        room.settle();
        let guest = unseen(&running, || {
            let guest = room.guests.remove(&guest).expect("a guest");
            // (In the group chat, a line that is heard, or not.)
            let word: &[u8] = if server.speaks == Speaks::Group { b"word" } else { b"quit" };
            (&guest.peer).write_all(word).expect("sent");
            // With and without its end before.
            if number % 2 == 0 {
                guest.peer.shutdown(Shutdown::Write).expect("our end");
            }
            reset(guest.peer);
            guest.name
        });
        room.tell_that_it_leaves(&guest);
    }
    if let Some(guest) = stays {
        room.talk(guest, "still there");
        room.leave(guest);
    }
    room.still_serves();
}

/// All places but one are taken by them; of many, a few.
pub fn silent(server: &'static Server) {
    let running = server.start();
    // (In the group chat, these have no name either.)
    let others = if server.speaks == Speaks::Group { 20 } else { 0 };
    let _nameless = knock(&running, others);
    let mut room = Room::of(&running);
    let silent: Vec<_> = (0..(server.places - 1).min(20)).map(|_| room.join()).collect();
    let began = Instant::now();
    for _ in 0..3 {
        let guest = room.join();
        room.talk(guest, "hi");
        room.leave(guest);
    }
    took_less(began, LOAD);
    silent.into_iter().for_each(|guest| room.leave(guest));
}

pub fn never_reads(server: &'static Server) {
    match server.speaks {
        Speaks::Chat => floods_the_server(server),
        Speaks::Group => is_flooded(server),
    }
}

/// All that a server serves at once are such clients (of many, a few), and each of its sends waits
/// a second at most. What it takes of them has a bound.
fn floods_the_server(server: &'static Server) {
    let running = server.start();
    let (sender, full) = channel();
    let places = if server.places > 8 { 3 } else { server.places };
    let flooding: Vec<_> = (0..places).map(|_| floods(&running, sender.clone())).collect();
    drop(sender);
    // One that reads now and then is no better.
    let _reading = reads_a_few_bytes(&flooding[0]);
    let mut room = Room::of(&running);
    room.still_serves();
    for _ in 0..places {
        // They wait for room, or have been put out.
        full.recv_timeout(HANG_LIMIT).expect("it takes all that they send");
    }
    room.still_serves();
}

/// A client that has little room, so that it is full sooner, and is seen to be.
fn little_room(running: &Running) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None);
    let socket = socket.expect("a socket");
    socket.set_recv_buffer_size(4096).expect("an option");
    socket.set_send_buffer_size(16_384).expect("an option");
    socket.connect(&running.address.into()).expect("it listens");
    socket
}

/// A client that sends as long as it can, and never receives. It tells when it cannot send any
/// more, for longer than any server waits for it.
pub fn floods(running: &Running, full: Sender<()>) -> Socket {
    let socket = little_room(running);
    socket.set_write_timeout(Some(A_WHILE)).expect("a timeout");
    let mut sender = socket.try_clone().expect("a second owner");
    thread::spawn(move || {
        let (mut taken, mut waited) = (0, 0);
        while taken < BOUND && waited < 3 {
            match sender.write(&[b'x'; 4096]) {
                Ok(length) => (taken, waited) = (taken + length, 0),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => waited += 1,
                    _ => break,
                },
            }
        }
        if taken < BOUND {
            // (Who asks may have gone.)
            let _ = full.send(());
        }
    });
    socket
}

const A_WHILE: Duration = Duration::from_millis(500);

fn reads_a_few_bytes(socket: &Socket) -> thread::JoinHandle<()> {
    let mut socket = socket.try_clone().expect("a second owner");
    socket.set_read_timeout(Some(A_WHILE)).expect("a timeout");
    thread::spawn(move || {
        for _ in 0..4 {
            let _ = socket.read(&mut [0]);
            thread::sleep(A_WHILE);
        }
    })
}

/// It says little, and reads that slowly: nobody puts it out, and others talk meanwhile.
pub fn reads_a_byte_a_second(server: &'static Server) {
    let running = server.start();
    let mut room = Room::of(&running);
    let slow = room.join();
    room.settle();
    let others = if server.places > 1 { vec![room.join(), room.join()] } else { vec![] };
    room.say(slow, &["one", "two", "three"]);
    for _ in 0..4 {
        let mut slow = room.guests.remove(&slow).map(|guest| (slow, guest)).expect("a guest");
        let mut byte = [0];
        slow.1.peer.read_exact(&mut byte).expect("a byte");
        slow.1.got.extend(byte);
        thread::sleep(Duration::from_secs(1));
        room.guests.insert(slow.0, slow.1);
        others.iter().for_each(|guest| room.say(*guest, &["meanwhile"]));
    }
    room.settle();
    room.talk(slow, "still there");
    room.leave(slow);
    others.into_iter().for_each(|guest| room.leave(guest));
}

/// One member never reads, and another one talks and talks: the third hears all of it at once, and
/// that the first is put out.
fn is_flooded(server: &'static Server) {
    let running = server.start();
    let mut room = Room::of(&running);
    let talks = room.join();
    let sleeps = room.enter(TcpStream::from(little_room(&running)));
    room.settle();
    let sleeps = room.is_about_to_be_put_out(sleeps);
    let socket = Socket::from(sleeps);
    let _reading = reads_a_few_bytes(&socket);
    let text = "x".repeat(1000);
    let mut said = 0;
    while !room.is_put_out() {
        assert!(said < BOUND, "who never reads is not put out");
        let began = Instant::now();
        room.say(talks, &[text.as_str(); 50]);
        room.settle();
        took_less(began, LOAD);
        said += 50 * text.len();
        if said > BOUND / 4 {
            // Its buffers are full: now it is a matter of time.
            thread::sleep(Duration::from_millis(20));
        }
    }
    room.still_serves();
}
