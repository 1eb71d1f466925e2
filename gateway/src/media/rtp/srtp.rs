// SPDX-License-Identifier: EUPL-1.2
//! SRTP and SRTCP (RFC 3711, RFC 7714); nothing else names the crate behind it.

use std::collections::HashSet;

use bytes::BytesMut;
use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;

use super::packet;
use crate::media::sdp::Suite;

/// Protects what one leg sends.
pub(crate) struct Sealer {
    context: Context,
}

impl Sealer {
    /// Makes a sealer; `None` when key and suite do not fit.
    pub(crate) fn new(suite: Suite, key_and_salt: &[u8]) -> Option<Sealer> {
        Some(Sealer {
            context: context(suite, key_and_salt, false)?,
        })
    }

    /// Protects one RTP packet.
    pub(crate) fn seal_rtp(&mut self, packet: &[u8]) -> Option<BytesMut> {
        self.context.encrypt_rtp(packet).ok()
    }

    /// Protects one RTCP compound.
    pub(crate) fn seal_rtcp(&mut self, compound: &[u8]) -> Option<BytesMut> {
        self.context.encrypt_rtcp(compound).ok()
    }
}

/// Authenticates and opens what one leg receives.
///
/// The crate keeps state for every SSRC it is asked about, before it authenticates. So each authenticated stream has
/// a context of its own, and strangers are tried in one that is thrown away before it can grow.
pub(crate) struct Opener {
    suite: Suite,
    key_and_salt: Vec<u8>,
    known: Vec<(u32, Context)>,
    /// Streams that were let go of: a replay of theirs must not find a fresh replay window.
    retired: Vec<u32>,
    stranger: Context,
    strangers: u32,
    rtcp: Context,
    rtcp_failures: u32,
    /// Of a far end that sends many streams at the same time.
    many: Option<Many>,
}

/// One context for every stream that has proved itself: none of them is ever forgotten, so that neither a replay finds a
/// fresh window nor a roll-over is missed while nobody listens.
struct Many {
    context: Context,
    proved: HashSet<u32>,
}

/// Streams remembered per leg.
const KNOWN: usize = 4;
const RETIRED: usize = 64;
/// Streams of a far end that sends many; each costs some 100 bytes for as long as the keys live.
pub(crate) const MANY: usize = 16_384;
const STRANGERS: u32 = 32;
/// Packets behind the newest that are still taken.
const WINDOW: usize = 128;

impl Opener {
    /// Makes an opener; `None` when key and suite do not fit.
    pub(crate) fn new(suite: Suite, key_and_salt: &[u8]) -> Option<Opener> {
        Some(Opener {
            suite,
            key_and_salt: key_and_salt.to_vec(),
            known: Vec::with_capacity(KNOWN + 1),
            retired: Vec::new(),
            stranger: context(suite, key_and_salt, true)?,
            strangers: 0,
            rtcp: context(suite, key_and_salt, true)?,
            rtcp_failures: 0,
            many: None,
        })
    }

    /// Makes an opener of up to [`MANY`] streams; `None` when key and suite do not fit.
    pub(crate) fn of_many(suite: Suite, key_and_salt: &[u8]) -> Option<Opener> {
        Some(Opener {
            many: Some(Many {
                context: context(suite, key_and_salt, true)?,
                proved: HashSet::new(),
            }),
            ..Opener::new(suite, key_and_salt)?
        })
    }

