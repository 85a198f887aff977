//! What the examples of the socket-steps course have in common, and what is
//! not the lesson: printing a transcript, reading the optional address, and
//! putting a failed call into plain words.
//!
//! Nothing in here makes a socket call. Those stand in the examples, where
//! the reader can see them:
//!
//! ```text
//! cargo run --example 04_accept
//! ```

mod arguments;
pub mod chat;
mod conversation;
mod failure;
mod frame;
mod transcript;

pub use arguments::{run, run_chat};
pub use conversation::converse;
pub use failure::{During, Failure, NOT_IP, in_words};
pub use frame::{FrameError, PREFIX, frame, read_frame};
pub use transcript::{
    ANY_PORT, descriptor, invite, line, lines, nc, nc_udp, other_half,
    reachable, say, wait_for_enter,
};
