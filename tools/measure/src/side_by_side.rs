//! Three at a time, in short blocks by turns: the first; the first once more, which is the zero; and
//! the one that is compared with it. What happens to the machine meanwhile happens to all of them.

use std::time::Duration;

use crate::load::Load;
use crate::server::Server;
use crate::statistics::Spread;

/// A server with its clients.
pub struct Side {
    pub load: Load,
    pub server: Server,
}

/// What decides.
#[derive(Clone, Copy, PartialEq)]
pub enum By {
    RoundTrips,
    Processor,
}

/// What came of it.
pub struct Compared {
    /// Round trips a second.
    pub speed: Spread,
    /// Seconds of the processor that the server took for a round trip.
    pub processor: Spread,
    /// Of the one that is compared to the first.
    pub ratio: Spread,
    /// Of the first to itself.
    pub zero: Spread,
    /// And of the first.
    pub first_speed: Spread,
    pub first_processor: Spread,
}

/// So many rounds of a block of each.
pub fn compare(
    sides: [&mut Side; 3],
    by: By,
    rounds: usize,
    span: Duration,
) -> Result<Compared, String> {
    let mut speed = [const { Vec::new() }; 3];
    let mut processor = [const { Vec::new() }; 3];
    // Once to warm up, which does not count.
    for round in 0..=rounds {
        // Each comes first, second and last as often as the others.
        for turn in 0..3 {
            let at = (round + turn) % 3;
            let side = &mut *sides[at];
            let before = side.server.processor();
            let block = side.load.block(span)?;
            let took = side.server.processor().saturating_sub(before);
            if round > 0 {
                speed[at].push(block.each_second());
                processor[at].push(took.as_secs_f64() / block.number());
            }
        }
    }
    let [first, zero, other] = match by {
        By::RoundTrips => &speed,
        By::Processor => &processor,
    };
    let ratio = |values| Spread::of_ratios(values, first).ok_or("no rounds");
    let of = |values: &Vec<f64>| Spread::of(values.iter().copied()).ok_or("no rounds");
    Ok(Compared {
        ratio: ratio(other)?,
        zero: ratio(zero)?,
        speed: of(&speed[2])?,
        processor: of(&processor[2])?,
        first_speed: of(&speed[0])?,
        first_processor: of(&processor[0])?,
    })
}
