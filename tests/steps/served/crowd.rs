//! Many at once: more than are served, or more than one looks after by hand.

// (Some of it is for Linux only.)
#![cfg_attr(not(target_os = "linux"), allow(unused))]

use super::{Room, Running, Server, Speaks, knock};
use crate::machine::{descriptors, missing, queues};

/// More than fit into a queue of std's length, 128; but not for a server whose queue has 100.
pub fn of_150(server: &'static Server) {
    crowd(server, 150, 150);
}

pub fn of_1000(server: &'static Server) {
    crowd(server, 1000, 100);
}

/// All are connected before the server looks at the first of them: there is room for all in the
/// queue, so none is lost. Some of them talk.
fn crowd(server: &'static Server, number: usize, talk: usize) {
    let number = number.min(server.queue as usize);
    let most = descriptors().0;
    if most < number as u64 + 50 {
        return missing(&format!("{number} clients need more descriptors than {most} (ulimit -n)"));
    }
    if !queues(u32::try_from(number).expect("few")) {
        return;
    }
    let running = server.start();
    let mut queued = unseen(&running, || knock(&running, number));
    let mut room = Room::of(&running);
    let step = number / talk.min(number);
    while !queued.is_empty() {
        let some = queued.drain(..server.places.min(queued.len()));
        let guests: Vec<_> = some.map(|peer| room.enter(peer)).collect();
        room.settle();
        let talkers: Vec<_> = guests.iter().copied().step_by(step).collect();
        for round in 0..3 {
            for (number, guest) in talkers.iter().enumerate() {
                room.say(*guest, &[&format!("{round}, from {guest}")]);
                // In the group chat each has a thousand who hear it.
                if number % 10 == 9 {
                    room.settle();
                }
            }
            room.settle();
        }
        let few = if server.speaks == Speaks::Group { 10 } else { guests.len() };
        guests.into_iter().take(few).for_each(|guest| room.leave(guest));
    }
    room.still_serves();
}

/// Does this while the server does nothing. (Without signals it may do something.)
pub fn unseen<T>(running: &Running, act: impl FnOnce() -> T) -> T {
    #[cfg(target_os = "linux")]
    {
        use crate::hostile_linux::{signal, until};
        let id = running.id();
        until(id, "S");
        signal("STOP", id);
        until(id, "T");
        let done = act();
        signal("CONT", id);
        done
    }
    #[cfg(not(target_os = "linux"))]
    act()
}

/// 796,000 lines, none lost, doubled or out of order.
pub fn all_talk(server: &'static Server) {
    let running = server.start();
    let mut room = Room::of(&running);
    while room.guests.len() < 200 {
        room.join();
    }
    let members: Vec<_> = room.guests.keys().copied().collect();
    for round in 0..20 {
        for (number, member) in members.iter().enumerate() {
            room.say(*member, &[&format!("message {round}")]);
            if number % 50 == 49 {
                room.settle();
            }
        }
        room.settle();
    }
}
