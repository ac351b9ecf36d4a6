//! The Huffman code of HPACK (RFC 7541 appendix B), decoding only. The code is canonical: its symbols in the order of
//! their codes, and how many there are of each length, are all there is to know.

/// How many codes there are of 5 bits, of 6, and so on to 30.
const COUNTS: [u8; 26] = [10, 26, 32, 6, 0, 5, 3, 2, 6, 2, 3, 0, 0, 0, 3, 8, 13, 26, 29, 12, 4, 15, 19, 29, 0, 4];
const SHORTEST: u32 = 5;
const LONGEST: u32 = SHORTEST + COUNTS.len() as u32 - 1;

/// The octets in the order of their codes. The 257th code, EOS, is the last.
const SYMBOLS: [u8; 256] = [
    48, 49, 50, 97, 99, 101, 105, 111, 115, 116, 32, 37, 45, 46, 47, 51, 52, 53, 54, 55, 56, 57, 61, 65, 95, 98, 100,
    102, 103, 104, 108, 109, 110, 112, 114, 117, 58, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81,
    82, 83, 84, 85, 86, 87, 89, 106, 107, 113, 118, 119, 120, 121, 122, 38, 42, 44, 59, 88, 90, 33, 34, 40, 41, 63, 39,
    43, 124, 35, 62, 0, 36, 64, 91, 93, 126, 94, 125, 60, 96, 123, 92, 195, 208, 128, 130, 131, 162, 184, 194, 224,
    226, 153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230, 129, 132, 133, 134, 136, 146, 154, 156, 160,
    163, 164, 169, 170, 173, 178, 181, 185, 186, 187, 189, 190, 196, 198, 228, 232, 233, 1, 135, 137, 138, 139, 140,
    141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168, 174, 175, 180, 182, 183, 188, 191, 197, 231, 239,
    9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237, 199, 207, 234, 235, 192, 193, 200, 201, 202, 205, 210,
    213, 218, 219, 238, 240, 242, 243, 255, 203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246, 247, 248, 250,
    251, 252, 253, 254, 2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28, 29, 30,
    31, 127, 220, 249, 10, 13, 22,
];

/// Decodes a string, octet by octet. `None`: it holds EOS, or its padding is longer than 7 bits or not all ones.
pub(super) fn decode(bytes: &[u8], mut put: impl FnMut(u8)) -> Option<()> {
    // The bits of a code so far, and how many; the first code of that length, and its place among the symbols.
    let (mut code, mut length, mut first, mut place) = (0u32, 0, 0, 0);
    for at in 0..bytes.len() * 8 {
        let bit = u32::from(bytes[at / 8] << (at % 8) >> 7);
        (code, length, first) = (code << 1 | bit, length + 1, first << 1);
        if length < SHORTEST {
            continue;
        }
        if length > LONGEST {
            return None; // Cannot happen: the code is complete.
        }
        let count = u32::from(COUNTS[(length - SHORTEST) as usize]);
        if code - first < count {
            put(*SYMBOLS.get((place + code - first) as usize)?);
            (code, length, first, place) = (0, 0, 0, 0);
        } else {
            (first, place) = (first + count, place + count);
        }
    }
    (length < 8 && code + 1 == 1 << length).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        decode(bytes, |byte| out.push(byte)).map(|()| out)
    }

    #[test]
    fn the_code_is_complete_and_every_octet_has_one_place() {
        // Kraft's sum is exactly one, EOS included.
        let sum: u64 =
            COUNTS.iter().zip(SHORTEST..).map(|(&count, length)| u64::from(count) << (LONGEST - length)).sum();
        assert_eq!(sum, 1 << LONGEST);
        let mut sorted = SYMBOLS;
        sorted.sort_unstable();
        assert!(sorted.iter().enumerate().all(|(at, &symbol)| at == usize::from(symbol)));
    }

    #[test]
    fn strings_of_rfc_7541_appendix_c_are_read() {
        for (bytes, want) in [
            (&b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"[..], "www.example.com"),
            (b"\xa8\xeb\x10\x64\x9c\xbf", "no-cache"),
            (b"\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f", "custom-key"),
            (
                b"\xd0\x7a\xbe\x94\x10\x54\xd4\x44\xa8\x20\x05\x95\x04\x0b\x81\x66\xe0\x82\xa6\x2d\x1b\xff",
                "Mon, 21 Oct 2013 20:13:21 GMT",
            ),
            (b"\x64\x0e\xff", "307"),
            (b"", ""),
        ] {
            assert_eq!(decoded(bytes).as_deref(), Some(want.as_bytes()));
        }
    }

    #[test]
    fn padding_is_less_than_an_octet_of_ones_and_eos_is_never_sent() {
        for (bytes, why) in [
            (&b"\xff"[..], "eight bits of padding"),
            (b"\x1f\xff", "an octet and eight bits"),
            (b"\x1e", "padding with a zero"),
            (b"\xff\xff\xff\xff", "EOS"),
            (b"\x1f\xff\xff\xff\xff", "an octet and EOS"),
        ] {
            assert_eq!(decoded(bytes), None, "{why}");
        }
        assert_eq!(decoded(b"\x1f"), Some(b"a".to_vec()), "an octet and three bits of padding");
    }
}
