// SPDX-License-Identifier: EUPL-1.2
//! Whole plans: decisions, accounts, faults, warnings.
#![allow(clippy::unwrap_used)]

use std::sync::LazyLock;

use landbridge_dialplan::{Call, Decision, Dialplan, Outcome, RejectCause, Route, ZonedDateTime};
use proptest::prelude::*;

const EXAMPLE: &str = include_str!("../../docs/dialplan.example.toml");

fn example() -> Dialplan {
    Dialplan::parse("dialplan.example.toml", EXAMPLE).unwrap()
}

fn call<'a>(trunk: Option<&'a str>, to: &'a str, at: &str) -> Call<'a> {
    Call {
        trunk,
        from: "sip:+4930123456@gw.example.org",
        to,
        at: at.parse::<ZonedDateTime>().unwrap(),
    }
}

fn route(plan: &Dialplan, to: &str) -> Route {
    plan.route(&call(Some("office"), to, "2026-11-23T12:00[Europe/Berlin]"))
        .route
}

fn enter(meeting: &str, pin: Option<&str>, language: Option<&str>) -> Route {
    Route::Enter {
        meeting: meeting.into(),
        pin: pin.map(str::to_owned),
        language: language.map(str::to_owned),
    }
}

fn ask(language: Option<&str>) -> Route {
    Route::Collect {
        meeting: None,
        language: language.map(str::to_owned),
        greeting: None,
    }
}

fn reject(cause: RejectCause) -> Route {
    Route::Reject { cause, message: None }
}

#[test]
fn without_a_file_ids_enter_and_others_are_asked() {
    let plan = Dialplan::default_plan();
    for (to, expected) in [
        ("sip:1234567890@example.org", enter("1234567890", None, None)),
        (
            "sip:1234567890*0987654321@example.org",
            enter("1234567890", Some("0987654321"), None),
        ),
        (
            "sip:1234567890%2A0987654321%23@example.org",
            enter("1234567890", Some("0987654321"), None),
        ),
        ("1234567890*4711", enter("1234567890", Some("4711"), None)),
        (
            "sip:tel,,1234567890,,0987654321@example.org",
            enter("1234567890", Some("0987654321"), None),
        ),
        (
            "sip:+49361555,,1234567890,,0987654321#@example.org",
            enter("1234567890", Some("0987654321"), None),
        ),
        (
            "sip:+49361555,,12345678900987654321@example.org",
            enter("1234567890", Some("0987654321"), None),
        ),
        ("tel:+49361555,,1234567890", enter("1234567890", None, None)),
        (
            "sip:1234567890,,0987654321@example.org",
            enter("1234567890", Some("0987654321"), None),
        ),
        ("sip:+49361555@example.org", ask(None)),
        ("sip:alice@example.org", ask(None)),
        ("sip:12345678901@example.org", ask(None)),
        ("", ask(None)),
        ("112", reject(RejectCause::Emergency)),
        ("sip:110@example.org;user=phone", reject(RejectCause::Emergency)),
        ("tel:112;phone-context=+49", reject(RejectCause::Emergency)),
        ("sip:0112@example.org", reject(RejectCause::Emergency)),
        ("+49 112", reject(RejectCause::Emergency)),
        ("0049110", reject(RejectCause::Emergency)),
        ("urn:service:sos.fire", reject(RejectCause::Emergency)),
        ("sip:112,,1234567890@example.org", reject(RejectCause::Emergency)),
    ] {
        assert_eq!(route(&plan, to), expected, "{to}");
    }
}

#[test]
fn the_uri_of_an_opentalk_invitation_enters_whatever_is_written_around_it() {
    let plan = Dialplan::default_plan();
    for uri in [
        "sip:0123456789@sip.example.org",
        "sips:0123456789@sip.example.org",
        "sip:0123456789@192.0.2.1:5061;transport=tls",
        "sip:0123456789@[2001:db8::1];user=phone?Subject=x",
    ] {
        assert_eq!(route(&plan, uri), enter("0123456789", None, None), "{uri}");
        let at_once = uri.replace("0123456789@", "0123456789*0987654321@");
        assert_eq!(
            route(&plan, &at_once),
            enter("0123456789", Some("0987654321"), None),
            "{at_once}"
        );
    }
}

#[test]
fn the_example_file_has_no_fault_and_no_warning() {
    let warnings: Vec<String> = example().warnings().iter().map(ToString::to_string).collect();
    assert!(warnings.is_empty(), "{warnings:#?}");
}

