// SPDX-License-Identifier: EUPL-1.2
//! One `[[rule]]`.

use toml::de::DeTable;

use super::tree::{Faults, Value, get};
use super::{Shared, read_day, read_zone};
use crate::pattern::Pattern;
use crate::plan::{RejectCause, RuleRef};
use crate::problem::closest_word;
use crate::rule::{Action, Rule};
use crate::schedule::{Day, Schedule, read_days, read_time};
use crate::template::Template;

const ACTIONS: [&str; 4] = ["enter", "collect", "dial", "reject"];

/// Reads one rule; `None` if a fault makes it unusable.
pub(super) fn read(faults: &mut Faults<'_>, file: &str, item: &Value<'_>, shared: &Shared) -> Option<Rule> {
    let table = faults.table(item, "rule", "{ to = \"X{10}\", enter = { meeting = \"{to}\" } }")?;
    faults.keys(
        table,
        "[[rule]]",
        &[
            "name",
            "trunk",
            "from",
            "to",
            "when",
            "emergency",
            "enter",
            "collect",
            "dial",
            "reject",
        ],
    );
    let name = get(table, "name").and_then(|v| faults.text(v, "name", "\"front desk\""));
    let reference = RuleRef {
        file: file.to_owned(),
        line: faults.line(&item.span()),
        name,
    };
    let trunks = get(table, "trunk")
        .map(|v| faults.texts(v, "trunk", "\"office\""))
        .unwrap_or_default();
    let to = patterns(faults, table, "to", shared);
    let from = patterns(faults, table, "from", shared);
    let when = get(table, "when").and_then(|v| schedule(faults, v, shared));
    let emergency = get(table, "emergency")
        .and_then(|v| faults.boolean(v, "emergency"))
        .unwrap_or(false);
    let action = action(faults, item, table)?;
    let rule = Rule {
        reference,
        trunks: trunks.into_iter().map(|(trunk, _)| trunk).collect(),
        from,
        to,
        when,
        emergency,
        action,
    };
    check_captures(faults, item, table, &rule);
    Some(rule)
}

fn patterns(faults: &mut Faults<'_>, table: &DeTable<'_>, key: &str, shared: &Shared) -> Vec<Pattern> {
    let Some(value) = get(table, key) else {
        return Vec::new();
    };
    let texts = faults.texts(value, key, "\"+49361555XXXX\"");
    let mut patterns = Vec::new();
    for (text, span) in texts {
        match Pattern::compile(&text, &shared.numbering) {
            Ok(pattern) => patterns.push(pattern),
            Err((what, remedy)) => faults.add(span, format!("in \"{key}\": {what}"), remedy),
        }
    }
    patterns
}

fn schedule(faults: &mut Faults<'_>, value: &Value<'_>, shared: &Shared) -> Option<Schedule> {
    let table = faults.table(
        value,
        "when",
        "{ days = \"mon-fri\", from = \"08:00\", to = \"18:00\" }",
    )?;
    faults.keys(table, "\"when\"", &["days", "from", "to", "on", "not_on", "zone"]);
    let mut days = Vec::new();
    for (text, span) in get(table, "days")
        .map(|v| faults.texts(v, "days", "\"mon-fri\""))
        .unwrap_or_default()
    {
        match read_days(&text) {
            Some(found) => days.extend(found),
            None => faults.add(
                span,
                format!("{text:?} is no weekday"),
                "write mon, tue, wed, thu, fri, sat, sun or a run such as mon-fri",
            ),
        }
    }
    let mut time = |key: &str| {
        let value = get(table, key)?;
        let text = faults.text(value, key, "\"08:00\"")?;
        let time = read_time(&text);
        if time.is_none() {
            faults.add(
                value.span(),
                format!("\"{key}\" is {text:?}, no time of day"),
                "write hours and minutes such as \"08:00\", at most \"24:00\"",
            );
        }
        time
    };
    let (from, to) = (time("from"), time("to"));
    let zone = get(table, "zone")
        .and_then(|v| read_zone(faults, v, "zone"))
        .or_else(|| shared.zone.clone());
    Some(Schedule {
        days,
        from,
        to,
        on: dates(faults, table, "on", shared),
        not_on: dates(faults, table, "not_on", shared),
        zone,
    })
}

fn dates(faults: &mut Faults<'_>, table: &DeTable<'_>, key: &str, shared: &Shared) -> Vec<Day> {
    let mut days = Vec::new();
    for (text, span) in get(table, key)
        .map(|v| faults.texts(v, key, "\"holidays\""))
        .unwrap_or_default()
    {
        if let Some(list) = shared.calendar.get(&text) {
            days.extend(list);
        } else if text.starts_with(|c: char| c.is_ascii_digit()) {
            days.extend(read_day(faults, &text, &span));
        } else {
            let known: Vec<&str> = shared.calendar.keys().map(String::as_str).collect();
            let remedy = match closest_word(&text, &known) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => format!("add {text} = [\"12-25\"] to [calendar]"),
            };
            faults.add(span, format!("[calendar] has no list {text:?}"), remedy);
        }
    }
    days
}

