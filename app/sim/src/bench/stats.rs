//! Medians and percentiles of what was observed.

use core::time::Duration;

use serde::Serialize;

/// A set of durations in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Spread {
    /// How many there were.
    pub count: usize,
    /// Half of them are below.
    pub p50_ms: f64,
    /// 99 of 100 are below.
    pub p99_ms: f64,
    /// The greatest.
    pub max_ms: f64,
}

impl Spread {
    /// Of `durations` in any order; `None` when there are none.
    #[must_use]
    pub fn of(durations: impl IntoIterator<Item = Duration>) -> Option<Self> {
        let mut all: Vec<Duration> = durations.into_iter().collect();
        all.sort_unstable();
        let at = |percent| percentile(&all, percent).map(millis);
        Some(Self { count: all.len(), p50_ms: at(50)?, p99_ms: at(99)?, max_ms: millis(*all.last()?) })
    }
}

/// Milliseconds with fractions.
#[must_use]
pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// The least of `sorted` that at least `percent` of 100 are not above (nearest rank).
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// The middle one of `values`; of an even number, the mean of the two.
#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut all: Vec<f64> = values.into_iter().collect();
    all.sort_unstable_by(f64::total_cmp);
    let upper = *all.get(all.len() / 2)?;
    let lower = if all.len().is_multiple_of(2) { *all.get(all.len() / 2 - 1)? } else { upper };
    Some((lower + upper) / 2.0)
}

/// Steps between neighbours.
pub fn steps<T: Copy, D>(times: &[T], between: impl Fn(T, T) -> D) -> Vec<D> {
    times.windows(2).filter_map(|pair| Some(between(*pair.first()?, *pair.get(1)?))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let spread = Spread::of((1..=200).rev().map(Duration::from_millis)).unwrap();
        assert_eq!(spread, Spread { count: 200, p50_ms: 100.0, p99_ms: 198.0, max_ms: 200.0 });
        let one = Spread::of([Duration::from_millis(7)]).unwrap();
        assert_eq!((one.p50_ms, one.p99_ms), (7.0, 7.0));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn a_median_of_an_even_number_is_the_mean_of_the_middle_two() {
        assert_eq!(median([4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median([5.0, 1.0, 3.0]), Some(3.0));
        assert_eq!(median([]), None);
    }

    #[test]
    fn steps_are_one_fewer_than_times() {
        assert_eq!(steps(&[1, 4, 9], |a, b| b - a), [3, 5]);
        assert!(steps(&[1], |a: i32, b| b - a).is_empty());
    }
}
