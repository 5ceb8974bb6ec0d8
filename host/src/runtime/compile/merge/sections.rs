//! Reads a component as a list of sections.

use std::borrow::Cow;

use wasmparser::{
    CanonicalFunction, Chunk, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentTypeRef, Instance, Parser, Payload,
};

use super::Unsupported;

/// A section of a component.
pub(super) struct Section<'a> {
    pub(super) id: u8,
    /// Its bytes, after merging in components in it.
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) content: Content<'a>,
}

/// The content of a section, if merging may change it.
pub(super) enum Content<'a> {
    Module,
    Component,
    CoreInstances(Vec<Instance<'a>>),
    Aliases(Vec<ComponentAlias<'a>>),
    Canonicals(Vec<CanonicalFunction>),
    /// It may run code.
    Starting,
    Other,
}

/// Reads a component's sections.
pub(super) fn read_sections(component: &[u8]) -> Result<Vec<Section<'_>>, Unsupported> {
    let mut sections = Vec::new();
    let (mut parser, mut rest) = (Parser::new(0), component);
    while !rest.is_empty() {
        let Chunk::Parsed { consumed, payload } = parser.parse(rest, true)? else {
            return Err(Unsupported("it ends too early"));
        };
        rest = &rest[consumed..];
        if let Payload::ModuleSection { unchecked_range, .. }
        | Payload::ComponentSection { unchecked_range, .. } = &payload
        {
            rest = rest.get(unchecked_range.len()..).ok_or(Unsupported("it ends too early"))?;
        }
        if !matches!(payload, Payload::Version { .. } | Payload::End(_)) {
            sections.extend(read_section(component, payload)?);
        }
    }
    Ok(sections)
}

fn read_section<'a>(component: &'a [u8], payload: Payload<'a>) -> Result<Option<Section<'a>>, Unsupported> {
    let (id, range) = payload.as_section().ok_or(Unsupported("it has a part that is not known here"))?;
    let bytes = component.get(range).ok_or(Unsupported("it ends too early"))?;
    let section = |content| Some(Section { id, bytes: Cow::Borrowed(bytes), content });
    Ok(match payload {
        Payload::ModuleSection { .. } => section(Content::Module),
        Payload::ComponentSection { .. } => section(Content::Component),
        Payload::InstanceSection(instances) => {
            section(Content::CoreInstances(instances.into_iter().collect::<Result<_, _>>()?))
        }
        Payload::ComponentAliasSection(aliases) => {
            let aliases = aliases.into_iter().collect::<Result<Vec<_>, _>>()?;
            refuse_modules(aliases.iter().any(is_alias_of_module))?;
            section(Content::Aliases(aliases))
        }
        Payload::ComponentCanonicalSection(functions) => {
            section(Content::Canonicals(functions.into_iter().collect::<Result<_, _>>()?))
        }
        Payload::ComponentInstanceSection(instances) => {
            for instance in instances {
                check_instance(&instance?)?;
            }
            section(Content::Starting)
        }
        Payload::ComponentImportSection(imports) => {
            for import in imports {
                refuse_modules(matches!(import?.ty, ComponentTypeRef::Module(_)))?;
            }
            section(Content::Other)
        }
        Payload::ComponentExportSection(exports) => {
            for export in exports {
                refuse_modules(export?.kind == ComponentExternalKind::Module)?;
            }
            section(Content::Other)
        }
        Payload::ComponentStartSection { .. } => section(Content::Starting),
        // Names of the component's own items, whose indices change. Nothing reads them.
        Payload::CustomSection(custom) if custom.name() == "component-name" => None,
        Payload::ComponentTypeSection(_) | Payload::CoreTypeSection(_) | Payload::CustomSection(_) => {
            section(Content::Other)
        }
        _ => return Err(Unsupported("it has a section that is not known here")),
    })
}

/// A core module's index can be used by another component then.
fn refuse_modules(are_passed: bool) -> Result<(), Unsupported> {
    if are_passed { Err(Unsupported("it imports, exports or passes core modules")) } else { Ok(()) }
}

fn check_instance(instance: &ComponentInstance<'_>) -> Result<(), Unsupported> {
    let is_module = |kind| kind == ComponentExternalKind::Module;
    refuse_modules(match instance {
        ComponentInstance::Instantiate { args, .. } => args.iter().any(|arg| is_module(arg.kind)),
        ComponentInstance::FromExports(exports) => exports.iter().any(|export| is_module(export.kind)),
    })
}

fn is_alias_of_module(alias: &ComponentAlias<'_>) -> bool {
    match alias {
        ComponentAlias::InstanceExport { kind, .. } => *kind == ComponentExternalKind::Module,
        ComponentAlias::Outer { kind, .. } => *kind == ComponentOuterAliasKind::CoreModule,
        ComponentAlias::CoreInstanceExport { .. } => false,
    }
}
