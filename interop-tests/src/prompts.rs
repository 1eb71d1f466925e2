// SPDX-License-Identifier: EUPL-1.2
//! Which prompts of the gateway a recording holds: each clip is sought in it by its waveform.

use std::f64::consts::TAU;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use landbridge_codecs::{SAMPLE_RATE, decode_opus_packets};
use ogg::PacketReader;

use crate::peers::baresip::Baresip;
use crate::sound::Recording;

/// Both are compared as a telephone carries them [Hz].
const RATE: u32 = 8000;
/// So much of a prompt is sought [samples]: what sets it apart comes early, and a longer piece suffers from every gap.
const PIECE: usize = 5 * RATE as usize / 2;
/// A match below this is chance, or another prompt with the same words [1 = the same waveform].
const ENOUGH: f64 = 0.75;

/// Returns where a prompt begins in a recording, for example `waiting-room` in `de`; tones beside it do no harm.
pub fn find(recording: &Recording, language: &str, stem: &str) -> Option<Duration> {
    let (score, at) = best_match(&listen(recording), &clip(language, stem));
    (score >= ENOUGH).then(|| Duration::from_secs_f64(at as f64 / f64::from(RATE)))
}

/// Asserts that a prompt is in a recording; says which ones are, when it is not.
pub fn assert_heard(recording: &Recording, who: &str, language: &str, stem: &str) -> Duration {
    if let Some(at) = find(recording, language, stem) {
        return at;
    }
    let heard = listen(recording);
    let score = |stem: &String| best_match(&heard, &clip(language, stem)).0;
    let mut scores: Vec<(f64, String)> = stems(language).into_iter().map(|stem| (score(&stem), stem)).collect();
    scores.sort_by(|a, b| b.0.total_cmp(&a.0));
    scores.truncate(5);
    panic!(
        "{who} did not hear {stem:?} ({language}) in {:?}; most like it are {scores:.2?}",
        recording.duration()
    );
}

/// Waits until a phone has heard a prompt after `from`, a place in its recording; returns where the prompt began.
pub fn until_heard(phone: &Baresip, from: Duration, language: &str, stem: &str, limit: Duration) -> Duration {
    let start = Instant::now();
    let longest = Duration::from_secs(3600);
    while start.elapsed() < limit {
        let heard = phone.heard().part(from, longest);
        // The end of a clip may not be there yet.
        if let Some(at) = find(&heard, language, stem) {
            return from + at;
        }
        std::thread::sleep(Duration::from_millis(400));
    }
    from + assert_heard(&phone.heard().part(from, longest), "the phone", language, stem)
}

/// Asserts that a prompt is not in a recording.
pub fn assert_not_heard(recording: &Recording, who: &str, language: &str, stem: &str) {
    let at = find(recording, language, stem);
    assert!(at.is_none(), "{who} heard {stem:?} ({language}) at {at:?}");
}

fn folder(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../gateway/prompts")
        .join(language)
}

fn stems(language: &str) -> Vec<String> {
    let files = std::fs::read_dir(folder(language)).expect("the gateway has prompts");
    files
        .filter_map(|file| file.ok()?.path().file_stem()?.to_str().map(str::to_owned))
        .collect()
}

/// Returns the first spoken part of a prompt.
fn clip(language: &str, stem: &str) -> Vec<f64> {
    let path = folder(language).join(format!("{stem}.opus"));
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut reader = PacketReader::new(std::io::Cursor::new(bytes));
    let mut packets = Vec::new();
    while let Some(packet) = reader.read_packet().expect("a prompt is an Ogg file") {
        packets.push(packet.data);
    }
    // RFC 7845 §3: the head and the tags come before the sound.
    let sound = packets.iter().skip(2).map(Vec::as_slice);
    let samples = decode_opus_packets(sound, 60 * SAMPLE_RATE as usize).expect("a prompt is Opus");
    let samples = samples.iter().map(|s| f64::from(*s) / 32768.0).collect();
    let mut clip = listen(&Recording::new(SAMPLE_RATE, samples));
    let begin = clip.iter().position(|s| s.abs() > 0.01).unwrap_or(0);
    clip.drain(..begin);
    clip.truncate(PIECE);
    clip
}

/// Returns a recording at the telephone's rate.
fn listen(recording: &Recording) -> Vec<f64> {
    let step = (recording.rate() / RATE).max(1) as usize;
    assert_eq!(
        recording.rate() % RATE,
        0,
        "{} Hz is no multiple of 8 kHz",
        recording.rate()
    );
    if step == 1 {
        return recording.samples().to_vec();
    }
    // A low-pass of 3.4 kHz: a windowed sinc.
    let half = 8 * step as i64;
    let taps: Vec<f64> = (-half..=half)
        .map(|n| {
            let x = TAU / 2.0 * n as f64 * 0.85 / step as f64;
            let sinc = if n == 0 { 1.0 } else { x.sin() / x };
            let window = 0.5 + 0.5 * (TAU / 2.0 * n as f64 / half as f64).cos();
            sinc * window * 0.85 / step as f64
        })
        .collect();
    let samples = recording.samples();
    (0..samples.len())
        .step_by(step)
        .map(|centre| {
            let from = centre as i64 - half;
            taps.iter()
                .enumerate()
                .filter_map(|(n, tap)| Some(tap * samples.get(usize::try_from(from + n as i64).ok()?)?))
                .sum()
        })
        .collect()
}

