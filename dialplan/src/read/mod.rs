// SPDX-License-Identifier: EUPL-1.2
//! TOML text to rules.

/// One `[[rule]]`.
mod rules;
/// A TOML tree whose every value knows its place.
mod tree;

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::tz::TimeZone;
use toml::de::{DeTable, DeValue};

use crate::e164::Numbering;
use crate::plan::Dialplan;
use crate::problem::Problem;
use crate::schedule::Day;
use tree::{Faults, Value, get};

/// The largest file, in bytes.
const MAX_FILE: usize = 4 << 20;
/// The most rules.
const MAX_RULES: usize = 20_000;

/// What rules may refer to.
struct Shared {
    numbering: Numbering,
    zone: Option<TimeZone>,
    calendar: BTreeMap<String, Vec<Day>>,
}

/// Reads a whole plan.
pub(crate) fn plan(file: &str, text: &str) -> Result<Dialplan, Vec<Problem>> {
    let mut faults = Faults::new(file, text);
    if text.len() > MAX_FILE {
        faults.add(
            0..0,
            format!("a file of {} bytes", text.len()),
            format!("keep it below {MAX_FILE} bytes"),
        );
        return Err(faults.into_sorted());
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        faults.add(
            error.span().unwrap_or(0..0),
            format!("no TOML: {}", error.message()),
            "mend the line; strings stand in \"quotes\"",
        );
    }
    if !errors.is_empty() {
        return Err(faults.into_sorted());
    }
    let root = root.get_ref();
    faults.keys(
        root,
        "the plan",
        &["numbering", "direct", "calendar", "time_zone", "rule"],
    );

    let mut plan = Dialplan::default_plan();
    if let Some(value) = get(root, "numbering") {
        read_numbering(&mut faults, value, &mut plan);
    }
    if let Some(value) = get(root, "direct") {
        read_direct(&mut faults, value, &mut plan);
    }
    let zone = get(root, "time_zone").and_then(|value| read_zone(&mut faults, value, "time_zone"));
    let calendar = get(root, "calendar")
        .map(|value| read_calendar(&mut faults, value))
        .unwrap_or_default();
    let shared = Shared {
        numbering: plan.numbering.clone(),
        zone,
        calendar,
    };
    if let Some(value) = get(root, "rule") {
        plan.rules = read_rules(&mut faults, file, value, &shared);
    }
    if faults.is_empty() {
        Ok(plan)
    } else {
        Err(faults.into_sorted())
    }
}

fn read_rules(faults: &mut Faults<'_>, file: &str, value: &Value<'_>, shared: &Shared) -> Vec<crate::rule::Rule> {
    let DeValue::Array(array) = value.get_ref() else {
        faults.add(
            value.span(),
            "\"rule\" is one table",
            "write [[rule]] with two brackets",
        );
        return Vec::new();
    };
    if array.len() > MAX_RULES {
        faults.add(
            value.span(),
            format!("{} rules", array.len()),
            format!("use patterns; at most {MAX_RULES} rules are read"),
        );
    }
    array
        .iter()
        .take(MAX_RULES)
        .filter_map(|item| rules::read(faults, file, item, shared))
        .collect()
}

