// SPDX-License-Identifier: EUPL-1.2
//! Names that may leave, and their initials.
//!
//! A roster shows what a phone or a client calls itself, and that may be a number, a SIP URI, an address or a device.
//! None of those is a name. Refused is the whole name, not its suspicious part: what is left of
//! "Ada, +49 361 5550123" could still be put together with what others know.

/// Returns a name as it may leave, without control and formatting characters; `None` if it may not.
pub(super) fn presentable(name: &str) -> Option<String> {
    let visible: String = name
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(|c| !is_hidden(*c))
        .collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    let digits = visible.chars().filter(|c| c.is_numeric()).count();
    let is_name = visible.chars().any(char::is_alphabetic)
        && digits <= MOST_DIGITS
        && !visible.contains(in_addresses)
        && !words.first().is_some_and(|word| is_telephone(word))
        && !words.iter().any(|word| is_host(word) || is_device(word));
    let name: String = words.join(" ").chars().take(MOST_CHARACTERS).collect();
    is_name.then_some(name)
}

/// Returns the first letters of at most three words, titles left out: "A. L." for "Dr. Ada Lovelace".
pub(super) fn initials(name: &str) -> Option<String> {
    let name = presentable(name)?;
    let firsts: Vec<String> = name
        .split(' ')
        .filter(|word| !word.ends_with('.') && !word.starts_with('('))
        .filter_map(|word| word.chars().find(|c| c.is_alphabetic()))
        .take(3)
        .map(|first| format!("{}.", first.to_uppercase()))
        .collect();
    (!firsts.is_empty()).then(|| firsts.join(" "))
}

/// In SIP URIs, e-mail addresses, JIDs, IP addresses, web addresses and the versions of user agents, not in names; with
/// the wide forms that look the same.
fn in_addresses(c: char) -> bool {
    matches!(
        c,
        '@' | '…'
            | ':'
            | '/'
            | '\\'
            | '='
            | '%'
            | ';'
            | '_'
            | '+'
            | '<'
            | '>'
            | '＠'
            | '：'
            | '／'
            | '．'
            | '。'
            | '﹫'
            | '﹕'
            | '﹒'
            | '＋'
            | '∶'
    )
}

/// Says whether a name is made up for a telephone, "Tel. (2)", perhaps with the rest of its number.
fn is_telephone(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    ["tel", "telefon", "telephone", "phone"].contains(&word.as_str())
}

/// Says whether a word looks like a host name: dots inside, and small letters after the last.
fn is_host(word: &str) -> bool {
    word.trim_matches(|c: char| !c.is_alphanumeric())
        .rsplit_once('.')
        .is_some_and(|(host, top)| host.len() >= 2 && top.len() >= 2 && top.chars().all(char::is_lowercase))
}

/// Says whether a word looks like the model of a telephone or the version of a program: `T46U`, `SIP-T54W`, `v3.1`.
fn is_device(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    let is_model =
        word.chars().filter(char::is_ascii_digit).count() >= 2 && word.chars().any(|c| c.is_ascii_uppercase());
    let is_version = word
        .strip_prefix('v')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    is_model || is_version
}

/// Characters that are not seen: they could take a number apart, or turn a text around.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// "Raum 204" is a name; four digits may be an extension or the rest of a number.
const MOST_DIGITS: usize = 3;
/// The longest name [characters].
const MOST_CHARACTERS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_rooms_keep_their_names() {
        for name in [
            "Ada Lovelace",
            "Dr. Ada Lovelace",
            "Prof.Dr.Meyer",
            "Müller, Karl-Heinz (TMIK)",
            "Raum 204",
            "O’Brien",
            "Łukasz Żółć",
            "李小龙",
            "Ministerium des Innern, Referat 12",
        ] {
            assert_eq!(presentable(name).as_deref(), Some(name));
        }
        assert_eq!(
            presentable(" Ada\t\u{202e}Lovelace\u{0} ").as_deref(),
            Some("Ada Lovelace")
        );
    }

    #[test]
    fn numbers_addresses_and_devices_are_no_names() {
        for name in [
            "+493615550123",
            "0361 555",
            "Ada 0361 5550123",
            "(0361) 5-5-5-0",
            "０３６１５５５",
            "٠٣٦١٥٥٥",
            "0\u{200b}3\u{200b}6\u{200b}1",
            "sip:ada@th.example",
            "tel:ada",
            "ada@th.example",
            "ada＠th.example",
            "ada (at) th.example",
            "10.1.2.3",
            "fe80::ab",
            "::1",
            "meet.th.example",
            "Yealink SIP-T46U",
            "Linphone/5.2",
            "baresip v3.1 (linux)",
            "123",
            "",
            "…",
            "Tel. …67",
            "Tel. (2)",
            "Telefon 1",
            "Ada …67",
        ] {
            assert!(presentable(name).is_none(), "{name}");
        }
    }

    #[test]
    fn initials_leave_titles_out() {
        for (name, short) in [
            ("Dr. Ada Lovelace", "A. L."),
            ("ada", "A."),
            ("Karl Theodor Maria Nikolaus", "K. T. M."),
            ("Müller, Karl-Heinz (TMIK)", "M. K."),
        ] {
            assert_eq!(initials(name).as_deref(), Some(short));
        }
        assert_eq!(initials("Dr."), None);
        assert_eq!(initials("ada@th.example"), None);
    }
}
