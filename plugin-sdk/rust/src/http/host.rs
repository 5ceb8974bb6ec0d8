//! Sends a request through `wasi:http`.

use super::{Error, Request, Response};
use crate::bindings::base::wasi::http::outgoing_handler;
use crate::bindings::base::wasi::http::types::{
    ErrorCode, Fields, HeaderError, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme, http_error_code,
};
use crate::bindings::base::wasi::io::streams::StreamError;

/// The maximum bytes of one write, from the definition of `blocking-write-and-flush`.
const WRITE_MAX: usize = 4096;
/// The bytes that one read requests.
const READ_MAX: u64 = 64 * 1024;

pub(super) fn fetch(request: &Request) -> Result<Response, Error> {
    let outgoing = outgoing(request)?;
    // Without a body resource, the host sends no body at all instead of an empty one.
    let body = (!request.body.is_empty()).then(|| outgoing.body());
    let answer = outgoing_handler::handle(outgoing, options(request)).map_err(error)?;
    let written = match body {
        Some(body) => write(body, &request.body),
        None => Ok(()),
    };
    answer.subscribe().block();
    let response = match answer.get() {
        Some(Ok(result)) => result.map_err(error)?,
        _ => return Err(Error::Failed("the host has lost the answer".into())),
    };
    // A server may respond before it has read the whole body. Without a response, the write error is the reason.
    match (read(&response), written) {
        (Err(_), Err(error)) => Err(error),
        (result, _) => result,
    }
}

fn outgoing(request: &Request) -> Result<OutgoingRequest, Error> {
    let invalid = |what: &str| Error::Invalid(what.into());
    let (scheme, rest) = request.url.split_once("://").ok_or_else(|| invalid("no absolute URL"))?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return Err(invalid("neither http nor https")),
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let path = if path.starts_with('/') { path.into() } else { format!("/{path}") };

    let outgoing = OutgoingRequest::new(fields(request)?);
    outgoing.set_method(&method(&request.method)).map_err(|()| invalid("no method"))?;
    outgoing.set_scheme(Some(&scheme)).map_err(|()| invalid("no scheme"))?;
    outgoing.set_authority(Some(authority)).map_err(|()| invalid("no host"))?;
    outgoing.set_path_with_query(Some(&path)).map_err(|()| invalid("no path"))?;
    Ok(outgoing)
}

fn fields(request: &Request) -> Result<Fields, Error> {
    let fields = Fields::new();
    for (name, value) in &request.headers {
        fields
            .append(name, value.as_bytes())
            .map_err(|error| Error::Invalid(format!("header {name:?}: {}", refusal(error))))?;
    }
    if !request.body.is_empty() {
        // A host that frames the body itself rejects this header. That error does no harm.
        let _ = fields.append("content-length", request.body.len().to_string().as_bytes());
    }
    Ok(fields)
}

fn refusal(error: HeaderError) -> &'static str {
    match error {
        HeaderError::InvalidSyntax => "malformed",
        HeaderError::Forbidden => "the host's own",
        HeaderError::Immutable => "cannot be set",
    }
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.into()),
    }
}

fn options(request: &Request) -> Option<RequestOptions> {
    let timeout = u64::try_from(request.timeout?.as_nanos()).ok();
    let options = RequestOptions::new();
    // A host that does not support this limit applies its own.
    let _ = options.set_connect_timeout(timeout);
    let _ = options.set_first_byte_timeout(timeout);
    Some(options)
}

fn write(body: Result<OutgoingBody, ()>, content: &[u8]) -> Result<(), Error> {
    let body = body.map_err(|()| Error::Failed("its body was taken".into()))?;
    let stream = body.write().map_err(|()| Error::Failed("its body cannot be written".into()))?;
    for chunk in content.chunks(WRITE_MAX) {
        stream.blocking_write_and_flush(chunk).map_err(broken)?;
    }
    drop(stream);
    OutgoingBody::finish(body, None).map_err(error)
}

fn read(response: &IncomingResponse) -> Result<Response, Error> {
    let header = |(name, value): (String, Vec<u8>)| (name, String::from_utf8_lossy(&value).into_owned());
    let headers = response.headers().entries().into_iter().map(header).collect();
    let incoming = response.consume().map_err(|()| Error::Failed("its answer has no body".into()))?;
    Ok(Response { status: response.status(), headers, body: read_body(&incoming)? })
}

fn read_body(incoming: &IncomingBody) -> Result<Vec<u8>, Error> {
    let stream = incoming.stream().map_err(|()| Error::Failed("its answer cannot be read".into()))?;
    let mut body = Vec::new();
    loop {
        match stream.blocking_read(READ_MAX) {
            Ok(mut chunk) => body.append(&mut chunk),
            Err(StreamError::Closed) => return Ok(body),
            Err(failed) => return Err(broken(failed)),
        }
    }
}

fn broken(stream: StreamError) -> Error {
    match stream {
        StreamError::Closed => Error::Failed("the connection was closed".into()),
        StreamError::LastOperationFailed(failed) => match http_error_code(&failed) {
            Some(code) => error(code),
            None => Error::Failed(failed.to_debug_string()),
        },
    }
}

fn error(code: ErrorCode) -> Error {
    let named = format!("{code:?}").replace("ErrorCode::", "");
    match code {
        ErrorCode::InternalError(Some(text)) => Error::Failed(text),
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Error::Denied(named),
        ErrorCode::HttpRequestMethodInvalid | ErrorCode::HttpRequestUriInvalid => Error::Invalid(named),
        _ => Error::Failed(named),
    }
}
