//! Messages of gRPC: the prefix of five octets, and the protobuf of `grpc.health.v1` behind it.

use super::{LISTED, State, Status};
use crate::text;

/// Octets in front of each message: whether it is compressed, and its length.
pub(super) const PREFIX: usize = 5;
/// Longest message that is read: a name, and fields that are not known here.
pub(super) const MAX_MESSAGE: usize = 2 * 1024;

/// Checks what there is of the one message of a request. `None`: its end is missing.
#[inline(never)]
pub(super) fn check(bytes: &[u8]) -> Result<Option<&[u8]>, Status> {
    match bytes.first() {
        None | Some(0) => {}
        Some(1) => return Err(Status::Compressed),
        Some(_) => return Err(Status::BadMessage),
    }
    let Some((&[_, length @ ..], message)) = bytes.split_first_chunk::<PREFIX>() else { return Ok(None) };
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_MESSAGE {
        return Err(Status::TooLarge);
    }
    if message.len() > length {
        return Err(Status::BadMessage);
    }
    Ok(Some(message).filter(|_| message.len() == length))
}

/// The name of the service in a whole request: field 1 of HealthCheckRequest. HealthListRequest has no field, so that is
/// read in the same way.
pub(super) fn service(bytes: &[u8]) -> Result<&[u8], Status> {
    check(bytes)?.and_then(field_1).ok_or(Status::BadMessage)
}

/// The last field 1 of a message of protobuf; other fields are skipped. `None`: it is no such message.
fn field_1(mut message: &[u8]) -> Option<&[u8]> {
    let (input, mut found) = (&mut message, &b""[..]);
    while !input.is_empty() {
        let tag = varint(input)?;
        let (number, kind) = (tag >> 3, tag & 7);
        if number == 0 || number >= 1 << 29 {
            return None;
        }
        let length = match kind {
            0 => {
                varint(input)?;
                0
            }
            1 => 8,
            2 => usize::try_from(varint(input)?).ok()?,
            5 => 4,
            _ => return None,
        };
        let value = input.split_off(..length)?;
        if (number, kind) == (1, 2) {
            found = value;
        }
    }
    std::str::from_utf8(found).ok()?;
    Some(found)
}

fn varint(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *input.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// HealthCheckResponse: a state alone.
pub(super) fn state(state: u8) -> [u8; 7] {
    [0, 0, 0, 0, 2, 8, state]
}

/// HealthListResponse: the states of the names that are [`LISTED`], as entries of a map.
pub(super) fn list(states: &[State]) -> Vec<u8> {
    let mut out = vec![0; PREFIX];
    for (at, state) in states.iter().enumerate() {
        let name = text::word(LISTED, at);
        // Cannot fail: our own names are short.
        let length = name.len() as u8;
        out.extend_from_slice(&[0x0a, length + 6, 0x0a, length]);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&[0x12, 2, 8, *state as u8]);
    }
    out[PREFIX - 1] = (out.len() - PREFIX) as u8;
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(message: &[u8]) -> Vec<u8> {
        [&[0, 0, 0, (message.len() >> 8) as u8, message.len() as u8], message].concat()
    }

    #[test]
    fn the_last_field_1_is_the_service_and_others_are_skipped() {
        for (message, want) in [
            (&b""[..], ""),
            (b"\x0a\0", ""),
            (b"\x0a\x05ready", "ready"),
            (b"\x0a\x05ready\x0a\x04live", "live"),
            (b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x0a\x04live", "live"),
            (b"\x0a\x04live\x1112345678", "live"),
            (b"\x0a\x04live\x08\x01", "live"), // No field 1 that is known here.
            (b"\x0a\x04live\x1a\x02ab\x25abcd", "live"),
            (b"\x0a\x02\xc3\xa9", "\u{e9}"),
            (b"\x8a\0\x04live", "live"), // A tag may be longer than it has to be.
        ] {
            assert_eq!(service(&request(message)), Ok(want.as_bytes()), "{}", message.escape_ascii());
        }
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_status() {
        let internal = Status::BadMessage;
        for (bytes, want) in [
            (&b""[..], internal),
            (b"\0\0\0\0", internal),
            (b"\0\0\0\0\x02\x0a", internal),
            (b"\0\0\0\0\0\0\0\0\0\0", internal),
            (b"\x02\0\0\0\0", internal),
            (b"\x01\0\0\0\0", Status::Compressed),
            (b"\0\0\0\x08\x01", Status::TooLarge),
            (b"\0\xff\xff\xff\xff", Status::TooLarge),
        ] {
            assert_eq!(service(bytes), Err(want), "{}", bytes.escape_ascii());
        }
        for message in [
            &b"\x0a"[..],
            b"\x0a\x02a",
            b"\x02\0",
            b"\x13",
            b"\x0a\x02\xff\xff",
            b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            assert_eq!(service(&request(message)), Err(internal), "{}", message.escape_ascii());
        }
    }

    #[test]
    fn too_much_is_refused_before_it_has_come() {
        assert_eq!(check(b"\0\0\0\x08\0"), Ok(None));
        assert_eq!(check(b"\0\0\0\x08\x01"), Err(Status::TooLarge));
        assert_eq!(check(b"\0\0\0\0\x01ab"), Err(Status::BadMessage), "a second message");
    }

    #[test]
    fn a_list_is_a_map() {
        let want = b"\0\0\0\0\x18\x0a\x06\x0a\0\x12\x02\x08\x01\x0a\x0e\x0a\x08liveness\x12\x02\x08\x02";
        assert_eq!(list(&[State::Serving, State::NotServing]), want);
    }
}
