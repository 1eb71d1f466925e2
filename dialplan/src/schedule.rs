// SPDX-License-Identifier: EUPL-1.2
//! When a rule applies: weekdays, hours, dates, in a time zone.

use jiff::ZonedDateTime;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

/// A time window; an absent part is no condition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schedule {
    pub(crate) days: Vec<Weekday>,
    pub(crate) from: Option<Time>,
    pub(crate) to: Option<Time>,
    pub(crate) on: Vec<Day>,
    pub(crate) not_on: Vec<Day>,
    pub(crate) zone: Option<TimeZone>,
}

/// One date, a run of dates, or a date of every year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Day {
    Range(Date, Date),
    EveryYear(i8, i8),
}

impl Schedule {
    /// Returns why the window is closed at this time, as (condition, wanted, found); `None` if it is open.
    ///
    /// A window over midnight (22:00–06:00) belongs to the day on which it began.
    pub(crate) fn closed(&self, at: &ZonedDateTime) -> Option<(&'static str, String, String)> {
        let local = self.local(at);
        let time = local.time();
        let (from, to) = (self.from.unwrap_or(Time::MIN), self.to.unwrap_or(Time::MIN));
        let until_midnight = to == Time::MIN;
        let over_midnight = !until_midnight && to <= from;
        let open = match (until_midnight, over_midnight) {
            (true, _) => time >= from,
            (false, true) => time >= from || time < to,
            (false, false) => time >= from && time < to,
        };
        if !open {
            let hours = format!(
                "{}–{}",
                from.strftime("%H:%M"),
                if until_midnight {
                    "24:00".into()
                } else {
                    to.strftime("%H:%M").to_string()
                }
            );
            return Some(("when.from/to", hours, time.strftime("%H:%M").to_string()));
        }
        let date = if over_midnight && time < to {
            local.date().yesterday().unwrap_or(local.date())
        } else {
            local.date()
        };
        if !self.days.is_empty() && !self.days.contains(&date.weekday()) {
            let wanted: Vec<&str> = self.days.iter().map(|day| short_name(*day)).collect();
            return Some(("when.days", wanted.join(", "), short_name(date.weekday()).into()));
        }
        if !self.on.is_empty() && !self.on.iter().any(|day| day.contains(date)) {
            return Some(("when.on", listed(&self.on), date.to_string()));
        }
        if self.not_on.iter().any(|day| day.contains(date)) {
            return Some((
                "when.not_on",
                format!("none of {}", listed(&self.not_on)),
                date.to_string(),
            ));
        }
        None
    }

    /// Returns the time of the call as the window's clock shows it.
    pub(crate) fn local(&self, at: &ZonedDateTime) -> ZonedDateTime {
        match &self.zone {
            Some(zone) => at.with_time_zone(zone.clone()),
            None => at.clone(),
        }
    }
}

impl Day {
    /// Reads `2026-12-24`, `2026-12-24..2026-12-31` or, for every year, `12-25`.
    pub(crate) fn read(text: &str) -> Option<Day> {
        if let Some((first, last)) = text.split_once("..") {
            let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            return (first <= last).then_some(Day::Range(first, last));
        }
        if let Ok(date) = text.parse() {
            return Some(Day::Range(date, date));
        }
        let (month, day) = text.split_once('-')?;
        let (month, day) = (month.parse().ok()?, day.parse().ok()?);
        // 2024 is a leap year: the 29th of February may be written.
        Date::new(2024, month, day).ok()?;
        Some(Day::EveryYear(month, day))
    }

    fn contains(self, date: Date) -> bool {
        match self {
            Day::Range(first, last) => (first..=last).contains(&date),
            Day::EveryYear(month, day) => (date.month(), date.day()) == (month, day),
        }
    }
}

/// Reads `08:00`; `24:00` is the end of the day.
pub(crate) fn read_time(text: &str) -> Option<Time> {
    if text == "24:00" {
        return Some(Time::MIN);
    }
    let (hour, rest) = text.split_once(':')?;
    let (minute, second) = rest.split_once(':').unwrap_or((rest, "00"));
    Time::new(hour.parse().ok()?, minute.parse().ok()?, second.parse().ok()?, 0).ok()
}

/// Reads `mon`, `Monday`, `Mo`, `Montag`, or a run such as `mon-fri`.
pub(crate) fn read_days(text: &str) -> Option<Vec<Weekday>> {
    let Some((first, last)) = text.split_once(['-', '–']) else {
        return Some(vec![read_day(text)?]);
    };
    let (first, last) = (read_day(first)?, read_day(last)?);
    let mut days = vec![first];
    let mut day = first;
    while day != last && days.len() < 7 {
        day = day.next();
        days.push(day);
    }
    Some(days)
}