fn read_numbering(faults: &mut Faults<'_>, value: &Value<'_>, plan: &mut Dialplan) {
    const KEYS: [&str; 9] = [
        "country",
        "area",
        "international_prefix",
        "national_prefix",
        "main",
        "extension_digits",
        "bare_international",
        "short",
        "emergency",
    ];
    let Some(table) = faults.table(value, "numbering", "{ country = \"49\" }") else {
        return;
    };
    faults.keys(table, "[numbering]", &KEYS);
    let mut digits = |key: &str, longest: usize, example: &str| {
        let value = get(table, key)?;
        let text = faults.text(value, key, example)?;
        let cleaned: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '/')).collect();
        let cleaned = if matches!(key, "country" | "main") {
            cleaned.trim_start_matches('+').to_owned()
        } else {
            cleaned
        };
        let fits = (1..=longest).contains(&cleaned.len()) && cleaned.bytes().all(|b| b.is_ascii_digit());
        if !fits {
            faults.add(
                value.span(),
                format!("\"{key}\" is {text:?}, not 1 to {longest} digits"),
                format!("write {key} = {example}"),
            );
        }
        fits.then_some(cleaned)
    };
    let country = digits("country", 3, "\"49\"");
    let area = digits("area", 6, "\"361\"");
    let international = digits("international_prefix", 4, "\"00\"");
    let national = digits("national_prefix", 2, "\"0\"");
    let main = digits("main", 13, "\"+49 361 379\"");
    let numbering = &mut plan.numbering;
    numbering.national_prefix = national.unwrap_or(std::mem::take(&mut numbering.national_prefix));
    numbering.international_prefix = international.unwrap_or(std::mem::take(&mut numbering.international_prefix));
    numbering.country = country.unwrap_or(std::mem::take(&mut numbering.country));
    numbering.area = area
        .map(|area| area.trim_start_matches('0').to_owned())
        .filter(|area| !area.is_empty());
    numbering.main = main;
    if let Some(count) = get(table, "extension_digits").and_then(|v| faults.count(v, "extension_digits", 1..9)) {
        numbering.extension_digits = count;
    }
    if let Some(flag) = get(table, "bare_international").and_then(|v| faults.boolean(v, "bare_international")) {
        numbering.bare_international = flag;
    }
    if let Some(value) = get(table, "short") {
        numbering.short = codes(faults, value, "short", "[\"115\", \"116XXX\"]");
    }
    if let Some(value) = get(table, "emergency") {
        plan.emergency = codes(faults, value, "emergency", "[\"110\", \"112\"]");
        numbering.short.extend(plan.emergency.iter().cloned());
    }
}

fn codes(faults: &mut Faults<'_>, value: &Value<'_>, key: &str, example: &str) -> Vec<String> {
    let texts = faults.texts(value, key, example);
    for (text, span) in &texts {
        if text.is_empty() || text.len() > 8 || !text.bytes().all(|b| b.is_ascii_digit() || b == b'X') {
            faults.add(
                span.clone(),
                format!("{text:?} is no short number"),
                "use 1 to 8 digits, X for any digit",
            );
        }
    }
    texts.into_iter().map(|(text, _)| text).collect()
}

fn read_direct(faults: &mut Faults<'_>, value: &Value<'_>, plan: &mut Dialplan) {
    let Some(table) = faults.table(value, "direct", "{ enabled = true }") else {
        return;
    };
    faults.keys(table, "[direct]", &["enabled", "meeting_digits", "pin_digits"]);
    if let Some(enabled) = get(table, "enabled").and_then(|v| faults.boolean(v, "enabled")) {
        plan.direct.enabled = enabled;
    }
    if let Some(count) = get(table, "meeting_digits").and_then(|v| faults.count(v, "meeting_digits", 4..21)) {
        plan.direct.meeting_digits = count;
    }
    if let Some(count) = get(table, "pin_digits").and_then(|v| faults.count(v, "pin_digits", 4..21)) {
        plan.direct.pin_digits = count;
    }
}

fn read_zone(faults: &mut Faults<'_>, value: &Value<'_>, key: &str) -> Option<TimeZone> {
    let name = faults.text(value, key, "\"Europe/Berlin\"")?;
    let zone = TimeZone::get(&name).ok();
    if zone.is_none() {
        faults.add(
            value.span(),
            format!("no time zone is called {name:?}"),
            "use a name of the tz database such as \"Europe/Berlin\"",
        );
    }
    zone
}

fn read_calendar(faults: &mut Faults<'_>, value: &Value<'_>) -> BTreeMap<String, Vec<Day>> {
    let Some(table) = faults.table(value, "calendar", "{ holidays = [\"12-25\"] }") else {
        return BTreeMap::new();
    };
    let mut calendar = BTreeMap::new();
    for (name, value) in table.iter() {
        let texts = faults.texts(value, name.get_ref(), "[\"12-25\", \"2026-04-03\"]");
        let days = texts
            .iter()
            .filter_map(|(text, span)| read_day(faults, text, span))
            .collect();
        calendar.insert(name.get_ref().as_ref().to_owned(), days);
    }
    calendar
}

fn read_day(faults: &mut Faults<'_>, text: &str, span: &Range<usize>) -> Option<Day> {
    let day = Day::read(text);
    if day.is_none() {
        faults.add(
            span.clone(),
            format!("{text:?} is no day"),
            "write 2026-12-24, 2026-12-24..2026-12-31, or 12-25 for every year",
        );
    }
    day
}
