// SPDX-License-Identifier: EUPL-1.2
//! Calls from and to XMPP: who may enter, who may phone, and that nobody breaks out of an address.
#![allow(clippy::unwrap_used)]

use landbridge_dialplan::{Call, Dialplan, RejectCause, Route, ZonedDateTime};

fn enter(meeting: &str, pin: Option<&str>) -> Route {
    Route::Enter {
        meeting: meeting.into(),
        pin: pin.map(str::to_owned),
        language: None,
    }
}

fn ask() -> Route {
    Route::Collect {
        meeting: None,
        language: None,
        greeting: None,
    }
}

fn reject(cause: RejectCause) -> Route {
    Route::Reject { cause, message: None }
}

const FROM_XMPP: &str = r#"
[[rule]]
name = "colleagues phone"
trunk = "xmpp"
from = "xmpp:*@a.example"
to = "+49 361 379 (1XXX)"
dial = { uri = "sip:{1}@pbx.example.org" }

[[rule]]
name = "everybody phones"
to = "+49 361 379 (2XXX)"
dial = { uri = "sip:{1}@pbx.example.org" }

[[rule]]
name = "strangers"
from = "*@evil.example"
reject = { cause = "forbidden" }

[[rule]]
name = "a colleague from a phone"
trunk = "office"
to = "77(.)"
dial = { uri = "xmpp:{1}@a.example" }
"#;

fn call<'a>(trunk: Option<&'a str>, from: &'a str, to: &'a str) -> Call<'a> {
    let at = "2026-11-23T12:00[Europe/Berlin]".parse::<ZonedDateTime>().unwrap();
    Call { trunk, from, to, at }
}

fn by_xmpp(plan: &Dialplan, from: &str, to: &str) -> Route {
    plan.route(&call(Some("xmpp"), from, to)).route
}

#[test]
fn room_addresses_of_xmpp_enter_with_an_id_of_any_length() {
    let plan = Dialplan::default_plan();
    for (to, expected) in [
        ("xmpp:1234567890@meet.example", enter("1234567890", None)),
        ("xmpp:1234@meet.example", enter("1234", None)),
        ("xmpp:123456789012345@meet.example", enter("123456789012345", None)),
        ("xmpp:1234*4711@meet.example", enter("1234", Some("4711"))),
        ("xmpp:1234@meet.example/4711", enter("1234", Some("4711"))),
        ("xmpp:1234@meet.example?pin=4711", enter("1234", Some("4711"))),
        ("xmpp:1234@meet.example/landbridge", enter("1234", None)),
        ("xmpp:meet@meet.example", ask()),
        ("xmpp:meet.example", ask()),
        ("xmpp:112@meet.example", reject(RejectCause::Emergency)),
        (r"xmpp:sip\3a112\40pbx@meet.example", reject(RejectCause::Emergency)),
        ("1234", ask()),
    ] {
        assert_eq!(by_xmpp(&plan, "xmpp:alice@a.example", to), expected, "{to}");
    }
}

#[test]
fn a_telephone_behind_a_jid_is_called_only_by_a_rule_that_names_xmpp() {
    let plan = Dialplan::parse("p", FROM_XMPP).unwrap();
    let dial = |uri: &str| Route::Dial { uri: uri.into() };
    for (from, to, expected) in [
        (
            "alice@a.example",
            r"sip\3a+493613791234\40pbx",
            dial("sip:1234@pbx.example.org"),
        ),
        (
            "alice@a.example",
            r"tel\3a+493613791234",
            dial("sip:1234@pbx.example.org"),
        ),
        ("alice@a.example", "+493613791234", dial("sip:1234@pbx.example.org")),
        (
            "bob@b.example",
            r"sip\3a+493613791234\40pbx",
            reject(RejectCause::Forbidden),
        ),
        (
            "alice@a.example",
            r"sip\3a+493613792234\40pbx",
            reject(RejectCause::Forbidden),
        ),
        (
            "alice@a.example",
            r"sip\3a+19005551234\40toll.example",
            reject(RejectCause::Forbidden),
        ),
        ("bob@b.example", "+493613791234", ask()),
        ("mallory@evil.example", "1234", reject(RejectCause::Forbidden)),
        // Whoever calls itself like a number or an address is still who its server says.
        (
            r"alice\40a.example@b.example",
            r"sip\3a+493613791234\40pbx",
            reject(RejectCause::Forbidden),
        ),
        (
            "+4936137911@b.example",
            r"sip\3a+493613791234\40pbx",
            reject(RejectCause::Forbidden),
        ),
        (
            r"sip\3ax\40a.example@b.example",
            r"sip\3a+493613791234\40pbx",
            reject(RejectCause::Forbidden),
        ),
    ] {
        let (from, to) = (format!("xmpp:{from}"), format!("xmpp:{to}@meet.example"));
        assert_eq!(by_xmpp(&plan, &from, &to), expected, "{from} {to}");
    }
    let explained = plan.explain(&call(
        Some("xmpp"),
        "xmpp:alice@a.example",
        r"xmpp:sip\3a+493613792234\40pbx@meet.example",
    ));
    let text = explained.to_string();
    for line in [
        "\"everybody phones\": trunk wants \"xmpp\" by name, because the rule dials, is xmpp",
        "to wants +49 361 379 (1XXX), is +493613792234@pbx",
        "→ reject, cause forbidden  (built-in)",
    ] {
        assert!(text.contains(line), "{line:?} is missing in\n{text}");
    }
}

#[test]
fn a_phone_reaches_a_jid_and_cannot_choose_its_domain() {
    let plan = Dialplan::parse("p", FROM_XMPP).unwrap();
    for (to, uri) in [
        ("sip:77alice@gw", "xmpp:alice@a.example"),
        ("sip:77a%40evil.example%2Fx@gw", r"xmpp:a\40evil.example\2fx@a.example"),
        ("sip:77evil.example%3F@gw", "xmpp:evil.example%3F@a.example"),
    ] {
        let found = plan.route(&call(Some("office"), "sip:+49361555@gw", to)).route;
        assert_eq!(found, Route::Dial { uri: uri.into() }, "{to}");
    }
    for uri in [
        "xmpp:{1}",
        "xmpp:a@{1}",
        "xmpp:a@b{1}",
        "xmpp:",
        "xmpp:a@",
        "xmpp:a@b@c",
    ] {
        let text = format!("[[rule]]\nto = \"(.)\"\ndial = {{ uri = \"{uri}\" }}");
        assert!(Dialplan::parse("p", &text).is_err(), "{uri}");
    }
}

#[test]
fn explain_shows_no_pin_of_a_room_address() {
    let plan = Dialplan::default_plan();
    for to in [
        "xmpp:1234*8642975310@meet.example",
        "xmpp:1234@meet.example/8642975310",
        "xmpp:1234@meet.example?pin=8642975310",
    ] {
        let explanation = plan.explain(&call(Some("xmpp"), "xmpp:alice@a.example", to));
        let text = format!("{explanation}\n{explanation:?}");
        assert!(!text.contains("8642975310") && text.contains("•••"), "{to}\n{text}");
    }
}
