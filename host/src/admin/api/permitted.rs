//! The permission of each endpoint, from its signature into the API's description.

use axum::middleware;
use serde_json::json;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{PathItem, RefOr, Required, Response};
use utoipa_axum::router::UtoipaMethodRouter;

use crate::admin::auth::{NOTE_HEADER, StatesPermission};
use crate::admin::keyed::{self, KeyRule};
use crate::audit::{NOTE_MAX_CHARS, REQUEST_KEY_PATTERN};
use crate::token::{Permission, Role};

/// The member of an operation with its permission, the roles that have it, and whether tokens for some plugins may use
/// it for their plugins.
const PERMISSION: &str = "x-permission";

/// The member of an operation that is made again when it is repeated under its key and its answer is not kept.
const REPEATABLE: &str = "x-repeatable";

/// An endpoint: its first argument states the permission.
pub(super) trait Endpoint<Arguments> {
    const PERMISSION: Permission;
    const PER_PLUGIN: bool;
}

macro_rules! endpoints_with {
    ($($argument:ident)*) => {
        impl<F, R, First, $($argument),*> Endpoint<(First, $($argument,)*)> for F
        where
            F: Fn(First, $($argument),*) -> R,
            First: StatesPermission,
        {
            const PERMISSION: Permission = First::PERMISSION;
            const PER_PLUGIN: bool = First::PER_PLUGIN;
        }
    };
}

endpoints_with!();
endpoints_with!(A);
endpoints_with!(A B);
endpoints_with!(A B C);
endpoints_with!(A B C D);
endpoints_with!(A B C D E);

/// The routes of an endpoint, described with the permission that it states.
pub(super) fn with_permission<S, Arguments, E>(
    _endpoint: &E,
    (schemas, mut paths, router): UtoipaMethodRouter<S>,
) -> UtoipaMethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    E: Endpoint<Arguments>,
{
    let mut takes_key = None;
    for item in paths.paths.values_mut() {
        let changes = item.get.is_none();
        if let Some(operation) = &mut item.post {
            takes_key = Some(KeyRule {
                permission: E::PERMISSION,
                takes_file: takes_file(operation),
                is_repeatable: is_repeatable(operation),
            });
            describe_key(operation);
        }
        for operation in operations(item) {
            describe(operation, E::PERMISSION, E::PER_PLUGIN, changes);
        }
    }
    let Some(rule) = takes_key else { return (schemas, paths, router) };
    (schemas, paths, router.layer(middleware::from_fn_with_state(rule, keyed::answer_once)))
}

/// Whether the body of an operation is a plugin's file.
fn takes_file(operation: &Operation) -> bool {
    let Some(RefOr::T(body)) = &operation.request_body else { return false };
    body.content.contains_key("application/wasm")
}

/// Whether an operation that is repeated under its key does nothing more.
fn is_repeatable(operation: &Operation) -> bool {
    operation.extensions.as_ref().is_some_and(|extensions| extensions.contains_key(REPEATABLE))
}

/// Describes the idempotency key of an operation that does something.
fn describe_key(operation: &mut Operation) {
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(REQUEST_KEY_PATTERN));
    let key = ParameterBuilder::new()
        .name(keyed::KEY_HEADER)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "A text of the client's own for this request. If the request is repeated with it, nothing is done again, \
             and the answer is that of the first time, with the header `Idempotency-Replayed: true`",
        ))
        .schema(Some(text));
    operation.parameters.get_or_insert_default().push(key.build().into());
    for (status, why) in [
        ("409", "The request with this `Idempotency-Key` is in progress, or its answer is not kept"),
        ("422", "The `Idempotency-Key` was used for another request"),
    ] {
        let response = operation.responses.responses.entry(status.into());
        response
            .and_modify(|response| {
                if let RefOr::T(response) = response {
                    response.description = format!("{}. Or: {why}", response.description);
                }
            })
            .or_insert_with(|| Response::new(why).into());
    }
}

/// The routes of an endpoint: as `routes!` of `utoipa_axum`, with its permission.
macro_rules! endpoint {
    ($first:ident $(:: $rest:ident)*) => {
        $crate::admin::api::permitted::with_permission(
            &$first $(:: $rest)*,
            utoipa_axum::routes!($first $(:: $rest)*),
        )
    };
}

pub(super) use endpoint;

/// The operations of a path.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [get, put, post, delete, options, head, patch, trace].into_iter().flatten()
}

fn describe(operation: &mut Operation, permission: Permission, per_plugin: bool, changes: bool) {
    let roles: Vec<_> = Role::ALL.into_iter().filter(|role| role.has(permission)).map(Role::as_str).collect();
    operation.security = Some(vec![SecurityRequirement::new("token", [permission.as_str()])]);
    // One member: the order of several would change from process to process.
    let stated = json!({ "name": permission, "roles": roles, "per_plugin": per_plugin });
    let wrong = || Response::new("A wrong path, parameter or header").into();
    operation.responses.responses.entry("400".into()).or_insert_with(wrong);
    operation.extensions = Some(Extensions::from_iter([(PERMISSION, stated)]));
    if changes {
        let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(NOTE_MAX_CHARS));
        let note = ParameterBuilder::new()
            .name(NOTE_HEADER.as_str())
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("The reason for the change, which the audit log keeps"))
            .schema(Some(text));
        operation.parameters.get_or_insert_default().push(note.build().into());
    }
}
