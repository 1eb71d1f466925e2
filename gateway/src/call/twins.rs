// SPDX-License-Identifier: EUPL-1.2
//! Keys that a telephone sends twice, in media and in signalling.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The way a key took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// RFC 4733.
    Media,
    /// SIP INFO.
    Signalling,
}

/// Lets each key through once. COMPAT(grandstream, cisco spa: "DTMF via RTP and SIP INFO"): both ways at once.
#[derive(Debug, Default)]
pub(super) struct Twins {
    single: VecDeque<(char, Way, Instant)>,
}

/// The longest that one way lags behind the other.
const LAG: Duration = Duration::from_secs(1);
const MAX_SINGLE: usize = 32;

impl Twins {
    /// Tells whether a key is new, and not the twin of one that came the other way.
    pub(super) fn is_new(&mut self, now: Instant, key: char, way: Way) -> bool {
        self.single
            .retain(|(_, _, at)| now.saturating_duration_since(*at) <= LAG);
        let twin = self
            .single
            .iter()
            .position(|(single, other, _)| *single == key && *other != way);
        match twin {
            Some(place) => {
                self.single.remove(place);
                false
            }
            None => {
                if self.single.len() >= MAX_SINGLE {
                    self.single.pop_front();
                }
                self.single.push_back((key, way, now));
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(keys: &[(u64, char, Way)]) -> String {
        let (mut twins, start) = (Twins::default(), Instant::now());
        keys.iter()
            .filter(|(ms, key, way)| twins.is_new(start + Duration::from_millis(*ms), *key, *way))
            .map(|(_, key, _)| key)
            .collect()
    }

    #[test]
    fn a_phone_that_sends_every_key_both_ways_presses_it_once() {
        let keys = [
            (0, '5', Way::Media),
            (150, '5', Way::Signalling),
            (200, '5', Way::Signalling),
            (210, '5', Way::Media),
            (300, '1', Way::Media),
            (350, '2', Way::Media),
            (600, '1', Way::Signalling),
            (650, '2', Way::Signalling),
        ];
        assert_eq!(heard(&keys), "5512");
    }

    #[test]
    fn one_way_alone_loses_nothing_however_fast() {
        for way in [Way::Media, Way::Signalling] {
            let keys: Vec<_> = (0..40).map(|i| (10 * i, '7', way)).collect();
            assert_eq!(heard(&keys).len(), 40);
        }
        assert_eq!(heard(&[(0, '7', Way::Media), (2000, '7', Way::Signalling)]), "77");
    }
}
