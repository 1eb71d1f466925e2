// SPDX-License-Identifier: EUPL-1.2
//! Who hears whom.

use landbridge_codecs::tone::{Tone, spectrum};
use landbridge_codecs::{Ear, Frame, Level, Mix, SourceId};

const TONES: [f64; 4] = [400.0, 700.0, 1_100.0, 1_700.0];

struct Room {
    mix: Mix,
    voices: Vec<(SourceId, Tone)>,
}

impl Room {
    fn new(max_speakers: usize, voices: &[(u32, f64, i16)]) -> Room {
        let voices = voices
            .iter()
            .map(|(id, hertz, loudness)| (SourceId(*id), Tone::sine(*hertz, *loudness)));
        Room {
            mix: Mix::new(max_speakers),
            voices: voices.collect(),
        }
    }

    fn tick(&mut self) {
        self.mix.begin();
        for (source, tone) in &mut self.voices {
            let frame = tone.next_frame();
            self.mix.add(*source, &frame, Level::of(&frame));
        }
        self.mix.finish();
    }

    fn listen(&mut self, ticks: usize, listener: SourceId) -> Vec<i16> {
        let mut sound = Vec::new();
        for _ in 0..ticks {
            self.tick();
            sound.extend_from_slice(&self.mix.heard_by(self.mix.ear_of(listener)).0);
        }
        sound
    }
}

fn four() -> Room {
    Room::new(
        4,
        &[
            (1, TONES[0], 4_000),
            (2, TONES[1], 4_000),
            (3, TONES[2], 4_000),
            (4, TONES[3], 4_000),
        ],
    )
}

#[test]
fn each_of_four_hears_exactly_the_other_three() {
    for (place, own) in TONES.iter().enumerate() {
        let mut room = four();
        let sound = room.listen(50, SourceId(place as u32 + 1));
        let others: Vec<f64> = TONES.iter().copied().filter(|hertz| hertz != own).collect();
        assert_eq!(spectrum::heard(&sound, 48_000, &TONES), others);
        let found = spectrum::peaks(&sound[960..], 48_000, -60.0);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(spectrum::tone_level(&sound[960..], 48_000, *own) < -80.0);
    }
}

#[test]
fn whoever_is_silent_hears_all_four_in_one_shared_frame() {
    let mut room = four();
    let sound = room.listen(50, SourceId(99));
    assert_eq!(spectrum::heard(&sound, 48_000, &TONES), TONES);
    let shared = room.mix.heard_by(Ear::Everyone);
    for silent in [50, 51, 52] {
        assert_eq!(room.mix.ear_of(SourceId(silent)), Ear::Everyone);
        assert!(std::ptr::eq(
            shared,
            room.mix.heard_by(room.mix.ear_of(SourceId(silent)))
        ));
    }
}

#[test]
fn a_single_speaker_hears_nothing_and_the_first_sample_is_not_missed() {
    let mut room = Room::new(3, &[(1, 500.0, 8_000)]);
    room.tick();
    assert_eq!(*room.mix.heard_by(Ear::AllBut(SourceId(1))), Frame::SILENCE);
    assert!(Level::of(room.mix.heard_by(Ear::Everyone)) < Level(20));
    assert_eq!(room.mix.speakers(), [SourceId(1)]);
}

#[test]
fn only_the_loudest_few_are_on_the_floor() {
    let voices: Vec<(u32, f64, i16)> = (1..=20)
        .map(|id| (id, 300.0 + 50.0 * f64::from(id), 400 * id as i16))
        .collect();
    let mut room = Room::new(3, &voices);
    for _ in 0..20 {
        room.tick();
    }
    let mut speakers = room.mix.speakers().to_vec();
    speakers.sort();
    assert_eq!(speakers, [SourceId(18), SourceId(19), SourceId(20)]);
}

#[test]
fn two_that_are_about_as_loud_do_not_take_the_floor_from_each_other() {
    let mut mix = Mix::new(1);
    let mut tones = [Tone::sine(500.0, 8_000), Tone::sine(800.0, 8_000)];
    let mut changes = 0;
    let mut before = Vec::new();
    for tick in 0..500 {
        mix.begin();
        for (id, tone) in tones.iter_mut().enumerate() {
            let frame = tone.next_frame();
            // They take turns in being 4 dB louder.
            let softer = if tick % 7 < 3 && id == 0 { 4 } else { 0 };
            mix.add(SourceId(id as u32), &frame, Level(Level::of(&frame).0 + softer));
        }
        mix.finish();
        if mix.speakers() != before {
            changes += 1;
            before = mix.speakers().to_vec();
        }
    }
    assert_eq!(changes, 1);
}

#[test]
fn a_quiet_speaker_gives_way_after_300_ms_and_leaves_an_unwanted_floor_after_1_s() {
    let mut mix = Mix::new(1);
    let (mut one, mut two) = (Tone::sine(500.0, 8_000), Tone::sine(800.0, 4_000));
    let mut tick = |first: Option<Frame>, second: Option<Frame>| {
        mix.begin();
        for (id, frame) in [(1, first), (2, second)] {
            let frame = frame.unwrap_or(Frame::SILENCE);
            mix.add(SourceId(id), &frame, Level::of(&frame));
        }
        mix.finish();
        mix.speakers().to_vec()
    };
    assert_eq!(tick(Some(one.next_frame()), None), [SourceId(1)]);
    let ticks_until_two = (1..).find(|_| tick(None, Some(two.next_frame())) == [SourceId(2)]);
    assert!(ticks_until_two.is_some_and(|ticks| ticks <= 16), "{ticks_until_two:?}");
    let ticks_until_empty = (1..).find(|_| tick(None, None).is_empty());
    assert!(
        ticks_until_empty.is_some_and(|ticks| (45..=55).contains(&ticks)),
        "{ticks_until_empty:?}"
    );
}

#[test]
fn sixteen_who_shout_in_step_do_not_wrap() {
    let voices: Vec<(u32, f64, i16)> = (1..=16).map(|id| (id, 500.0, 32_000)).collect();
    let mut room = Room::new(16, &voices);
    let sound = room.listen(20, SourceId(99));
    // What wraps has the wrong sign.
    let mut shout = Tone::sine(500.0, 32_000);
    let one: Vec<i16> = (0..20).flat_map(|_| shout.next_frame().0).collect();
    let wrapped = one
        .iter()
        .zip(&sound)
        .position(|(one, all)| i32::from(*one) * i32::from(*all) < 0);
    assert_eq!(wrapped, None);
    assert!(spectrum::tone_level(&sound, 48_000, 500.0) > -3.1);
}

#[test]
fn whoever_leaves_the_room_leaves_the_floor_at_once() {
    let mut room = four();
    room.tick();
    room.voices.remove(0);
    room.tick();
    assert_eq!(room.mix.speakers(), [SourceId(2), SourceId(3), SourceId(4)]);
    assert_eq!(room.mix.ear_of(SourceId(1)), Ear::Everyone);
}
