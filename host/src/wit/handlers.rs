//! Finds the handlers of a package.

use std::collections::HashMap;

use wit_parser::{
    Function, Interface, InterfaceId, PackageId, Resolve, Type as WitType, TypeDefKind, TypeId,
};

use super::error::PackageError;
use super::export;
use super::model::Handler;
use super::sample;
use super::shape::{Kind, Type, TypeDef};
use super::types::{Types, docs};
use super::value::Value;
use crate::event::interface_name;

/// The handlers of a package, and the types of their payloads. Samples are from the types.
///
/// # Errors
/// Names the interface with a `handle` that no host could call.
pub(super) fn find(
    resolve: &Resolve,
    package: PackageId,
) -> Result<(Vec<Handler>, Vec<TypeDef>), PackageError> {
    let is_handler = |id: &InterfaceId| resolve.interfaces[*id].functions.contains_key("handle");
    let ids = resolve.packages[package].interfaces.values().copied().filter(is_handler).collect();
    let (mut handlers, mut types) = (Vec::new(), Types::new(resolve, ids));
    for (name, id) in &resolve.packages[package].interfaces {
        let interface = &resolve.interfaces[*id];
        let Some(handle) = interface.functions.get("handle") else { continue };
        let wit = resolve.packages[package].name.interface_id(name);
        let payload = payload(resolve, *id, handle, &mut types);
        let (param, payload) =
            payload.map_err(|error| PackageError::new(&wit, format!("handle: {error}")))?;
        let payload_name = match &payload {
            Type::Named { name, .. } => Some(name.clone()),
            _ => None,
        };
        let export = export::of(resolve, &types.sizes, &wit, handle)?;
        let (event, is_documented) = event_type(name, interface);
        handlers.push(Handler {
            event,
            is_documented,
            interface: name.clone(),
            wit,
            wit_text: String::new(),
            type_interfaces: Vec::new(),
            docs: docs(&interface.docs),
            param,
            payload,
            payload_name,
            is_only_user: false,
            export,
            sample: Value::none(),
            sample_json: String::new(),
            sample_file: None,
        });
    }
    let mut users: HashMap<String, u32> = HashMap::new();
    for name in handlers.iter().filter_map(|handler| handler.payload_name.clone()) {
        *users.entry(name).or_default() += 1;
    }
    for handler in &mut handlers {
        let is_record = matches!(handler.payload, Type::Named { type_kind: Kind::Record, .. });
        let user_count = handler.payload_name.as_ref().and_then(|name| users.get(name));
        handler.is_only_user = is_record && user_count == Some(&1);
        let json = sample::from_type(&handler.payload, &types.all, &handler.param)
            .map_err(|error| PackageError::new(&handler.wit, error))?;
        handler.set_sample(&json, &types.all).map_err(|error| PackageError::new(&handler.wit, error))?;
    }
    Ok((handlers, types.all))
}

impl Handler {
    /// Takes canonical JSON as the sample.
    ///
    /// # Errors
    /// When it is not a value of the payload's type.
    pub fn set_sample(&mut self, canonical: &serde_json::Value, types: &[TypeDef]) -> Result<(), String> {
        self.sample = Value::from_canonical(&self.payload, canonical, types)?;
        self.sample_json = canonical.to_string();
        Ok(())
    }
}

/// The name and type of a handler's payload.
fn payload(
    resolve: &Resolve,
    id: InterfaceId,
    handle: &Function,
    types: &mut Types<'_>,
) -> Result<(String, Type), String> {
    const EXPECTED: &str =
        "expected func(ctx: context, payload) -> result<_, failure> with the types of hookyard:plugin/types";
    let [context, payload] = handle.params.as_slice() else { return Err(EXPECTED.into()) };
    let is_context = is_own(resolve, &context.ty, "context");
    if handle.kind.is_async() || !is_context || !returns_failure(resolve, handle.result.as_ref()) {
        return Err(EXPECTED.into());
    }
    Ok((payload.name.clone(), types.payload(id, &payload.ty)?))
}

fn returns_failure(resolve: &Resolve, result: Option<&WitType>) -> bool {
    let Some(WitType::Id(id)) = result else { return false };
    match &resolve.types[*id].kind {
        TypeDefKind::Result(result) => {
            result.ok.is_none() && result.err.as_ref().is_some_and(|err| is_own(resolve, err, "failure"))
        }
        _ => false,
    }
}

/// Whether a type is the one of this name in `hookyard:plugin/types`.
fn is_own(resolve: &Resolve, ty: &WitType, name: &str) -> bool {
    let mut next = Some(ty);
    let mut last: Option<TypeId> = None;
    while let Some(WitType::Id(id)) = next {
        last = Some(*id);
        next = match &resolve.types[*id].kind {
            TypeDefKind::Type(ty) => Some(ty),
            _ => None,
        };
    }
    let Some(def) = last.map(|id| &resolve.types[id]) else { return false };
    let wit_parser::TypeOwner::Interface(owner) = def.owner else { return false };
    let package = resolve.interfaces[owner].package.map(|package| &resolve.packages[package].name);
    let is_contract =
        package.is_some_and(|package| package.namespace == "hookyard" && package.name == "plugin");
    is_contract && def.name.as_deref() == Some(name)
}

/// The event type of an interface, and whether its documentation names it: the first text between backticks, if the
/// interface has the name of that event type.
fn event_type(name: &str, interface: &Interface) -> (String, bool) {
    let text = docs(&interface.docs);
    let documented = text.split('`').nth(1).filter(|event| interface_name("", event) == format!("/{name}"));
    match documented {
        Some(event) => (event.to_owned(), true),
        None => (name.replace('-', "."), false),
    }
}
