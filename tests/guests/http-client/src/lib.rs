//! Sends the requests that its event lists, and logs each response: `200 BODY`, or the error's code. `fetch.retry` then
//! asks for another attempt.

#![allow(clippy::same_length_and_capacity, reason = "generated")]

wit_bindgen::generate!({
    inline: "
        package tests:http-client;
        world http-client {
            import wasi:logging/logging@0.1.0-draft;
            import wasi:http/outgoing-handler@0.2.12;
            export hookyard:plugin/event-handler@0.1.0;
        }
    ",
    path: [
        "../../../wit/wasi/io.wit",
        "../../../wit/wasi/clocks.wit",
        "../../../wit/wasi/random.wit",
        "../../../wit/wasi/config.wit",
        "../../../wit/wasi/logging.wit",
        "../../../wit/wasi/keyvalue.wit",
        "../../../wit/wasi/http.wit",
        "../../../wit/hookyard-plugin-0.1.0",
    ],
    generate_all,
});

use exports::hookyard::plugin::event_handler::{Context, Failure, Guest};
use hookyard::plugin::types::Retry;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use wasi::http::outgoing_handler;
use wasi::http::types::{
    Fields, FutureIncomingResponse, IncomingBody, Method, OutgoingBody, OutgoingRequest, Scheme,
};
use wasi::io::streams::StreamError;
use wasi::logging::logging::{Level, log};

struct HttpClient;

/// Calls of this instance.
static CALLS: AtomicU32 = AtomicU32::new(0);

impl Guest for HttpClient {
    fn subscriptions() -> Vec<String> {
        vec!["fetch.*".into()]
    }

    fn handle(ctx: Context, data: String) -> Result<(), Failure> {
        let data: Value = serde_json::from_str(&data).map_err(|error| Failure::Reject(error.to_string()))?;
        let call = CALLS.fetch_add(1, Ordering::Relaxed) + 1;
        log(Level::Debug, "", &format!("call {call}"));
        let requests = data["requests"].as_array().cloned().unwrap_or_default();
        // Sends all requests before it waits for the first response.
        let sent: Vec<_> = requests.iter().map(send).collect();
        if ctx.event_type == "fetch.leave" {
            // Never dropped: they end with the instance.
            std::mem::forget(sent);
            return Ok(());
        }
        for answer in sent {
            let line = answer.and_then(receive).unwrap_or_else(|error| error);
            log(Level::Info, "", &line);
        }
        if ctx.event_type == "fetch.retry" {
            return Err(Failure::Retry(Retry { reason: "not yet".into(), after_ms: None }));
        }
        Ok(())
    }
}

fn text<'a>(request: &'a Value, key: &str, default: &'a str) -> &'a str {
    request[key].as_str().unwrap_or(default)
}

fn send(request: &Value) -> Result<FutureIncomingResponse, String> {
    let headers = Fields::new();
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default().as_bytes();
        headers.append(name, value).map_err(|error| format!("{name}: {error:?}"))?;
    }
    let outgoing = OutgoingRequest::new(headers);
    let method = match text(request, "method", "GET") {
        "GET" => Method::Get,
        "POST" => Method::Post,
        other => Method::Other(other.into()),
    };
    let scheme = match text(request, "scheme", "http") {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.into()),
    };
    let set = outgoing.set_method(&method).is_ok()
        && outgoing.set_scheme(Some(&scheme)).is_ok()
        && outgoing.set_authority(Some(text(request, "host", ""))).is_ok()
        && outgoing.set_path_with_query(Some(text(request, "path", "/"))).is_ok();
    if !set {
        return Err("malformed".into());
    }
    let body = outgoing.body().map_err(|()| "no body")?;
    let answer = outgoing_handler::handle(outgoing, None).map_err(|code| format!("{code:?}"))?;
    // `fill` is a number of bytes.
    let fill = usize::try_from(request["fill"].as_u64().unwrap_or(0)).unwrap_or(0);
    let bytes = [text(request, "body", "").as_bytes(), &vec![b'x'; fill]].concat();
    let stream = body.write().map_err(|()| "no stream")?;
    for chunk in bytes.chunks(4096) {
        if stream.blocking_write_and_flush(chunk).is_err() {
            break;
        }
    }
    drop(stream);
    // The response reports an error.
    let _finished = OutgoingBody::finish(body, None);
    Ok(answer)
}

fn receive(answer: FutureIncomingResponse) -> Result<String, String> {
    answer.subscribe().block();
    let response = answer.get().ok_or("not ready")?.map_err(|()| "taken")?;
    let response = response.map_err(|code| format!("{code:?}"))?;
    let body = response.consume().map_err(|()| "no body")?;
    let stream = body.stream().map_err(|()| "no stream")?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(65_536) {
            Ok(chunk) => bytes.extend(chunk),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                let code = wasi::http::types::http_error_code(&error);
                return Err(format!("{} then {code:?}", response.status()));
            }
        }
    }
    drop(stream);
    drop(IncomingBody::finish(body));
    Ok(format!("{} {}", response.status(), String::from_utf8_lossy(&bytes)))
}

export!(HttpClient);
