//! Who may use the routes that change or end this process, and `/resolve`, which reaches those of others.
//!
//! A page of another origin must not be able to: browsers name such a request in Sec-Fetch-Site, or send an Origin and
//! cannot add a field of their own without a preflight, which is never granted. (Origin is not compared with Host,
//! since proxies rewrite Host.) Nor may it have another probeserver's `/resolve` ask for it: such a request says so in
//! Probe-Hops. Only a token stops a page whose own name resolves to this address (DNS rebinding).
//!
//! A client that means one pod behind a Service names it in Probe-Pod, and asks again (on a new connection, RFC 9110
//! section 15.5.20) until that one takes it.

use super::State;
use crate::config::Control;
use crate::http::Method;
use crate::http::head::Head;
use crate::http::response::Response;
use crate::text;

/// Lets a request for a control route pass (`None`), or says why not. `is_list` is a look at `/faults`, which needs no
/// token.
#[inline(never)]
pub(super) fn refuse(head: &Head<'_, '_>, is_list: bool, state: &State) -> Option<Response> {
    let control = &state.config.control;
    if *control == Control::Off {
        return Some(Response::status_page(404));
    }
    if is_from_another_origin(head) {
        return Some(Response::status_page(403));
    }
    if let Some(pod) = head.field("probe-pod")
        && pod != state.identity.pod.as_bytes()
    {
        let line = text::joined(&["this is ", &state.identity.pod, ", not the pod that Probe-Pod names"]);
        return Some(Response { close: true, ..Response::error(421, &line) });
    }
    let secret = if let Control::Token(secret) = control { Some(secret) } else { None };
    let authorization = head.field("authorization");
    let token = authorization.and_then(bearer);
    if secret.zip(token).is_some_and(|(secret, token)| is_same(token, secret)) {
        return None;
    }
    if head.field("probe-hops").is_some() {
        return Some(Response::error(403, "a control call through a probeserver (Probe-Hops) needs the token"));
    }
    if secret.is_none() || is_list && matches!(head.method, Method::Get | Method::Head) {
        return None;
    }
    match authorization {
        None => Some(Response::status_page(401)),
        Some(_) => Some(Response::status_page(403)),
    }
}

/// Lets a request for a route that calls others pass (`None`), unless a page of another origin makes it: what that
/// page may not do here it must not have us do elsewhere.
pub(super) fn refuse_other_origins(head: &Head<'_, '_>) -> Option<Response> {
    is_from_another_origin(head).then(|| Response::status_page(403))
}

fn is_from_another_origin(head: &Head<'_, '_>) -> bool {
    let site = head.field("sec-fetch-site").unwrap_or_default();
    let is_other_site = matches!(site, b"cross-site" | b"same-site");
    let changes = matches!(head.method, Method::Post | Method::Put | Method::Delete);
    let is_page = head.field("origin").is_some() && head.field("probe-control") != Some(b"1");
    is_other_site || changes && is_page
}

/// The token of `Bearer TOKEN` (RFC 6750 section 2.1; the scheme's case does not matter).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(6)?;
    let token = rest.strip_prefix(b" ")?.trim_ascii_start();
    text::is_same(scheme, b"bearer").then_some(token)
}

/// Compares in a time that depends on the length of what was sent alone.
fn is_same(sent: &[u8], secret: &[u8]) -> bool {
    let mut difference = sent.len() ^ secret.len();
    for (at, byte) in sent.iter().enumerate() {
        difference |= usize::from(byte ^ secret[at % secret.len()]);
    }
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_secret_or_not() {
        for (sent, want) in
            [("abc", true), ("abd", false), ("ab", false), ("abcabc", false), ("", false), ("abcd", false)]
        {
            assert_eq!(is_same(sent.as_bytes(), b"abc"), want, "{sent}");
        }
        for (value, token) in
            [("Bearer x", Some("x")), ("bearer  x", Some("x")), ("Basic x", None), ("Bearerx", None), ("", None)]
        {
            assert_eq!(bearer(value.as_bytes()), token.map(str::as_bytes), "{value}");
        }
    }
}
