// SPDX-License-Identifier: EUPL-1.2
//! Digits as RFC 4733 events, in and out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Recognises pressed keys in a stream of telephone-event packets: one report per press, whatever is lost.
#[derive(Default)]
pub(crate) struct DigitReceiver {
    current: Option<Press>,
}

struct Press {
    event: u8,
    timestamp: u32,
    /// Longest duration seen [timestamp units].
    duration: u16,
    ended: bool,
    last_seen: Instant,
}

impl DigitReceiver {
    /// Takes one packet and returns the key when a new press begins.
    ///
    /// A press is reported at its first packet, so a lost end changes nothing; repeated ends, late packets of an older
    /// press and the segments of a long press (RFC 4733 §2.5.1.3) are recognised as what they are.
    pub(crate) fn receive(&mut self, now: Instant, timestamp: u32, marker: bool, payload: &[u8]) -> Option<char> {
        let &[event, flags, high, low, ..] = payload else {
            return None;
        };
        let digit = key_of(event)?;
        let (ended, volume, duration) = (flags & 0x80 != 0, flags & 0x3f, u16::from_be_bytes([high, low]));
        // RFC 4733 §2.3.3: tones below −55 dBm0 must not be taken for digits.
        if volume > 55 {
            return None;
        }
        if let Some(press) = &mut self.current {
            let age = timestamp.wrapping_sub(press.timestamp) as i32;
            let fresh = now.saturating_duration_since(press.last_seen) < RESTART_AFTER;
            if age < 0 && fresh {
                return None;
            }
            let same_press = age == 0
                // The next segment of a press longer than 0xffff units begins where the last one ended.
                || (press.event == event && !press.ended && !marker && fresh && age as u32 >= u32::from(press.duration) && press.duration >= LONG)
                // COMPAT(gateways that move the timestamp with every packet of one press).
                || (press.event == event && !press.ended && !marker && now.saturating_duration_since(press.last_seen) < SAME_PRESS);
            if same_press && press.event == event {
                press.timestamp = timestamp;
                press.duration = if age == 0 {
                    press.duration.max(duration)
                } else {
                    duration
                };
                press.ended |= ended;
                press.last_seen = now;
                return None;
            }
            if age == 0 && fresh {
                return None;
            }
        }
        self.current = Some(Press {
            event,
            timestamp,
            duration,
            ended,
            last_seen: now,
        });
        Some(digit)
    }
}

const SAME_PRESS: Duration = Duration::from_millis(70);
const RESTART_AFTER: Duration = Duration::from_secs(5);
const LONG: u16 = 0xf000;

/// Sends keys as telephone-event packets, one call per 20 ms tick.
#[derive(Default)]
pub(crate) struct DigitSender {
    waiting: VecDeque<u8>,
    current: Option<Sending>,
}

struct Sending {
    event: u8,
    timestamp: u32,
    ticks: u16,
}

/// One telephone-event packet to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DigitPacket {
    /// The first packet of a press.
    pub(crate) marker: bool,
    /// The RTP timestamp of the whole press.
    pub(crate) timestamp: u32,
    pub(crate) payload: [u8; 4],
}

/// What the digit sender wants this tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tick {
    /// No key is waiting: send sound.
    Idle,
    /// Between two presses: send sound.
    Pause,
    /// Send this instead of sound.
    Send(DigitPacket),
}

impl DigitSender {
    /// Queues keys; characters that are no keys are left out. At most 64 wait.
    pub(crate) fn queue(&mut self, digits: &str) {
        for event in digits.chars().filter_map(event_of) {
            if self.waiting.len() < 64 {
                self.waiting.push_back(event);
            }
        }
    }

    /// Says what to send in the tick that begins at `timestamp`; `units` is the length of a tick in timestamp units.
    pub(crate) fn tick(&mut self, timestamp: u32, units: u16) -> Tick {
        let Some(sending) = &mut self.current else {
            return match self.waiting.pop_front() {
                Some(event) => {
                    self.current = Some(Sending {
                        event,
                        timestamp,
                        ticks: 1,
                    });
                    Tick::Send(DigitPacket {
                        marker: true,
                        timestamp,
                        payload: payload(event, false, units),
                    })
                }
                None => Tick::Idle,
            };
        };
        sending.ticks += 1;
        let (event, timestamp) = (sending.event, sending.timestamp);
        match sending.ticks {
            ticks if ticks < TONE_TICKS => Tick::Send(DigitPacket {
                marker: false,
                timestamp,
                payload: payload(event, false, units.saturating_mul(ticks)),
            }),
            // RFC 4733 §2.5.1.4: the end is sent three times.
            ticks if ticks < TONE_TICKS + 3 => Tick::Send(DigitPacket {
                marker: false,
                timestamp,
                payload: payload(event, true, units.saturating_mul(TONE_TICKS)),
            }),
            ticks => {
                if ticks >= TONE_TICKS + 3 + PAUSE_TICKS {
                    self.current = None;
                }
                Tick::Pause
            }
        }
    }
}

