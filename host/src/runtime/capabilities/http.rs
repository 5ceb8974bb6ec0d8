//! `wasi:http/outgoing-handler`: requests that a handler makes itself.
//!
//! Functions after which the host holds more than a handle replace wasmtime-wasi-http's own: they call those, and
//! count header fields, the parts of outgoing requests, the buffers of bodies, and the heads of answers. They never
//! count less than there is. The memory of a handle is free when the handle is dropped.

use http::header::CONTENT_LENGTH;
use wasmtime::component::{Linker, LinkerInstance, Resource, ResourceType};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler;
use wasmtime_wasi_http::p2::bindings::http::types::{self, Host as _, Method, Scheme};
use wasmtime_wasi_http::p2::body::{HostFutureTrailers, HostOutgoingBody};
use wasmtime_wasi_http::p2::types::{
    HostFutureIncomingResponse, HostIncomingResponse, HostOutgoingRequest, HostOutgoingResponse,
};
use wasmtime_wasi_http::p2::{HeaderResult, HttpResult};
use wasmtime_wasi_http::{FieldMap, RequestOptions, WasiHttpCtxView, WasiHttpView as _};

use crate::runtime::requests::{CHUNK_MAX_BYTES, HandleMemory};
use crate::runtime::state::{InstanceState, update_lift_limit};

/// The version that wasmtime-wasi-http links. Components that import another 0.2 version get it too.
const TYPES: &str = "wasi:http/types@0.2.12";
const HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";

/// Memory of an empty map of fields, or of a request without its parts.
const OBJECT_BYTES: usize = 512;
/// Memory of a field beside its name and value, with the spare room of a map.
const FIELD_BYTES: usize = 256;
/// Memory of the buffers of a request's body. Its channel has room for one chunk more than is configured.
const BODY_BYTES: usize = 2 * CHUNK_MAX_BYTES + 4096;
/// Memory of a connection while a request is under way: hyper's read buffer, and a little more.
const CONNECTION_BYTES: usize = 512 * 1024;

type Context<'a> = StoreContextMut<'a, InstanceState>;
type Fields = Resource<FieldMap>;
type Request = Resource<HostOutgoingRequest>;
type Response = Resource<HostIncomingResponse>;
type Future = Resource<HostFutureIncomingResponse>;
type Trailers = Resource<HostFutureTrailers>;
/// The result of an interface's function that returns a `result`.
type Answer<T, E> = Result<(std::result::Result<T, E>,)>;

fn view<'a>(context: &'a mut Context<'_>) -> WasiHttpCtxView<'a> {
    context.data_mut().http()
}

fn memory<'a>(context: &'a mut Context<'_>) -> &'a mut HandleMemory {
    &mut context.data_mut().requests().memory
}

/// Counts more memory of a handle.
fn reserve(context: &mut Context<'_>, handle: u32, bytes: usize, what: &str) -> Result<()> {
    let grown = memory(context).grow(handle, bytes);
    grown.map_err(|over| over.into_error(format_args!("wasi:http: {what} of {bytes} bytes")))?;
    update_lift_limit(context);
    Ok(())
}

/// Counts the memory of a new handle. An earlier handle can have had its number.
fn reserve_new(context: &mut Context<'_>, handle: u32, bytes: usize, what: &str) -> Result<()> {
    drop(memory(context).take(handle));
    reserve(context, handle, bytes, what)
}

fn reserve_fields(context: &mut Context<'_>, fields: Fields, bytes: usize) -> Result<Fields> {
    reserve_new(context, fields.rep(), bytes, "fields")?;
    Ok(fields)
}

fn header_answer<T>(context: &mut Context<'_>, result: HeaderResult<T>) -> Answer<T, types::HeaderError> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(error) => Ok((Err(view(context).convert_header_error(error)?),)),
    }
}

fn http_answer<T>(context: &mut Context<'_>, result: HttpResult<T>) -> Answer<T, types::ErrorCode> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(error) => Ok((Err(view(context).convert_error_code(error)?),)),
    }
}

fn size_of_map(fields: &FieldMap) -> usize {
    OBJECT_BYTES
        + fields.iter().map(|(name, value)| size_of_field(name.as_str(), value.as_bytes())).sum::<usize>()
}

fn size_of_field(name: &str, value: &[u8]) -> usize {
    FIELD_BYTES + name.len() + value.len()
}

fn length(text: Option<&String>) -> usize {
    text.map_or(0, String::len)
}

