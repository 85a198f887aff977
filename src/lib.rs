//! What the examples of the socket-steps course have in common, and what is
//! not the lesson: reading the command line, printing a transcript, and
//! putting a failed call into plain words.
//!
//! Nothing in here makes a socket call, or reads or writes a connection.
//! Those calls stand in the examples, where the reader can see them:
//!
//! ```text
//! cargo run --example 04_accept
//! ```

mod arguments;
pub mod chat;
mod chinese;
mod failure;
mod lang;
mod quote;
mod transcript;
mod words;

pub use arguments::{run, run_at, run_chat, run_named};
pub use failure::{At, Failure};
pub use transcript::{
    Line, Typed, descriptor, invite, line, lines, reachable, say,
    wait_for_enter,
};
pub use words::{Refusal, answer, in_words};
