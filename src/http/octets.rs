//! Which octets may stand where.

/// Letters, digits and `-._~`: a host's name (RFC 3986 section 2.3, unreserved).
pub(super) const HOST: u8 = 1;
/// tchar of RFC 9110 section 5.6.2.
pub(super) const TOKEN: u8 = 2;
/// What a target has as it is: RFC 3986 characters, and brackets, which curl sends raw in a query. Not `?`, `%` and the fragment's `#`.
pub(super) const TARGET: u8 = 4;

const CLASSES: [u8; 128] = {
    let mut classes = [0; 128];
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
    CLASSES.get(usize::from(octet)).is_some_and(|classes| classes & class != 0)
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
}