fn action(faults: &mut Faults<'_>, item: &Value<'_>, table: &DeTable<'_>) -> Option<Action> {
    let mut given = ACTIONS.iter().filter_map(|key| Some((*key, get(table, key)?)));
    let Some((key, value)) = given.next() else {
        faults.add(
            item.span(),
            "the rule does nothing",
            "add one of enter, collect, dial, reject",
        );
        return None;
    };
    if let Some((other, value)) = given.next() {
        faults.add(
            value.span(),
            format!("the rule has two actions, {key} and {other}"),
            "keep one, or make two rules",
        );
    }
    match key {
        "enter" => {
            let table = faults.table(value, key, "{ meeting = \"1234567890\" }")?;
            faults.keys(table, "\"enter\"", &["meeting", "pin", "language"]);
            let meeting = template(faults, table, "meeting");
            if get(table, "meeting").is_none() {
                faults.add(
                    value.span(),
                    "\"enter\" names no meeting",
                    "add meeting = \"1234567890\" or meeting = \"{1}\"",
                );
            }
            Some(Action::Enter {
                meeting: meeting?,
                pin: template(faults, table, "pin"),
                language: template(faults, table, "language"),
            })
        }
        "collect" => {
            let table = faults.table(value, key, "{ language = \"de\" }")?;
            faults.keys(table, "\"collect\"", &["meeting", "language", "greeting"]);
            let [meeting, language, greeting] =
                ["meeting", "language", "greeting"].map(|key| template(faults, table, key));
            Some(Action::Collect {
                meeting,
                language,
                greeting,
            })
        }
        "dial" => {
            let table = faults.table(value, key, "{ uri = \"sip:{1}@pbx.example.org\" }")?;
            faults.keys(table, "\"dial\"", &["uri"]);
            let uri = get(table, "uri");
            let good = uri
                .and_then(|v| faults.text(v, "uri", "\"sip:{1}@pbx.example.org\""))
                .is_some_and(|text| is_dialable(&text));
            if !good {
                faults.add(
                    uri.unwrap_or(value).span(),
                    "\"dial\" needs a URI",
                    "write uri = \"sip:{1}@pbx.example.org\", sips:, tel: or xmpp:{1}@a.example",
                );
                return None;
            }
            Some(Action::Dial {
                uri: template(faults, table, "uri")?,
            })
        }
        _ => reject(faults, value),
    }
}

fn reject(faults: &mut Faults<'_>, value: &Value<'_>) -> Option<Action> {
    let table = faults.table(value, "reject", "{ cause = \"declined\" }")?;
    faults.keys(table, "\"reject\"", &["cause", "message"]);
    let message = get(table, "message").and_then(|v| faults.text(v, "message", "\"Please call again tomorrow.\""));
    let Some(cause) = get(table, "cause") else {
        return Some(Action::Reject {
            cause: RejectCause::Declined,
            message,
        });
    };
    let word = faults.text(cause, "cause", "\"declined\"")?;
    let found = RejectCause::ALL.into_iter().find(|cause| cause.as_str() == word);
    if found.is_none() {
        let known = RejectCause::ALL.map(RejectCause::as_str);
        let remedy = match closest_word(&word, &known) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("use one of {}", known.join(", ")),
        };
        faults.add(cause.span(), format!("no cause is called {word:?}"), remedy);
    }
    Some(Action::Reject { cause: found?, message })
}

/// A URI whose host is not left to the caller.
fn is_dialable(text: &str) -> bool {
    match text.split_once(':') {
        Some(("sip" | "sips", rest)) => rest
            .rsplit_once('@')
            .map_or(rest, |(_, host)| host)
            .split(['{', ';'])
            .next()
            .is_some_and(|host| !host.is_empty()),
        Some(("tel", rest)) => !rest.is_empty(),
        Some(("xmpp", rest)) => {
            let domain = rest.split_once('@').map_or(rest, |(_, domain)| domain);
            !domain.is_empty() && !domain.contains(['{', '@'])
        }
        _ => false,
    }
}

fn template(faults: &mut Faults<'_>, table: &DeTable<'_>, key: &str) -> Option<Template> {
    let value = get(table, key)?;
    let text = faults.text(value, key, "\"{1}\"")?;
    match Template::read(&text) {
        Ok(template) => Some(template),
        Err((what, remedy)) => {
            faults.add(value.span(), what, remedy);
            None
        }
    }
}

/// Every capture that an action uses must be made by every pattern.
fn check_captures(faults: &mut Faults<'_>, item: &Value<'_>, table: &DeTable<'_>, rule: &Rule) {
    let place = ACTIONS.iter().find_map(|key| get(table, key)).unwrap_or(item).span();
    let (to, from) = (made_by_all(&rule.to), made_by_all(&rule.from));
    let mut known: Vec<String> = to
        .into_iter()
        .chain(from.into_iter().map(|name| format!("from.{name}")))
        .collect();
    known.extend(["to".to_owned(), "from".to_owned()]);
    for template in rule.action.templates() {
        for name in template.names().filter(|name| !known.iter().any(|k| k == name)) {
            let what = format!("{{{name}}} in {:?} is no capture of this rule", template.text);
            let listed: Vec<String> = known.iter().map(|name| format!("{{{name}}}")).collect();
            faults.add(
                place.clone(),
                what,
                format!("put parentheses into \"to\", or use one of {}", listed.join(" ")),
            );
        }
    }
}

fn made_by_all(patterns: &[Pattern]) -> Vec<String> {
    let Some((first, others)) = patterns.split_first() else {
        return Vec::new();
    };
    let others: Vec<Vec<String>> = others.iter().map(Pattern::capture_names).collect();
    first
        .capture_names()
        .into_iter()
        .filter(|name| others.iter().all(|names| names.contains(name)))
        .collect()
}
