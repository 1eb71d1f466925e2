// SPDX-License-Identifier: EUPL-1.2
//! Built-in answers around the rules: emergency numbers before, direct dialling after.

use crate::address::Address;
use crate::e164::{Number, Numbering};
use crate::explain::Outcome;
use crate::plan::{RejectCause, Route};
use crate::rule::{Facts, Rule};

/// The emergency numbers of Germany.
pub(crate) const EMERGENCY: [&str; 2] = ["110", "112"];
/// What a PIN is shown as.
const MASK: &str = "•••";

/// Direct dialling: `<id>`, `<id>*<pin>`, `number,,id,,pin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Direct {
    pub(crate) enabled: bool,
    pub(crate) meeting_digits: usize,
    pub(crate) pin_digits: usize,
}

impl Default for Direct {
    fn default() -> Direct {
        Direct {
            enabled: true,
            meeting_digits: 10,
            pin_digits: 10,
        }
    }
}

impl Direct {
    /// Returns the meeting that the user part itself names.
    fn meeting(&self, to: &Address) -> Option<Route> {
        let (id, pin) = match to.user.split_once('*') {
            Some((id, pin)) => (id.trim(), Some(pin.trim().trim_end_matches('#'))),
            None => (to.user.trim(), to.burst.first().map(String::as_str)),
        };
        let pin = pin.filter(|pin| !pin.is_empty());
        // A room address of XMPP is nothing but an id, so it may have any length.
        let is_id = self.is_id(id) || (to.scheme == "xmpp" && is_digits(id));
        let fits = is_id && pin.is_none_or(is_digits);
        fits.then(|| Route::Enter {
            meeting: id.to_owned(),
            pin: pin.map(str::to_owned),
            language: None,
        })
    }

    /// Turns a question into an entry if the answer came along behind a pause.
    pub(crate) fn with_burst(&self, route: Route, facts: &Facts<'_>) -> Route {
        let mut burst = facts
            .to
            .burst
            .iter()
            .map(String::as_str)
            .filter(|group| is_digits(group));
        let (Route::Collect { meeting, language, .. }, Some(first)) = (&route, burst.next()) else {
            return route;
        };
        let (meeting, pin) = match meeting {
            Some(meeting) => (meeting.clone(), Some(first)),
            None if self.is_id(first) => (first.to_owned(), burst.next()),
            None if first.len() == self.meeting_digits + self.pin_digits => {
                let (id, pin) = first.split_at(self.meeting_digits);
                (id.to_owned(), Some(pin))
            }
            None => return route,
        };
        Route::Enter {
            meeting,
            pin: pin.map(str::to_owned),
            language: language.clone(),
        }
    }

    fn is_id(&self, text: &str) -> bool {
        text.len() == self.meeting_digits && is_digits(text)
    }
}

fn is_digits(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// Returns the emergency number that was dialled, also behind trunk prefix, country code or as `urn:service:sos` (RFC 5031).
pub(crate) fn emergency(to: &Address, numbering: &Numbering, numbers: &[String]) -> Option<String> {
    let service = to.user.to_ascii_lowercase();
    if to.scheme == "urn" && (service == "service:sos" || service.starts_with("service:sos.")) {
        return Some(service);
    }
    let number = to.number.as_ref()?;
    let national = match number {
        Number::Internal(digits) => digits.as_str(),
        Number::International(text) => text.strip_prefix('+')?.strip_prefix(numbering.country.as_str())?,
    };
    let dialled: String = to.user.chars().filter(char::is_ascii_digit).collect();
    numbers.iter().find(|n| *n == national || **n == dialled).cloned()
}

/// Answers what no rule answered.
pub(crate) fn route(facts: &Facts<'_>, direct: &Direct, mut tell: impl FnMut(&'static str)) -> Route {
    let mut answer = |name: &'static str, route: Route| {
        tell(name);
        route
    };
    if facts.emergency.is_some() {
        return answer(
            "emergency numbers",
            Route::Reject {
                cause: RejectCause::Emergency,
                message: None,
            },
        );
    }
    if facts.to.carried {
        return answer(
            "telephones by XMPP need a rule",
            Route::Reject {
                cause: RejectCause::Forbidden,
                message: None,
            },
        );
    }
    if !direct.enabled {
        return answer(
            "nothing matches",
            Route::Reject {
                cause: RejectCause::NotFound,
                message: None,
            },
        );
    }
    if let Some(route) = direct.meeting(&facts.to) {
        return answer("direct dialling", route);
    }
    let ask = Route::Collect {
        meeting: None,
        language: None,
        greeting: None,
    };
    answer("ask the caller", direct.with_burst(ask, facts))
}

/// Texts that an account of a decision must not show.
pub(crate) struct Secrets(Vec<String>);

/// Gathers whatever in a call is, or could be, a PIN.
pub(crate) fn secrets(facts: &Facts<'_>, rules: &[Rule]) -> Secrets {
    let mut found: Vec<String> = rules.iter().flat_map(|rule| rule.pins(facts)).collect();
    for address in [&facts.to, &facts.from] {
        let after_star = address
            .user
            .split_once(['*', '#'])
            .filter(|(before, _)| !before.is_empty());
        found.extend(after_star.map(|(_, pin)| pin.trim().trim_end_matches('#').to_owned()));
        let groups = if address.burst.len() > 1 {
            address.burst.get(1..)
        } else {
            address.burst.get(..)
        };
        found.extend(groups.into_iter().flatten().cloned());
    }
    found.retain(|secret| !secret.is_empty());
    found.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    found.dedup();
    Secrets(found)
}

impl Secrets {
    /// Replaces every PIN in a text.
    pub(crate) fn mask(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), MASK))
    }

    /// Masks what an outcome shows, also a PIN written into a rule's pattern.
    pub(crate) fn mask_outcome(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Matched { captures } => Outcome::Matched {
                captures: captures
                    .into_iter()
                    .map(|(name, value)| (name, self.mask(&value)))
                    .collect(),
            },
            Outcome::Failed { condition, wanted, got } => Outcome::Failed {
                condition,
                wanted: mask_pattern(&wanted),
                got: self.mask(&got),
            },
        }
    }
}

/// Hides four or more digits behind a star.
fn mask_pattern(text: &str) -> String {
    let mut parts = text.split('*');
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        shown.push('*');
        shown.push_str(if digits >= 4 {
            MASK
        } else {
            part.get(..digits).unwrap_or_default()
        });
        shown.push_str(part.get(digits..).unwrap_or_default());
    }
    shown
}