    /// Opens an RTP packet; `None` when it is not authentic or was seen before.
    pub(crate) fn open_rtp(&mut self, datagram: &[u8]) -> Option<BytesMut> {
        let ssrc = packet::ssrc(datagram)?;
        if let Some(many) = self.many.as_mut().filter(|many| many.proved.contains(&ssrc)) {
            return many.context.decrypt_rtp(datagram).ok();
        }
        if let Some((_, context)) = self.known.iter_mut().find(|(known, _)| *known == ssrc) {
            return context.decrypt_rtp(datagram).ok();
        }
        if self.retired.contains(&ssrc) {
            return None;
        }
        let opened = self.stranger.decrypt_rtp(datagram).ok();
        self.strangers += 1;
        if opened.is_some() || self.strangers >= STRANGERS {
            let fresh = context(self.suite, &self.key_and_salt, true)?;
            let used = std::mem::replace(&mut self.stranger, fresh);
            self.strangers = 0;
            if let (Some(many), Some(_)) = (&mut self.many, &opened) {
                if many.proved.len() >= MANY {
                    return None;
                }
                many.proved.insert(ssrc);
                // Once more, so that this packet is in the replay window too.
                return many.context.decrypt_rtp(datagram).ok();
            }
            if opened.is_some() {
                self.known.push((ssrc, used));
                if self.known.len() > KNOWN {
                    let (gone, _) = self.known.remove(0);
                    if self.retired.len() >= RETIRED {
                        self.retired.remove(0);
                    }
                    self.retired.push(gone);
                }
            }
        }
        opened
    }

    /// Opens an RTCP compound; `None` when it is not authentic or was seen before.
    pub(crate) fn open_rtcp(&mut self, datagram: &[u8]) -> Option<BytesMut> {
        let opened = if self.says_encrypted(datagram) {
            self.rtcp.decrypt_rtcp(datagram).ok()
        } else {
            None
        };
        if opened.is_none() {
            self.rtcp_failures += 1;
            if self.rtcp_failures >= STRANGERS {
                // Sheds the state of strangers; the price is one replay window of reports.
                self.rtcp = context(self.suite, &self.key_and_salt, true)?;
                self.rtcp_failures = 0;
            }
        }
        opened
    }

    /// Reads the E flag (RFC 3711 §3.4). The crate hands out a compound without that flag unauthenticated, and since
    /// we refuse UNENCRYPTED_SRTCP nobody honest sends one.
    fn says_encrypted(&self, datagram: &[u8]) -> bool {
        let behind = match self.suite {
            Suite::AeadAes256Gcm | Suite::AeadAes128Gcm => 4,
            Suite::AesCm128HmacSha1_80 => 14,
        };
        let at = datagram.len().checked_sub(behind);
        at.and_then(|at| datagram.get(at)).is_some_and(|byte| byte & 0x80 != 0)
    }
}

