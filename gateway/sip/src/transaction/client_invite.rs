// SPDX-License-Identifier: EUPL-1.2
//! INVITE client transaction: RFC 3261 §17.1.1 with the Accepted state of RFC 6026 §8.4.

use std::time::{Duration, Instant};

use super::{Effects, Failure, Transmit};
use crate::timer::{Timers, earlier};

/// Names the states of RFC 6026 Figure 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The request is out, nothing came back.
    Calling,
    /// A provisional response came.
    Proceeding,
    /// A final response other than 2xx came and was acknowledged.
    Completed,
    /// A 2xx came; more of them may come from other forks.
    Accepted,
    /// Nothing more will happen.
    Terminated,
}

/// Runs one INVITE until its final response.
#[derive(Clone, Debug)]
pub struct ClientInvite {
    state: State,
    timers: Timers,
    reliable: bool,
    interval: Duration,
    /// Timer A.
    retransmit_at: Option<Instant>,
    /// Timer B in Calling, D in Completed, M in Accepted.
    end_at: Option<Instant>,
}

impl ClientInvite {
    /// Starts in Calling; the caller has sent the request just now.
    pub fn new(now: Instant, timers: Timers, reliable: bool) -> ClientInvite {
        ClientInvite {
            state: State::Calling,
            timers,
            reliable,
            interval: timers.t1,
            // RFC 3261 §17.1.1.2: "If an unreliable transport is being used, the client transaction MUST start timer A
            // with a value of T1."
            retransmit_at: (!reliable).then(|| now + timers.t1),
            // "For any transport, the client transaction MUST start timer B with a value of 64*T1 seconds"
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
            (State::Calling | State::Proceeding, 100..=199) => {
                // "the client transaction SHOULD NOT retransmit the request any longer" once it is in Proceeding
                self.enter(State::Proceeding, None);
                Effects::DELIVER
            }
            (State::Calling | State::Proceeding, 200..=299) => {
                // RFC 6026 §7.2: "the client transaction MUST transition to the "Accepted" state and start Timer M"
                self.enter(State::Accepted, Some(now + self.timers.patience()));
                Effects::DELIVER
            }
            // RFC 6026 §7.2: 2xx responses in Accepted "MUST be passed to the TU"
            (State::Accepted, 200..=299) => Effects::DELIVER,
            (State::Calling | State::Proceeding, 300..) => {
                if self.reliable {
                    // timer D is zero seconds for reliable transports
                    self.enter(State::Terminated, None);
                } else {
                    // "the client transaction SHOULD start timer D when it enters the "Completed" state"
                    self.enter(State::Completed, Some(now + self.timers.patience()));
                }
                // "the client transaction MUST generate an ACK request" and pass the response to the TU
                Effects {
                    transmit: Some(Transmit::Ack),
                    deliver: true,
                    failure: None,
                }
            }
            // "Any retransmissions of the final response … MUST cause the ACK to be re-passed to the transport layer",
            // and "the newly received response MUST NOT be passed up to the TU"
            (State::Completed, 300..) => Effects::transmit(Transmit::Ack),
            _ => Effects::NONE,
        }
    }

    /// Takes the news that the transport failed.
    pub fn handle_transport_error(&mut self) -> Effects {
        match self.state {
            // "the client transaction SHOULD inform the TU that a transport failure has occurred"
            State::Calling | State::Proceeding | State::Completed => {
                self.enter(State::Terminated, None);
                Effects::failure(Failure::Transport)
            }
            State::Accepted | State::Terminated => Effects::NONE,
        }
    }

