// SPDX-License-Identifier: EUPL-1.2
//! Percentiles, and how they are written.

use std::time::Duration;

/// Returns the value below which `percent` of all lie (nearest rank); zero of none.
pub(crate) fn percentile(values: &mut [Duration], percent: usize) -> Duration {
    values.sort();
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied().unwrap_or_default()
}

/// Returns a duration in milliseconds.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let mut values: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut values, 50), Duration::from_millis(100));
        assert_eq!(percentile(&mut values, 95), Duration::from_millis(190));
        assert_eq!(percentile(&mut [], 95), Duration::ZERO);
    }
}
