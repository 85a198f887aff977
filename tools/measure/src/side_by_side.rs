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

/// What was measured, round by round: of the first, of the first once more, and of the other one.
#[derive(Default)]
pub struct Rounds {
    speed: [Vec<f64>; 3],
    processor: [Vec<f64>; 3],
}

impl Rounds {
    /// So many more: of a block of each.
    pub fn add(
        &mut self,
        sides: [&mut Side; 3],
        number: usize,
        span: Duration,
    ) -> Result<(), String> {
        // Once to warm up, which does not count.
        for round in 0..=number {
            // Each comes first, second and last as often as the others.
            for turn in 0..3 {
                let at = (round + turn) % 3;
                let side = &mut *sides[at];
                let before = side.server.processor();
                let block = side.load.block(span)?;
                let took = side.server.processor().saturating_sub(before);
                if round > 0 {
                    self.speed[at].push(block.each_second());
                    self.processor[at].push(took.as_secs_f64() / block.number());
                }
            }
        }
        Ok(())
    }

    /// All of them.
    pub fn compared(&self, by: By) -> Result<Compared, String> {
        let Self { speed, processor } = self;
        let [first, zero, other] = match by {
            By::RoundTrips => speed,
            By::Processor => processor,
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
}
