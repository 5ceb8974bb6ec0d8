//! Which instances of a component's core modules can be one, and where each item of the component comes from.

use std::collections::{HashMap, HashSet};

use wasm_encoder::reencode::{Reencode, ReencodeComponent};
use wasmparser::{CanonicalFunction, ComponentAlias, ExternalKind, Instance};

use super::Unsupported;
use super::items::{Kind, Spaces};
use super::module::{CoreModule, kind_of};
use super::sections::{Content, Section};

/// The place of a definition in its component: its section, and its position there.
pub(super) type Place = (usize, usize);

/// The source of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    /// A merged module's own definition: its member, and its number among the module's definitions of that kind.
    Member(usize, u32),
    /// Something else, by its index in the component.
    Outside(u32),
}

/// A core instance of the component.
pub(super) enum CoreInstance<'a> {
    /// A list of items of the component.
    Exports(HashMap<&'a str, (Kind, u32)>),
    /// An instance that is merged.
    Member(usize),
    /// An instance that stays.
    Other,
}

/// An instance that is merged.
pub(super) struct Member {
    pub(super) module: usize,
    pub(super) place: Place,
    /// The source of each item of the module.
    pub(super) origins: Spaces<Vec<Origin>>,
}

/// An instance that is not merged.
struct Standing {
    place: Place,
    module: usize,
    origins: Spaces<Vec<Origin>>,
}

/// The result: which instances are merged, and the items of the component.
#[derive(Default)]
pub(super) struct Analysis<'a> {
    pub(super) members: Vec<Member>,
    pub(super) instances: Vec<CoreInstance<'a>>,
    pub(super) items: Spaces<Vec<(Origin, Place)>>,
    /// Items of members that others use.
    pub(super) used: HashSet<(Kind, Origin)>,
    /// The first place that uses an item of a member.
    first_use: Option<Place>,
    standing: Vec<Standing>,
}

/// Most attempts to find a set of instances that can be merged.
const ROUNDS_MAX: usize = 8;

/// Finds the instances to merge: all, without those that turn out to need something that needs the merged module.
pub(super) fn analyse<'a>(
    sections: &[Section<'a>],
    modules: &[Option<CoreModule<'a>>],
) -> Result<Analysis<'a>, Unsupported> {
    let mut excluded = HashSet::new();
    for _ in 0..ROUNDS_MAX {
        let analysis = Analysis::of(sections, modules, &excluded)?;
        let before = excluded.len();
        excluded.extend(analysis.misplaced(sections, modules));
        if excluded.len() == before {
            return Ok(analysis);
        }
    }
    Err(Unsupported("its instances depend on each other in too many ways"))
}

