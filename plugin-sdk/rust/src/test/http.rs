//! Servers that answer what the test says.

use super::world;
use crate::http::{Error, Request, Response};

pub(crate) fn fetch(request: &Request) -> Result<Response, Error> {
    world::with(|world| {
        world.fetched.push(request.clone());
        let answer = world.answers.get(&(request.method.clone(), request.url.clone()));
        answer.cloned().ok_or_else(|| Error::Failed("this test has no answer to it".into()))
    })
}
