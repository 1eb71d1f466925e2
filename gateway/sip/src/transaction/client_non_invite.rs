// SPDX-License-Identifier: EUPL-1.2
//! Non-INVITE client transaction: RFC 3261 §17.1.2.

use std::time::{Duration, Instant};

use super::{Effects, Failure, Transmit};
use crate::timer::{Timers, earlier};

/// Names the states of RFC 3261 Figure 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The request is out, nothing came back.
    Trying,
    /// A provisional response came.
    Proceeding,
    /// The final response came.
    Completed,
    /// Nothing more will happen.
    Terminated,
}

/// Runs one request other than INVITE and ACK until its final response.
#[derive(Clone, Debug)]
pub struct ClientNonInvite {
    state: State,
    timers: Timers,
    reliable: bool,
    interval: Duration,
    /// Timer E.
    retransmit_at: Option<Instant>,
    /// Timer F in Trying and Proceeding, K in Completed.
    end_at: Option<Instant>,
}

impl ClientNonInvite {
    /// Starts in Trying; the caller has sent the request just now.
    pub fn new(now: Instant, timers: Timers, reliable: bool) -> ClientNonInvite {
        ClientNonInvite {
            state: State::Trying,
            timers,
            reliable,
            interval: timers.t1,
            // RFC 3261 §17.1.2.2: "If an unreliable transport is in use, the client transaction MUST set timer E to fire
            // in T1 seconds."
            retransmit_at: (!reliable).then(|| now + timers.t1),
            // "the client transaction SHOULD set timer F to fire in 64*T1 seconds"
            end_at: Some(now + timers.patience()),
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
        earlier(self.retransmit_at, self.end_at)
    }

    /// Takes a matching response with status `status`.
    pub fn handle_response(&mut self, now: Instant, status: u16) -> Effects {
        match (self.state, status) {
            (State::Trying | State::Proceeding, 100..=199) => {
                self.state = State::Proceeding;
                Effects::DELIVER
            }
            (State::Trying | State::Proceeding, _) => {
                self.retransmit_at = None;
                if self.reliable {
                    // timer K is zero seconds for reliable transports
                    self.state = State::Terminated;
                    self.end_at = None;
                } else {
                    // "the client transaction MUST set Timer K to fire in T4 seconds for unreliable transports"
                    self.state = State::Completed;
                    self.end_at = Some(now + self.timers.t4);
                }
                Effects::DELIVER
            }
            (State::Completed | State::Terminated, _) => Effects::NONE,
        }
    }

    /// Takes the news that the transport failed.
    pub fn handle_transport_error(&mut self) -> Effects {
        match self.state {
            State::Trying | State::Proceeding => {
                self.end();
                Effects::failure(Failure::Transport)
            }
            State::Completed | State::Terminated => Effects::NONE,
        }
    }

    /// Fires the timers that are due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) -> Effects {
        if self.end_at.is_some_and(|at| at <= now) {
            let waiting = self.state != State::Completed;
            self.end();
            // "If Timer F fires … the client transaction SHOULD inform the TU about the timeout"
            return if waiting {
                Effects::failure(Failure::TimedOut)
            } else {
                Effects::NONE
            };
        }
        if self.retransmit_at.is_some_and(|at| at <= now) {
            self.interval = match self.state {
                // "If timer E fires while in the "Proceeding" state … timer E MUST be reset with a value of T2 seconds"
                State::Proceeding => self.timers.t2,
                // "the timer is reset, but this time with a value of MIN(2*T1, T2)"
                _ => self.timers.back_off(self.interval),
            };
            self.retransmit_at = Some(now + self.interval);
            return Effects::transmit(Transmit::Request);
        }
        Effects::NONE
    }

    fn end(&mut self) {
        self.state = State::Terminated;
        self.retransmit_at = None;
        self.end_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T1: Duration = Duration::from_millis(500);

    fn start(reliable: bool) -> (Instant, ClientNonInvite) {
        let now = Instant::now();
        (now, ClientNonInvite::new(now, Timers::default(), reliable))
    }

    #[test]
    fn timer_e_doubles_up_to_t2_until_timer_f_ends_it_at_64_t1() {
        let (now, mut machine) = start(false);
        let mut sent = Vec::new();
        while let Some(at) = machine.deadline() {
            match machine.handle_timeout(at) {
                Effects {
                    transmit: Some(Transmit::Request),
                    ..
                } => sent.push((at - now).as_millis()),
                effects => {
                    assert_eq!(effects.failure, Some(Failure::TimedOut));
                    assert_eq!(at - now, T1 * 64);
                }
            }
        }
        assert_eq!(sent, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    }

    #[test]
    fn in_proceeding_timer_e_is_t2() {
        let (now, mut machine) = start(false);
        assert!(machine.handle_response(now, 100).deliver);
        assert_eq!(machine.deadline(), Some(now + T1));
        assert_eq!(machine.handle_timeout(now + T1).transmit, Some(Transmit::Request));
        assert_eq!(machine.deadline(), Some(now + T1 + Duration::from_secs(4)));
    }

    #[test]
    fn timer_k_is_t4_and_further_responses_are_absorbed() {
        let (now, mut machine) = start(false);
        assert!(machine.handle_response(now, 200).deliver);
        assert_eq!(machine.handle_response(now, 200), Effects::NONE);
        assert_eq!(machine.deadline(), Some(now + Duration::from_secs(5)));
        assert_eq!(machine.handle_timeout(now + Duration::from_secs(5)), Effects::NONE);
        assert!(machine.is_terminated());
    }

    #[test]
    fn timer_k_is_zero_over_a_reliable_transport() {
        let (now, mut machine) = start(true);
        assert_eq!(machine.deadline(), Some(now + T1 * 64));
        assert!(machine.handle_response(now, 200).deliver);
        assert!(machine.is_terminated());
    }

    #[test]
    fn a_transport_error_is_told_once() {
        let (_, mut machine) = start(false);
        assert_eq!(machine.handle_transport_error().failure, Some(Failure::Transport));
        assert_eq!(machine.handle_transport_error(), Effects::NONE);
        assert_eq!(machine.state(), State::Terminated);
    }
}
