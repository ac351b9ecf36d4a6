//! What names look like: of objects, containers and ports, and the values of labels.

use super::field::{as_text, unexpected};
use crate::forecast::yaml::{Fault, Node};

/// Whether a text is 1 to `most` letters and digits, lower-case unless said otherwise, with these bytes between them.
pub(super) fn is_name(text: &str, most: usize, inner: &str, has_upper: bool) -> bool {
    let is_outer = |c: char| c.is_ascii_digit() || c.is_ascii_lowercase() || has_upper && c.is_ascii_uppercase();
    let is_inner = |c: char| is_outer(c) || inner.contains(c);
    text.len() <= most && text.starts_with(is_outer) && text.ends_with(is_outer) && text.chars().all(is_inner)
}

/// Refuses what is no RFC 1123 label, as containers and namespaces have.
pub(super) fn check_label(node: &Node<'_>) -> Result<(), Fault> {
    if is_name(as_text(node)?, 63, "-", false) {
        return Ok(());
    }
    unexpected(node, "a name of at most 63 lower-case letters, digits and inner dashes")
}

/// Refuses what is no RFC 1123 subdomain, as most objects have.
pub(super) fn check_subdomain(node: &Node<'_>) -> Result<(), Fault> {
    let name = as_text(node)?;
    if name.len() <= 253 && name.split('.').all(|label| is_name(label, 253, "-", false)) {
        return Ok(());
    }
    unexpected(node, "a name of at most 253 lower-case letters, digits, inner dashes and dots")
}

/// A port's name (RFC 6335, as Kubernetes takes it).
pub(super) fn port_name(node: &Node<'_>) -> Result<String, Fault> {
    let name = as_text(node)?;
    let has_letter = name.contains(|c: char| c.is_ascii_lowercase());
    if is_name(name, 15, "-", false) && has_letter && !name.contains("--") {
        return Ok(String::from(name));
    }
    let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let expected = if is_number {
        "a number without quotes, or a port's name"
    } else {
        "a port's number, or a name of at most 15 lower-case letters, digits and inner dashes"
    };
    unexpected(node, expected)
}
