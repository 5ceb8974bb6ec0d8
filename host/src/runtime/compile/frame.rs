//! Frames on the pipes between parent and child: a tag, a length in eight bytes (little-endian), and the content.

/// Parent to child: the file.
pub(super) const FILE: u8 = b'f';
/// Child to parent: machine code.
pub(super) const CODE: u8 = b'c';
/// Child to parent: the handlers that the file exports, as JSON.
pub(super) const EXPORTS: u8 = b'x';
/// Child to parent: an error in the file.
pub(super) const ERROR: u8 = b'e';

/// Bytes of a tag and a length.
pub(super) const HEADER_BYTES: usize = 9;

/// Encodes the header of a frame with this length.
pub(super) fn encode_header(tag: u8, length: usize) -> [u8; HEADER_BYTES] {
    let mut header = [tag; HEADER_BYTES];
    header[1..].copy_from_slice(&(length as u64).to_le_bytes());
    header
}

/// Decodes a header into tag and length.
pub(super) fn decode_header(header: [u8; HEADER_BYTES]) -> (u8, u64) {
    let [tag, length @ ..] = header;
    (tag, u64::from_le_bytes(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_an_encoded_header() {
        assert_eq!(decode_header(encode_header(CODE, 0x0102_0304_0506)), (CODE, 0x0102_0304_0506));
    }
}
