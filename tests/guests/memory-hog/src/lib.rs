//! Makes the host allocate memory or compute. The payload says how: `act` names the host function, `count` the number
//! of calls, `bytes` the size of each. It never drops handles.

#![allow(clippy::same_length_and_capacity, reason = "generated")]

wit_bindgen::generate!({
    inline: "
        package tests:memory-hog;
        world memory-hog {
            import wasi:logging/logging@0.1.0-draft;
            import wasi:random/random@0.2.12;
            import wasi:keyvalue/store@0.2.0-draft2;
            import wasi:keyvalue/atomics@0.2.0-draft2;
            import wasi:keyvalue/batch@0.2.0-draft2;
            import wasi:http/outgoing-handler@0.2.12;
            import hookyard:plugin/outbox@0.1.0;
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

use std::mem::forget;
use std::ops::Range;

use exports::hookyard::plugin::event_handler::{Context, Failure, Guest};
use hookyard::plugin::outbox;
use serde_json::Value;
use wasi::http::types::{Fields, Method, OutgoingBody, OutgoingRequest, OutgoingResponse, Scheme};
use wasi::keyvalue::store::{Bucket, open};
use wasi::keyvalue::{atomics, batch};
use wasi::logging::logging::{Level, log};
use wasi::random::random::get_random_bytes;

struct MemoryHog;

impl Guest for MemoryHog {
    fn subscriptions() -> Vec<String> {
        vec!["hog.*".into()]
    }

    fn handle(_: Context, data: String) -> Result<(), Failure> {
        let data: Value = serde_json::from_str(&data).map_err(|error| Failure::Reject(error.to_string()))?;
        let number = |key: &str| usize::try_from(data[key].as_u64().unwrap_or(1)).unwrap_or(0);
        let from = usize::try_from(data["from"].as_u64().unwrap_or(0)).unwrap_or(0);
        let (act, count, bytes) =
            (data["act"].as_str().unwrap_or_default(), number("count"), number("bytes"));
        let done = store(act, from..from + count, bytes)
            .or_else(|| http(act, count, bytes))
            .or_else(|| other(act, count, bytes));
        done.unwrap_or_else(|| Err(format!("what is `{act}`?"))).map_err(Failure::Reject)
    }
}

/// The result of an act; `None` if the function does not know it.
type Done = Option<Result<(), String>>;

fn store(act: &str, mut numbers: Range<usize>, bytes: usize) -> Done {
    let count = numbers.len();
    let bucket = open("eaten").ok()?;
    let set =
        |key: &str, size: usize| bucket.set(key, &vec![b'x'; size]).map_err(|error| format!("{error:?}"));
    Some(match act {
        "set" => numbers.try_for_each(|number| set(&format!("set/{number}"), bytes)),
        "set-again" => (0..count).try_for_each(|_| set("set/0", bytes)),
        "set-many" => set_many(&bucket, count, bytes),
        "get" => numbers.try_for_each(|number| bucket.get(&format!("set/{number}")).map(drop).map_err(text)),
        "get-many" => {
            let keys = vec!["set/0".to_owned(); count];
            set("set/0", bytes).and_then(|()| batch::get_many(&bucket, &keys).map(forget).map_err(text))
        }
        "get-many-missing" => {
            let keys = vec![String::new(); count];
            batch::get_many(&bucket, &keys).map(forget).map_err(text)
        }
        "cas" => (0..count).try_for_each(|_| {
            set("cas", bytes)?;
            atomics::Cas::new(&bucket, "cas").map(forget).map_err(text)
        }),
        "open" => (0..count).try_for_each(|_| open(&"b".repeat(bytes)).map(forget).map_err(text)),
        "random" => {
            forget(get_random_bytes(u64::try_from(bytes).unwrap_or(u64::MAX)));
            Ok(())
        }
        "list-keys" => (0..count).try_for_each(|_| bucket.list_keys(None).map(drop).map_err(text)),
        _ => return None,
    })
}

fn set_many(bucket: &Bucket, count: usize, bytes: usize) -> Result<(), String> {
    let entries: Vec<_> = (0..count).map(|number| (format!("many/{number}"), vec![b'x'; bytes])).collect();
    batch::set_many(bucket, &entries).map_err(text)
}

fn http(act: &str, count: usize, bytes: usize) -> Done {
    let value = vec![b'v'; bytes];
    let name = || "M".repeat(bytes);
    let fields = |size: usize| {
        let fields = Fields::new();
        fields.append("x", &value[..size]).map_err(text).map(|()| fields)
    };
    let request = || OutgoingRequest::new(Fields::new());
    let kept = |set: Result<(), ()>, request: OutgoingRequest| {
        forget(request);
        set.map_err(|()| "it was not taken".to_owned())
    };
    Some((0..count).try_for_each(|_| match act {
        "fields" => fields(bytes).map(forget),
        "fields-set" => Fields::new().set("x", std::slice::from_ref(&value)).map_err(text),
        "fields-from-list" => Fields::from_list(&[("x".into(), value.clone())]).map(forget).map_err(text),
        "fields-clone" => fields(bytes).map(|fields| forget((fields.clone(), fields))),
        "request-headers" => fields(bytes).map(|fields| forget(OutgoingRequest::new(fields).headers())),
        "method" => {
            let request = request();
            kept(request.set_method(&Method::Other(name())), request)
        }
        "scheme" => {
            let request = request();
            kept(request.set_scheme(Some(&Scheme::Other(name()))), request)
        }
        "authority" => {
            let request = request();
            kept(request.set_authority(Some(&name())), request)
        }
        "path" => {
            let request = request();
            kept(request.set_path_with_query(Some(&format!("/{}", name()))), request)
        }
        "body" => {
            let request = request();
            let body = request.body().map_err(text)?;
            let stream = body.write().map_err(text)?;
            while stream.check_write().map_err(text)? > 0 {
                stream.write(&value).map_err(text)?;
            }
            forget((stream, body, request));
            Ok(())
        }
        "trailers" => {
            let request = request();
            let body = request.body().map_err(text)?;
            let _finished = OutgoingBody::finish(body, Some(fields(bytes)?));
            forget(request);
            Ok(())
        }
        "response" => fields(bytes).map(|fields| forget(OutgoingResponse::new(fields))),
        // One after the other, each dropped before the next.
        "fields-in-turn" => fields(bytes).map(|fields| drop(OutgoingRequest::new(fields))),
        _ => Err("unknown".into()),
    }))
    .filter(|done| *done != Err("unknown".into()))
}

fn other(act: &str, count: usize, bytes: usize) -> Done {
    let text = "x".repeat(bytes);
    Some((0..count).try_for_each(|_| match act {
        "log" => {
            log(Level::Info, "", &text);
            Ok(())
        }
        "log-context" => {
            log(Level::Info, &text, "");
            Ok(())
        }
        "reject" => Err(text.clone()),
        "emit" => outbox::emit_event("hog.emitted", &text).map(drop),
        "emit-type" => outbox::emit_event(&text, "1").map(drop),
        "send-http" => {
            let headers = vec![(String::new(), String::new()); bytes];
            let request = outbox::HttpRequest {
                method: "POST".into(),
                url: "https://example.com".into(),
                headers,
                body: Vec::new(),
            };
            outbox::send_http(&request).map(drop)
        }
        _ => Err(format!("what is `{act}`?")),
    }))
}

fn text(error: impl std::fmt::Debug) -> String {
    format!("{error:?}")
}

export!(MemoryHog);
