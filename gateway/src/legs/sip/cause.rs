// SPDX-License-Identifier: EUPL-1.2
//! The one table of endings in SIP: status (RFC 3261 §21), Reason (RFC 3326) with Q.850 causes.

use landbridge_sip::message::Reason;
use landbridge_sip::message::StatusCode;
use landbridge_sip::ua::EndedBy;

use crate::call::Cause;

/// Returns the status that refuses a call for a cause.
pub fn status(cause: Cause) -> StatusCode {
    let code = match cause {
        Cause::Busy => 486,
        Cause::Declined | Cause::Locked | Cause::Removed | Cause::RoomEnded | Cause::Debriefed | Cause::TimeLimit => {
            603
        }
        Cause::NoAnswer | Cause::NoInput | Cause::MediaTimeout => 480,
        Cause::NotFound => 404,
        Cause::Forbidden | Cause::WrongCredentials | Cause::TooManyTries | Cause::Banned => 403,
        Cause::EncryptedRoom | Cause::CallInDisabled => 403,
        // RFC 6442 and national rules are for carriers; a gateway that cannot carry an emergency call says so.
        Cause::Emergency => 380,
        Cause::Throttled | Cause::Draining | Cause::Overloaded => 503,
        Cause::Full => 486,
        Cause::NoCommonCodec | Cause::EncryptionRequired => 488,
        Cause::BadDescription => 400,
        Cause::Unreachable => 502,
        Cause::Cancelled => 487,
        Cause::Left => 480,
        Cause::Internal => 500,
    };
    StatusCode::new(code).unwrap_or(StatusCode::SERVER_INTERNAL_ERROR)
}

/// Returns the Reason header of a BYE or of a refusal.
pub fn reason(cause: Cause) -> Option<Reason> {
    let q850 = match cause {
        Cause::Left | Cause::RoomEnded | Cause::Removed | Cause::NoInput | Cause::Debriefed | Cause::TimeLimit => 16,
        Cause::Busy | Cause::Full => 17,
        Cause::NoAnswer => 19,
        Cause::Banned | Cause::EncryptedRoom | Cause::CallInDisabled => 21,
        Cause::Declined | Cause::Locked | Cause::WrongCredentials | Cause::TooManyTries | Cause::Forbidden => 21,
        Cause::NotFound => 1,
        Cause::Draining | Cause::Overloaded | Cause::Throttled => 42,
        Cause::NoCommonCodec | Cause::EncryptionRequired | Cause::BadDescription => 88,
        Cause::MediaTimeout => 102,
        Cause::Emergency => 3,
        Cause::Unreachable => 27,
        Cause::Cancelled => return None,
        Cause::Internal => 41,
    };
    Reason::new("Q.850", Some(q850), Some(cause.as_str()))
}

/// Returns the header fields of a refusal, by name and value.
pub fn headers(cause: Cause) -> Vec<(String, String)> {
    let reason = reason(cause).map(|reason| ("Reason".to_owned(), reason.to_string()));
    // RFC 3261 §21.5.4: without Retry-After a client takes a 503 for a 500 and keeps trying.
    let busy = status(cause) == StatusCode::SERVICE_UNAVAILABLE;
    let later = busy.then(|| ("Retry-After".to_owned(), RETRY_AFTER_S.to_string()));
    reason.into_iter().chain(later).collect()
}

/// When a caller who was refused for now may come again [s].
const RETRY_AFTER_S: u32 = 30;

/// Returns the cause of a leg's end.
pub fn of_end(by: &EndedBy, reason: Option<&Reason>) -> Cause {
    match by {
        EndedBy::Remote | EndedBy::Local => match reason.and_then(Reason::cause) {
            Some(17) => Cause::Busy,
            _ => Cause::Left,
        },
        EndedBy::Timeout => Cause::NoAnswer,
        EndedBy::Cancelled => Cause::Cancelled,
        EndedBy::Failed(status, _) => match status.code() {
            486 | 600 => Cause::Busy,
            603 | 607 => Cause::Declined,
            404 | 410 | 484 | 485 | 604 => Cause::NotFound,
            401 | 403 | 407 => Cause::Forbidden,
            408 | 480 | 487 => Cause::NoAnswer,
            415 | 488 | 606 => Cause::NoCommonCodec,
            _ => Cause::Unreachable,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_travels_through_us_keeps_its_meaning() {
        for cause in [
            Cause::Busy,
            Cause::Declined,
            Cause::NotFound,
            Cause::Forbidden,
            Cause::NoCommonCodec,
        ] {
            let back = of_end(&EndedBy::Failed(status(cause), String::new()), None);
            assert_eq!(back, cause);
        }
    }

    #[test]
    fn whoever_is_refused_for_now_is_told_when_to_come_again() {
        let tells = |cause| headers(cause).iter().any(|(name, _)| name == "Retry-After");
        for cause in [Cause::Draining, Cause::Overloaded, Cause::Throttled] {
            assert!(tells(cause), "{cause:?}");
        }
        assert!(!tells(Cause::Busy) && !tells(Cause::Forbidden));
    }
}