#[test]
fn the_example_file_routes_as_its_page_says() {
    let plan = example();
    for (to, expected) in [
        ("9001", enter("1234567890", None, Some("de"))),
        ("sip:+493613799000@gw", ask(Some("de"))),
        ("0361 379 9020", ask(Some("en"))),
        (
            "sip:+493613799020,,1234567890,,0987654321@gw",
            enter("1234567890", Some("0987654321"), Some("en")),
        ),
        (
            "sip:**1234567890@gw",
            Route::Collect {
                meeting: Some("1234567890".into()),
                language: None,
                greeting: None,
            },
        ),
        (
            "sip:**1234567890,,0987654321@gw",
            enter("1234567890", Some("0987654321"), None),
        ),
        (
            "1234",
            Route::Dial {
                uri: "sip:1234@pbx.example.org;transport=tls".into(),
            },
        ),
        (
            "0049100979 5555",
            Route::Dial {
                uri: "sip:5555@conf.example.net".into(),
            },
        ),
        (
            "112",
            Route::Dial {
                uri: "sip:112@pbx.example.org".into(),
            },
        ),
        (
            "0900 123456",
            Route::Reject {
                cause: RejectCause::Forbidden,
                message: Some("Premium numbers are barred.".into()),
            },
        ),
        ("0987654321", enter("0987654321", None, None)),
    ] {
        assert_eq!(route(&plan, to), expected, "{to}");
    }
}

#[test]
fn office_hours_end_and_holidays_close() {
    let plan = example();
    for (at, open) in [
        ("2026-11-23T17:59[Europe/Berlin]", true),
        ("2026-11-23T18:00[Europe/Berlin]", false),
        ("2026-11-22T12:00[Europe/Berlin]", false),
        ("2026-12-25T12:00[Europe/Berlin]", false),
        ("2026-12-29T12:00[Europe/Berlin]", false),
        ("2026-11-23T16:30[UTC]", true),
        ("2026-11-23T17:30[UTC]", false),
    ] {
        let found = plan.route(&call(None, "1234", at)).route;
        assert_eq!(matches!(found, Route::Dial { .. }), open, "{at}");
    }
}

#[test]
fn an_emergency_call_sees_only_rules_that_are_meant_for_it() {
    let plan = Dialplan::parse("p", "[[rule]]\nto = \".\"\ndial = { uri = \"sip:{to}@pbx\" }").unwrap();
    assert_eq!(route(&plan, "112"), reject(RejectCause::Emergency));
    assert_eq!(
        route(&plan, "113"),
        Route::Dial {
            uri: "sip:113@pbx".into()
        }
    );
    let elsewhere = example()
        .route(&call(Some("other"), "112", "2026-11-23T12:00[UTC]"))
        .route;
    assert_eq!(elsewhere, reject(RejectCause::Emergency));
}

#[test]
fn a_caller_cannot_break_out_of_the_dialled_uri() {
    let plan = Dialplan::parse("p", "[[rule]]\nto = \"(.)\"\ndial = { uri = \"sip:{1}@pbx\" }").unwrap();
    let found = route(&plan, "sip:x%40evil;a=b%0d%0a@gw");
    assert_eq!(
        found,
        Route::Dial {
            uri: "sip:x%40evil@pbx".into()
        }
    );
    assert_eq!(
        route(&plan, "sip:a%20%3cVia%3a@gw"),
        Route::Dial {
            uri: "sip:a%20%3CVia%3A@pbx".into()
        }
    );
}

#[test]
fn explain_names_each_rule_tried_with_both_values_and_the_decision() {
    let text = example()
        .explain(&call(None, "sip:0361379-1234@gw", "2026-11-22T12:00[Europe/Berlin]"))
        .to_string();
    for line in [
        "to     sip:0361379-1234@gw = +493613791234",
        "no   dialplan.example.toml:20 \"weekly meeting\": to wants +49 361 379 9001, is +493613791234@gw",
        "\"meeting behind the exchange\": trunk wants office, is no trunk",
        "\"desk, office hours\": when.days wants mon, tue, wed, thu, fri, is sun",
        "yes  dialplan.example.toml:",
        "→ reject, cause unavailable, \"Our office hours are Monday to Friday, 8 to 18.\"  (dialplan.example.toml:",
    ] {
        assert!(text.contains(line), "{line:?} is missing in\n{text}");
    }
}

