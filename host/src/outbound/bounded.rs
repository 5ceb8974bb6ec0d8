//! A connection on which the other side can say only so much at a time.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What may come before the next byte is written: an answer, or a server's part of a TLS handshake. The SMTP client
/// looks at the length of a line once it has ended.
const ANSWER_MAX_BYTES: usize = 256 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct BoundedStream {
    stream: TcpStream,
    read_bytes: usize,
    /// Whether what comes is the answer to `STARTTLS`, the last one in clear.
    is_upgrading: bool,
}

impl BoundedStream {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, read_bytes: 0, is_upgrading: false }
    }
}

impl AsyncRead for BoundedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read_bytes > ANSWER_MAX_BYTES {
            let why = format!("the answer has more than {ANSWER_MAX_BYTES} bytes");
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

    #[tokio::test]
    async fn an_answer_has_a_limit_and_the_one_to_starttls_is_read_alone() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, mut bounded) = (listener.accept().await.unwrap().0, BoundedStream::new(stream));
        let mut buffer = vec![0; ANSWER_MAX_BYTES];

        bounded.write_all(b"STARTTLS\r\n").await.unwrap();
        server.write_all(b"220 ok\r\n250 injected\r\n").await.unwrap();
        assert_eq!(bounded.read(&mut buffer).await.unwrap(), 1);

        bounded.write_all(b"NOOP\r\n").await.unwrap();
        let flood = tokio::spawn(async move {
            let _closed = server.write_all(&vec![b'x'; 2 * ANSWER_MAX_BYTES]).await;
            server
        });
        let read = async {
            let mut all = 0;
            loop {
                match bounded.read(&mut buffer).await {
                    Ok(read) => all += read,
                    Err(error) => return (all, error.kind()),
                }
            }
        };
        let (all, kind) = read.await;
        assert!(all > ANSWER_MAX_BYTES && all <= 2 * ANSWER_MAX_BYTES + 30, "{all}");
        assert_eq!(kind, io::ErrorKind::InvalidData);
        drop(bounded);
        drop(flood.await);
    }
}
