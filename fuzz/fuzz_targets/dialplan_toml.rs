// SPDX-License-Identifier: EUPL-1.2
//! Any text is a dial plan or a list of faults; a dial plan decides every call, and its account agrees with it.
#![no_main]

use std::sync::LazyLock;

use landbridge_dialplan::{Call, Dialplan, ZonedDateTime};

const CALLS: [(&str, &str); 4] = [
    ("+49361123", "1234567890*0987654321"),
    ("sip:a@b", "sip:0361 379@c"),
    ("", "112"),
    ("tel:1;phone-context=+4", ""),
];
static AT: LazyLock<ZonedDateTime> = LazyLock::new(|| {
    "2026-11-23T12:00[Europe/Berlin]"
        .parse()
        .expect("a time in our own words")
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    match Dialplan::parse("dialplan.toml", &text) {
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a reason");
            let lines = text.split('\n').count();
            for problem in problems {
                assert!((1..=lines).contains(&problem.line) && problem.column > 0, "{problem}");
            }
        }
        Ok(plan) => {
            for (from, to) in CALLS {
                let call = Call {
                    trunk: Some("office"),
                    from,
                    to,
                    at: AT.clone(),
                };
                let account = plan.explain(&call);
                assert_eq!(plan.route(&call), account.decision, "an account of another decision");
                assert!(!account.to_string().is_empty(), "an empty account");
            }
        }
    }
});
