// SPDX-License-Identifier: EUPL-1.2
//! The account of a decision: every rule tried, and why it failed or matched.

use std::fmt;

use crate::address::{Address, percent_decoded};
use crate::builtin::Secrets;
use crate::plan::{Call, Decision, RuleRef};
use crate::rule::Facts;
use crate::template::plain;

/// The longest value shown, in characters.
const MAX_SHOWN: usize = 80;

/// Accounts for a decision; its `Display` is the text of `landbridge explain`. Holds a PIN only inside `decision`,
/// which shows none.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The caller as understood.
    pub from: String,
    /// The callee as understood, PIN masked.
    pub to: String,
    /// The trunk, if any.
    pub trunk: Option<String>,
    /// When the call arrived.
    pub at: String,
    /// What was tried, in order; the last step decided.
    pub steps: Vec<Step>,
    /// The decision, the same that `route` gives.
    pub decision: Decision,
}

/// One rule that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The rule, or a built-in answer.
    pub rule: RuleRef,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of trying a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All conditions held.
    Matched {
        /// What the patterns captured, by name.
        captures: Vec<(String, String)>,
    },
    /// A condition did not hold.
    Failed {
        /// The condition's key.
        condition: String,
        /// What the rule asks for.
        wanted: String,
        /// What the call has.
        got: String,
    },
}

impl Explanation {
    pub(crate) fn new(
        call: &Call<'_>,
        facts: &Facts<'_>,
        secrets: &Secrets,
        steps: Vec<Step>,
        decision: Decision,
    ) -> Explanation {
        let shown = |raw: &str, address: &Address| {
            let raw = clip(&secrets.mask(&plain(&percent_decoded(raw))));
            match &address.number {
                Some(number) if number.as_str() != raw => {
                    format!("{raw} = {}", secrets.mask(number.as_str()))
                }
                _ => raw,
            }
        };
        Explanation {
            from: shown(call.from, &facts.from),
            to: shown(call.to, &facts.to),
            trunk: call.trunk.map(|trunk| clip(&plain(trunk))),
            at: call.at.strftime("%a %Y-%m-%d %H:%M %Q").to_string(),
            steps,
            decision,
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "from   {}", self.from)?;
        writeln!(f, "to     {}", self.to)?;
        writeln!(f, "trunk  {}", self.trunk.as_deref().unwrap_or("none"))?;
        writeln!(f, "at     {}", self.at)?;
        writeln!(f)?;
        for step in &self.steps {
            match &step.outcome {
                Outcome::Failed { condition, wanted, got } => {
                    writeln!(
                        f,
                        "  no   {}: {condition} wants {}, is {}",
                        step.rule,
                        clip(wanted),
                        clip(got)
                    )?;
                }
                Outcome::Matched { captures } => {
                    write!(f, "  yes  {}", step.rule)?;
                    let ours = captures.iter().filter(|(name, _)| name != "to" && name != "from");
                    for (i, (name, value)) in ours.enumerate() {
                        write!(
                            f,
                            "{} {{{name}}} = {}",
                            if i == 0 { ":" } else { "," },
                            clip(&plain(value))
                        )?;
                    }
                    writeln!(f)?;
                }
            }
        }
        writeln!(f)?;
        let by = self
            .decision
            .rule
            .as_ref()
            .map_or("built-in".to_owned(), ToString::to_string);
        writeln!(f, "→ {}  ({by})", self.decision.route)
    }
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
