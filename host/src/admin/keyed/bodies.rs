//! The memory for bodies of requests with an idempotency key. A body is read before its request is made, since its digest
//! belongs to the key, and stays until the request has ended.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use http_body_util::BodyExt as _;

use super::KeyRule;
use crate::admin::Problem;

/// The bytes of all bodies that are in memory.
#[derive(Clone, Default)]
pub(super) struct BodyMemory(Arc<Mutex<usize>>);

/// The place of a body, until this is dropped.
pub(super) struct BodyPlace {
    memory: BodyMemory,
    bytes: usize,
}

impl Drop for BodyPlace {
    fn drop(&mut self) {
        let mut used = self.memory.0.lock().unwrap_or_else(PoisonError::into_inner);
        *used = used.saturating_sub(self.bytes);
    }
}

impl BodyPlace {
    /// Takes more memory. A body that is alone may be larger than the limit, so that none is refused for ever.
    fn grow(&mut self, bytes: usize, max_bytes: usize) -> Result<(), Problem> {
        let mut used = self.memory.0.lock().unwrap_or_else(PoisonError::into_inner);
        let others = used.saturating_sub(self.bytes);
        if others > 0 && used.saturating_add(bytes) > max_bytes {
            let detail = format!(
                "the bodies of other requests with an `Idempotency-Key` fill the memory for them \
                 (admin.idempotency_bodies_max_bytes, {max_bytes}): repeat the request later"
            );
            return Err(Problem::unavailable(detail).of_kind("idempotency-bodies-full"));
        }
        *used = used.saturating_add(bytes);
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }
}

/// The limits of a body, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    /// Of this one.
    pub(super) of_one: usize,
    /// Of all together.
    pub(super) of_all: usize,
}

impl BodyMemory {
    /// Reads a body.
    pub(super) async fn read(
        &self,
        mut body: Body,
        limits: BodyLimits,
        rule: KeyRule,
    ) -> Result<(Bytes, BodyPlace), Problem> {
        let mut place = BodyPlace { memory: self.clone(), bytes: 0 };
        let mut whole = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| unreadable(&error.to_string()))?;
            let Ok(data) = frame.into_data() else { continue };
            if whole.len().saturating_add(data.len()) > limits.of_one {
                return Err(too_long(limits.of_one, rule));
            }
            place.grow(data.len(), limits.of_all)?;
            whole.extend_from_slice(&data);
        }
        Ok((whole.into(), place))
    }
}

fn unreadable(what: &str) -> Problem {
    Problem::bad_request(format!("the body did not arrive whole: {what}"))
}

fn too_long(limit: usize, rule: KeyRule) -> Problem {
    if rule.takes_file {
        let detail = format!("the file has more than plugins.file_max_bytes ({limit})");
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail);
    }
    unreadable(&format!("it has more than {limit} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Permission;

    const RULE: KeyRule = KeyRule { permission: Permission::Deploy, takes_file: true, is_repeatable: false };

    async fn read(memory: &BodyMemory, bytes: usize) -> Result<(Bytes, BodyPlace), Problem> {
        memory.read(Body::from(vec![0; bytes]), BodyLimits { of_one: 20, of_all: 16 }, RULE).await
    }

    #[tokio::test]
    async fn bodies_have_one_limit_together_and_leave_with_their_requests() {
        let memory = BodyMemory::default();
        let first = read(&memory, 10).await.unwrap();
        assert!(read(&memory, 6).await.is_ok());
        let full = read(&memory, 7).await.err().unwrap();
        assert_eq!((full.status, full.kind.as_str()), (503, "/problems/idempotency-bodies-full"));
        assert_eq!(*memory.0.lock().unwrap(), 10, "a refused body is not in memory");
        drop(first);
        assert!(read(&memory, 17).await.is_ok(), "one that is alone has room");
        assert_eq!(read(&memory, 21).await.err().unwrap().status, 413);
        assert_eq!(*memory.0.lock().unwrap(), 0);
    }
}
