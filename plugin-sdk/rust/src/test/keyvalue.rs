//! An in-memory store with the interface of the bindings.

pub(crate) mod store {
    use std::ops::Bound;

    pub(crate) use crate::bindings::base::wasi::keyvalue::store::{Error, KeyResponse};
    use crate::test::world;

    /// Keys per page. The number is small, so tests see several pages.
    const PAGE: usize = 100;

    #[derive(Debug)]
    pub(crate) struct Bucket(String);

    #[expect(clippy::unnecessary_wraps, reason = "as the bindings")]
    pub(crate) fn open(name: &str) -> Result<Bucket, Error> {
        Ok(Bucket(name.into()))
    }

    #[expect(clippy::unnecessary_wraps, reason = "as the bindings")]
    impl Bucket {
        fn at(&self, key: &str) -> world::Key {
            (self.0.clone(), key.into())
        }

        pub(crate) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
            Ok(world::with(|world| world.store.get(&self.at(key)).cloned()))
        }

        pub(crate) fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
            world::with(|world| world.store.insert(self.at(key), value.into()));
            Ok(())
        }

        pub(crate) fn delete(&self, key: &str) -> Result<(), Error> {
            world::with(|world| world.store.remove(&self.at(key)));
            Ok(())
        }

        pub(crate) fn exists(&self, key: &str) -> Result<bool, Error> {
            Ok(world::with(|world| world.store.contains_key(&self.at(key))))
        }

        pub(crate) fn list_keys(&self, cursor: Option<&str>) -> Result<KeyResponse, Error> {
            let after = cursor.map_or(Bound::Included(self.at("")), |key| Bound::Excluded(self.at(key)));
            let keys: Vec<String> = world::with(|world| {
                let rest = world.store.range((after, Bound::Unbounded));
                let own = rest.take_while(|((bucket, _), _)| *bucket == self.0);
                own.map(|((_, key), _)| key.clone()).take(PAGE).collect()
            });
            let cursor = keys.last().filter(|_| keys.len() == PAGE).cloned();
            Ok(KeyResponse { keys, cursor })
        }
    }
}

pub(crate) mod atomics {
    use super::store::{Bucket, Error};

    pub(crate) fn increment(bucket: &Bucket, key: &str, delta: i64) -> Result<i64, Error> {
        let present = match bucket.get(key)? {
            Some(value) => std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok()),
            None => Some(0),
        };
        let sum = present.and_then(|number: i64| number.checked_add(delta));
        let sum = sum.ok_or_else(|| Error::Other(format!("the value of {key:?} cannot be incremented")))?;
        bucket.set(key, sum.to_string().as_bytes())?;
        Ok(sum)
    }

    /// No other call writes here, so a swap always succeeds. The error type is that of the host.
    pub(crate) struct Cas<'a> {
        bucket: &'a Bucket,
        key: String,
    }

    pub(crate) enum CasError<'a> {
        StoreError(Error),
        #[expect(dead_code, reason = "as the bindings")]
        CasFailed(Cas<'a>),
    }

    impl<'a> Cas<'a> {
        #[expect(clippy::unnecessary_wraps, reason = "as the bindings")]
        pub(crate) fn new(bucket: &'a Bucket, key: &str) -> Result<Self, Error> {
            Ok(Self { bucket, key: key.into() })
        }

        pub(crate) fn current(&self) -> Result<Option<Vec<u8>>, Error> {
            self.bucket.get(&self.key)
        }
    }

    pub(crate) fn swap<'a>(cas: Cas<'a>, value: &[u8]) -> Result<(), CasError<'a>> {
        cas.bucket.set(&cas.key, value).map_err(CasError::StoreError)
    }
}

pub(crate) mod batch {
    use super::store::{Bucket, Error};

    type Pair = (String, Vec<u8>);

    pub(crate) fn get_many(bucket: &Bucket, keys: &[String]) -> Result<Vec<Option<Pair>>, Error> {
        let pair = |key: &String| Ok(bucket.get(key)?.map(|value| (key.clone(), value)));
        keys.iter().map(pair).collect()
    }

    pub(crate) fn set_many(bucket: &Bucket, pairs: &[Pair]) -> Result<(), Error> {
        pairs.iter().try_for_each(|(key, value)| bucket.set(key, value))
    }

    pub(crate) fn delete_many(bucket: &Bucket, keys: &[String]) -> Result<(), Error> {
        keys.iter().try_for_each(|key| bucket.delete(key))
    }
}