pub(super) fn add_to_linker(linker: &mut Linker<InstanceState>) -> Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    let mut to = linker.instance(TYPES)?;
    add_fields(&mut to)?;
    add_requests(&mut to)?;
    add_request_parts(&mut to)?;
    add_responses(&mut to)?;
    linker.instance(HANDLER)?.func_wrap("handle", handle)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn add_fields(to: &mut LinkerInstance<'_, InstanceState>) -> Result<()> {
    to.resource("fields", ResourceType::host::<FieldMap>(), |mut context, rep| {
        drop(memory(&mut context).take(rep));
        types::HostFields::drop(&mut view(&mut context), Fields::new_own(rep))
    })?;
    to.func_wrap("[constructor]fields", |mut context: Context<'_>, (): ()| {
        let made = types::HostFields::new(&mut view(&mut context))?;
        Ok((reserve_fields(&mut context, made, OBJECT_BYTES)?,))
    })?;
    to.func_wrap(
        "[static]fields.from-list",
        |mut context: Context<'_>, (entries,): (Vec<(String, Vec<u8>)>,)| {
            let each = entries.iter().map(|(name, value)| size_of_field(name, value));
            let size = OBJECT_BYTES + each.sum::<usize>();
            match types::HostFields::from_list(&mut view(&mut context), entries) {
                Ok(made) => Ok((Ok(reserve_fields(&mut context, made, size)?),)),
                refused => header_answer(&mut context, refused),
            }
        },
    )?;
    to.func_wrap(
        "[method]fields.set",
        |mut context: Context<'_>, (fields, name, values): (Fields, String, Vec<Vec<u8>>)| {
            let size = values.iter().map(|value| size_of_field(&name, value)).sum();
            reserve(&mut context, fields.rep(), size, "fields")?;
            let set = types::HostFields::set(&mut view(&mut context), fields, name, values);
            header_answer(&mut context, set)
        },
    )?;
    to.func_wrap(
        "[method]fields.append",
        |mut context: Context<'_>, (fields, name, value): (Fields, String, Vec<u8>)| {
            reserve(&mut context, fields.rep(), size_of_field(&name, &value), "a field")?;
            let appended = types::HostFields::append(&mut view(&mut context), fields, name, value);
            header_answer(&mut context, appended)
        },
    )?;
    to.func_wrap("[method]fields.clone", |mut context: Context<'_>, (fields,): (Fields,)| {
        let size = size_of_map(context.data().table.get(&fields)?);
        let made = types::HostFields::clone(&mut view(&mut context), fields)?;
        Ok((reserve_fields(&mut context, made, size)?,))
    })
}

fn add_requests(to: &mut LinkerInstance<'_, InstanceState>) -> Result<()> {
    to.resource("outgoing-request", ResourceType::host::<HostOutgoingRequest>(), |mut context, rep| {
        drop(memory(&mut context).take(rep));
        types::HostOutgoingRequest::drop(&mut view(&mut context), Request::new_own(rep))
    })?;
    to.func_wrap("[constructor]outgoing-request", |mut context: Context<'_>, (headers,): (Fields,)| {
        let held = memory(&mut context).take(headers.rep());
        let made = types::HostOutgoingRequest::new(&mut view(&mut context), headers)?;
        memory(&mut context).put(made.rep(), held);
        reserve(&mut context, made.rep(), OBJECT_BYTES, "a request")?;
        Ok((made,))
    })?;
    to.func_wrap("[method]outgoing-request.headers", |mut context: Context<'_>, (request,): (Request,)| {
        let size = size_of_map(&context.data().table.get(&request)?.headers);
        let made = types::HostOutgoingRequest::headers(&mut view(&mut context), request)?;
        Ok((reserve_fields(&mut context, made, size)?,))
    })?;
    to.func_wrap("[method]outgoing-request.body", |mut context: Context<'_>, (request,): (Request,)| {
        reserve(&mut context, request.rep(), BODY_BYTES, "the buffers of a request's body")?;
        Ok((types::HostOutgoingRequest::body(&mut view(&mut context), request)?,))
    })?;
    to.func_wrap(
        "[static]outgoing-body.finish",
        |mut context: Context<'_>, (body, trailers): (Resource<HostOutgoingBody>, Option<Fields>)| {
            if let Some(trailers) = &trailers {
                // They are held until the body is read, even if no request reads it yet.
                memory(&mut context).hand_on(trailers.rep());
            }
            let finished = types::HostOutgoingBody::finish(&mut view(&mut context), body, trailers);
            http_answer(&mut context, finished)
        },
    )?;
    // A plugin answers no request, so its fields are held until the instance ends.
    to.func_wrap("[constructor]outgoing-response", |mut context: Context<'_>, (headers,): (Fields,)| {
        memory(&mut context).hand_on(headers.rep());
        let made: Resource<HostOutgoingResponse> =
            types::HostOutgoingResponse::new(&mut view(&mut context), headers)?;
        Ok((made,))
    })
}

