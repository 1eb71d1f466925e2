// SPDX-License-Identifier: EUPL-1.2
//! Where should this call go? A pure, total, explainable function.
//!
//! A plan is a list of rules in TOML; the first rule that matches decides. [`Dialplan::parse`] reads it,
//! [`Dialplan::route`] answers, [`Dialplan::explain`] says why. No sockets, no clock: the time of the call is an
//! argument. The operator's page is `docs/dialplan.md`.
//!
//! Not implemented: ENUM (RFC 6116), carrier preselection (`010xy`), ISDN sub-addresses (`isub`, RFC 3966 §3),
//! number portability parameters (RFC 4694).

/// The two ends of a call as they arrive: URIs or bare numbers, taken apart.
mod address;
/// Built-in answers around the rules: emergency numbers before, direct dialling after.
mod builtin;
/// German and international spellings of a number, brought to one form.
pub mod e164;
/// The account of a decision: every rule tried, and why it failed or matched.
mod explain;
/// Addresses of XMPP, and telephones' addresses inside them.
mod jid;
/// What a rule says about numbers and addresses: digits, `X`, `N`, `Z`, `.`, captures, or `re:`.
mod pattern;
/// The plan: route, explain, warnings.
mod plan;
/// Faults of a rule file, each with line, column and remedy.
mod problem;
/// TOML text to rules.
mod read;
/// One rule: its conditions and its action.
mod rule;
/// When a rule applies: weekdays, hours, dates, in a time zone.
mod schedule;
/// Texts of an action with captures in braces.
mod template;
/// Rules that can never be reached, and rules that overlap.
mod warn;

pub use jiff::ZonedDateTime;

pub use explain::{Explanation, Outcome, Step};
pub use plan::{Call, Decision, Dialplan, RejectCause, Route, RuleRef, XMPP_TRUNK};
pub use problem::{Problem, closest_word};
