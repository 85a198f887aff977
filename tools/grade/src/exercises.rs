//! The exercises, in the order of the course.
//!
//! The tests write the two lists below, from the files in `examples/your_turn` and the first line
//! of each.

use crate::exercise::Exercise;

macro_rules! exercises {
    ($($name:literal $module:ident $title:literal)*) => {
        pub const EXERCISES: &[Exercise] = &[$(Exercise {
            name: $name,
            title: $title,
            chapter: $module::CHAPTER,
            checks: $module::CHECKS,
            hints: $module::HINTS,
            solution: include_str!(concat!("../solutions/", $name, ".rs")),
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

exercises! {
    "02_free_port" e02_free_port "the first free port of a range"
    "04_doorman" e04_doorman "a doorman who numbers the guests"
    "04_own_address_udp" e04_own_address_udp "tell each sender its own address"
    "05_echo" e05_echo "an echo server"
    "06_half_close" e06_half_close "an echo that has had enough after 1000 bytes"
    "07_chat_client" e07_chat_client "a client for the chat"
    "08_only_one" e08_only_one "a program that runs only once"
    "09_frames" e09_frames "whole messages, in capitals"
    "10_write_all" e10_write_all "write_all by hand"
    "11_decoder" e11_decoder "characters, however the text is cut"
    "12_unstoppable" e12_unstoppable "a server that no client can end"
    "13_ping_udp" e13_ping_udp "a ping with a limit, tries and a summary"
    "14_waiting_room" e14_waiting_room "guests who wait until the doors open"
    "15_file_udp" e15_file_udp "a file over a network that loses datagrams"
    "16_group_chat" e16_group_chat "a group chat"
}
