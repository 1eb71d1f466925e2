// SPDX-License-Identifier: EUPL-1.2
//! The plan: route, explain, warnings.

use std::fmt;

use jiff::ZonedDateTime;

use crate::builtin::{self, Direct};
use crate::e164::Numbering;
use crate::explain::{Explanation, Outcome, Step};
use crate::problem::Problem;
use crate::rule::{Captures, Facts, Rule, Unmet};
use crate::{read, warn};

/// The trunk that calls by XMPP come over; a rule that dials takes them only if it names this trunk.
pub const XMPP_TRUNK: &str = "xmpp";

/// Decides where calls go: the operator's rules in order, then the built-in ones.
#[derive(Clone, Debug)]
pub struct Dialplan {
    pub(crate) numbering: Numbering,
    pub(crate) emergency: Vec<String>,
    pub(crate) direct: Direct,
    pub(crate) rules: Vec<Rule>,
    pub(crate) warnings: Vec<Problem>,
}

/// Who calls whom, and when.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The trunk whose allow-list matched, if any.
    pub trunk: Option<&'a str>,
    /// The caller: a URI (`sip:`, `sips:`, `tel:`, `xmpp:` and a JID), a name-addr, or a bare number.
    pub from: &'a str,
    /// The callee, likewise.
    pub to: &'a str,
    /// When the call arrived; its zone holds where a rule names none.
    pub at: ZonedDateTime,
}

/// Where a call goes, and by which rule; no rule means a built-in answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Where the call goes.
    pub route: Route,
    /// The operator's rule that decided.
    pub rule: Option<RuleRef>,
}

/// Points to a rule of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RuleRef {
    /// The file as it was named to [`Dialplan::parse`].
    pub file: String,
    /// The line of its `[[rule]]`, from 1; 0 for a built-in answer.
    pub line: usize,
    /// Its name, if it has one.
    pub name: Option<String>,
}

/// Where a call goes.
#[derive(Clone, PartialEq, Eq)]
pub enum Route {
    /// Into a meeting, without questions if the PIN is right.
    Enter {
        /// The meeting's id.
        meeting: String,
        /// The PIN that came with the call; never shown.
        pin: Option<String>,
        /// The language of the prompts (`de`, `en`).
        language: Option<String>,
    },
    /// Ask the caller for what is missing.
    Collect {
        /// The meeting, if only its PIN is to be asked.
        meeting: Option<String>,
        /// The language of the prompts; asked by key if absent.
        language: Option<String>,
        /// The stem of a prompt of the operator, played in place of the welcome.
        greeting: Option<String>,
    },
    /// Call somebody else.
    Dial {
        /// The URI to call.
        uri: String,
    },
    /// Refuse.
    Reject {
        /// Why.
        cause: RejectCause,
        /// The operator's words for the log and the far end.
        message: Option<String>,
    },
}

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RejectCause {
    /// The callee is busy.
    Busy,
    /// The callee does not want the call.
    Declined,
    /// No such number.
    NotFound,
    /// Not allowed.
    Forbidden,
    /// An emergency number, which a conference gateway cannot carry.
    Emergency,
    /// Not now.
    Unavailable,
}