const TONE_TICKS: u16 = 6;
const PAUSE_TICKS: u16 = 2;
const VOLUME: u8 = 10;

fn payload(event: u8, end: bool, duration: u16) -> [u8; 4] {
    let [high, low] = duration.to_be_bytes();
    [event, VOLUME | (u8::from(end) << 7), high, low]
}

fn key_of(event: u8) -> Option<char> {
    KEYS.get(usize::from(event)).map(|key| char::from(*key))
}

fn event_of(key: char) -> Option<u8> {
    let key = u8::try_from(key.to_ascii_uppercase()).ok()?;
    KEYS.iter().position(|k| *k == key).map(|event| event as u8)
}

const KEYS: &[u8; 16] = b"0123456789*#ABCD";

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(event: u8, end: bool, duration: u16) -> [u8; 4] {
        payload(event, end, duration)
    }

    struct Far {
        receiver: DigitReceiver,
        start: Instant,
        heard: String,
    }

    impl Far {
        fn new() -> Far {
            Far {
                receiver: DigitReceiver::default(),
                start: Instant::now(),
                heard: String::new(),
            }
        }

        fn at(&mut self, ms: u64, timestamp: u32, marker: bool, payload: [u8; 4]) {
            let now = self.start + Duration::from_millis(ms);
            self.heard
                .extend(self.receiver.receive(now, timestamp, marker, &payload));
        }
    }

    #[test]
    fn one_press_with_three_ends_is_one_digit() {
        let mut far = Far::new();
        for (i, end) in [false, false, false, true, true, true].into_iter().enumerate() {
            far.at(20 * i as u64, 1000, i == 0, packet(5, end, 160 * (i as u16 + 1).min(4)));
        }
        far.at(200, 3000, true, packet(5, false, 160));
        assert_eq!(far.heard, "55");
    }

    #[test]
    fn a_lost_beginning_or_a_lost_end_changes_nothing() {
        let mut far = Far::new();
        far.at(0, 1000, false, packet(1, true, 800));
        far.at(300, 4000, true, packet(2, false, 160));
        far.at(320, 4000, false, packet(2, false, 320));
        far.at(700, 7000, true, packet(2, false, 160));
        far.at(1000, 10_000, false, packet(3, true, 800));
        assert_eq!(far.heard, "1223");
    }

    #[test]
    fn packets_out_of_order_and_late_repeats_are_not_new_presses() {
        let mut far = Far::new();
        far.at(0, 1000, true, packet(7, false, 160));
        far.at(10, 1000, false, packet(7, true, 480));
        far.at(15, 1000, false, packet(7, false, 320));
        far.at(200, 3000, true, packet(8, false, 160));
        far.at(210, 1000, false, packet(7, true, 480));
        far.at(220, 3000, false, packet(8, true, 320));
        assert_eq!(far.heard, "78");
    }

    #[test]
    fn a_press_longer_than_its_duration_field_is_one_digit() {
        let mut far = Far::new();
        let mut timestamp = 0u32;
        for tick in 0..1000u32 {
            let elapsed = tick * 160 + 160;
            let duration = elapsed - timestamp;
            far.at(
                u64::from(tick) * 20,
                timestamp,
                tick == 0,
                packet(9, false, duration as u16),
            );
            if duration > 0xff00 {
                timestamp = elapsed;
            }
        }
        assert_eq!(far.heard, "9");
    }

    #[test]
    fn a_gateway_that_moves_the_timestamp_presses_once() {
        let mut far = Far::new();
        for i in 0..6u64 {
            far.at(
                20 * i,
                1000 + 160 * i as u32,
                i == 0,
                packet(4, i >= 3, 160 * (i as u16 + 1)),
            );
        }
        assert_eq!(far.heard.chars().next(), Some('4'));
    }

    #[test]
    fn whispers_flash_hooks_and_stumps_are_no_digits() {
        let mut far = Far::new();
        far.at(0, 1000, true, [5, 60, 0, 160]);
        far.at(0, 2000, true, [16, 10, 0, 160]);
        assert_eq!(far.receiver.receive(far.start, 3000, true, &[5, 10, 0]), None);
        assert_eq!(far.heard, "");
    }

    #[test]
    fn what_is_sent_is_heard_digit_by_digit_with_three_ends() {
        let mut sender = DigitSender::default();
        sender.queue("12#x*Ad0");
        let (mut far, mut ends) = (Far::new(), 0);
        for tick in 0..200u32 {
            if let Tick::Send(packet) = sender.tick(tick * 160, 160) {
                far.at(u64::from(tick) * 20, packet.timestamp, packet.marker, packet.payload);
                ends += u32::from(packet.payload[1] & 0x80 != 0);
            }
        }
        assert_eq!(far.heard, "12#*AD0");
        assert_eq!(ends, 21);
        assert_eq!(sender.tick(0, 160), Tick::Idle);
    }
}
