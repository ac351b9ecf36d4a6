//! `GET /ui`: the page that shows what happens. It is kept compressed (`scripts/page` makes it from `src/ui/page.html`).

use super::{Outcome, Request};
use crate::http::response::{Body, Response};
use crate::text;

const PAGE: &[u8] = include_bytes!("../ui/page.html.gz");
/// The policy names the hashes of the page's own script and style, and lets nothing else in.
const FIELDS: &str = concat!(
    "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n",
    "Referrer-Policy: no-referrer\r\nContent-Security-Policy: ",
    include_str!("../ui/policy.txt"),
    "\r\n"
);

/// The page, for clients that say they can unpack it.
#[inline(never)]
pub(super) fn answer(request: &Request<'_>) -> Outcome {
    if !accepts_gzip(request.head.field("accept-encoding").unwrap_or_default()) {
        let line = "the page is compressed; a client has to send Accept-Encoding: gzip (curl --compressed)";
        return Outcome::error(406, line);
    }
    Outcome::Respond(Response::new(200, "text/html; charset=utf-8", Body::Static(PAGE)).with_fields(FIELDS))
}

/// Whether Accept-Encoding (RFC 9110 section 12.5.3) names gzip, or anything, without a weight of zero.
fn accepts_gzip(value: &[u8]) -> bool {
    let weight_of = |wanted: &[u8]| {
        value.split(|&byte| byte == b',').find_map(|coding| {
            let mut parts = coding.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
            let is_it = text::is_same(parts.next()?, wanted);
            is_it.then(|| parts.next().is_none_or(|weight| weight.iter().any(|byte| (b'1'..=b'9').contains(byte))))
        })
    };
    weight_of(b"gzip").or_else(|| weight_of(b"*")).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_accepted_when_named_and_not_refused() {
        for (value, want) in [
            ("gzip, deflate, br, zstd", true),
            ("deflate, GZIP;q=0.5", true),
            ("*", true),
            ("", false),
            ("identity", false),
            ("gzip;q=0, *", false),
            ("gzip; q=0.000", false),
            ("br, *;q=0", false),
        ] {
            assert_eq!(accepts_gzip(value.as_bytes()), want, "{value}");
        }
    }
}
