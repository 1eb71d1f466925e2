// SPDX-License-Identifier: EUPL-1.2
//! INVITE server transaction: RFC 3261 §17.2.1 with the Accepted state of RFC 6026 §8.7.

use std::time::{Duration, Instant};

use super::{Effects, Failure, Transmit};
use crate::timer::{Timers, earlier};

/// Names the states of RFC 6026 Figure 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The request was passed up; provisional responses may follow.
    Proceeding,
    /// A final response other than 2xx was sent and awaits its ACK.
    Completed,
    /// The ACK came; its repetitions are absorbed.
    Confirmed,
    /// A 2xx was sent; repetitions of the INVITE are absorbed, the user agent repeats the 2xx.
    Accepted,
    /// Nothing more will happen.
    Terminated,
}

/// Runs the serving side of one INVITE.
#[derive(Clone, Debug)]
pub struct ServerInvite {
    state: State,
    timers: Timers,
    reliable: bool,
    interval: Duration,
    answered: bool,
    /// Timer G.
    retransmit_at: Option<Instant>,
    /// Timer H in Completed, I in Confirmed, L in Accepted.
    end_at: Option<Instant>,
}

impl ServerInvite {
    /// Starts in Proceeding.
    pub fn new(timers: Timers, reliable: bool) -> ServerInvite {
        ServerInvite {
            state: State::Proceeding,
            timers,
            reliable,
            interval: timers.t1,
            answered: false,
            retransmit_at: None,
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
        earlier(self.retransmit_at, self.end_at)
    }

    /// Takes a repetition of the request.
    pub fn handle_request(&mut self) -> Effects {
        match self.state {
            // RFC 3261 §17.2.1: "If a request retransmission is received while in the "Proceeding" state, the most recent
            // provisional response … MUST be passed to the transport layer"; in Completed "the server transaction SHOULD
            // pass the response to the transport for retransmission"
            State::Proceeding if self.answered => Effects::transmit(Transmit::Response),
            State::Completed => Effects::transmit(Transmit::Response),
            // RFC 6026 §7.1: "any retransmissions of the INVITE received will match this transaction state machine and
            // will be absorbed"
            _ => Effects::NONE,
        }
    }

    /// Takes a response of the user agent with status `status`.
    pub fn handle_response(&mut self, now: Instant, status: u16) -> Effects {
        match (self.state, status) {
            (State::Proceeding, 100..=199) => {
                self.answered = true;
                Effects::transmit(Transmit::Response)
            }
            (State::Proceeding, 200..=299) => {
                // RFC 6026 §7.1: "the server transaction MUST transition to the "Accepted" state and set Timer L to 64*T1"
                self.enter(State::Accepted, Some(now + self.timers.patience()));
                Effects::transmit(Transmit::Response)
            }
            // RFC 6026 §7.1: the TU's repetitions of the 2xx in Accepted "MUST be passed to the transport layer"
            (State::Accepted, 200..=299) => Effects::transmit(Transmit::Response),
            (State::Proceeding, 300..) => {
                // "For unreliable transports, timer G is set to fire in T1 seconds"; timer H is 64*T1 for all transports
                self.enter(State::Completed, Some(now + self.timers.patience()));
                self.retransmit_at = (!self.reliable).then(|| now + self.timers.t1);
                Effects::transmit(Transmit::Response)
            }
            _ => Effects::NONE,
        }
    }

    /// Takes an ACK of this transaction; `deliver` means that it acknowledges a 2xx and is the user agent's affair.
    pub fn handle_ack(&mut self, now: Instant) -> Effects {
        match self.state {
            State::Completed => {
                // "If an ACK is received while the server transaction is in the "Completed" state, the server transaction
                // MUST transition to the "Confirmed" state"; timer I is T4, or zero over reliable transports
                if self.reliable {
                    self.enter(State::Terminated, None);
                } else {
                    self.enter(State::Confirmed, Some(now + self.timers.t4));
                }
                Effects::NONE
            }
            State::Accepted => Effects::DELIVER,
            _ => Effects::NONE,
        }
    }

    /// Takes the news that the transport failed.
    pub fn handle_transport_error(&mut self) -> Effects {
        match self.state {
            State::Proceeding | State::Accepted | State::Completed => {
                self.enter(State::Terminated, None);
                Effects::failure(Failure::Transport)
            }
            State::Confirmed | State::Terminated => Effects::NONE,
        }
    }

    /// Fires the timers that are due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) -> Effects {
        if self.end_at.is_some_and(|at| at <= now) {
            let unacknowledged = self.state == State::Completed;
            self.enter(State::Terminated, None);
            // "If timer H fires while in the "Completed" state, it implies that the ACK was never received."
            return if unacknowledged {
                Effects::failure(Failure::TimedOut)
            } else {
                Effects::NONE
            };
        }
        if self.retransmit_at.is_some_and(|at| at <= now) {
            // "If timer G fires, the response is passed to the transport layer once more for retransmission, and timer G
            // is set to fire in MIN(2*T1, T2) seconds."
            self.interval = self.timers.back_off(self.interval);
            self.retransmit_at = Some(now + self.interval);
            return Effects::transmit(Transmit::Response);
        }
        Effects::NONE
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

    fn start(reliable: bool) -> (Instant, ServerInvite) {
        (Instant::now(), ServerInvite::new(Timers::default(), reliable))
    }

    #[test]
    fn timer_g_doubles_up_to_t2_until_timer_h_ends_it_at_64_t1() {
        let (now, mut machine) = start(false);
        assert_eq!(machine.handle_response(now, 486).transmit, Some(Transmit::Response));
        let mut sent = Vec::new();
        while let Some(at) = machine.deadline() {
            match machine.handle_timeout(at) {
                Effects {
                    transmit: Some(Transmit::Response),
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
    fn over_a_reliable_transport_only_timer_h_runs() {
        let (now, mut machine) = start(true);
        machine.handle_response(now, 486);
        assert_eq!(machine.deadline(), Some(now + T1 * 64));
    }

    #[test]
    fn an_ack_stops_timer_g_and_timer_i_ends_the_transaction_after_t4() {
        let (now, mut machine) = start(false);
        machine.handle_response(now, 486);
        assert_eq!(machine.handle_ack(now + T1), Effects::NONE);
        assert_eq!(machine.state(), State::Confirmed);
        assert_eq!(machine.handle_request(), Effects::NONE);
        assert_eq!(machine.deadline(), Some(now + T1 + Duration::from_secs(5)));
        machine.handle_timeout(now + T1 + Duration::from_secs(5));
        assert!(machine.is_terminated());
    }

    #[test]
    fn timer_i_is_zero_over_a_reliable_transport() {
        let (now, mut machine) = start(true);
        machine.handle_response(now, 486);
        machine.handle_ack(now);
        assert!(machine.is_terminated());
    }

    #[test]
    fn a_repeated_invite_gets_the_last_response_but_not_the_2xx() {
        let (now, mut machine) = start(false);
        assert_eq!(machine.handle_request(), Effects::NONE);
        machine.handle_response(now, 180);
        assert_eq!(machine.handle_request().transmit, Some(Transmit::Response));
        machine.handle_response(now, 200);
        assert_eq!(machine.handle_request(), Effects::NONE);
    }

    #[test]
    fn the_2xx_may_be_sent_again_until_timer_l() {
        let (now, mut machine) = start(false);
        machine.handle_response(now, 200);
        assert_eq!(
            machine.handle_response(now + T1, 200).transmit,
            Some(Transmit::Response)
        );
        assert_eq!(machine.handle_response(now + T1, 486), Effects::NONE);
        assert!(machine.handle_ack(now + T1).deliver);
        assert_eq!(machine.deadline(), Some(now + T1 * 64));
        assert_eq!(machine.handle_timeout(now + T1 * 64), Effects::NONE);
        assert!(machine.is_terminated());
    }
}