fn context(suite: Suite, key_and_salt: &[u8], guard: bool) -> Option<Context> {
    let (key, salt) = key_and_salt.split_at_checked(suite.key_len())?;
    let provider = rtc_srtp::crypto::default_provider().ok()?;
    let profile = match suite {
        Suite::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
        Suite::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        Suite::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
    };
    let (rtp, rtcp) = (
        guard.then(|| srtp_replay_protection(WINDOW)),
        guard.then(|| srtcp_replay_protection(WINDOW)),
    );
    Context::new(key, salt, profile, rtp, rtcp, provider.crypto()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::rtp::packet::Outgoing;

    fn datagram(ssrc: u32, sequence: u16) -> Vec<u8> {
        let mut buffer = [0; 64];
        let len = Outgoing {
            payload_type: 8,
            marker: false,
            sequence,
            timestamp: 160 * u32::from(sequence),
            ssrc,
        }
        .write(None, &[7; 40], &mut buffer);
        buffer[..len].to_vec()
    }

    fn pair(suite: Suite) -> (Sealer, Opener) {
        let key: Vec<u8> = (0..(suite.key_len() + suite.salt_len()) as u8).collect();
        (
            Sealer::new(suite, &key).expect("fits"),
            Opener::new(suite, &key).expect("fits"),
        )
    }

    #[test]
    fn every_suite_opens_what_it_sealed_once() {
        for suite in Suite::ALL {
            let (mut sealer, mut opener) = pair(suite);
            for sequence in 65_530..=65_535u16 {
                let sealed = sealer.seal_rtp(&datagram(9, sequence)).expect("sealed");
                assert_eq!(opener.open_rtp(&sealed).expect("authentic"), datagram(9, sequence));
                assert!(opener.open_rtp(&sealed).is_none(), "a replay");
            }
            for sequence in 0..300u16 {
                let sealed = sealer.seal_rtp(&datagram(9, sequence)).expect("sealed");
                assert!(
                    opener.open_rtp(&sealed).is_some(),
                    "{suite:?}: after the roll-over, {sequence}"
                );
            }
            let compound = [0x80, 201, 0, 1, 0, 0, 0, 9];
            let sealed = sealer.seal_rtcp(&compound).expect("sealed");
            assert_eq!(opener.open_rtcp(&sealed).expect("authentic"), compound.as_slice());
            assert!(opener.open_rtcp(&sealed).is_none(), "a replay");
        }
    }

    #[test]
    fn a_wrong_key_or_a_flipped_bit_opens_nothing() {
        for suite in Suite::ALL {
            let (mut sealer, mut opener) = pair(suite);
            let mut other = Opener::new(suite, &vec![0x55; suite.key_len() + suite.salt_len()]).expect("fits");
            let mut sealed = sealer.seal_rtp(&datagram(9, 1)).expect("sealed");
            assert!(other.open_rtp(&sealed).is_none());
            for i in [1, 5, 13, sealed.len() - 1] {
                sealed[i] ^= 1;
                assert!(opener.open_rtp(&sealed).is_none(), "byte {i}");
                sealed[i] ^= 1;
            }
            assert!(opener.open_rtp(&sealed).is_some());
        }
    }

    #[test]
    fn a_spray_of_strangers_neither_grows_the_state_nor_harms_the_stream() {
        let (mut sealer, mut opener) = pair(Suite::AesCm128HmacSha1_80);
        assert!(
            opener
                .open_rtp(&sealer.seal_rtp(&datagram(9, 1)).expect("sealed"))
                .is_some()
        );
        for ssrc in 1000..3000 {
            assert!(opener.open_rtp(&datagram(ssrc, 2)).is_none());
            assert!(opener.open_rtcp(&datagram(ssrc, 2)).is_none());
        }
        assert_eq!(opener.known.len(), 1);
        assert!(
            opener
                .open_rtp(&sealer.seal_rtp(&datagram(9, 2)).expect("sealed"))
                .is_some()
        );
    }

    #[test]
    fn a_report_in_clear_is_refused_though_its_flag_says_so() {
        for suite in Suite::ALL {
            let (_, mut opener) = pair(suite);
            let mut forged = vec![0x80, 201, 0, 1, 0, 0, 0, 9];
            forged.extend([0; 40]);
            assert!(opener.open_rtcp(&forged).is_none(), "{suite:?}");
        }
    }

    #[test]
    fn of_many_streams_each_keeps_its_own_index_and_strangers_leave_no_trace() {
        let key: Vec<u8> = (0..28).collect();
        let suite = Suite::AeadAes128Gcm;
        let mut sealer = Sealer::new(suite, &key).expect("fits");
        let mut opener = Opener::of_many(suite, &key).expect("fits");
        let sealed: Vec<BytesMut> = (0..500u32)
            .map(|n| {
                sealer
                    .seal_rtp(&datagram(n % 100, 65_533u16.wrapping_add((n / 100) as u16)))
                    .expect("sealed")
            })
            .collect();
        for (n, packet) in sealed.iter().enumerate() {
            assert!(opener.open_rtp(&datagram(5000 + n as u32, 1)).is_none());
            assert!(opener.open_rtp(packet).is_some(), "{n}");
            assert!(opener.open_rtp(packet).is_none(), "a replay");
        }
        assert!(sealed.iter().all(|packet| opener.open_rtp(packet).is_none()));
        assert_eq!(opener.many.map(|many| many.proved.len()), Some(100));
    }

    #[test]
    fn a_replay_of_a_stream_long_gone_stays_a_replay() {
        let (mut sealer, mut opener) = pair(Suite::AesCm128HmacSha1_80);
        let old = sealer.seal_rtp(&datagram(1, 1)).expect("sealed");
        assert!(opener.open_rtp(&old).is_some());
        for ssrc in 2..=8 {
            assert!(
                opener
                    .open_rtp(&sealer.seal_rtp(&datagram(ssrc, 1)).expect("sealed"))
                    .is_some()
            );
        }
        assert!(opener.open_rtp(&old).is_none());
    }
}
