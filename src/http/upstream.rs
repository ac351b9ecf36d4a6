//! The client's side of HTTP: response heads as `/resolve` and `healthcheck` meet them.

use std::mem::MaybeUninit;

use super::MAX_FIELDS;
use super::body::BodyReader;
use crate::text;

/// What an upstream's response head says.
#[derive(Debug)]
pub struct UpstreamHead {
    /// Status code.
    pub status: u16,
    /// Its reason phrase, as sent.
    pub reason: String,
    /// Reads the content that follows.
    pub body: BodyReader,
    /// `Probe-Pod`, where a probeserver answered.
    pub pod: Option<String>,
    /// `Probe-Zone`, where a probeserver answered.
    pub zone: Option<String>,
    /// Whether the connection goes on after this answer, as far as its head says (RFC 9112 section 9.3).
    pub keeps: bool,
    /// Octets of the head.
    pub length: usize,
}

/// The other side did not speak HTTP/1.x.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotHttp;

/// Parses a response head to a GET. `Ok(None)`: not all there yet. Interim (1xx) heads are passed over.
pub fn parse(input: &[u8]) -> Result<Option<UpstreamHead>, NotHttp> {
    let mut skipped = 0;
    loop {
        let mut slots = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        let rest = &input[skipped..];
        let length = match config.parse_response_with_uninit_headers(&mut response, rest, &mut slots) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(NotHttp),
        };
        skipped += length;
        let status = response.code.ok_or(NotHttp)?;
        if (100..200).contains(&status) && status != 101 {
            continue;
        }
        let value = |name: &str| {
            response
                .headers
                .iter()
                .find(|field| text::is_same(field.name.as_bytes(), name.as_bytes()))
                .map(|field| field.value)
        };
        let visible = |name: &str| {
            let value = value(name)?;
            let fits = value.len() <= 256 && value.iter().all(|byte| (b' '..=b'~').contains(byte));
            if fits { Some(text::into_string(value.to_vec())) } else { None }
        };
        let has_content = !matches!(status, 204 | 304);
        let is_chunked =
            has_content && value("transfer-encoding").is_some_and(|coding| text::is_same(coding, b"chunked"));
        let length = match value("content-length") {
            _ if !has_content => Some(0),
            Some(length) if !is_chunked => Some(text::parse_decimal(length).ok_or(NotHttp)?),
            _ => None,
        };
        return Ok(Some(UpstreamHead {
            status,
            reason: response.reason.unwrap_or_default().to_owned(),
            body: BodyReader::of_response(length, is_chunked),
            pod: visible("probe-pod"),
            zone: visible("probe-zone"),
            keeps: response.version == Some(1)
                && !value("connection").is_some_and(|options| text::is_same(options, b"close")),
            length: skipped,
        }));
    }
}
