// SPDX-License-Identifier: EUPL-1.2
//! What a browser says crosses a border as it came, from the first loud packet on.

use std::time::Duration;

use landbridge_codecs::Codec;
use landbridge_codecs::tone::Tone;

use super::{Browser, TONES, live};
use crate::media::ports::Ports;
use crate::media::scenes::border::{join, terms};
use crate::media::scenes::far::{Call, plane};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_packet_of_a_browser_that_begins_to_speak_is_lost_at_the_border() {
    let planes = [plane(47_780..=47_799), plane(47_800..=47_819)];
    let ports = Ports::new(47_820..=47_839, Duration::ZERO);
    let [th, sh] = join(planes, |room| terms(room, 3)).await;
    let mut alice = Browser::call(&th.plane, &ports, TONES[0]).await;
    th.plane.enter(alice.leg, th.room);
    th.plane.carry(th.border, alice.leg, 10);
    let far = sh.far(10);
    let mut carl = sh.phone(Call::new(Codec::Pcma, TONES[1]), 20);
    th.far(20);
    (alice.level, alice.tone) = (127, Tone::sine(TONES[0], 0));
    live(&mut [&mut alice], &mut carl, 75).await;
    assert_eq!(th.stats().await.sent[0].packets, 0, "silence does not cross");
    (alice.level, alice.tone) = (20, Tone::sine(TONES[0], 6000));
    live(&mut [&mut alice], &mut carl, 60).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    let (sent, got) = (th.stats().await, sh.plane.stats(far).await.unwrap());
    assert_eq!((sent.forwarded, sent.encoded), (60, 0), "{sent:?}");
    assert_eq!(got.packets_received, 60);
    assert_eq!(carl.hears(&TONES), [TONES[0]]);
    assert_eq!(alice.hears(&TONES), [TONES[1]]);
}
