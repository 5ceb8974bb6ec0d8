//! Servers that return the responses that the test sets.

use super::world;
use crate::http::{Error, Request, Response};

pub(crate) fn fetch(request: &Request) -> Result<Response, Error> {
    world::with(|world| {
        let mut passed_on = request.clone();
        for (name, _) in &mut passed_on.headers {
            name.make_ascii_lowercase();
        }
        world.fetched.push(passed_on);
        let answer = world.answers.get(&(request.method.clone(), request.url.clone()));
        answer.cloned().ok_or_else(|| Error::Failed("this test has no answer to it".into()))
    })
}
