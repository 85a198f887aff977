//! The exercises, in the order of the course.
//!
//! The tests write the lists below: of the files in `examples/your_turn`, with the title from the
//! first line of each, and with the title of its chapter; and of the chapters of all steps.

use crate::exercise::Exercise;

macro_rules! exercises {
    ($($name:literal $module:ident $title:literal $chapter:literal)*) => {
        pub const EXERCISES: &[Exercise] = &[$(Exercise {
            name: $name,
            title: $title,
            chapter: $chapter,
            checks: $module::CHECKS,
            hints: $module::HINTS,
            solution: include_str!(concat!("../solutions/", $name, ".rs")),
            // With it, the grader would be built anew whenever the reader saves a program.
            #[cfg(feature = "tasks")]
            file: include_str!(concat!("../../../examples/your_turn/", $name, ".rs")),
            #[cfg(not(feature = "tasks"))]
            file: "",
        }),*];
    };
}

mod e02_free_port;
mod e04_doorman;
mod e04_own_address_udp;
mod e05_echo;
mod e06_half_close;
mod e07_chat_client;
mod e08_only_one;
mod e09_frames;
mod e10_write_all;
mod e11_decoder;
mod e12_unstoppable;
mod e13_ping_udp;
mod e14_waiting_room;
mod e15_file_udp;
mod e16_group_chat;
mod e17_find_server;
mod e18_heartbeat;
mod e20_good_order;
mod e25_one_thread;
mod e27_group_chat_many;
mod e28_rate;

exercises! {
    "02_free_port" e02_free_port "the first free port of a range" "Step 2: bind"
    "04_doorman" e04_doorman "a doorman who numbers the guests" "Step 4: accept and connect"
    "04_own_address_udp" e04_own_address_udp "tell each sender its own address" "Step 4: accept and connect"
    "05_echo" e05_echo "an echo server" "Step 5: send and receive"
    "06_half_close" e06_half_close "an echo that has had enough after 1000 bytes" "Step 6: close"
    "07_chat_client" e07_chat_client "a client for the chat" "Step 7: the chat"
    "08_only_one" e08_only_one "a program that runs only once" "Step 8: the address is already in use"
    "09_frames" e09_frames "whole messages, in capitals" "Step 9: glued messages"
    "10_write_all" e10_write_all "write_all by hand" "Step 10: a peer that doesn't receive"
    "11_decoder" e11_decoder "characters, however the text is cut" "Step 11: a split character"
    "12_unstoppable" e12_unstoppable "a server that no client can end" "Step 12: the peer is gone"
    "13_ping_udp" e13_ping_udp "a ping with a limit, tries and a summary" "Step 13: waiting forever"
    "14_waiting_room" e14_waiting_room "guests who wait until the doors open" "Step 14: a full queue"
    "15_file_udp" e15_file_udp "a file over a network that loses datagrams" "Step 15: lost and cut datagrams"
    "16_group_chat" e16_group_chat "a group chat" "Step 16: one at a time, then several"
    "17_find_server" e17_find_server "find the server" "Step 17: a name, and the addresses behind it"
    "18_heartbeat" e18_heartbeat "a server that notices who has gone silent" "Step 18: the silent peer"
    "20_good_order" e20_good_order "a server that stops, and nobody loses an answer" "Step 20: the last words"
    "25_one_thread" e25_one_thread "an echo for 200 at once, in one thread" "Step 25: readiness"
    "27_group_chat_many" e27_group_chat_many "a group chat for a hundred" "Step 27: the group chat"
    "28_rate" e28_rate "ten answers a second to each address" "Step 28: many peers by UDP"
}

/// The chapters of the steps, with their numbers.
pub const CHAPTERS: &[(usize, &str)] = &[
    (1, "Step 1: create"),
    (2, "Step 2: bind"),
    (3, "Step 3: listen"),
    (4, "Step 4: accept and connect"),
    (5, "Step 5: send and receive"),
    (6, "Step 6: close"),
    (7, "Step 7: the first server"),
    (7, "Step 7: the chat"),
    (7, "Step 7: the chat by UDP"),
    (8, "Step 8: the address is already in use"),
    (9, "Step 9: glued messages"),
    (10, "Step 10: a peer that doesn't receive"),
    (11, "Step 11: a split character"),
    (12, "Step 12: the peer is gone"),
    (13, "Step 13: waiting forever"),
    (14, "Step 14: a full queue"),
    (15, "Step 15: lost and cut datagrams"),
    (16, "Step 16: one at a time, then several"),
    (17, "Step 17: a name, and the addresses behind it"),
    (17, "Step 17: one listener for both families"),
    (18, "Step 18: the silent peer"),
    (18, "Step 18: a deadline"),
    (19, "Step 19: small packets"),
    (20, "Step 20: a connection with two handles"),
    (20, "Step 20: the last words"),
    (24, "Step 24: a loop that asks and asks"),
    (25, "Step 25: the keyboard and a socket"),
    (25, "Step 25: readiness"),
    (26, "Step 26: async"),
    (27, "Step 27: the group chat"),
    (28, "Step 28: many peers by UDP"),
];