/// Adds the parts of a request other than its fields. A part that is set again counts twice.
fn add_request_parts(to: &mut LinkerInstance<'_, InstanceState>) -> Result<()> {
    to.func_wrap(
        "[method]outgoing-request.set-method",
        |mut context: Context<'_>, (request, method): (Request, Method)| {
            let name = if let Method::Other(name) = &method { Some(name) } else { None };
            reserve(&mut context, request.rep(), length(name), "a request's method")?;
            Ok((types::HostOutgoingRequest::set_method(&mut view(&mut context), request, method)?,))
        },
    )?;
    to.func_wrap(
        "[method]outgoing-request.set-scheme",
        |mut context: Context<'_>, (request, scheme): (Request, Option<Scheme>)| {
            let name = if let Some(Scheme::Other(name)) = &scheme { Some(name) } else { None };
            reserve(&mut context, request.rep(), length(name), "a request's scheme")?;
            Ok((types::HostOutgoingRequest::set_scheme(&mut view(&mut context), request, scheme)?,))
        },
    )?;
    to.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut context: Context<'_>, (request, authority): (Request, Option<String>)| {
            reserve(&mut context, request.rep(), length(authority.as_ref()), "a request's authority")?;
            Ok((types::HostOutgoingRequest::set_authority(&mut view(&mut context), request, authority)?,))
        },
    )?;
    to.func_wrap(
        "[method]outgoing-request.set-path-with-query",
        |mut context: Context<'_>, (request, path): (Request, Option<String>)| {
            reserve(&mut context, request.rep(), length(path.as_ref()), "a request's path")?;
            Ok((types::HostOutgoingRequest::set_path_with_query(&mut view(&mut context), request, path)?,))
        },
    )
}

/// Sends a request. Its parts, its body and a connection are counted until its answer is dropped.
fn handle(
    mut context: Context<'_>,
    (request, options): (Request, Option<Resource<RequestOptions>>),
) -> Answer<Future, types::ErrorCode> {
    let state = context.data_mut();
    let body_max_bytes = state.outbound.request_max_bytes();
    let body_bytes = match state.table.get(&request)? {
        HostOutgoingRequest { body: None, .. } => 0,
        HostOutgoingRequest { headers, .. } => {
            let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
            length.map_or(body_max_bytes, |length: usize| length.min(body_max_bytes))
        }
    };
    let rep = request.rep();
    // One that finds no place is answered at once.
    if state.requests().has_slot() {
        reserve(&mut context, rep, CONNECTION_BYTES + body_bytes, "a request under way")?;
    }
    let held = memory(&mut context).take(rep);
    context.data_mut().requests().hold_for_next(held);
    let sent = outgoing_handler::Host::handle(&mut view(&mut context), request, options);
    http_answer(&mut context, sent)
}

fn add_responses(to: &mut LinkerInstance<'_, InstanceState>) -> Result<()> {
    to.func_wrap(
        "[method]future-incoming-response.get",
        |mut context: Context<'_>, (future,): (Future,)| {
            let got = types::HostFutureIncomingResponse::get(&mut view(&mut context), future)?;
            if let Some(Ok(Ok(response))) = &got {
                let size = size_of_map(&context.data().table.get(response)?.headers);
                reserve_new(&mut context, response.rep(), size, "the head of an answer")?;
            }
            Ok((got,))
        },
    )?;
    to.resource("incoming-response", ResourceType::host::<HostIncomingResponse>(), |mut context, rep| {
        drop(memory(&mut context).take(rep));
        types::HostIncomingResponse::drop(&mut view(&mut context), Response::new_own(rep))
    })?;
    to.func_wrap(
        "[method]incoming-response.headers",
        |mut context: Context<'_>, (response,): (Response,)| {
            let size = size_of_map(&context.data().table.get(&response)?.headers);
            let made = types::HostIncomingResponse::headers(&mut view(&mut context), response)?;
            Ok((reserve_fields(&mut context, made, size)?,))
        },
    )?;
    to.func_wrap("[method]future-trailers.get", |mut context: Context<'_>, (trailers,): (Trailers,)| {
        let got = types::HostFutureTrailers::get(&mut view(&mut context), trailers)?;
        if let Some(Ok(Ok(Some(fields)))) = &got {
            let size = size_of_map(context.data().table.get(fields)?);
            reserve_new(&mut context, fields.rep(), size, "the trailers of an answer")?;
        }
        Ok((got,))
    })
}
