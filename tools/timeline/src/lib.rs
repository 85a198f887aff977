//! A timeline is the text in which `cargo trace` shows what the kernel did for each line that a
//! program prints. This library reads its lines, draws them, and says what a player shows step by
//! step.

mod line;
mod page;
mod picture;
mod player;
mod sides;
mod sockets;
mod still;
mod svg;
mod words;

pub use line::{PRINTED, Timeline};
pub use page::Page;
pub use player::File;
pub use still::still;
pub use words::Words;
