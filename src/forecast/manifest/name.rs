//! What names look like: of objects, containers and ports, and the values of labels.

use super::field::Fields;
use crate::forecast::yaml::Node;

/// Whether a text is 1 to `most` letters and digits, lower-case unless said otherwise, with these bytes between them.
#[inline(never)]
pub(super) fn is_name(bytes: &[u8], most: usize, inner: &[u8], has_upper: bool) -> bool {
    let is_outer =
        |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_lowercase() || has_upper && byte.is_ascii_uppercase();
    let ends = [bytes.first(), bytes.last()];
    bytes.len() <= most
        && ends.iter().all(|end| end.is_some_and(is_outer))
        && bytes.iter().all(|byte| is_outer(byte) || inner.contains(byte))
}

impl Fields<'_> {
    /// Refuses a field that is no RFC 1123 label, as containers and namespaces have, or subdomain, as most objects have.
    #[inline(never)]
    pub(super) fn check_name(&self, node: Node, field: &str, is_subdomain: bool) {
        let node = self.get(node, field);
        let name = self.text(node);
        let (most, expected) = if is_subdomain {
            (253, "a name of at most 253 lower-case letters, digits, inner dashes and dots")
        } else {
            (63, "a name of at most 63 lower-case letters, digits and inner dashes")
        };
        let mut is_right = name.len() <= most;
        for label in name.as_bytes().split(|&byte| byte == b'.' && is_subdomain) {
            is_right &= is_name(label, most, b"-", false);
        }
        if !is_right && !name.is_empty() {
            self.unexpected(node, expected);
        }
    }

    /// A port's name (RFC 6335, as Kubernetes takes it).
    #[inline(never)]
    pub(super) fn port_name(&self, node: Node) -> &str {
        let name = self.text(node);
        let has_letter = name.bytes().any(|byte| byte.is_ascii_lowercase());
        let has_pair = name.as_bytes().windows(2).any(|pair| pair == b"--");
        if !is_name(name.as_bytes(), 15, b"-", false) || !has_letter || has_pair {
            let expected =
                "a port's number without quotes, or a name of at most 15 lower-case letters, digits and inner dashes";
            self.unexpected(node, expected);
        }
        name
    }
}
