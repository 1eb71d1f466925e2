// SPDX-License-Identifier: EUPL-1.2
//! How long sound takes from packet in to packet out.

use std::time::{Duration, Instant};

use landbridge_codecs::Codec;

use super::border::{join, terms};
use super::far::{Call, Far, plane};
use crate::media::RoomKey;
use crate::media::rtp::packet::{Outgoing, Packet, Sort, sort};

const TONE: Duration = Duration::from_millis(300);

/// Alice whistles now and then; the delay is the time from her first loud packet to the first loud one at Bob.
#[test]
fn added_delay_stays_small() {
    let plane = plane(46_400..=46_419);
    let mut alice = Far::call(&plane, Call::new(Codec::Pcma, 450.0));
    let mut bob = Far::call(&plane, Call::new(Codec::Pcma, 650.0));
    plane.enter(alice.leg, RoomKey(1));
    plane.enter(bob.leg, RoomKey(1));
    let [p50, p95] = whistles(&mut alice, &mut bob);
    println!("added delay: p50 {p50:?}, p95 {p95:?} (goal 30 ms, 45 ms on an idle machine)");
    assert!(p95 <= Duration::from_millis(120), "{p95:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_border_sound_is_hardly_later() {
    let planes = [plane(47_760..=47_769), plane(47_770..=47_779)];
    let [th, sh] = join(planes, |room| terms(room, 3)).await;
    let mut alice = th.phone(Call::new(Codec::Pcma, 450.0), 10);
    let mut bob = sh.phone(Call::new(Codec::Pcma, 650.0), 20);
    sh.far(10);
    th.far(20);
    let [p50, p95] = whistles(&mut alice, &mut bob);
    println!("added delay over a border: p50 {p50:?}, p95 {p95:?} (goal p95 60 ms on an idle machine)");
    assert!(p95 <= Duration::from_millis(160), "{p95:?}");
}

/// Returns the median of the delays, and what 95 of 100 do not exceed.
fn whistles(alice: &mut Far, bob: &mut Far) -> [Duration; 2] {
    let (mut delays, mut waiting, mut next) = (Vec::new(), None::<Instant>, Instant::now());
    let (quiet, loud) = ([0xd5u8; 160], [0x2au8; 160]);
    let (mut sequence, mut tick) = (0u16, 0u32);
    while delays.len() < 24 && tick < 800 {
        let phase = tick % 16;
        // The phase between Alice's clock and the gateway's wanders over the whole tick.
        next += Duration::from_millis(if phase == 0 { 23 } else { 20 });
        let payload = if phase >= 13 { &loud } else { &quiet };
        let header = Outgoing {
            payload_type: 8,
            marker: false,
            sequence,
            timestamp: 160 * u32::from(sequence),
            ssrc: alice.ssrc,
        };
        if phase == 13 && tick > 50 {
            waiting = Some(Instant::now());
        }
        alice.transmit(header, payload);
        let other = Outgoing {
            payload_type: 8,
            marker: false,
            sequence,
            timestamp: 160 * u32::from(sequence),
            ssrc: bob.ssrc,
        };
        bob.transmit(other, &quiet);
        sequence += 1;
        tick += 1;
        while Instant::now() < next {
            let mut buffer = [0; 2048];
            while let Ok((len, _)) = bob.socket.recv_from(&mut buffer) {
                let loud = sort(&buffer[..len]) == Sort::Rtp
                    && Packet::parse(&buffer[..len])
                        .is_some_and(|p| p.payload.iter().any(|byte| (byte ^ 0x55) & 0x7f > 0x60));
                if loud && let Some(since) = waiting.take() {
                    delays.push(since.elapsed());
                }
            }
            if waiting.is_some_and(|since| since.elapsed() > TONE) {
                waiting = None;
                delays.push(TONE);
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }
    delays.sort();
    [delays[delays.len() / 2], delays[delays.len() * 95 / 100]]
}
