// SPDX-License-Identifier: EUPL-1.2
//! One rule: its conditions and its action.

use jiff::ZonedDateTime;

use crate::address::Address;
use crate::builtin;
use crate::e164::Numbering;
use crate::explain::Outcome;
use crate::jid::escape_node;
use crate::pattern::Pattern;
use crate::plan::{Call, RejectCause, Route, RuleRef, XMPP_TRUNK};
use crate::schedule::Schedule;
use crate::template::{Template, escape_uri, plain};

/// Conditions that must all hold, and what follows.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) reference: RuleRef,
    /// Empty: any trunk or none.
    pub(crate) trunks: Vec<String>,
    /// Empty: any caller.
    pub(crate) from: Vec<Pattern>,
    /// Empty: any callee.
    pub(crate) to: Vec<Pattern>,
    pub(crate) when: Option<Schedule>,
    /// Whether the rule may take emergency calls.
    pub(crate) emergency: bool,
    pub(crate) action: Action,
}

/// What follows from a rule.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Enter {
        meeting: Template,
        pin: Option<Template>,
        language: Option<Template>,
    },
    Collect {
        meeting: Option<Template>,
        language: Option<Template>,
        greeting: Option<Template>,
    },
    Dial {
        uri: Template,
    },
    Reject {
        cause: RejectCause,
        message: Option<String>,
    },
}

/// The condition that does not hold.
pub(crate) enum Unmet {
    Emergency,
    Trunk,
    /// A rule that dials is for callers by XMPP only if it says so.
    Unnamed,
    To,
    From,
    /// Key, wanted, found.
    When(&'static str, String, String),
}

/// Captures by name.
pub(crate) type Captures = Vec<(String, String)>;

/// A call, taken apart once for all rules.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) trunk: Option<&'a str>,
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) at: &'a ZonedDateTime,
    /// The emergency number that was dialled, if it is one.
    pub(crate) emergency: Option<String>,
}

impl<'a> Facts<'a> {
    pub(crate) fn of(call: &'a Call<'a>, numbering: &Numbering, emergency: &[String]) -> Facts<'a> {
        let to = Address::read(call.to, numbering);
        let emergency = builtin::emergency(&to, numbering, emergency);
        Facts {
            trunk: call.trunk,
            from: Address::read(call.from, numbering).into_caller(),
            to,
            at: &call.at,
            emergency,
        }
    }
}

impl Rule {
    /// Returns the captures if all conditions hold, or else the first that does not.
    pub(crate) fn matches(&self, facts: &Facts<'_>) -> Result<Captures, Unmet> {
        if facts.emergency.is_some() && !self.emergency {
            return Err(Unmet::Emergency);
        }
        if !self.trunks.is_empty() && !facts.trunk.is_some_and(|trunk| self.trunks.iter().any(|t| t == trunk)) {
            return Err(Unmet::Trunk);
        }
        // Anybody of the network may call by XMPP: what dials on must mean them, or strangers phone at our cost.
        let dials = matches!(self.action, Action::Dial { .. });
        if dials && self.trunks.is_empty() && facts.trunk == Some(XMPP_TRUNK) {
            return Err(Unmet::Unnamed);
        }
        let mut captures = captures_of(&self.to, &facts.to).ok_or(Unmet::To)?;
        let from = captures_of(&self.from, &facts.from).ok_or(Unmet::From)?;
        captures.extend(from.into_iter().map(|(name, value)| (format!("from.{name}"), value)));
        if let Some((condition, wanted, got)) = self.when.as_ref().and_then(|when| when.closed(facts.at)) {
            return Err(Unmet::When(condition, wanted, got));
        }
        captures.push(("to".into(), facts.to.name().to_owned()));
        captures.push(("from".into(), facts.from.name().to_owned()));
        Ok(captures)
    }

