// SPDX-License-Identifier: EUPL-1.2
//! Which failures are logged: of many phones that try again and again, one a cause and a while.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::time::{Duration, Instant};

use landbridge_opentalk::StartError;

/// Shortest time between two warnings of one cause.
const BETWEEN: Duration = Duration::from_secs(10);

/// When each cause was last logged.
#[derive(Default)]
pub(super) struct Warnings(HashMap<Discriminant<StartError>, Instant>);

impl Warnings {
    /// Tells whether a failure is to be logged now.
    pub(super) fn is_due(&mut self, now: Instant, error: &StartError) -> bool {
        let cause = discriminant(error);
        let is_due = self
            .0
            .get(&cause)
            .is_none_or(|last| now.saturating_duration_since(*last) >= BETWEEN);
        if is_due {
            self.0.insert(cause, now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_logged_once_in_ten_seconds_however_many_phones_meet_it() {
        let mut warnings = Warnings::default();
        let begin = Instant::now();
        let mut logged = [0, 0];
        for milliseconds in 0..20_000 {
            let now = begin + Duration::from_millis(milliseconds);
            let down = StartError::Unreachable(format!("port {milliseconds}"));
            logged[0] += u32::from(warnings.is_due(now, &down));
            logged[1] += u32::from(warnings.is_due(now, &StartError::Clock));
        }
        assert_eq!(logged, [2, 2]);
    }
}