/// Returns how well a clip fits at its best place, −1…1, and that place [samples].
fn best_match(heard: &[f64], clip: &[f64]) -> (f64, usize) {
    if heard.len() < clip.len() || clip.is_empty() {
        return (0.0, 0);
    }
    let size = (heard.len() + clip.len()).next_power_of_two();
    let spectrum = |samples: &[f64]| {
        let mut padded: Vec<(f64, f64)> = samples.iter().map(|s| (*s, 0.0)).collect();
        padded.resize(size, (0.0, 0.0));
        fourier(&mut padded);
        padded
    };
    let mut clip_bins = spectrum(clip);
    let mut heard_bins = spectrum(heard);
    without_tones(&mut heard_bins, &mut clip_bins);
    let energy = |bins: &[(f64, f64)]| bins.iter().map(|(re, im)| re * re + im * im).sum::<f64>() / size as f64;
    let clip_energy = energy(&clip_bins);
    let mut product: Vec<(f64, f64)> = heard_bins
        .iter()
        .zip(&clip_bins)
        .map(|((a, b), (c, d))| (a * c + b * d, b * c - a * d))
        .collect();
    let correlation = inverse(&mut product);
    let left = inverse(&mut heard_bins);
    // The energy of what was heard below the clip, from running sums.
    let mut sums = vec![0.0];
    for sample in &left {
        sums.push(sums[sums.len() - 1] + sample * sample);
    }
    let score = |at: usize| {
        let below = (sums[at + clip.len()] - sums[at]).max(1e-3);
        correlation[at] / (below * clip_energy).max(1e-9).sqrt()
    };
    let places = 0..=heard.len() - clip.len();
    let best = places.max_by(|a, b| score(*a).total_cmp(&score(*b))).unwrap_or(0);
    (score(best), best)
}

/// Takes steady tones out of both spectra: bins far above their neighbourhood in what was heard.
fn without_tones(heard: &mut [(f64, f64)], clip: &mut [(f64, f64)]) {
    let power: Vec<f64> = heard.iter().map(|(re, im)| re * re + im * im).collect();
    let reach = heard.len() * 40 / RATE as usize;
    let mut sums = vec![0.0];
    for p in &power {
        sums.push(sums[sums.len() - 1] + p);
    }
    let narrow = heard.len() * 4 / RATE as usize;
    for n in 0..power.len() {
        let mean = |reach: usize| {
            let (from, to) = (n.saturating_sub(reach), (n + reach).min(power.len()));
            (sums[to] - sums[from]) / (to - from).max(1) as f64
        };
        // A tone fills a few hertz; speech spreads over the 80 Hz around.
        if mean(narrow) > 5.0 * mean(reach) {
            heard[n] = (0.0, 0.0);
            clip[n] = (0.0, 0.0);
        }
    }
}

fn inverse(bins: &mut [(f64, f64)]) -> Vec<f64> {
    let size = bins.len() as f64;
    for bin in bins.iter_mut() {
        bin.1 = -bin.1;
    }
    fourier(bins);
    bins.iter().map(|(re, _)| re / size).collect()
}

/// The fast Fourier transform of Cooley and Tukey, in place; the length is a power of two.
fn fourier(values: &mut [(f64, f64)]) {
    let size = values.len();
    let bits = size.trailing_zeros();
    for n in 0..size {
        let mirrored = n.reverse_bits() >> (usize::BITS - bits.max(1));
        if n < mirrored {
            values.swap(n, mirrored);
        }
    }
    let mut width = 2;
    while width <= size {
        let angle = -TAU / width as f64;
        let turns: Vec<(f64, f64)> = (0..width / 2).map(|k| (angle * k as f64).sin_cos()).collect();
        for block in values.chunks_exact_mut(width) {
            let (low, high) = block.split_at_mut(width / 2);
            for ((a, b), (sine, cosine)) in low.iter_mut().zip(high).zip(&turns) {
                let turned = (b.0 * cosine - b.1 * sine, b.0 * sine + b.1 * cosine);
                *b = (a.0 - turned.0, a.1 - turned.1);
                *a = (a.0 + turned.0, a.1 + turned.1);
            }
        }
        width *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A prompt after a while, a tone over all, and rounded as G.711 rounds.
    fn call(stem: &str) -> Recording {
        let mut samples = vec![0.0; 3 * RATE as usize];
        samples.extend(clip("de", stem));
        samples.extend(vec![0.0; 2 * RATE as usize]);
        for (n, sample) in samples.iter_mut().enumerate() {
            *sample += 0.27 * (TAU * 1000.0 * n as f64 / f64::from(RATE)).sin();
            *sample = (*sample * 64.0).round() / 64.0;
        }
        Recording::new(RATE, samples)
    }

    #[test]
    fn a_prompt_is_found_where_it_begins_and_no_other_one() {
        for stem in ["waiting-room", "muted-by-moderator", "you-are-unmuted"] {
            let recording = call(stem);
            let at = assert_heard(&recording, "test", "de", stem);
            assert!(
                at.abs_diff(Duration::from_secs(3)) < Duration::from_millis(20),
                "{at:?}"
            );
            let heard = listen(&recording);
            for other in stems("de").into_iter().filter(|other| other != stem) {
                let score = best_match(&heard, &clip("de", &other)).0;
                assert!(score < ENOUGH, "{stem} is taken for {other}: {score:.2}");
            }
        }
    }

    #[test]
    fn a_tone_is_no_prompt() {
        let tone = (0..5 * RATE).map(|n| 0.3 * (TAU * 440.0 * f64::from(n) / f64::from(RATE)).sin());
        let recording = Recording::new(RATE, tone.collect());
        assert_not_heard(&recording, "test", "de", "you-are-first");
    }
}