#[test]
fn explain_shows_no_pin() {
    let plan = Dialplan::parse(
        "p",
        "[[rule]]\nto = \"5(id:XX)(pin:XXXX)\"\ntrunk = \"elsewhere\"\nenter = { meeting = \"{id}\", pin = \"{pin}\" }\n\
         [[rule]]\nto = \"1234567890*8642975310\"\nenter = { meeting = \"1\", pin = \"8642975310\" }\n",
    )
    .unwrap();
    for to in [
        "sip:1234567890*8642975310@gw",
        "sip:1234567890%2A8642975310%23@gw",
        "sip:+49361555,,1234567890,,8642975310@gw",
        "sip:+49361555%2C%2C1234567890,8642975310@gw",
        "sip:1234567890,,8642975310@gw",
        "1234567890*8642975310",
        "1234567890 * 8642975310",
        "sip:1234567890*%38642975310@gw",
    ] {
        let explanation = plan.explain(&call(None, to, "2026-11-22T12:00[Europe/Berlin]"));
        let text = format!("{explanation}\n{explanation:?}");
        assert!(!text.contains("8642975310"), "{to}\n{text}");
        assert!(text.contains("•••"), "{text}");
    }
    let text = plan
        .explain(&call(None, "sip:5127777@gw", "2026-11-22T12:00[Europe/Berlin]"))
        .to_string();
    assert!(!text.contains("7777"), "{text}");
}

#[test]
fn every_fault_names_its_place_and_remedy() {
    for (text, place, what, remedy) in [
        ("[[rule]\n", "p:1:", "no TOML", ""),
        (
            "[[rule]]\ntoo = \"1\"\nreject = {}",
            "p:2:1:",
            "unknown key \"too\" in [[rule]]",
            "did you mean \"to\"?",
        ),
        (
            "[[rule]]\nto = \"1\"\n",
            "p:1:1:",
            "the rule does nothing",
            "add one of enter, collect, dial, reject",
        ),
        (
            "[[rule]]\nto = \"(1\"\nreject = {}",
            "p:2:6:",
            "a '(' without ')'",
            "close the group",
        ),
        (
            "[[rule]]\nto = 1\nreject = {}",
            "p:2:6:",
            "\"to\" is a number, not a text in quotes",
            "write to = ",
        ),
        (
            "[[rule]]\nreject = { cause = \"bussy\" }",
            "p:2:20:",
            "no cause is called \"bussy\"",
            "did you mean \"busy\"?",
        ),
        (
            "[[rule]]\nreject = {}\ndial = { uri = \"sip:a@b\" }",
            "p:2:10:",
            "two actions, dial and reject",
            "make two rules",
        ),
        (
            "[[rule]]\nto = \"1\"\nenter = { meeting = \"{1}\" }",
            "p:3:9:",
            "{1} in \"{1}\" is no capture",
            "put parentheses",
        ),
        (
            "[[rule]]\nenter = {}",
            "p:2:9:",
            "\"enter\" names no meeting",
            "add meeting",
        ),
        (
            "[[rule]]\nto=\"(.)\"\ndial = { uri = \"sip:a@{1}\" }",
            "p:3:16:",
            "\"dial\" needs a URI",
            "write uri",
        ),
        (
            "[[rule]]\nwhen = { days = \"mon-fry\" }\nreject = {}",
            "p:2:17:",
            "\"mon-fry\" is no weekday",
            "mon-fri",
        ),
        (
            "[[rule]]\nwhen = { from = \"8\" }\nreject = {}",
            "p:2:17:",
            "no time of day",
            "08:00",
        ),
        (
            "[calendar]\nholidays = [\"12-25\"]\n[[rule]]\nwhen = { on = \"holiday\" }\nreject = {}",
            "p:4:15:",
            "no list \"holiday\"",
            "did you mean \"holidays\"?",
        ),
        (
            "time_zone = \"Europe/Erfurt\"",
            "p:1:13:",
            "no time zone is called",
            "Europe/Berlin",
        ),
        (
            "[numbering]\ncountry = \"DE\"",
            "p:2:11:",
            "\"country\" is \"DE\"",
            "write country = \"49\"",
        ),
        ("[direct]\nmeeting_digits = 3", "p:2:18:", "out of range", "use 4 to 20"),
        ("[rule]\nto = \"1\"", "p:1:", "\"rule\" is one table", "two brackets"),
        (
            "numberin = 1",
            "p:1:1:",
            "unknown key \"numberin\"",
            "did you mean \"numbering\"?",
        ),
    ] {
        let problems = Dialplan::parse("p", text).unwrap_err();
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let found = shown
            .iter()
            .any(|s| s.starts_with(place) && s.contains(what) && s.contains(remedy));
        assert!(found, "{text}\nwants {place} {what}; {remedy}\ngives {shown:#?}");
    }
}

