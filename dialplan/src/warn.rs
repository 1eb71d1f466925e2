// SPDX-License-Identifier: EUPL-1.2
//! Rules that can never be reached, and rules that overlap.

use crate::pattern::Pattern;
use crate::plan::XMPP_TRUNK;
use crate::problem::Problem;
use crate::rule::{Action, Rule};

/// With more rules than this only neighbours within the limit are compared; keeps a huge plan quick to load.
const MAX_DISTANCE: usize = 500;

/// Compares each rule with those before it.
pub(crate) fn find(rules: &[Rule]) -> Vec<Problem> {
    let mut warnings = Vec::new();
    for (i, later) in rules.iter().enumerate() {
        let before = rules.get(i.saturating_sub(MAX_DISTANCE)..i).unwrap_or_default();
        if let Some(earlier) = before.iter().find(|earlier| covers(earlier, later)) {
            let what = format!(
                "rule {later} can never be reached: rule {earlier} takes all its calls",
                later = later.reference,
                earlier = earlier.reference
            );
            warnings.push(warning(later, what, "move it up, or narrow the earlier rule"));
        } else if let Some(earlier) = before
            .iter()
            .find(|earlier| !covers(later, earlier) && overlaps(earlier, later))
        {
            let what = format!(
                "rules {} and {} overlap, neither holds the other",
                earlier.reference, later.reference
            );
            warnings.push(warning(
                later,
                what,
                "for calls that fit both the earlier rule decides; make sure that is meant",
            ));
        }
    }
    warnings
}

fn warning(rule: &Rule, what: String, remedy: &str) -> Problem {
    Problem {
        file: rule.reference.file.clone(),
        line: rule.reference.line,
        column: 1,
        what,
        remedy: remedy.into(),
    }
}

/// Returns true only if every call of `later` is taken by `earlier`.
fn covers(earlier: &Rule, later: &Rule) -> bool {
    // A rule that dials sees no calls by XMPP unless it names them.
    let unnamed = matches!(earlier.action, Action::Dial { .. }) && later.trunks.iter().any(|trunk| trunk == XMPP_TRUNK);
    let trunks = (earlier.trunks.is_empty() && !unnamed)
        || !later.trunks.is_empty() && later.trunks.iter().all(|trunk| earlier.trunks.contains(trunk));
    let patterns = |earlier: &[Pattern], later: &[Pattern]| {
        earlier.is_empty() || !later.is_empty() && later.iter().all(|l| earlier.iter().any(|e| e.covers(l)))
    };
    let emergency = earlier.emergency || !later.emergency;
    earlier.when.is_none()
        && emergency
        && trunks
        && patterns(&earlier.to, &later.to)
        && patterns(&earlier.from, &later.from)
}

/// Returns true only if some call fits both, told by patterns; rules told apart by time or caller alone are meant so.
fn overlaps(a: &Rule, b: &Rule) -> bool {
    let trunks = a.trunks.is_empty() || b.trunks.is_empty() || a.trunks.iter().any(|trunk| b.trunks.contains(trunk));
    let any = |a: &[Pattern], b: &[Pattern]| {
        a.iter()
            .any(|x| b.iter().any(|y| x.overlaps(y) && !x.covers(y) && !y.covers(x)))
    };
    trunks && a.when.is_none() && b.when.is_none() && a.from.is_empty() && b.from.is_empty() && any(&a.to, &b.to)
}