fn read_day(text: &str) -> Option<Weekday> {
    Some(match text.trim().to_lowercase().as_str() {
        "mon" | "monday" | "mo" | "montag" => Weekday::Monday,
        "tue" | "tuesday" | "di" | "dienstag" => Weekday::Tuesday,
        "wed" | "wednesday" | "mi" | "mittwoch" => Weekday::Wednesday,
        "thu" | "thursday" | "do" | "donnerstag" => Weekday::Thursday,
        "fri" | "friday" | "fr" | "freitag" => Weekday::Friday,
        "sat" | "saturday" | "sa" | "samstag" => Weekday::Saturday,
        "sun" | "sunday" | "so" | "sonntag" => Weekday::Sunday,
        _ => return None,
    })
}

fn short_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "mon",
        Weekday::Tuesday => "tue",
        Weekday::Wednesday => "wed",
        Weekday::Thursday => "thu",
        Weekday::Friday => "fri",
        Weekday::Saturday => "sat",
        Weekday::Sunday => "sun",
    }
}

fn listed(days: &[Day]) -> String {
    let mut texts: Vec<String> = days
        .iter()
        .take(4)
        .map(|day| match day {
            Day::Range(first, last) if first == last => first.to_string(),
            Day::Range(first, last) => format!("{first}..{last}"),
            Day::EveryYear(month, day) => format!("{month:02}-{day:02}"),
        })
        .collect();
    if days.len() > 4 {
        texts.push(format!("… ({} in all)", days.len()));
    }
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(text: &str) -> ZonedDateTime {
        text.parse().unwrap()
    }

    fn berlin(days: &str, from: &str, to: &str) -> Schedule {
        Schedule {
            days: read_days(days).unwrap(),
            from: read_time(from),
            to: read_time(to),
            zone: Some(TimeZone::get("Europe/Berlin").unwrap()),
            ..Schedule::default()
        }
    }

    #[test]
    fn office_hours_open_and_close_in_their_zone() {
        let office = berlin("mon-fri", "08:00", "18:00");
        for (time, open) in [
            ("2026-11-23T08:00[Europe/Berlin]", true),
            ("2026-11-23T07:59[Europe/Berlin]", false),
            ("2026-11-23T17:59:59[Europe/Berlin]", true),
            ("2026-11-23T18:00[Europe/Berlin]", false),
            ("2026-11-22T12:00[Europe/Berlin]", false),
            ("2026-11-23T07:30[UTC]", true),
            ("2026-07-20T06:30[UTC]", true),
            ("2026-07-20T05:59[UTC]", false),
        ] {
            assert_eq!(office.closed(&at(time)).is_none(), open, "{time}");
        }
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_began() {
        let night = berlin("fri", "22:00", "06:00");
        assert!(night.closed(&at("2026-11-27T23:00[Europe/Berlin]")).is_none());
        assert!(night.closed(&at("2026-11-28T05:00[Europe/Berlin]")).is_none());
        assert!(night.closed(&at("2026-11-28T23:00[Europe/Berlin]")).is_some());
        assert!(night.closed(&at("2026-11-27T05:00[Europe/Berlin]")).is_some());
    }

    #[test]
    fn holidays_close_and_special_days_open() {
        let day = |text| Day::read(text).unwrap();
        let schedule = Schedule {
            not_on: vec![day("12-25"), day("2026-12-28..2026-12-31")],
            ..Schedule::default()
        };
        assert!(schedule.closed(&at("2026-12-24T12:00[UTC]")).is_none());
        let (condition, wanted, found) = schedule.closed(&at("2030-12-25T12:00[UTC]")).unwrap();
        assert_eq!(
            (condition, wanted.as_str(), found.as_str()),
            ("when.not_on", "none of 12-25, 2026-12-28..2026-12-31", "2030-12-25")
        );
        assert!(schedule.closed(&at("2026-12-30T12:00[UTC]")).is_some());
        let only = Schedule {
            on: vec![day("02-29")],
            ..Schedule::default()
        };
        assert!(only.closed(&at("2028-02-29T12:00[UTC]")).is_none());
    }

    #[test]
    fn nonsense_is_no_time_and_no_day() {
        for text in ["", "8", "25:00", "08:60", "x:y"] {
            assert_eq!(read_time(text), None, "{text}");
        }
        for text in [
            "",
            "13-01",
            "02-30",
            "2026-02-29",
            "2026-12-31..2026-12-01",
            "christmas",
        ] {
            assert_eq!(Day::read(text), None, "{text}");
        }
        assert_eq!(read_days("noday"), None);
        assert_eq!(read_days("fri-mon").unwrap().len(), 4);
    }
}
