//! The handlers of a plugin, found in its component's exports.
//!
//! Other exports are ignored, because language runtimes add some. An export that looks like a handler and does not
//! fit is refused by name.

use std::collections::BTreeMap;

use wasmtime::Engine;
use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex, Type};

use super::context::ContextPlan;
use super::outcome;
use super::plan::{Plan, type_name};
use super::text::{self, NAME_MAX_BYTES};
use super::type_budget::TypeBudget;
use super::versions::{check_own_version, split_version};
use crate::event::interface_name;

/// The generic handler's interface, without its version.
pub(super) const EVENT_HANDLER: &str = "hookyard:plugin/event-handler";

/// A plugin's handlers.
#[derive(Default)]
pub(super) struct Handlers {
    /// Handlers by interface without version, `moncreneau:events/appointment-created`.
    pub(super) typed: BTreeMap<String, Handler>,
    pub(super) generic: Option<GenericHandler>,
}

/// The generic handler, and the function that returns its subscriptions.
pub(super) struct GenericHandler {
    pub(super) handler: Handler,
    pub(super) subscriptions: ComponentExportIndex,
}

/// An exported function that handles events.
pub(super) struct Handler {
    /// The interface as exported, with its version.
    pub(super) export: String,
    pub(super) func: ComponentExportIndex,
    pub(super) context: ContextPlan,
    pub(super) input: HandlerInput,
}

/// The parameter of a handler beside its context.
pub(super) enum HandlerInput {
    /// The payload, decoded along this plan.
    Typed(Plan),
    /// The payload as JSON text.
    Json,
}

impl Handlers {
    /// Finds the handlers among a component's exports. Their payload types are charged to the budget.
    ///
    /// # Errors
    /// The message names the export that does not fit, or says that there is no handler.
    pub(super) fn from_component(
        component: &Component,
        engine: &Engine,
        budget: TypeBudget,
    ) -> Result<Self, String> {
        let (mut handlers, mut budget) = (Self::default(), budget);
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for (export, item) in component.component_type().exports(engine) {
            let ComponentItem::ComponentInstance(instance) = item.ty else { continue };
            let exported = ExportedInterface { component, engine, export, instance: &instance };
            let Some((interface, version)) = split_version(export) else { continue };
            if interface.starts_with("wasi:") || !exported.is_handler() {
                continue;
            }
            if export.len() > NAME_MAX_BYTES {
                let (shown, size) = (text::truncate(export, NAME_MAX_BYTES), export.len());
                return Err(format!(
                    "the name of its export {shown} has {size} bytes, at most {NAME_MAX_BYTES}"
                ));
            }
            if let Some(first) = names.insert(interface.to_owned(), export.to_owned()) {
                return Err(format!("exports two handlers for the same events: {first} and {export}"));
            }
            if interface == EVENT_HANDLER {
                check_own_version(export, version)?;
                handlers.generic = Some(exported.generic()?);
            } else if interface.starts_with("hookyard:") {
                return Err(format!(
                    "exports {export}, which this host does not know; it knows {EVENT_HANDLER}@0.1.0"
                ));
            } else {
                handlers.typed.insert(interface.to_owned(), exported.typed(&mut budget)?);
            }
        }
        if names.is_empty() {
            return Err(format!(
                "exports no handler: expected {EVENT_HANDLER}@0.1.0, or an interface for an event type with a function `handle`"
            ));
        }
        Ok(handlers)
    }

    /// The handler for an event of this type from a source with this package of typed handlers: the typed one, or else
    /// the generic one.
    pub(super) fn find(&self, package: Option<&str>, event_type: &str) -> Option<&Handler> {
        let typed = package.and_then(|package| self.typed.get(&interface_name(package, event_type)));
        typed.or(self.generic.as_ref().map(|generic| &generic.handler))
    }
}

/// An exported interface under examination.
struct ExportedInterface<'a> {
    component: &'a Component,
    engine: &'a Engine,
    export: &'a str,
    instance: &'a ComponentInstance,
}

impl ExportedInterface<'_> {
    fn is_handler(&self) -> bool {
        self.export.starts_with("hookyard:") || self.instance.get_export(self.engine, "handle").is_some()
    }

    fn typed(&self, budget: &mut TypeBudget) -> Result<Handler, String> {
        let handle = self.func_type("handle")?;
        let (context, payload) = self.params(&handle)?;
        budget.charge(&payload).map_err(|error| self.mismatch("handle", &error))?;
        let plan = Plan::from_type(&payload, "payload").map_err(|error| self.mismatch("handle", &error))?;
        self.handler(&handle, &context, HandlerInput::Typed(plan))
    }

    fn generic(&self) -> Result<GenericHandler, String> {
        let handle = self.func_type("handle")?;
        let (context, data) = self.params(&handle)?;
        if data != Type::String {
            let found = format!("its second parameter is {}, expected string", type_name(&data));
            return Err(self.mismatch("handle", &found));
        }
        let subscriptions = self.func_type("subscriptions")?;
        let returned: Vec<Type> = subscriptions.results().collect();
        let fits = matches!(returned.as_slice(), [Type::List(list)] if list.ty() == Type::String);
        if !fits || subscriptions.params().len() != 0 {
            return Err(self.mismatch("subscriptions", "expected func() -> list<string>"));
        }
        Ok(GenericHandler {
            handler: self.handler(&handle, &context, HandlerInput::Json)?,
            subscriptions: self.func("subscriptions")?,
        })
    }

    fn handler(
        &self,
        handle: &ComponentFunc,
        context: &Type,
        input: HandlerInput,
    ) -> Result<Handler, String> {
        let returned = handle.results().next();
        outcome::check_type(returned.as_ref()).map_err(|error| self.mismatch("handle", &error))?;
        let context = ContextPlan::from_type(context).map_err(|error| self.mismatch("handle", &error))?;
        Ok(Handler { export: self.export.to_owned(), func: self.func("handle")?, context, input })
    }

    fn params(&self, handle: &ComponentFunc) -> Result<(Type, Type), String> {
        let mut types = handle.params().map(|(_, ty)| ty);
        match (types.next(), types.next(), types.next()) {
            (Some(context), Some(payload), None) if !handle.async_() => Ok((context, payload)),
            _ => Err(self.mismatch("handle", "expected func(ctx: context, payload) -> result<_, failure>")),
        }
    }

    fn func_type(&self, name: &str) -> Result<ComponentFunc, String> {
        match self.instance.get_export(self.engine, name).map(|export| export.ty) {
            Some(ComponentItem::ComponentFunc(func)) => Ok(func),
            Some(_) => Err(self.mismatch(name, "it is not a function")),
            None => Err(self.mismatch(name, "it is missing")),
        }
    }

    fn func(&self, name: &str) -> Result<ComponentExportIndex, String> {
        let instance = self.component.get_export_index(None, self.export);
        let func = instance.and_then(|instance| self.component.get_export_index(Some(&instance), name));
        func.ok_or_else(|| self.mismatch(name, "it is missing"))
    }

    fn mismatch(&self, func: &str, problem: &str) -> String {
        format!("its export {} does not fit: {func}: {problem}", self.export)
    }
}
