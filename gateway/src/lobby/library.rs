// SPDX-License-Identifier: EUPL-1.2
//! The prompts as sound: built in, replaceable by the operator.
//!
//! `<folder>/<language>/<stem>.wav` or `.opus` takes the place of the built-in prompt of that name. A prompt that
//! is missing in a language is said in another; one that is missing everywhere is a tone, and a line in the log.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use landbridge_codecs::SAMPLE_RATE;
use landbridge_codecs::tone::Tone;

use super::clip::{ClipError, decode_opus, read_clip};
use super::embedded;
use super::prompt::{Language, Prompt, Stem};
use crate::media::Clip;

/// Says what is wrong with the operator's prompts, and how to mend it.
pub type PromptProblem = ClipError;

/// All prompts in all languages; cheap to clone.
#[derive(Clone)]
pub struct PromptLibrary {
    languages: Arc<[Language]>,
    own: Arc<HashMap<(Prompt, Language), Clip>>,
    decoded: Arc<Mutex<HashMap<(Prompt, Language), Clip>>>,
}

impl PromptLibrary {
    /// Loads the prompts: those in the operator's folder are read and checked now, the built-in ones when first said.
    ///
    /// # Errors
    /// All faults of the folder, each with file and remedy; and a language that has no prompt at all.
    pub fn load(folder: Option<&Path>, languages: &[String]) -> Result<PromptLibrary, Vec<PromptProblem>> {
        let languages: Vec<Language> = languages.iter().filter_map(|text| Language::parse(text)).collect();
        let mut own = HashMap::new();
        let mut problems = Vec::new();
        for language in languages.iter().copied() {
            let before = own.len();
            if let Some(folder) = folder {
                read_folder(&folder.join(language.as_str()), language, &mut own, &mut problems);
            }
            if own.len() == before && !embedded::speaks(language) {
                tracing::warn!(%language, "no prompts in this language; callers hear another language or tones");
            }
        }
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            let remedy = "create it with one folder for each language, or leave [lobby] prompts out".into();
            problems.push(ClipError {
                file: folder.to_owned(),
                what: "is no folder".into(),
                remedy,
            });
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(PromptLibrary {
            languages: languages.into(),
            own: Arc::new(own),
            decoded: Arc::default(),
        })
    }

    /// Returns a prompt as sound, 48 kHz mono; never empty.
    pub fn clip(&self, prompt: Prompt, language: Language) -> Clip {
        let others = self
            .languages
            .iter()
            .copied()
            .chain([Language::GERMAN, Language::ENGLISH]);
        let mut candidates = [language].into_iter().chain(others.filter(|other| *other != language));
        if let Some(clip) = self.in_language(prompt, language) {
            return clip;
        }
        if let Prompt::Own(stem) = prompt {
            tracing::warn!(?stem, %language, "the operator's greeting is missing; the welcome is said in its place");
            return self.clip(Prompt::Welcome, language);
        }
        let found = candidates.find_map(|other| Some((other, self.in_language(prompt, other)?)));
        let clip = match found {
            Some((other, clip)) => {
                tracing::warn!(prompt = prompt.stem(), %language, said_in = %other, "prompt is missing in this language");
                clip
            }
            None => {
                tracing::warn!(prompt = prompt.stem(), %language, "prompt is missing; a tone is played in its place");
                tone()
            }
        };
        self.remember(prompt, language, &clip);
        clip
    }

    /// Returns several prompts as sound.
    pub fn clips(&self, prompts: &[Prompt], language: Language) -> Vec<Clip> {
        prompts.iter().map(|prompt| self.clip(*prompt, language)).collect()
    }

    /// Decodes all built-in prompts now, so that no caller waits for it.
    pub fn warm_up(&self) {
        for language in self.languages.iter() {
            for prompt in Prompt::ALL {
                self.in_language(*prompt, *language);
            }
        }
    }

    fn in_language(&self, prompt: Prompt, language: Language) -> Option<Clip> {
        if let Some(clip) = self.own.get(&(prompt, language)) {
            return Some(Arc::clone(clip));
        }
        let known = self
            .decoded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(prompt, language))
            .cloned();
        if known.is_some() {
            return known;
        }
        match decode_opus(embedded::file(prompt, language)?) {
            Ok(clip) => {
                self.remember(prompt, language, &clip);
                Some(clip)
            }
            Err((what, _)) => {
                tracing::error!(prompt = prompt.stem(), %language, what, "a built-in prompt cannot be decoded");
                None
            }
        }
    }

    fn remember(&self, prompt: Prompt, language: Language, clip: &Clip) {
        let mut decoded = self.decoded.lock().unwrap_or_else(PoisonError::into_inner);
        decoded.insert((prompt, language), Arc::clone(clip));
    }
}

impl fmt::Debug for PromptLibrary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PromptLibrary({:?}, {} own)", self.languages, self.own.len())
    }
}

