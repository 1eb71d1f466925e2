// SPDX-License-Identifier: EUPL-1.2
//! The wall clock, for rules with a time window.

use landbridge_dialplan::ZonedDateTime;

/// Returns the time of day in the machine's zone.
pub fn now() -> ZonedDateTime {
    ZonedDateTime::now()
}

/// Reads a time as an operator writes it; without a zone it is the machine's.
pub fn parse(text: &str) -> Result<ZonedDateTime, String> {
    if let Ok(zoned) = text.parse::<ZonedDateTime>() {
        return Ok(zoned);
    }
    let local: jiff::civil::DateTime = text.parse().map_err(|e: jiff::Error| e.to_string())?;
    local
        .to_zoned_datetime(jiff::tz::TimeZone::system())
        .map_err(|e| e.to_string())
}
