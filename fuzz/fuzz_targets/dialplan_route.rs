// SPDX-License-Identifier: EUPL-1.2
//! Any two texts are caller and callee: every call is decided, the account of it agrees, and it shows no PIN.
#![no_main]

use std::sync::LazyLock;

use landbridge_dialplan::{Call, Dialplan, Route, ZonedDateTime};

static PLANS: LazyLock<[Dialplan; 2]> = LazyLock::new(|| {
    let rules = include_str!("../../docs/dialplan.example.toml");
    let example = Dialplan::parse("dialplan.example.toml", rules).expect("our example is good");
    [example, Dialplan::default_plan()]
});
static AT: LazyLock<ZonedDateTime> = LazyLock::new(|| {
    "2026-11-23T12:00[Europe/Berlin]"
        .parse()
        .expect("a time in our own words")
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let (from, to) = text.split_once('\n').unwrap_or(("anonymous", &text));
    let call = Call {
        trunk: Some("office"),
        from,
        to,
        at: AT.clone(),
    };
    for plan in &*PLANS {
        let decision = plan.route(&call);
        let account = plan.explain(&call);
        assert_eq!(decision, account.decision, "an account of another decision");
        let shown = account.to_string();
        assert!(!shown.is_empty(), "an empty account");
        // A short PIN may stand in anything; a long one that nothing else holds stands nowhere.
        if let Route::Enter {
            meeting,
            pin: Some(pin),
            ..
        } = decision.route
        {
            let elsewhere = pin.len() < 8 || meeting.contains(&pin) || from.contains(&pin);
            assert!(
                elsewhere || !shown.contains(&pin),
                "an account that shows a PIN: {shown}"
            );
        }
    }
});
