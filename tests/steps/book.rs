//! What the book tells its readers to do: the changes, the calls in other
//! languages, programs of their own, a look at the wire.
//!
//! It takes about a minute, so plain `cargo test` leaves it out:
//! `cargo test --test steps -- --ignored book`.

#[cfg(target_os = "linux")]
pub mod beyond;
#[cfg(target_os = "linux")]
pub mod changes;
#[cfg(target_os = "linux")]
mod here_and_there;
pub mod languages;
#[cfg(target_os = "linux")]
mod tutorial;
#[cfg(target_os = "linux")]
pub mod wire;
mod your_own;
