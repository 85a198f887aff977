//! A timeline is the text in which `cargo trace` shows what the kernel did for each line that a
//! program prints. This library reads its lines, and draws them.

mod line;
mod picture;
mod sides;
mod svg;
mod words;

pub use line::Timeline;
pub use words::Words;
