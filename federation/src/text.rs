// SPDX-License-Identifier: EUPL-1.2
//! Text of strangers, made harmless and short.

/// The longest name, in octets.
pub(crate) const LONGEST_NAME: usize = 256;
/// The longest language tag (RFC 5646 §4.4.1), in octets.
pub(crate) const LONGEST_TAG: usize = 35;
/// The longest chat line, in octets.
pub(crate) const LONGEST_LINE: usize = 4096;

/// Removes what steers a terminal or turns text around (Unicode control and bidirectional formatting characters),
/// and white space around and more than one inside.
pub(crate) fn clean(text: &str) -> String {
    let kept: String = text
        .chars()
        .filter(|c| !turns_text(*c))
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Makes a chat line fit: no characters that XML 1.0 §2.2 cannot hold, and at most [`LONGEST_LINE`] octets.
pub(crate) fn line(text: &str) -> String {
    cut(text, LONGEST_LINE).chars().filter(|c| fits_xml(*c)).collect()
}

/// Makes a name fit, as [`line`].
pub(crate) fn name(text: &str) -> String {
    cut(text, LONGEST_NAME).chars().filter(|c| fits_xml(*c)).collect()
}

/// Makes a language tag fit, as [`line`].
pub(crate) fn tag(text: &str) -> String {
    cut(text, LONGEST_TAG).chars().filter(|c| fits_xml(*c)).collect()
}

/// Cuts a text at a character, so that it has at most so many octets.
fn cut(text: &str, octets: usize) -> &str {
    let mut end = octets.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn fits_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\u{20}'..='\u{fffd}' | '\u{10000}'..)
}

fn turns_text(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{061c}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_steer_who_reads_it() {
        assert_eq!(clean(" A\u{1b}[2J\r\nda \u{202e}ecalevoL\u{0} "), "A [2J da ecalevoL");
    }

    #[test]
    fn a_long_line_is_cut_at_a_character() {
        let long = line(&"ä".repeat(LONGEST_LINE));
        assert!(long.len() <= LONGEST_LINE && long.chars().all(|c| c == 'ä'));
        assert_eq!(line("a\u{0}b\u{fffe}\nc"), "ab\nc");
    }
}
