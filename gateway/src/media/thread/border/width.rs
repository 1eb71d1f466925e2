// SPDX-License-Identifier: EUPL-1.2
//! What the way can take: how many streams, how wide each, and how much redundancy.

use super::super::opus::Wish;
use super::history::DEPTH;
use super::places::Place;

/// Follows the loss of the way, and shares its width.
pub(super) struct Width {
    /// All that may be sent [bit/s].
    limit: Option<f32>,
    /// What one stream may take of it [bit/s].
    share: Option<f32>,
    loss: u8,
    /// How many older packets go behind each.
    depth: usize,
    /// Ticks for which fewer would have done.
    calm: u32,
}

/// Around a payload: IPv4, UDP, RTP with the level, the tag of SRTP [bytes].
pub(super) const AROUND: usize = 28 + 12 + 8 + 16;
/// The same in packets of 20 ms [bit/s].
const AROUND_RATE: f32 = (AROUND * 8 * 50) as f32;
/// The least that is worth sending besides [bit/s].
const LEAST: f32 = 8_000.0;
/// What our encoder takes at most [bit/s].
const USUAL: f32 = 28_000.0;
/// Loss from which one and two older packets go behind each [%].
const LOSSY: u8 = 2;
const VERY_LOSSY: u8 = 10;
/// How long the loss must stay below before there are fewer [ticks].
const CALM: u32 = 500;
/// How fast a rate is learnt, a share of the difference for each tick.
const LEARN: f32 = 0.04;

impl Width {
    pub(super) fn new(kbit: Option<u32>) -> Width {
        Width {
            limit: kbit.map(|kbit| kbit as f32 * 1000.0),
            share: None,
            loss: 0,
            depth: 0,
            calm: 0,
        }
    }

    /// Returns how many of the streams agreed upon fit side by side; one always goes.
    pub(super) fn fits(&self, streams: usize) -> usize {
        let fit = |limit: f32| (limit / (AROUND_RATE + LEAST)) as usize;
        self.limit.map_or(streams, |limit| fit(limit).clamp(1, streams))
    }

    /// Shares the width among those who are carried now; call it every tick.
    pub(super) fn share_among(&mut self, streams: usize) {
        self.share = self.limit.map(|limit| limit / streams.max(1) as f32);
        let wanted = match self.loss {
            0..LOSSY => 0,
            LOSSY..VERY_LOSSY => 1,
            _ => DEPTH,
        };
        self.calm = if wanted < self.depth { self.calm + 1 } else { 0 };
        if wanted > self.depth || self.calm >= CALM {
            (self.depth, self.calm) = (wanted, 0);
        }
    }

    /// Takes the loss that the partner reports [%].
    pub(super) fn set_loss(&mut self, percent: u8) {
        self.loss = percent;
    }

    /// Learns what a person's own packets would take, and whether that is too much.
    pub(super) fn measure(&self, place: &mut Place, octets: usize) {
        place.rate += ((octets * 8 * 50) as f32 - place.rate) * LEARN;
        // What was once too much must be clearly less to go as it comes again.
        let limit = self.share.map(|share| if place.too_much { share * 0.8 } else { share });
        place.too_much = limit.is_some_and(|limit| place.rate > limit);
    }

    /// Returns how many older packets go behind one that goes as it came, at `rate` without them [bit/s].
    pub(super) fn depth(&self, rate: f32) -> usize {
        let payload = (rate - AROUND_RATE).max(LEAST);
        self.within(|depth| rate + depth as f32 * payload)
    }

    /// Returns how many older packets go behind one that we encoded.
    pub(super) fn depth_encoded(&self) -> usize {
        self.within(|depth| AROUND_RATE + (depth + 1) as f32 * LEAST)
    }

    /// Returns how our encoders are to encode.
    pub(super) fn wish(&self) -> Wish {
        let copies = (self.depth_encoded() + 1) as f32;
        let bitrate = self
            .share
            .map(|share| ((share - AROUND_RATE) / copies).clamp(6_000.0, USUAL) as u32);
        Wish {
            loss: self.loss.max(Wish::PLAIN.loss),
            bitrate,
        }
    }

    fn within(&self, rate: impl Fn(usize) -> f32) -> usize {
        let fits = |depth: &usize| self.share.is_none_or(|share| rate(*depth) <= share);
        (1..=self.depth).rev().find(fits).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_way_takes_fewer_streams_and_narrower_ones() {
        let mut width = Width::new(Some(128));
        assert_eq!((width.fits(3), width.fits(9), Width::new(Some(1)).fits(3)), (3, 3, 1));
        width.share_among(1);
        assert_eq!(width.wish().bitrate, Some(28_000));
        width.share_among(3);
        let bitrate = width.wish().bitrate;
        assert!(
            bitrate.is_some_and(|rate| (16_000..18_000).contains(&rate)),
            "{bitrate:?}"
        );
        assert_eq!(Width::new(None).wish(), Wish::PLAIN);
    }

    #[test]
    fn redundancy_comes_with_the_loss_at_once_and_goes_after_ten_calm_seconds() {
        let mut width = Width::new(None);
        width.set_loss(12);
        width.share_among(1);
        assert_eq!((width.depth(50_000.0), width.depth_encoded()), (2, 2));
        width.set_loss(0);
        for _ in 1..CALM {
            width.share_among(1);
        }
        assert_eq!(width.depth_encoded(), 2);
        width.share_among(1);
        assert_eq!(width.depth_encoded(), 0);
        let mut narrow = Width::new(Some(60));
        narrow.set_loss(12);
        narrow.share_among(1);
        assert_eq!((narrow.depth(55_000.0), narrow.depth(30_000.0)), (0, 2));
    }
}
