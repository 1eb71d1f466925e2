// SPDX-License-Identifier: EUPL-1.2
//! The one table of endings in Jingle (XEP-0166 §7.4).

use landbridge_jingle::reason::Reason;

use crate::call::Cause;

/// Returns the reason that a session is refused or ended with.
pub(super) fn reason(cause: Cause) -> Reason {
    match cause {
        Cause::Left | Cause::RoomEnded | Cause::Debriefed | Cause::TimeLimit => Reason::Success,
        Cause::Cancelled => Reason::Cancel,
        Cause::Busy | Cause::Full | Cause::Throttled | Cause::Overloaded => Reason::Busy,
        // Whoever may not come in learns nothing of what there is: an unknown address is declined like a forbidden one.
        Cause::Declined | Cause::NotFound | Cause::Forbidden | Cause::Emergency => Reason::Decline,
        Cause::WrongCredentials | Cause::TooManyTries | Cause::Banned | Cause::Removed => Reason::Decline,
        Cause::Locked | Cause::EncryptedRoom | Cause::CallInDisabled => Reason::Decline,
        Cause::NoAnswer | Cause::NoInput => Reason::Timeout,
        Cause::MediaTimeout | Cause::Unreachable => Reason::ConnectivityError,
        Cause::NoCommonCodec => Reason::IncompatibleParameters,
        Cause::EncryptionRequired => Reason::SecurityError,
        Cause::BadDescription => Reason::FailedApplication,
        Cause::Draining => Reason::Gone,
        Cause::Internal => Reason::GeneralError,
    }
}

/// Returns the cause of a session's end.
pub(super) fn of_end(reason: Reason) -> Cause {
    match reason {
        Reason::Success | Reason::Gone => Cause::Left,
        Reason::Cancel => Cause::Cancelled,
        Reason::Decline => Cause::Declined,
        // Whoever calls us at this moment instead is busy for ours.
        Reason::Busy | Reason::AlternativeSession => Cause::Busy,
        Reason::Timeout | Reason::Expired => Cause::NoAnswer,
        Reason::ConnectivityError | Reason::FailedTransport | Reason::GeneralError => Cause::Unreachable,
        Reason::SecurityError => Cause::EncryptionRequired,
        Reason::FailedApplication
        | Reason::IncompatibleParameters
        | Reason::MediaError
        | Reason::UnsupportedApplications
        | Reason::UnsupportedTransports => Cause::NoCommonCodec,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_travels_through_us_keeps_its_meaning() {
        for cause in [
            Cause::Left,
            Cause::Cancelled,
            Cause::Busy,
            Cause::Declined,
            Cause::NoAnswer,
            Cause::Unreachable,
            Cause::NoCommonCodec,
            Cause::EncryptionRequired,
        ] {
            assert_eq!(of_end(reason(cause)), cause);
        }
    }

    const ALL: [Cause; 29] = [
        Cause::Left,
        Cause::Cancelled,
        Cause::Busy,
        Cause::Declined,
        Cause::NoAnswer,
        Cause::NotFound,
        Cause::Forbidden,
        Cause::Emergency,
        Cause::WrongCredentials,
        Cause::TooManyTries,
        Cause::Throttled,
        Cause::NoInput,
        Cause::Locked,
        Cause::Full,
        Cause::Removed,
        Cause::RoomEnded,
        Cause::Banned,
        Cause::Debriefed,
        Cause::TimeLimit,
        Cause::EncryptedRoom,
        Cause::CallInDisabled,
        Cause::MediaTimeout,
        Cause::NoCommonCodec,
        Cause::EncryptionRequired,
        Cause::BadDescription,
        Cause::Draining,
        Cause::Overloaded,
        Cause::Unreachable,
        Cause::Internal,
    ];

    #[test]
    fn every_cause_has_a_reason_and_every_reason_a_cause() {
        for cause in ALL {
            let known = Reason::ALL.contains(&reason(cause));
            assert!(known, "{cause:?}");
        }
        // Only what went wrong says so: an ordinary end is no error on the client's screen.
        let errors = [Reason::GeneralError, Reason::SecurityError, Reason::ConnectivityError];
        for cause in [
            Cause::Left,
            Cause::RoomEnded,
            Cause::TimeLimit,
            Cause::Draining,
            Cause::Removed,
        ] {
            assert!(!errors.contains(&reason(cause)), "{cause:?}");
        }
        for told in Reason::ALL {
            assert_ne!(of_end(told), Cause::Internal, "{told:?}: the fault is not ours");
        }
    }

    #[test]
    fn an_unknown_meeting_looks_like_a_forbidden_one() {
        assert_eq!(reason(Cause::NotFound), reason(Cause::Forbidden));
        assert_eq!(reason(Cause::NotFound), reason(Cause::WrongCredentials));
    }
}
