//! Our side of the wire: the first frame, and header blocks. They are constants of HPACK that refer to the static table
//! alone, so there is no table of ours to keep.

use super::Status;
use super::frame::{self, END_HEADERS, END_STREAM, HEADERS};
use crate::text;

/// The payload of our SETTINGS: MAX_CONCURRENT_STREAMS 128, MAX_HEADER_LIST_SIZE 16384.
pub(super) const SETTINGS: &[u8] = b"\0\x03\0\0\0\x80\0\x06\0\0\x40\0";

/// `:status` 200 and `content-type: application/grpc`. In front a size update to 0, which satisfies clients that lower
/// HEADER_TABLE_SIZE whenever they do that.
const HEAD: &[u8] = b"\x20\x88\x0f\x10\x8b\x1d\x75\xd0\x62\x0d\x26\x3d\x4c\x4d\x65\x64";
/// `grpc-status`, without its value.
const STATUS: &[u8] = b"\0\x88\x9a\xca\xc8\xb2\x12\x34\xda\x8f";
/// `grpc-status` 0.
const OK: &[u8] = b"\0\x88\x9a\xca\xc8\xb2\x12\x34\xda\x8f\x010";
/// `grpc-message`, without its value.
const MESSAGE: &[u8] = b"\0\x89\x9a\xca\xc8\xb5\x25\x42\x07\x31\x7f";
/// `:status` 415 and `content-type: text/plain`.
const NOT_GRPC: &[u8] = b"\x20\x08\x03415\x0f\x10\x0atext/plain";
/// The content of that.
pub(super) const NOT_GRPC_TEXT: &[u8] = b"HTTP/2 is spoken here for grpc.health.v1.Health alone\n";

pub(super) fn head(out: &mut Vec<u8>, stream: u32) {
    frame::put(out, HEADERS, END_HEADERS, stream, HEAD);
}

pub(super) fn not_grpc(out: &mut Vec<u8>, stream: u32) {
    frame::put(out, HEADERS, END_HEADERS, stream, NOT_GRPC);
}

/// Appends the trailers of an answer: `grpc-status` 0.
pub(super) fn trailers(out: &mut Vec<u8>, stream: u32) {
    frame::put(out, HEADERS, END_HEADERS | END_STREAM, stream, OK);
}

/// Appends the end of a call that fails, with a head where none has been sent.
pub(super) fn error(out: &mut Vec<u8>, stream: u32, status: Status, has_head: bool) {
    let mut block = if has_head { b"" } else { HEAD }.to_vec();
    text::put(&mut block, STATUS);
    let code = status.code();
    block.push(if code < 10 { 1 } else { 2 });
    text::decimal(&mut block, code.into());
    text::put(&mut block, MESSAGE);
    // Cannot fail: our texts are shorter than 127 octets, so one octet holds the length.
    let text = status.text();
    block.push(text.len() as u8);
    text::put(&mut block, text.as_bytes());
    frame::put(out, HEADERS, END_HEADERS | END_STREAM, stream, &block);
}