/// Reads one language's folder; a folder that is not there replaces nothing.
fn read_folder(
    folder: &Path,
    language: Language,
    own: &mut HashMap<(Prompt, Language), Clip>,
    problems: &mut Vec<PromptProblem>,
) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let file = entry.path();
        let extension = file
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or_default();
        if !matches!(extension, "wav" | "opus") {
            continue;
        }
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let Some(prompt) = Prompt::from_stem(stem).or_else(|| Stem::parse(stem).map(Prompt::Own)) else {
            let remedy = "use at most 32 of a-z, 0-9 and -, as in welcome.wav".into();
            problems.push(ClipError {
                file,
                what: "is no name of a prompt".into(),
                remedy,
            });
            continue;
        };
        if let Prompt::Own(_) = prompt {
            let stems: Vec<&str> = Prompt::ALL.iter().map(|prompt| prompt.stem()).collect();
            if let Some(meant) = landbridge_dialplan::closest_word(stem, &stems) {
                tracing::warn!(file = %file.display(), meant, "prompt has a name of its own, close to a known one");
            }
        }
        match read_clip(&file) {
            Ok(clip) => {
                own.insert((prompt, language), clip);
            }
            Err(problem) => problems.push(problem),
        }
    }
}

/// What is heard where words are missing: 0.3 s of a soft tone.
fn tone() -> Clip {
    let mut samples = vec![0; SAMPLE_RATE as usize * 3 / 10];
    Tone::sine(660.0, 4_000).fill(&mut samples, SAMPLE_RATE);
    samples.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::clip::tests::{ogg_opus, wav};
    use super::*;
    use std::path::PathBuf;

    fn folder(name: &str, files: &[(&str, Vec<u8>)]) -> PathBuf {
        let root = std::env::temp_dir().join(format!("landbridge-prompts-{}-{name}", std::process::id()));
        for (file, bytes) in files {
            let path = root.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        root
    }

    fn load(root: &Path) -> Result<PromptLibrary, Vec<PromptProblem>> {
        let loaded = PromptLibrary::load(Some(root), &["de".into(), "en".into()]);
        let _ = std::fs::remove_dir_all(root);
        loaded
    }

    #[test]
    fn the_operators_files_take_the_place_of_the_built_in_ones() {
        let root = folder(
            "own",
            &[
                ("de/welcome.wav", wav(48_000, 1, 0.25)),
                ("en/welcome.opus", ogg_opus(1, 10)),
                ("de/town-hall.wav", wav(48_000, 1, 0.125)),
                ("de/notes.txt", b"x".to_vec()),
            ],
        );
        let library = load(&root).unwrap();
        assert_eq!(library.clip(Prompt::Welcome, Language::GERMAN).len(), 12_000);
        assert_eq!(
            library.clip(Prompt::Welcome, Language::ENGLISH).len(),
            9_600 - 480 - 312
        );
        let own = Prompt::Own(Stem::parse("town-hall").unwrap());
        assert_eq!(library.clip(own, Language::GERMAN).len(), 6_000);
        assert_eq!(
            library.clip(own, Language::ENGLISH).len(),
            9_600 - 480 - 312,
            "a missing greeting is the welcome"
        );
    }

    #[test]
    fn a_language_without_a_prompt_borrows_it_from_another() {
        let root = folder(
            "borrow",
            &[("fr/x.wav", Vec::new()), ("de/emergency.wav", wav(48_000, 1, 0.25))],
        );
        let library = load(&root).unwrap();
        let french = Language::parse("fr").unwrap();
        assert_eq!(library.clip(Prompt::Emergency, french).len(), 12_000);
    }

    #[test]
    fn nothing_is_ever_silent() {
        let library = PromptLibrary::load(None, &["de".into(), "xx".into()]).unwrap();
        library.warm_up();
        for prompt in Prompt::ALL {
            for language in [Language::GERMAN, Language::ENGLISH, Language::parse("xx").unwrap()] {
                let clip = library.clip(*prompt, language);
                assert!(
                    clip.iter().any(|sample| sample.unsigned_abs() > 1_000),
                    "{prompt:?} {language}"
                );
            }
        }
    }

    #[test]
    fn faulty_files_are_named_with_a_remedy() {
        let root = folder(
            "faulty",
            &[("de/welcome.wav", wav(8_000, 1, 0.25)), ("en/Héllo.wav", Vec::new())],
        );
        let problems: Vec<String> = load(&root).unwrap_err().iter().map(ToString::to_string).collect();
        assert!(
            problems
                .iter()
                .any(|p| p.contains("de/welcome.wav: is 8000 Hz, 1 channels, 16 bit; convert it: ffmpeg")),
            "{problems:?}"
        );
        assert!(
            problems.iter().any(|p| p.contains("is no name of a prompt")),
            "{problems:?}"
        );
        let missing = PromptLibrary::load(Some(Path::new("/no/such/folder")), &["de".into()]).unwrap_err();
        assert!(missing[0].to_string().contains("/no/such/folder: is no folder"));
    }
}
