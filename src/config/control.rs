//! Who may use the control routes, and how a secret stays one.

use crate::text;

/// What CONTROL begins with when a secret follows.
const TOKEN: &[u8] = b"token:";
pub(super) const MAX_TOKEN: usize = 4096;

/// Who may use the control routes.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Control {
    /// Everybody, as with the original.
    #[default]
    Open,
    /// Nobody: they do not exist.
    Off,
    /// Who sends this as a bearer token (RFC 6750).
    Token(Vec<u8>),
}

impl Control {
    /// Reads it as it is set. An error says what is wrong with its form, and nothing of what it holds: it may be a secret
    /// with a slip of the pen. One final newline is cut, as files and here-documents leave it.
    pub(super) fn parse(value: &[u8]) -> Result<Self, &'static str> {
        let value = value.strip_suffix(b"\n").unwrap_or(value);
        match value {
            b"open" => return Ok(Self::Open),
            b"off" => return Ok(Self::Off),
            _ => {}
        }
        match value.strip_prefix(TOKEN) {
            Some([]) => Err("the secret is empty"),
            Some(token) if token.len() > MAX_TOKEN => Err("the secret is longer than 4096 octets"),
            Some(token) if is_token(token) => Ok(Self::Token(token.to_vec())),
            Some(_) => Err("the secret has an octet that is not visible ASCII, such as a space or a newline"),
            None if value.starts_with(b"token") => Err("behind token has to come a colon"),
            None => Err("it begins with none of these"),
        }
    }
}

impl std::fmt::Debug for Control {
    /// Without the secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Open => "open",
            Self::Off => "off",
            Self::Token(_) => "token",
        })
    }
}

/// What can be sent as a bearer token, and is worth guessing.
pub(super) fn is_token(token: &[u8]) -> bool {
    !token.is_empty() && token.len() <= MAX_TOKEN && token.iter().all(u8::is_ascii_graphic)
}

/// A value as the log and errors may show it. A secret may be in CONTROL in any form, and where a file with one is meant.
pub(super) fn shown(name: &str, value: &[u8]) -> String {
    let is_shown = match name {
        "CONTROL" => matches!(value.trim_ascii(), b"open" | b"off"),
        "CONTROL_TOKEN_FILE" => value.starts_with(b"/"),
        _ => true,
    };
    if is_shown { text::lossy(value) } else { "***".to_owned() }
}
