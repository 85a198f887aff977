//! What many measurements say together.

use std::ops::RangeInclusive;

/// The zero is the same program twice: what is outside of this is the machine's doing.
pub const ZERO: RangeInclusive<f64> = 0.99..=1.01;

/// The middle of some values, and between what the middle half of them lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub low: f64,
    pub high: f64,
    pub number: usize,
}

impl Spread {
    /// `None` of no values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Some(Self {
            median: quantile(&values, 2)?,
            low: quantile(&values, 1)?,
            high: quantile(&values, 3)?,
            number: values.len(),
        })
    }

    /// Of the ratios of what was measured side by side: each of these to the one of the same round.
    /// What happens to the machine in a round happens to both.
    pub fn of_ratios(values: &[f64], to: &[f64]) -> Option<Self> {
        Self::of(values.iter().zip(to).map(|(value, to)| value / to))
    }

    /// In another unit.
    pub fn times(self, factor: f64) -> Self {
        let Self { median, low, high, number } = self;
        Self { median: median * factor, low: low * factor, high: high * factor, number }
    }
}

/// So many quarters of the sorted values are smaller. Between two of them, in between.
fn quantile(sorted: &[f64], quarters: usize) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let (whole, rest) = (last * quarters / 4, last * quarters % 4);
    let (below, above) = (sorted[whole], sorted[(whole + 1).min(last)]);
    Some(below + (above - below) * [0.0, 0.25, 0.5, 0.75][rest])
}

#[cfg(test)]
mod tests {
    use super::{Spread, ZERO};

    #[test]
    fn how_far_a_zero_may_be_off() {
        let zero =
            |again: [f64; 3]| Spread::of_ratios(&again, &[100.0; 3]).expect("some values").median;
        assert!(ZERO.contains(&zero([50.0, 100.9, 200.0])));
        assert!(!ZERO.contains(&zero([101.1, 101.2, 101.3])));
        assert!(!ZERO.contains(&zero([98.9, 98.9, 98.9])));
    }

    #[test]
    fn the_middle_of_some_values() {
        let spread = Spread::of([5.0, 1.0, 3.0, 2.0, 4.0]).expect("some values");
        assert_eq!(spread, Spread { median: 3.0, low: 2.0, high: 4.0, number: 5 });
        let spread = Spread::of([4.0, 1.0]).expect("some values");
        assert_eq!(spread, Spread { median: 2.5, low: 1.75, high: 3.25, number: 2 });
        assert_eq!(Spread::of([7.0]).map(|it| (it.low, it.high)), Some((7.0, 7.0)));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn a_ratio_is_of_one_round() {
        // The machine is ten times slower in every other round: for both.
        let (a, b) = ([100.0, 10.0, 100.0, 10.0, 100.0], [50.0, 5.0, 50.0, 5.0, 50.0]);
        let ratio = Spread::of_ratios(&b, &a).expect("some values");
        assert_eq!((ratio.median, ratio.low, ratio.high), (0.5, 0.5, 0.5));
        // One round in which something else happened to one of them changes nothing.
        let ratio = Spread::of_ratios(&[50.0, 50.0, 1.0, 50.0, 50.0], &[50.0; 5]);
        assert_eq!(ratio.map(|it| it.median), Some(1.0));
    }
}
