//! Ordinary clients, whose texts the network cuts as it likes.

use std::thread;
use std::time::Duration;

use super::crowd::unseen;
use super::{Room, Server, Speaks};

pub fn order(server: &'static Server) {
    let running = server.start();
    let mut room = Room::of(&running);
    let guests: Vec<_> = (0..server.places.min(4)).map(|_| room.join()).collect();
    for round in 0..5 {
        // Nobody waits for an answer.
        for number in 0..20 {
            for guest in &guests {
                let text = format!("{round}.{number} {}", "x".repeat(number * number));
                room.say(*guest, &[&text]);
            }
        }
        room.settle();
        // All at once.
        unseen(&running, || {
            for guest in &guests {
                room.say(*guest, &[&format!("{round} by {guest}")]);
            }
        });
        room.settle();
    }
    guests.into_iter().for_each(|guest| room.say_goodbye(guest));
}

/// A few characters have more than one byte, and each byte is sent for itself.
pub fn split(server: &'static Server) {
    let running = server.start();
    let mut room = Room::of(&running);
    let guest = room.join();
    let texts = ["你好, 世界", "hi", "🌍"];
    for byte in room.wire(&texts).into_bytes() {
        room.put(guest, &[byte]);
        // So that it is likely to be received for itself.
        thread::sleep(Duration::from_millis(1));
    }
    room.owe(guest, &texts);
    room.settle();
    room.leave(guest);
}

/// More than one receive takes, at once.
pub fn glued(server: &'static Server) {
    let running = server.start();
    let mut room = Room::of(&running);
    let guest = room.join();
    room.say(guest, &["one", "two", "three"]);
    let long: Vec<_> = (0..40).map(|n| format!("{n:04}").repeat(250)).collect();
    room.say(guest, &long.iter().map(String::as_str).collect::<Vec<_>>());
    room.settle();
    room.leave(guest);
}

/// A text is what one receive returns: `quit` in two pieces is two other texts.
pub fn quit_in_two_pieces(server: &'static Server) {
    let running = server.start();
    let mut room = Room::of(&running);
    let guest = room.join();
    for text in ["qu", "it", "still there"] {
        room.talk(guest, text);
    }
    room.leave(guest);
    for word in ["quit", "quit\n", "quit\r\n"] {
        let guest = room.join();
        room.say(guest, &[word]);
        if server.quits {
            room.ends(guest);
        } else {
            room.leave(guest);
        }
    }
}

/// Its last texts and its end are there before the server has answered the first.
pub fn half_close(server: &'static Server) {
    let running = server.start();
    let mut room = Room::of(&running);
    for number in 0..10 {
        let guest = room.join();
        let texts = vec!["some words"; 1 + number * number];
        room.say(guest, &texts);
        room.leave(guest);
    }
    // What has no end is no line: nobody hears of it.
    if server.speaks == Speaks::Group {
        let guest = room.join();
        room.put(guest, b"half a line");
        room.leave(guest);
    }
}
