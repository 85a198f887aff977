//! The tests of the examples: what each prints, alone and with a peer in a
//! second terminal, and what it says when something is wrong.

mod atlas;
#[cfg(target_os = "linux")]
mod changes;
mod chat;
mod chat_udp;
mod command_line;
mod hostile;
#[cfg(target_os = "linux")]
mod hostile_linux;
mod house_rules;
mod languages;
mod support;
#[cfg(target_os = "linux")]
mod time_wait;
mod transcripts;
mod two_terminals;
mod your_own;