#[test]
fn all_faults_are_told_at_once_in_order() {
    let problems = Dialplan::parse("p", "[[rule]]\nto = \"A\"\nreject = { cause = \"x\" }\n[[rule]]\n").unwrap_err();
    assert_eq!(problems.iter().map(|p| p.line).collect::<Vec<_>>(), [2, 3, 4]);
}

#[test]
fn hidden_and_overlapping_rules_are_warned_of() {
    let warnings = |text: &str| -> Vec<String> {
        Dialplan::parse("p", text)
            .unwrap()
            .warnings()
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    let hidden = warnings("[[rule]]\nto = \"+49361.\"\nreject = {}\n[[rule]]\nto = \"0361 555 XXXX\"\nreject = {}\n");
    assert_eq!(hidden.len(), 1);
    assert!(
        hidden[0].starts_with("p:4:1: rule p:4 can never be reached: rule p:1 takes all its calls"),
        "{hidden:?}"
    );
    let overlap = warnings("[[rule]]\nto = \"1.\"\nreject = {}\n[[rule]]\nto = \".1\"\nreject = {}\n");
    assert!(overlap[0].contains("overlap"), "{overlap:?}");
    assert!(warnings("[[rule]]\nto = \"1.\"\nreject = {}\n[[rule]]\nto = \".\"\nreject = {}\n").is_empty());
    assert!(warnings("[[rule]]\ntrunk = \"a\"\nreject = {}\n[[rule]]\ntrunk = \"b\"\nreject = {}\n").is_empty());
    assert_eq!(
        warnings("[[rule]]\nreject = {}\n[[rule]]\ntrunk = \"b\"\nreject = {}\n").len(),
        1
    );
}

#[test]
fn a_plan_of_ten_thousand_rules_loads_and_answers() {
    let text: String = (0..10_000)
        .map(|i| format!("[[rule]]\nto = \"+4936190{i:05}\"\nenter = {{ meeting = \"{i}\" }}\n"))
        .collect();
    let plan = Dialplan::parse("p", &text).unwrap();
    assert_eq!(route(&plan, "036190 09999"), enter("9999", None, None));
}

#[test]
fn direct_dialling_can_be_switched_off() {
    let plan = Dialplan::parse("p", "[direct]\nenabled = false").unwrap();
    assert_eq!(route(&plan, "1234567890"), reject(RejectCause::NotFound));
    let short = Dialplan::parse("p", "[direct]\nmeeting_digits = 6\npin_digits = 4").unwrap();
    assert_eq!(
        route(&short, "sip:9,,1234564321@gw"),
        enter("123456", Some("4321"), None)
    );
    assert_eq!(short.digits(), (6, 4));
}

proptest! {
    #[test]
    fn every_call_gets_an_answer_and_always_the_same(from in "\\PC{0,60}|[0-9+*#,;@:.<>%a-f]{0,60}", to in "\\PC{0,60}|(sip:|tel:|sips:|urn:|xmpp:|xmpp:sip\\\\3a)?[0-9+*#,;@:.<>%a-f\\[\\]]{0,60}", trunk in proptest::option::of("office|x")) {
        static PLANS: LazyLock<[Dialplan; 2]> = LazyLock::new(|| [Dialplan::default_plan(), example()]);
        for plan in PLANS.iter() {
            let call = Call { trunk: trunk.as_deref(), from: &from, to: &to, at: "2026-11-23T12:00[Europe/Berlin]".parse().unwrap() };
            let Decision { route, rule } = plan.route(&call);
            let explanation = plan.explain(&call);
            prop_assert_eq!(&explanation.decision.route, &route);
            prop_assert_eq!(&explanation.decision.rule, &rule);
            let decided = matches!(explanation.steps.last().unwrap().outcome, Outcome::Matched { .. });
            prop_assert!(decided);
            prop_assert_eq!(plan.route(&call).route, route);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}|(\\[\\[rule\\]\\]\n)?[a-z_]{2,9} = [\"{\\[0-9a-zXN(){}:. ]{0,40}\n") {
        let _ = Dialplan::parse("p", &text);
    }

    #[test]
    fn no_pattern_makes_the_compiler_panic(pattern in "[0-9XNZ.(){}:a-c+*@re\\-]{0,24}", to in "[0-9+*a-c@:]{0,24}") {
        let text = format!("[[rule]]\nto = '{pattern}'\nreject = {{}}\n[[rule]]\nto = 'XX.'\nreject = {{}}\n");
        if let Ok(plan) = Dialplan::parse("p", &text) {
            let _ = route(&plan, &to);
        }
    }
}