    /// Says which condition does not hold, with both values.
    pub(crate) fn account(&self, unmet: Unmet, facts: &Facts<'_>) -> Outcome {
        let (condition, wanted, got) = match unmet {
            Unmet::Emergency => {
                let number = facts.emergency.as_deref().unwrap_or_default();
                (
                    "emergency",
                    "emergency = true".to_owned(),
                    format!("emergency number {number}"),
                )
            }
            Unmet::Trunk => (
                "trunk",
                self.trunks.join(" or "),
                facts.trunk.unwrap_or("no trunk").to_owned(),
            ),
            Unmet::Unnamed => (
                "trunk",
                "\"xmpp\" by name, because the rule dials".to_owned(),
                XMPP_TRUNK.to_owned(),
            ),
            Unmet::To => ("to", listed(&self.to), shown(&facts.to)),
            Unmet::From => ("from", listed(&self.from), shown(&facts.from)),
            Unmet::When(condition, wanted, got) => (condition, wanted, got),
        };
        Outcome::Failed {
            condition: condition.to_owned(),
            wanted,
            got,
        }
    }

    /// Returns the values that become the PIN if this rule's patterns match, whatever its other conditions say.
    pub(crate) fn pins(&self, facts: &Facts<'_>) -> Vec<String> {
        let Action::Enter { pin: Some(pin), .. } = &self.action else {
            return Vec::new();
        };
        let mut pins = Vec::new();
        for (prefix, patterns, address) in [("", &self.to, &facts.to), ("from.", &self.from, &facts.from)] {
            for captures in patterns.iter().filter_map(|pattern| pattern.captures(address)) {
                let used = captures
                    .into_iter()
                    .filter(|(name, _)| pin.names().any(|n| n == format!("{prefix}{name}")));
                pins.extend(used.map(|(_, value)| value));
            }
        }
        pins
    }
}

impl Action {
    /// Fills in the captures.
    pub(crate) fn route(&self, captures: &[(String, String)]) -> Route {
        let fill = |template: &Template| template.expand(captures, plain);
        match self {
            Action::Enter { meeting, pin, language } => Route::Enter {
                meeting: fill(meeting),
                pin: pin.as_ref().map(fill),
                language: language.as_ref().map(fill),
            },
            Action::Collect {
                meeting,
                language,
                greeting,
            } => Route::Collect {
                meeting: meeting.as_ref().map(fill),
                language: language.as_ref().map(fill),
                greeting: greeting.as_ref().map(fill),
            },
            Action::Dial { uri } => Route::Dial {
                uri: uri.expand(
                    captures,
                    if uri.text.starts_with("xmpp:") {
                        escape_node
                    } else {
                        escape_uri
                    },
                ),
            },
            Action::Reject { cause, message } => Route::Reject {
                cause: *cause,
                message: message.clone(),
            },
        }
    }

    /// Returns the templates by key, for checking.
    pub(crate) fn templates(&self) -> Vec<&Template> {
        match self {
            Action::Enter { meeting, pin, language } => [Some(meeting), pin.as_ref(), language.as_ref()]
                .into_iter()
                .flatten()
                .collect(),
            Action::Collect {
                meeting,
                language,
                greeting,
            } => [meeting.as_ref(), language.as_ref(), greeting.as_ref()]
                .into_iter()
                .flatten()
                .collect(),
            Action::Dial { uri } => vec![uri],
            Action::Reject { .. } => Vec::new(),
        }
    }
}

fn captures_of(patterns: &[Pattern], address: &Address) -> Option<Captures> {
    if patterns.is_empty() {
        return Some(Vec::new());
    }
    patterns.iter().find_map(|pattern| pattern.captures(address))
}

fn listed(patterns: &[Pattern]) -> String {
    let texts: Vec<&str> = patterns.iter().map(|pattern| pattern.text.as_str()).collect();
    texts.join(" or ")
}

fn shown(address: &Address) -> String {
    if address.host.is_empty() {
        address.name().to_owned()
    } else {
        format!("{}@{}", address.name(), address.host)
    }
}
