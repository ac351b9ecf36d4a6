//! Which octets may stand where.

/// Letters, digits and `-._~`: a host's name (RFC 3986 section 2.3, unreserved).
pub(super) const HOST: u8 = 1;
/// tchar of RFC 9110 section 5.6.2.
pub(super) const TOKEN: u8 = 2;
/// What a target has as it is: RFC 3986 characters, and brackets, which curl sends raw in a query. Not `?`, `%` and the fragment's `#`.
pub(super) const TARGET: u8 = 4;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256]; // A place for every octet, so that none needs a look at where the table ends.
    let mut octet = 0;
    while octet < 128 {
        let byte = octet as u8;
        let is_alphanumeric = byte.is_ascii_alphanumeric();
        let host = is_alphanumeric || matches!(byte, b'-' | b'.' | b'_' | b'~');
        let token = host || matches!(byte, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'^' | b'`' | b'|');
        let excluded = b"\"#<>\\^`{|}?%";
        let (mut target, mut at) = (byte.is_ascii_graphic(), 0);
        while at < excluded.len() {
            target &= byte != excluded[at];
            at += 1;
        }
        classes[octet] = (HOST * host as u8) | (TOKEN * token as u8) | (TARGET * target as u8);
        octet += 1;
    }
    classes
};

/// Whether an octet is of a class.
pub(super) fn is_of(class: u8, octet: u8) -> bool {
    CLASSES[usize::from(octet)] & class != 0
}

/// Whether a text is a word, whatever the case of its letters; eight octets at a time. The word is of lower case letters, digits
/// and hyphens, and the text a name or value that httparse has taken, so without control characters: then nothing else
/// becomes one of these by the bit that makes letters small.
pub(super) fn is_word(text: &[u8], word: &[u8]) -> bool {
    const SMALL: u64 = u64::from_ne_bytes([0x20; 8]);
    let ((texts, text_end), (words, word_end)) = (text.as_chunks(), word.as_chunks());
    text.len() == word.len()
        && texts.iter().zip(words).all(|(text, word)| u64::from_ne_bytes(*text) | SMALL == u64::from_ne_bytes(*word))
        && text_end.iter().zip(word_end).all(|(text, word)| text | 0x20 == *word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(class: u8) -> String {
        (0..=255).filter(|&octet| is_of(class, octet)).map(char::from).collect()
    }

    #[test]
    fn classes_are_those_of_the_rfcs() {
        const ALPHANUMERIC: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let sorted = |others: &str| {
            let mut all: Vec<char> = ALPHANUMERIC.chars().chain(others.chars()).collect();
            all.sort_unstable();
            String::from_iter(all)
        };
        assert_eq!(of(HOST), sorted("-._~"));
        assert_eq!(of(TOKEN), sorted("!#$%&'*+-.^_`|~"));
        assert_eq!(of(TARGET), sorted("-._~:/[]@!$&'()*+,;="));
    }

    #[test]
    fn a_word_is_itself_in_any_case_and_no_other_text() {
        let words =
            ["host", "expect", "connection", "content-length", "transfer-encoding", "100-continue", "close", "-", ""];
        for word in words {
            assert!(
                is_word(word.as_bytes(), word.as_bytes()) && is_word(word.to_uppercase().as_bytes(), word.as_bytes()),
                "{word}"
            );
            assert!(!is_word(&[word.as_bytes(), b"x"].concat(), word.as_bytes()), "{word}");
            for at in 0..word.len() {
                assert!(!is_word(&word.as_bytes()[..at], word.as_bytes()));
                for octet in
                    (b' '..=255).chain([b'\t']).filter(|octet| !octet.eq_ignore_ascii_case(&word.as_bytes()[at]))
                {
                    let mut text = word.as_bytes().to_vec();
                    text[at] = octet;
                    assert!(!is_word(&text, word.as_bytes()), "{text:?}");
                }
            }
        }
    }
}
