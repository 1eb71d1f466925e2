// SPDX-License-Identifier: EUPL-1.2
//! Moments on the wall's clock, written as XEP-0082 wants them.

use std::time::{Duration, Instant, SystemTime};

/// Says what the wall's clock shows at `at`, given that it showed `wall` at `then`.
pub(crate) fn wall_at((then, wall): (Instant, SystemTime), at: Instant) -> SystemTime {
    wall.checked_add(at.saturating_duration_since(then)).unwrap_or(wall)
}

/// Writes a moment in UTC with milliseconds; before 1970 counts as 1970.
pub(crate) fn stamp(wall: SystemTime) -> String {
    let since = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (days, rest) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days.min(2_900_000));
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    let millis = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Reads a moment as XEP-0082 writes it.
pub(crate) fn read(text: &str) -> Option<SystemTime> {
    let seconds = text.parse::<xmpp_parsers::date::DateTime>().ok()?.0.timestamp();
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

// Days since 1970-01-01 in the Gregorian calendar: years begin in March, so that the leap day comes last.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn stamps_are_read_as_they_were_written() {
        for seconds in [
            0u64,
            951_782_399,
            951_782_400,
            1_709_208_000,
            1_795_460_000,
            4_102_444_800,
        ] {
            let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(read(&stamp(wall)).unwrap(), wall);
        }
        assert_eq!(
            stamp(SystemTime::UNIX_EPOCH + Duration::from_millis(951_782_400_007)),
            "2000-02-29T00:00:00.007Z"
        );
        assert_eq!(read("yesterday"), None);
        assert_eq!(read("1950-01-01T00:00:00Z"), None);
    }
}
