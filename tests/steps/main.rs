//! The tests of the examples: what each prints, alone and with a peer in a
//! second terminal, and what it says when something is wrong.

mod async_server;
mod atlas;
#[cfg(target_os = "linux")]
mod beside;
mod book;
mod chat;
mod chat_udp;
mod command_line;
#[cfg(target_os = "linux")]
mod faults;
#[cfg(target_os = "linux")]
mod grade;
mod group_chat;
mod hostile;
#[cfg(target_os = "linux")]
mod hostile_linux;
mod house_rules;
mod keyboard;
mod machine;
mod many_peers;
#[cfg(target_os = "linux")]
mod measure;
mod names;
mod once;
#[cfg(target_os = "linux")]
mod patched;
#[cfg(target_os = "linux")]
mod poll_server;
#[cfg(target_os = "linux")]
mod reported;
mod served;
mod support;
#[cfg(target_os = "linux")]
mod time_wait;
#[cfg(target_os = "linux")]
mod timelines;
#[cfg(target_os = "linux")]
mod traced;
mod transcripts;
mod two_terminals;
#[cfg(target_os = "linux")]
mod unseen;
#[cfg(target_os = "linux")]
mod what_if;
