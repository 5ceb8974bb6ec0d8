//! A connection that limits the length of the other side's replies.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The longest reply before the next write: some 8 lines of full length (RFC 5321, section 4.5.3.1.5). The list of a
/// server's extensions takes less than a quarter of it. The SMTP client parses a reply again from its first line with
/// each line, so its time grows with the square of the reply's length.
const ANSWER_MAX_BYTES: usize = 4096;
/// The longest part of a server in a TLS handshake, which contains certificates.
const HANDSHAKE_MAX_BYTES: usize = 256 * 1024;
/// The first byte of a TLS record that belongs to a handshake (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;
/// A record without meaning that may precede others in a handshake (RFC 8446, appendix D.4).
const TLS_CHANGE_CIPHER_SPEC: [u8; 6] = [20, 3, 3, 0, 1, 1];

/// See the module.
#[derive(Debug)]
pub(super) struct BoundedStream {
    stream: TcpStream,
    read_bytes: usize,
    /// How much may be read before the next byte is written.
    max_bytes: usize,
    /// Whether what comes is the answer to `STARTTLS`, the last one in clear.
    is_upgrading: bool,
}

impl BoundedStream {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, read_bytes: 0, max_bytes: ANSWER_MAX_BYTES, is_upgrading: false }
    }
}

/// How much may be read after this was written. The server's part of a handshake can also follow the second
/// part of the client's, where the server wants other keys than the first one offered.
fn limit_after(written: &[u8]) -> usize {
    let record = written.strip_prefix(&TLS_CHANGE_CIPHER_SPEC).unwrap_or(written);
    if record.first() == Some(&TLS_HANDSHAKE) { HANDSHAKE_MAX_BYTES } else { ANSWER_MAX_BYTES }
}

impl AsyncRead for BoundedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read_bytes > self.max_bytes {
            let why = format!("the answer has more than {} bytes", self.max_bytes);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)));
        }
        if self.is_upgrading {
            // Byte by byte, so that nothing in clear behind the answer is kept and taken for one that was encrypted.
            let mut byte = [0];
            let mut one = ReadBuf::new(&mut byte);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut one))?;
            buffer.put_slice(one.filled());
            self.read_bytes += one.filled().len();
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.read_bytes += buffer.filled().len() - before;
        polled
    }
}

impl AsyncWrite for BoundedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.read_bytes = 0;
        self.max_bytes = limit_after(bytes);
        self.is_upgrading = bytes.starts_with(b"STARTTLS");
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl AsyncTokioStream for BoundedStream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn only_a_handshake_may_have_a_long_reply() {
        let with = |record: &[u8]| [&TLS_CHANGE_CIPHER_SPEC, record].concat();
        for (written, expected) in [
            (vec![TLS_HANDSHAKE, 3, 1], HANDSHAKE_MAX_BYTES),
            (with(&[TLS_HANDSHAKE, 3, 3]), HANDSHAKE_MAX_BYTES),
            (with(&[23, 3, 3]), ANSWER_MAX_BYTES),
            (with(&[]), ANSWER_MAX_BYTES),
            (vec![23, 3, 3], ANSWER_MAX_BYTES),
            (b"EHLO host\r\n".to_vec(), ANSWER_MAX_BYTES),
        ] {
            assert_eq!(limit_after(&written), expected, "{written:?}");
        }
    }

    async fn assert_limit(bounded: &mut BoundedStream, buffer: &mut [u8], max_bytes: usize) {
        let mut all = 0;
        let error = loop {
            match bounded.read(buffer).await {
                Ok(read) => all += read,
                Err(error) => break error,
            }
        };
        assert!(all > max_bytes && all <= max_bytes + buffer.len(), "{all}");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn a_reply_has_a_limit_and_the_one_to_starttls_is_read_alone() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, mut bounded) = (listener.accept().await.unwrap().0, BoundedStream::new(stream));
        let mut buffer = vec![0; ANSWER_MAX_BYTES];

        bounded.write_all(b"STARTTLS\r\n").await.unwrap();
        server.write_all(b"220 ok\r\n250 injected\r\n").await.unwrap();
        assert_eq!(bounded.read(&mut buffer).await.unwrap(), 1);

        bounded.write_all(b"NOOP\r\n").await.unwrap();
        let flood = tokio::spawn(async move {
            let _closed = server.write_all(&vec![b'x'; 2 * HANDSHAKE_MAX_BYTES]).await;
            server
        });
        assert_limit(&mut bounded, &mut buffer, ANSWER_MAX_BYTES).await;
        bounded.write_all(&[TLS_HANDSHAKE, 3, 1]).await.unwrap();
        assert_limit(&mut bounded, &mut buffer, HANDSHAKE_MAX_BYTES).await;
        drop(bounded);
        drop(flood.await);
    }
}
