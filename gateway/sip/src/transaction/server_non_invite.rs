// SPDX-License-Identifier: EUPL-1.2
//! Non-INVITE server transaction: RFC 3261 §17.2.2.

use std::time::Instant;

use super::{Effects, Failure, Transmit};
use crate::timer::Timers;

/// Names the states of RFC 3261 Figure 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The request was passed up, nothing was answered.
    Trying,
    /// A provisional response was sent.
    Proceeding,
    /// The final response was sent.
    Completed,
    /// Nothing more will happen.
    Terminated,
}

/// Runs the serving side of one request other than INVITE and ACK.
#[derive(Clone, Debug)]
pub struct ServerNonInvite {
    state: State,
    timers: Timers,
    reliable: bool,
    /// Timer J.
    end_at: Option<Instant>,
}

impl ServerNonInvite {
    /// Starts in Trying.
    pub fn new(timers: Timers, reliable: bool) -> ServerNonInvite {
        ServerNonInvite {
            state: State::Trying,
            timers,
            reliable,
            end_at: None,
        }
    }

    /// Returns the current state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Tells whether the transaction can be forgotten.
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    /// Returns when `handle_timeout` wants to be called.
    pub fn deadline(&self) -> Option<Instant> {
        self.end_at
    }

    /// Takes a repetition of the request.
    pub fn handle_request(&mut self) -> Effects {
        match self.state {
            // RFC 3261 §17.2.2: "Once in the "Trying" state, any further request retransmissions are discarded."
            State::Trying | State::Terminated => Effects::NONE,
            // "If a retransmission of the request is received while in the "Proceeding" state, the most recently sent
            // provisional response MUST be passed to the transport layer"; in Completed, the final response
            State::Proceeding | State::Completed => Effects::transmit(Transmit::Response),
        }
    }

    /// Takes a response of the user agent with status `status`.
    pub fn handle_response(&mut self, now: Instant, status: u16) -> Effects {
        match (self.state, status) {
            (State::Trying | State::Proceeding, 100..=199) => {
                self.state = State::Proceeding;
                Effects::transmit(Transmit::Response)
            }
            (State::Trying | State::Proceeding, _) => {
                if self.reliable {
                    // timer J is zero seconds for reliable transports
                    self.state = State::Terminated;
                } else {
                    // "it MUST set Timer J to fire in 64*T1 seconds for unreliable transports"
                    self.state = State::Completed;
                    self.end_at = Some(now + self.timers.patience());
                }
                Effects::transmit(Transmit::Response)
            }
            // "Any other final responses passed by the TU to the server transaction MUST be discarded while in the
            // "Completed" state."
            (State::Completed | State::Terminated, _) => Effects::NONE,
        }
    }

    /// Takes the news that the transport failed.
    pub fn handle_transport_error(&mut self) -> Effects {
        match self.state {
            State::Proceeding | State::Completed => {
                self.end();
                Effects::failure(Failure::Transport)
            }
            State::Trying | State::Terminated => Effects::NONE,
        }
    }

    /// Fires the timer that is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) -> Effects {
        if self.end_at.is_some_and(|at| at <= now) {
            self.end();
        }
        Effects::NONE
    }

    fn end(&mut self) {
        self.state = State::Terminated;
        self.end_at = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_repeated_request_is_discarded_until_there_is_a_response_to_repeat() {
        let now = Instant::now();
        let mut machine = ServerNonInvite::new(Timers::default(), false);
        assert_eq!(machine.handle_request(), Effects::NONE);
        assert_eq!(machine.handle_response(now, 100).transmit, Some(Transmit::Response));
        assert_eq!(machine.state(), State::Proceeding);
        assert_eq!(machine.handle_request().transmit, Some(Transmit::Response));
        assert_eq!(machine.handle_response(now, 200).transmit, Some(Transmit::Response));
        assert_eq!(machine.handle_request().transmit, Some(Transmit::Response));
        assert_eq!(machine.handle_response(now, 500), Effects::NONE);
    }

    #[test]
    fn timer_j_ends_the_transaction_after_64_t1() {
        let now = Instant::now();
        let mut machine = ServerNonInvite::new(Timers::default(), false);
        machine.handle_response(now, 200);
        assert_eq!(machine.deadline(), Some(now + Duration::from_secs(32)));
        machine.handle_timeout(now + Duration::from_millis(31_999));
        assert_eq!(machine.state(), State::Completed);
        machine.handle_timeout(now + Duration::from_secs(32));
        assert!(machine.is_terminated());
    }

    #[test]
    fn timer_j_is_zero_over_a_reliable_transport() {
        let mut machine = ServerNonInvite::new(Timers::default(), true);
        assert_eq!(
            machine.handle_response(Instant::now(), 200).transmit,
            Some(Transmit::Response)
        );
        assert!(machine.is_terminated());
    }
}
