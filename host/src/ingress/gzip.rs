//! Bodies with `Content-Encoding: gzip`, within limits.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use super::body::{BodyBudget, ReadBodyError};

/// Bytes that are decompressed between two looks at the limits.
const PART_BYTES: usize = 16 * 1024;

/// The reason why a body was not decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum GunzipError {
    /// It is no gzip, or its end is missing.
    #[error("the body is no gzip, though its Content-Encoding says so")]
    Malformed,
    /// It has more bytes than allowed.
    #[error("the decompressed body is larger than server.body_max_bytes")]
    TooLarge,
    /// The memory of all bodies has no room left.
    #[error("too many bodies at once")]
    BudgetFull,
}

/// Decompresses a body of at most `most` bytes. `reserve` takes memory before it is allocated.
fn decompress(
    body: &[u8],
    most: usize,
    mut reserve: impl FnMut(usize) -> Result<(), GunzipError>,
) -> Result<Vec<u8>, GunzipError> {
    let mut decoder = MultiGzDecoder::new(body);
    let mut bytes = Vec::new();
    let mut part = [0; PART_BYTES];
    loop {
        let read = decoder.read(&mut part).map_err(|_| GunzipError::Malformed)?;
        if read == 0 {
            return Ok(bytes);
        }
        let needed = bytes.len() + read;
        if needed > most {
            return Err(GunzipError::TooLarge);
        }
        if needed > bytes.capacity() {
            let wanted = (bytes.capacity() * 2).max(PART_BYTES).min(most).max(needed);
            reserve(wanted - bytes.capacity())?;
            bytes.reserve_exact(wanted - bytes.len());
        }
        bytes.extend_from_slice(&part[..read]);
    }
}

/// Decompresses a body whose memory counts elsewhere.
pub(super) fn gunzip_alone(body: &[u8], most: usize) -> Result<Bytes, GunzipError> {
    decompress(body, most, |_| Ok(())).map(Bytes::from)
}

/// Decompresses a body whose own memory counts in the budget; that of the result does, too.
pub(super) fn gunzip(
    body: &[u8],
    most: usize,
    budget: &BodyBudget,
    bodies_max: usize,
) -> Result<Bytes, GunzipError> {
    let reserve = |bytes| match budget.reserve(bytes, bodies_max) {
        Ok(()) => Ok(()),
        Err(ReadBodyError::BudgetFull | ReadBodyError::TooLarge | ReadBodyError::Broken) => {
            Err(GunzipError::BudgetFull)
        }
    };
    decompress(body, most, reserve).map(Bytes::from)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests may panic")]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn decompresses_up_to_the_limit() {
        let body = vec![b'x'; 100_000];
        let mut reserved = 0;
        let unzipped = decompress(&gzip(&body), 100_000, |bytes| {
            reserved += bytes;
            Ok(())
        });
        assert_eq!(unzipped.unwrap(), body);
        assert_eq!(reserved, 100_000, "all of it was reserved before");
        assert_eq!(decompress(&gzip(&body), 99_999, |_| Ok(())), Err(GunzipError::TooLarge));
        let bomb = gzip(&vec![0; 10_000_000]);
        assert!(bomb.len() < 20_000);
        assert_eq!(decompress(&bomb, 1_000_000, |_| Ok(())), Err(GunzipError::TooLarge));
        let full = decompress(&gzip(&body), 100_000, |_| Err(GunzipError::BudgetFull));
        assert_eq!(full, Err(GunzipError::BudgetFull));
    }

    #[test]
    fn rejects_what_is_no_gzip_or_is_cut_off() {
        let whole = gzip(b"some body that is long enough");
        for wrong in [b"".as_slice(), b"{}", &whole[..whole.len() - 1], &whole[..12], b"\x1f\x8b"] {
            let unzipped = decompress(wrong, 1000, |_| Ok(()));
            assert!(unzipped == Err(GunzipError::Malformed) || wrong.is_empty(), "{wrong:?}: {unzipped:?}");
        }
    }
}