impl Dialplan {
    /// Returns the plan that holds without a file: emergency numbers refused, direct dialling, everybody else asked.
    pub fn default_plan() -> Dialplan {
        Dialplan {
            numbering: Numbering::default(),
            emergency: builtin::EMERGENCY.map(String::from).into(),
            direct: Direct::default(),
            rules: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Reads a plan; the errors are all the faults found, in the order of the file.
    ///
    /// # Errors
    /// At least one [`Problem`] if the text is no TOML or any rule is faulty.
    pub fn parse(file_name: &str, toml_text: &str) -> Result<Dialplan, Vec<Problem>> {
        let mut plan = read::plan(file_name, toml_text)?;
        plan.warnings = warn::find(&plan.rules);
        Ok(plan)
    }

    /// Decides where a call goes; total, and the same for the same call.
    pub fn route(&self, call: &Call<'_>) -> Decision {
        self.decide(&self.facts(call), |_| {})
    }

    /// Decides as [`Dialplan::route`] does, and accounts for it; shows no PIN.
    pub fn explain(&self, call: &Call<'_>) -> Explanation {
        let facts = self.facts(call);
        let secrets = builtin::secrets(&facts, &self.rules);
        let mut steps = Vec::new();
        let decision = self.decide(&facts, |tried| {
            let (rule, outcome) = match tried {
                Tried::Met(rule, captures) => (rule.reference.clone(), Outcome::Matched { captures }),
                Tried::Unmet(rule, unmet) => (rule.reference.clone(), rule.account(unmet, &facts)),
                Tried::BuiltIn(name) => (RuleRef::builtin(name), Outcome::Matched { captures: Vec::new() }),
            };
            steps.push(Step {
                rule,
                outcome: secrets.mask_outcome(outcome),
            });
        });
        Explanation::new(call, &facts, &secrets, steps, decision)
    }

    /// Returns rules that can never be reached and rules whose order matters unseen.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Returns how numbers are written around the gateway.
    pub fn numbering(&self) -> &Numbering {
        &self.numbering
    }

    /// Returns how many digits a meeting id and a PIN have.
    pub fn digits(&self) -> (usize, usize) {
        (self.direct.meeting_digits, self.direct.pin_digits)
    }

    /// Returns each trunk that a rule names, with the rule, so that the configuration can be checked against it.
    pub fn trunks(&self) -> impl Iterator<Item = (&str, &RuleRef)> {
        self.rules
            .iter()
            .flat_map(|rule| rule.trunks.iter().map(|trunk| (trunk.as_str(), &rule.reference)))
    }

    fn facts<'a>(&self, call: &'a Call<'a>) -> Facts<'a> {
        Facts::of(call, &self.numbering, &self.emergency)
    }

    fn decide(&self, facts: &Facts<'_>, mut tell: impl FnMut(Tried<'_>)) -> Decision {
        for rule in &self.rules {
            match rule.matches(facts) {
                Ok(captures) => {
                    let route = self.direct.with_burst(rule.action.route(&captures), facts);
                    tell(Tried::Met(rule, captures));
                    return Decision {
                        route,
                        rule: Some(rule.reference.clone()),
                    };
                }
                Err(unmet) => tell(Tried::Unmet(rule, unmet)),
            }
        }
        let route = builtin::route(facts, &self.direct, |name| tell(Tried::BuiltIn(name)));
        Decision { route, rule: None }
    }
}

/// What was tried on the way to a decision; put into words only where somebody asks.
enum Tried<'a> {
    Met(&'a Rule, Captures),
    Unmet(&'a Rule, Unmet),
    BuiltIn(&'static str),
}

/// The plan that holds without a file.
impl Default for Dialplan {
    fn default() -> Dialplan {
        Dialplan::default_plan()
    }
}

impl RuleRef {
    /// Names an answer that no rule gave.
    pub(crate) fn builtin(name: &str) -> RuleRef {
        RuleRef {
            file: "built-in".into(),
            line: 0,
            name: Some(name.into()),
        }
    }
}

impl fmt::Display for RuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " \"{name}\""))
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let language = |f: &mut fmt::Formatter<'_>, language: &Option<String>| match language {
            Some(language) => write!(f, ", language {language}"),
            None => Ok(()),
        };
        match self {
            Route::Enter {
                meeting,
                pin,
                language: spoken,
            } => {
                write!(f, "enter meeting {meeting}")?;
                f.write_str(if pin.is_some() {
                    ", PIN •••"
                } else {
                    ", no PIN given"
                })?;
                language(f, spoken)
            }
            Route::Collect {
                meeting,
                language: spoken,
                greeting,
            } => {
                match meeting {
                    Some(meeting) => write!(f, "collect the PIN of meeting {meeting}")?,
                    None => f.write_str("collect meeting id and PIN")?,
                }
                language(f, spoken)?;
                greeting
                    .as_ref()
                    .map_or(Ok(()), |greeting| write!(f, ", greeting {greeting}"))
            }
            Route::Dial { uri } => write!(f, "dial {uri}"),
            Route::Reject { cause, message } => {
                write!(f, "reject, cause {}", cause.as_str())?;
                message.as_ref().map_or(Ok(()), |message| write!(f, ", \"{message}\""))
            }
        }
    }
}

/// Shows no PIN.
impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Route({self})")
    }
}

impl RejectCause {
    /// All causes, as a rule may name them.
    pub const ALL: [RejectCause; 6] = [
        RejectCause::Busy,
        RejectCause::Declined,
        RejectCause::NotFound,
        RejectCause::Forbidden,
        RejectCause::Emergency,
        RejectCause::Unavailable,
    ];

    /// Returns the word a rule uses.
    pub fn as_str(self) -> &'static str {
        match self {
            RejectCause::Busy => "busy",
            RejectCause::Declined => "declined",
            RejectCause::NotFound => "not-found",
            RejectCause::Forbidden => "forbidden",
            RejectCause::Emergency => "emergency",
            RejectCause::Unavailable => "unavailable",
        }
    }
}