impl<'a> Analysis<'a> {
    fn of(
        sections: &[Section<'a>],
        modules: &[Option<CoreModule<'a>>],
        excluded: &HashSet<Place>,
    ) -> Result<Self, Unsupported> {
        let instantiations = count_instantiations(sections);
        let mut analysis = Self::default();
        for (section, content) in sections.iter().enumerate() {
            match &content.content {
                Content::CoreInstances(instances) => {
                    for (position, instance) in instances.iter().enumerate() {
                        let place = (section, position);
                        analysis.add_instance(instance, place, modules, |module| {
                            instantiations.get(&module) == Some(&1) && !excluded.contains(&place)
                        })?;
                    }
                }
                Content::Aliases(aliases) => {
                    for (position, alias) in aliases.iter().enumerate() {
                        analysis.add_alias(alias, (section, position), modules)?;
                    }
                }
                Content::Canonicals(functions) => {
                    for (position, function) in functions.iter().enumerate() {
                        analysis.add_canonical(function, (section, position))?;
                    }
                }
                Content::Module | Content::Component | Content::Starting | Content::Other => {}
            }
        }
        Ok(analysis)
    }

    fn add_instance(
        &mut self,
        instance: &Instance<'a>,
        place: Place,
        modules: &[Option<CoreModule<'a>>],
        may_merge: impl Fn(u32) -> bool,
    ) -> Result<(), Unsupported> {
        let (index, args) = match instance {
            Instance::FromExports(exports) => {
                let mut named = HashMap::new();
                for export in exports {
                    named.insert(export.name, (export.kind.try_into()?, export.index));
                }
                self.instances.push(CoreInstance::Exports(named));
                return Ok(());
            }
            Instance::Instantiate { module_index, args } => (*module_index, args),
        };
        let args: HashMap<&str, u32> = args.iter().map(|arg| (arg.name, arg.index)).collect();
        let module = modules.get(index as usize).and_then(Option::as_ref);
        let module = module.ok_or(Unsupported("it instantiates a module that it imports"))?;
        let mut origins = self.resolve_imports(module, &args, modules)?;
        let may_merge = may_merge(index);
        let index = index as usize;
        let writes_own = module.written().all(|(kind, item)| {
            origins[kind].get(item as usize).is_none_or(|origin| matches!(origin, Origin::Member(..)))
        });
        if may_merge && module.is_mergeable() && writes_own {
            let member = self.members.len();
            for kind in Kind::ALL {
                let defined = 0..u32::try_from(module.defined(kind)).unwrap_or(u32::MAX);
                origins[kind].extend(defined.map(|number| Origin::Member(member, number)));
            }
            self.members.push(Member { module: index, place, origins });
            self.instances.push(CoreInstance::Member(member));
            return Ok(());
        }
        for kind in Kind::ALL {
            for origin in &origins[kind] {
                self.note_use(kind, *origin, place);
            }
        }
        self.standing.push(Standing { place, module: index, origins });
        self.instances.push(CoreInstance::Other);
        Ok(())
    }

    /// The sources of a module's imports.
    fn resolve_imports(
        &self,
        module: &CoreModule<'a>,
        args: &HashMap<&str, u32>,
        modules: &[Option<CoreModule<'a>>],
    ) -> Result<Spaces<Vec<Origin>>, Unsupported> {
        let mut origins: Spaces<Vec<Origin>> = Spaces::default();
        for import in &module.imports {
            let kind = kind_of(import.ty)?;
            let instance = *args.get(import.module).ok_or(Unsupported("an import is missing"))?;
            origins[kind].push(self.export_of(instance, kind, import.name, modules)?);
        }
        Ok(origins)
    }

    /// The source of an instance's export. An instance that stays has none that is known without an alias.
    pub(super) fn export_of(
        &self,
        instance: u32,
        kind: Kind,
        name: &str,
        modules: &[Option<CoreModule<'a>>],
    ) -> Result<Origin, Unsupported> {
        const MISSING: Unsupported = Unsupported("an export is missing");
        let found = match self.instances.get(instance as usize).ok_or(MISSING)? {
            CoreInstance::Exports(exports) => {
                let (found, index) = *exports.get(name).ok_or(MISSING)?;
                self.items[found].get(index as usize).map(|(origin, _)| (found, *origin))
            }
            CoreInstance::Member(member) => {
                let member = &self.members[*member];
                let module = modules[member.module].as_ref().ok_or(MISSING)?;
                let (found, index) = *module.exports.get(name).ok_or(MISSING)?;
                member.origins[found].get(index as usize).map(|origin| (found, *origin))
            }
            CoreInstance::Other => return Err(Unsupported("an instance that stays is an argument")),
        };
        match found {
            Some((found, origin)) if found == kind => Ok(origin),
            _ => Err(MISSING),
        }
    }

    fn add_alias(
        &mut self,
        alias: &ComponentAlias<'a>,
        place: Place,
        modules: &[Option<CoreModule<'a>>],
    ) -> Result<(), Unsupported> {
        let ComponentAlias::CoreInstanceExport { kind, instance_index, name } = alias else { return Ok(()) };
        let kind: Kind = (*kind).try_into()?;
        let origin = match self.instances.get(*instance_index as usize) {
            Some(CoreInstance::Other) => self.next_outside(kind),
            _ => self.export_of(*instance_index, kind, name, modules)?,
        };
        // An item is as old as what it stands for.
        let place = match origin {
            Origin::Outside(index) => self.items[kind].get(index as usize).map_or(place, |(_, place)| *place),
            Origin::Member(..) => place,
        };
        self.items[kind].push((origin, place));
        Ok(())
    }

    fn add_canonical(&mut self, function: &CanonicalFunction, place: Place) -> Result<(), Unsupported> {
        for (kind, index) in core_items(function)? {
            let (origin, _) =
                *self.items[kind].get(index as usize).ok_or(Unsupported("an item is missing"))?;
            self.note_use(kind, origin, place);
        }
        if !matches!(function, CanonicalFunction::Lift { .. }) {
            let origin = self.next_outside(Kind::Func);
            self.items[Kind::Func].push((origin, place));
        }
        Ok(())
    }

    fn next_outside(&self, kind: Kind) -> Origin {
        Origin::Outside(u32::try_from(self.items[kind].len()).unwrap_or(u32::MAX))
    }

    fn note_use(&mut self, kind: Kind, origin: Origin, place: Place) {
        if matches!(origin, Origin::Member(..)) {
            self.used.insert((kind, origin));
            self.first_use = Some(self.first_use.map_or(place, |first| first.min(place)));
        }
    }

    /// The members that cannot be instantiated at the first use of the merged module.
    fn misplaced(&self, sections: &[Section<'a>], modules: &[Option<CoreModule<'a>>]) -> Vec<Place> {
        let Some(first_use) = self.first_use else { return Vec::new() };
        let is_late = |member: &&Member| {
            let needs_late = Kind::ALL.into_iter().any(|kind| {
                member.origins[kind].iter().any(|origin| match origin {
                    Origin::Outside(index) => self.items[kind][*index as usize].1 >= first_use,
                    Origin::Member(..) => false,
                })
            });
            needs_late
                || (member.place > first_use && self.is_overtaken(member, first_use, sections, modules))
        };
        self.members.iter().filter(is_late).map(|member| member.place).collect()
    }

    /// Whether something between the first use and a member would notice that the member is instantiated earlier.
    fn is_overtaken(
        &self,
        member: &Member,
        first_use: Place,
        sections: &[Section<'a>],
        modules: &[Option<CoreModule<'a>>],
    ) -> bool {
        let between = first_use..member.place;
        let starts = |(number, section): (usize, &Section<'a>)| {
            matches!(section.content, Content::Starting) && number >= first_use.0 && number <= member.place.0
        };
        let written = |module: usize, origins: &Spaces<Vec<Origin>>| -> HashSet<(Kind, Origin)> {
            let Some(module) = &modules[module] else { return HashSet::new() };
            module
                .written()
                .filter_map(|(kind, item)| Some((kind, *origins[kind].get(item as usize)?)))
                .collect()
        };
        let own = written(member.module, &member.origins);
        sections.iter().enumerate().any(starts)
            || self.standing.iter().filter(|other| between.contains(&other.place)).any(|other| {
                let runs = modules[other.module].as_ref().is_none_or(|module| module.has_start);
                runs || !own.is_disjoint(&written(other.module, &other.origins))
            })
    }
}

impl CoreModule<'_> {
    fn is_mergeable(&self) -> bool {
        !self.has_start && !self.has_debug
    }
}

/// How often each module is instantiated.
fn count_instantiations(sections: &[Section<'_>]) -> HashMap<u32, usize> {
    let mut counts = HashMap::new();
    for section in sections {
        let Content::CoreInstances(instances) = &section.content else { continue };
        for instance in instances {
            if let Instance::Instantiate { module_index, .. } = instance {
                *counts.entry(*module_index).or_default() += 1;
            }
        }
    }
    counts
}

/// The core items that a canonical definition uses.
pub(super) fn core_items(function: &CanonicalFunction) -> Result<Vec<(Kind, u32)>, Unsupported> {
    match function {
        CanonicalFunction::Lift { .. }
        | CanonicalFunction::Lower { .. }
        | CanonicalFunction::ResourceNew { .. }
        | CanonicalFunction::ResourceDrop { .. }
        | CanonicalFunction::ResourceRep { .. } => {}
        _ => return Err(Unsupported("it uses concurrency")),
    }
    let mut recorder = Recorder(Vec::new());
    let mut section = wasm_encoder::CanonicalFunctionSection::new();
    recorder.parse_component_canonical(&mut section, function.clone())?;
    Ok(recorder.0)
}

/// Records the items that an encoder asks for.
struct Recorder(Vec<(Kind, u32)>);

type Encoded<T> = Result<T, wasm_encoder::reencode::Error<Unsupported>>;

impl Reencode for Recorder {
    type Error = Unsupported;

    fn function_index(&mut self, index: u32) -> Encoded<u32> {
        self.0.push((Kind::Func, index));
        Ok(index)
    }

    fn table_index(&mut self, index: u32) -> Encoded<u32> {
        self.0.push((Kind::Table, index));
        Ok(index)
    }

    fn memory_index(&mut self, index: u32) -> Encoded<u32> {
        self.0.push((Kind::Memory, index));
        Ok(index)
    }

    fn external_index(&mut self, _: ExternalKind, _: u32) -> Encoded<u32> {
        Err(wasm_encoder::reencode::Error::UserError(Unsupported("an item is not expected here")))
    }
}

impl ReencodeComponent for Recorder {}
