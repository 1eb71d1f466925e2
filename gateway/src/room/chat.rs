// SPDX-License-Identifier: EUPL-1.2
//! What people write to each other in a room: only those present read it, and only what was written while they were.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::Denial;
use super::names::{MAX_MARKS, is_mark, is_unfit};
use crate::call::LegId;

/// The longest text [bytes of UTF-8].
pub const MAX_TEXT: usize = 4096;
/// The most line ends in a text; further ones become blanks.
const MAX_LINES: usize = 40;

/// Lines that wait for a reader that is slow; older ones are lost to it.
const WAITING_LINES: usize = 64;

/// Lines kept for readers that come back, and their bytes in total.
const PAST_LINES: usize = 100;
const PAST_BYTES: usize = 64 * 1024;

/// How many lines one person, and all together, may write within [`PACE`].
const LINES_OF_ONE: usize = 5;
const LINES_OF_ALL: usize = 100;
const PACE: Duration = Duration::from_secs(2);

/// One line of a room's chat.
#[derive(Clone, PartialEq, Eq)]
pub struct ChatLine {
    /// Counts the lines of this life of the room, from 1.
    pub id: u64,
    /// Who wrote it; nobody here, if it came from where the room lives.
    pub from: Option<LegId>,
    /// The writer's name.
    pub name: String,
    /// The cleaned text.
    pub text: String,
    /// When it was written.
    pub at: SystemTime,
    /// Who may read it, in the order of their ids.
    pub(super) readers: Readers,
}

/// Who may read a line, in the order of their ids.
pub type Readers = Arc<[LegId]>;

impl ChatLine {
    /// Tells whether a person may read the line: it was in the room proper when the line was written.
    pub fn is_for(&self, person: LegId) -> bool {
        self.readers.binary_search(&person).is_ok()
    }
}

/// Shows neither name nor text.
impl fmt::Debug for ChatLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatLine")
            .field("id", &self.id)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// Follows a room's chat as one person may read it.
#[derive(Debug)]
pub struct ChatLines {
    person: LegId,
    lines: broadcast::Receiver<Arc<ChatLine>>,
}

impl ChatLines {
    /// Waits for the next line that the person may read. Safe to cancel.
    ///
    /// # Errors
    /// `Lagged` if lines were lost to this slow reader, `Closed` once the room is over.
    pub async fn recv(&mut self) -> Result<Arc<ChatLine>, RecvError> {
        loop {
            let line = self.lines.recv().await?;
            if line.is_for(self.person) {
                return Ok(line);
            }
        }
    }
}

/// The chat of a live room: what was written of late, and who follows.
#[derive(Debug)]
pub(super) struct Chat {
    past: Mutex<Past>,
    sender: broadcast::Sender<Arc<ChatLine>>,
}

#[derive(Debug, Default)]
struct Past {
    lines: VecDeque<Arc<ChatLine>>,
    bytes: usize,
    count: u64,
}

impl Chat {
    /// Makes the chat of a new room.
    pub(super) fn new() -> Arc<Chat> {
        Arc::new(Chat {
            past: Mutex::default(),
            sender: broadcast::Sender::new(WAITING_LINES),
        })
    }

    /// Shows a line to all who may read it.
    pub(super) fn write(&self, from: Option<LegId>, name: String, text: String, readers: Readers) {
        let mut past = self.past();
        past.count += 1;
        let line = Arc::new(ChatLine {
            id: past.count,
            from,
            name,
            text,
            at: SystemTime::now(),
            readers,
        });
        past.bytes += line.text.len();
        past.lines.push_back(Arc::clone(&line));
        while past.lines.len() > PAST_LINES || past.bytes > PAST_BYTES {
            let Some(oldest) = past.lines.pop_front() else { break };
            past.bytes = past.bytes.saturating_sub(oldest.text.len());
        }
        // An error means that nobody follows.
        let _ = self.sender.send(line);
    }

    /// Returns what a person may read of the past, oldest first, and follows the rest without a gap.
    pub(super) fn read(&self, person: LegId) -> (Vec<Arc<ChatLine>>, ChatLines) {
        let past = self.past();
        let readable = past.lines.iter().filter(|line| line.is_for(person));
        let lines = self.sender.subscribe();
        (readable.cloned().collect(), ChatLines { person, lines })
    }

    /// Follows the chat for the house itself, which hands it on to those who may read it.
    pub(super) fn follow(&self) -> broadcast::Receiver<Arc<ChatLine>> {
        self.sender.subscribe()
    }

    /// Forgets all that one person wrote; whoever has read it has read it.
    pub(super) fn forget(&self, writer: LegId) {
        let mut past = self.past();
        past.lines.retain(|line| line.from != Some(writer));
        past.bytes = past.lines.iter().map(|line| line.text.len()).sum();
    }

    fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When lines were written of late: nobody floods the others.
#[derive(Debug, Default)]
pub(super) struct Pace {
    lines: VecDeque<(Instant, LegId)>,
}

impl Pace {
    /// Counts a person's line, or denies it.
    pub(super) fn count(&mut self, now: Instant, person: LegId) -> Result<(), Denial> {
        let is_old = |(at, _): &mut (Instant, LegId)| now.saturating_duration_since(*at) >= PACE;
        while self.lines.pop_front_if(is_old).is_some() {}
        let of_one = self.lines.iter().filter(|(_, by)| *by == person).count();
        if of_one >= LINES_OF_ONE || self.lines.len() >= LINES_OF_ALL {
            return Err(Denial::TooFast);
        }
        self.lines.push_back((now, person));
        Ok(())
    }
}

/// Cleans a written text: no characters that control, hide or reorder the text around them, a bounded number of lines.
///
/// # Errors
/// [`Denial::Unfit`] if the text is longer than [`MAX_TEXT`], or nothing of it is left.
pub fn clean(written: &str) -> Result<String, Denial> {
    if written.len() > MAX_TEXT {
        return Err(Denial::Unfit);
    }
    let written = written.replace("\r\n", "\n");
    let mut text = String::with_capacity(written.len());
    let (mut marks, mut lines) = (0, 1);
    for c in written.trim().chars() {
        let c = match c {
            '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
            '\t' => ' ',
            c => c,
        };
        if c == '\n' {
            lines += 1;
            // A line end that says nothing only pushes the others' lines away.
            let is_idle = text.ends_with("\n\n");
            match lines > MAX_LINES {
                _ if is_idle => {}
                true => text.push(' '),
                false => text.push('\n'),
            }
            marks = MAX_MARKS;
            continue;
        }
        if is_unfit(c) {
            continue;
        }
        marks = if is_mark(c) { marks + 1 } else { 0 };
        if marks <= MAX_MARKS {
            text.push(c);
        }
    }
    let text = text.trim();
    if text.is_empty() {
        return Err(Denial::Unfit);
    }
    Ok(text.to_owned())
}

/// Returns as much of a text from elsewhere as fits.
pub fn clipped(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ADA: LegId = LegId(1);
    const BOB: LegId = LegId(2);

    #[test]
    fn a_text_keeps_its_letters_and_lines_and_loses_what_reorders_or_hides() {
        for (written, text) in [
            (" Grüße,\r\nAda \n", "Grüße,\nAda"),
            ("a\u{202e}b\u{200b}c\u{0}\u{1b}[31m", "abc[31m"),
            ("eins\tzwei", "eins zwei"),
            ("a\n\n\n\n\nb", "a\n\nb"),
            ("👩\u{200d}🔬 محمد", "👩\u{200d}🔬 محمد"),
            ("<b>&\"'", "<b>&\"'"),
        ] {
            assert_eq!(clean(written).unwrap(), text, "{written:?}");
        }
        assert_eq!(clean("\u{2066}\u{200b} \n"), Err(Denial::Unfit));
    }

    #[test]
    fn a_text_is_bounded_in_bytes_lines_and_marks() {
        assert_eq!(clean(&"x".repeat(MAX_TEXT)).unwrap().len(), MAX_TEXT);
        assert_eq!(clean(&"x".repeat(MAX_TEXT + 1)), Err(Denial::Unfit));
        assert_eq!(clean(&"x\n".repeat(500)).unwrap().lines().count(), MAX_LINES);
        let zalgo = clean(&format!("a{}b", "\u{301}".repeat(50))).unwrap();
        assert_eq!(zalgo.chars().count(), 2 + MAX_MARKS);
    }

    #[test]
    fn five_lines_in_two_seconds_are_enough_for_one() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        for _ in 0..5 {
            assert_eq!(pace.count(start, ADA), Ok(()));
        }
        assert_eq!(
            pace.count(start + Duration::from_millis(1999), ADA),
            Err(Denial::TooFast)
        );
        assert_eq!(pace.count(start, BOB), Ok(()));
        assert_eq!(pace.count(start + PACE, ADA), Ok(()));
    }

    #[test]
    fn what_somebody_wrote_who_is_to_be_forgotten_is_read_no_more() {
        let chat = Chat::new();
        let readers: Readers = Arc::from([ADA, BOB]);
        for (writer, text) in [(ADA, "eins"), (BOB, "zwei"), (ADA, "drei")] {
            chat.write(Some(writer), "x".into(), text.into(), Arc::clone(&readers));
        }
        chat.forget(ADA);
        let (past, _) = chat.read(BOB);
        assert_eq!(past.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["zwei"]);
        assert_eq!(chat.past().bytes, 4);
    }

    #[tokio::test]
    async fn a_reader_finds_what_was_written_while_it_was_present_and_nothing_else() {
        let chat = Chat::new();
        let write = |text: &str, readers: &[LegId]| chat.write(Some(ADA), "Ada".into(), text.into(), readers.into());
        let (past, mut lines) = chat.read(BOB);
        assert!(past.is_empty());
        write("before", &[ADA]);
        write("while", &[ADA, BOB]);
        assert_eq!(lines.recv().await.unwrap().text, "while");
        let (past, _) = chat.read(BOB);
        assert_eq!(
            past.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(),
            ["while"]
        );
        assert_eq!(past[0].id, 2);
    }

    #[test]
    fn the_past_is_bounded_in_lines_and_bytes() {
        let chat = Chat::new();
        for text in ["x", "x".repeat(MAX_TEXT).as_str()] {
            for _ in 0..300 {
                chat.write(None, String::new(), text.to_owned(), [ADA].into());
            }
            let (past, _) = chat.read(ADA);
            assert!(past.len() <= PAST_LINES);
            assert!(past.iter().map(|line| line.text.len()).sum::<usize>() <= PAST_BYTES);
        }
    }
}
