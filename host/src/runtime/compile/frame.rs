//! What parent and child say to each other over pipes: a tag, a length in eight bytes (little-endian),
//! and as many bytes.

/// Parent to child: a file. The only one.
pub(super) const FILE: u8 = b'f';
/// Child to parent: machine code.
pub(super) const CODE: u8 = b'c';
/// Child to parent: what is wrong with the file.
pub(super) const ERROR: u8 = b'e';

/// Bytes of a tag and a length.
pub(super) const HEAD_BYTES: usize = 9;

/// The head of a frame with so many bytes.
pub(super) fn head(tag: u8, length: usize) -> [u8; HEAD_BYTES] {
    let mut head = [tag; HEAD_BYTES];
    head[1..].copy_from_slice(&(length as u64).to_le_bytes());
    head
}

/// Tag and length of a head.
pub(super) fn read_head(head: [u8; HEAD_BYTES]) -> (u8, u64) {
    let [tag, length @ ..] = head;
    (tag, u64::from_le_bytes(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_survives_the_pipe() {
        assert_eq!(read_head(head(CODE, 0x0102_0304_0506)), (CODE, 0x0102_0304_0506));
    }
}