    /// Fires the timers that are due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) -> Effects {
        if self.end_at.is_some_and(|at| at <= now) {
            let calling = self.state == State::Calling;
            self.enter(State::Terminated, None);
            // "If the client transaction is still in the "Calling" state when timer B fires, the client transaction
            // SHOULD inform the TU that a timeout has occurred."
            return if calling {
                Effects::failure(Failure::TimedOut)
            } else {
                Effects::NONE
            };
        }
        if self.retransmit_at.is_some_and(|at| at <= now) {
            // "When timer A fires, the client transaction MUST retransmit the request … and MUST reset the timer with a
            // value of 2*T1"
            self.interval = self.interval.saturating_mul(2);
            self.retransmit_at = Some(now + self.interval);
            return Effects::transmit(Transmit::Request);
        }
        Effects::NONE
    }

    /// Gives up: used when a cancelled INVITE gets no final response within 64*T1 (RFC 3261 §9.1).
    pub fn abandon(&mut self) {
        self.enter(State::Terminated, None);
    }

    fn enter(&mut self, state: State, end_at: Option<Instant>) {
        self.state = state;
        self.retransmit_at = None;
        self.end_at = end_at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T1: Duration = Duration::from_millis(500);

    fn start(reliable: bool) -> (Instant, ClientInvite) {
        let now = Instant::now();
        (now, ClientInvite::new(now, Timers::default(), reliable))
    }

    #[test]
    fn timer_a_doubles_from_t1_until_timer_b_ends_it_at_64_t1() {
        let (now, mut machine) = start(false);
        let mut sent = Vec::new();
        while let Some(at) = machine.deadline() {
            match machine.handle_timeout(at) {
                Effects {
                    transmit: Some(Transmit::Request),
                    ..
                } => sent.push((at - now).as_millis() / 500),
                effects => {
                    assert_eq!(effects.failure, Some(Failure::TimedOut));
                    assert_eq!(at - now, T1 * 64);
                }
            }
        }
        assert_eq!(sent, [1, 3, 7, 15, 31, 63]);
        assert!(machine.is_terminated());
    }

    #[test]
    fn over_a_reliable_transport_nothing_is_sent_again() {
        let (now, mut machine) = start(true);
        assert_eq!(machine.deadline(), Some(now + T1 * 64));
        assert_eq!(machine.handle_timeout(now + T1 * 64).failure, Some(Failure::TimedOut));
    }

    #[test]
    fn a_provisional_response_stops_timers_a_and_b() {
        let (now, mut machine) = start(false);
        assert!(machine.handle_response(now, 180).deliver);
        assert_eq!((machine.state(), machine.deadline()), (State::Proceeding, None));
    }

    #[test]
    fn a_rejection_is_acknowledged_every_time_but_told_once_until_timer_d() {
        let (now, mut machine) = start(false);
        let first = machine.handle_response(now, 486);
        assert_eq!((first.transmit, first.deliver), (Some(Transmit::Ack), true));
        let again = machine.handle_response(now + T1, 486);
        assert_eq!((again.transmit, again.deliver), (Some(Transmit::Ack), false));
        assert_eq!(machine.deadline(), Some(now + Duration::from_secs(32)));
        assert_eq!(machine.handle_timeout(now + Duration::from_secs(32)), Effects::NONE);
        assert!(machine.is_terminated());
    }

    #[test]
    fn timer_d_is_zero_over_a_reliable_transport() {
        let (now, mut machine) = start(true);
        assert_eq!(machine.handle_response(now, 404).transmit, Some(Transmit::Ack));
        assert!(machine.is_terminated());
    }

    #[test]
    fn every_2xx_is_told_until_timer_m() {
        let (now, mut machine) = start(false);
        assert!(machine.handle_response(now, 200).deliver);
        assert!(machine.handle_response(now + T1, 200).deliver);
        assert_eq!(machine.handle_response(now + T1, 486), Effects::NONE);
        assert_eq!(machine.state(), State::Accepted);
        assert_eq!(machine.deadline(), Some(now + T1 * 64));
        assert_eq!(machine.handle_timeout(now + T1 * 64), Effects::NONE);
        assert!(machine.is_terminated());
    }

    #[test]
    fn a_transport_error_is_told() {
        let (_, mut machine) = start(false);
        assert_eq!(machine.handle_transport_error().failure, Some(Failure::Transport));
        assert!(machine.is_terminated());
    }
}
