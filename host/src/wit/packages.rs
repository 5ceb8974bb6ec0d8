//! Reads WIT packages from folders and files.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use wit_component::{Output as _, WitPrinter};
use wit_parser::{InterfaceId, PackageId, Resolve, SourceMap, UnresolvedPackageGroup};

use super::error::PackageError;
use super::model::{Handler, Package};
use super::reserved::is_reserved_module;
use super::shape::TypeDef;
use super::world::PluginWorld;
use super::{handlers, module};

/// The largest sample and WIT file that is read.
const FILE_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Packages that were read together, so that they may use each other's types.
pub struct Packages {
    resolve: Resolve,
    read: Vec<ReadPackage>,
}

struct ReadPackage {
    id: PackageId,
    /// Where it was read from: a folder or a file.
    path: PathBuf,
}

impl Packages {
    /// Reads the packages at these paths: a folder with WIT files, a WIT file, or a folder of such folders. `contract`
    /// has the files of `hookyard:plugin`, of the packages that it uses and of `hookyard:event`, by path.
    ///
    /// # Errors
    /// Names the file that cannot be read, with line and column where it is not WIT.
    pub fn read<'a>(
        paths: &[PathBuf],
        contract: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, PackageError> {
        let mut resolve = Resolve::default();
        push_contract(&mut resolve, contract)?;
        let mut groups = Vec::new();
        for path in paths {
            for place in package_places(path)? {
                groups.extend(parse(&place)?);
            }
        }
        let mut read = Vec::new();
        let mut names = Vec::new();
        for (path, group, is_dependency) in groups {
            let name = group.main.name.clone();
            // The contract's own packages may stand beside a provider's, as other tools need them.
            let is_known = resolve.package_names.contains_key(&name);
            if is_known || names.iter().any(|(known, _, _)| *known == name) {
                continue;
            }
            names.push((name, path.clone(), is_dependency));
            read.push((path, group));
        }
        let mut groups = read.into_iter();
        if let Some((path, main)) = groups.next() {
            let others = groups.map(|(_, group)| group).collect();
            if let Err(error) = resolve.push_groups(main, others) {
                return Err(PackageError::new(path.display(), resolve.render_error(&error.into())));
            }
        }
        let own = names.into_iter().filter(|(_, _, is_dependency)| !is_dependency);
        let read = own
            .filter_map(|(name, path, _)| Some(ReadPackage { id: *resolve.package_names.get(&name)?, path }));
        // A package with worlds only is that of a plugin.
        let read = read.filter(|read| !resolve.packages[read.id].interfaces.is_empty()).collect();
        Ok(Self { resolve, read })
    }

    /// All packages that were read, with their handlers. Samples are from the types; a sample beside the WIT is not
    /// decoded yet.
    ///
    /// # Errors
    /// Names the interface that is no handler a host could call.
    pub fn all(&self) -> Result<Vec<Package>, PackageError> {
        self.read.iter().map(|read| self.package(read)).collect()
    }

    fn package(&self, read: &ReadPackage) -> Result<Package, PackageError> {
        let package = &self.resolve.packages[read.id];
        let (mut handlers, types) = handlers::find(&self.resolve, read.id)?;
        let type_interfaces = type_interfaces(&types, &handlers);
        for handler in &mut handlers {
            handler.sample_file = sample_file(&read.path, &handler.event)?;
            let interface = package.interfaces[&handler.interface];
            handler.wit_text = self.text(&[interface])?;
            let used = used_interfaces(&self.resolve, &[interface]);
            let used: Vec<_> = used.into_iter().filter_map(|id| self.resolve.id_of(id)).collect();
            let own = type_interfaces.iter().filter(|wit| used.contains(wit));
            handler.type_interfaces = own.cloned().collect();
        }
        let shared = self.resolve.interfaces.iter().map(|(id, _)| id);
        let shared: Vec<_> = shared
            .filter(|id| self.resolve.id_of(*id).is_some_and(|wit| type_interfaces.contains(&wit)))
            .collect();
        let (namespace, name) = (package.name.namespace.clone(), package.name.name.clone());
        let is_short = name == "events" && !is_reserved_module(&namespace);
        let module = if is_short { namespace.clone() } else { format!("{namespace}_{name}") };
        Ok(Package {
            module: module.replace('-', "_"),
            namespace,
            name,
            version: package.name.version.as_ref().map(ToString::to_string).unwrap_or_default(),
            id: package.name.to_string(),
            docs: super::types::docs(&package.docs),
            types_text: self.text(&shared)?,
            type_interfaces,
            types,
            handlers,
        })
    }

    /// A module with the handlers of a package, which the host loads like a plugin.
    ///
    /// # Errors
    /// When the package was not read, or makes no module.
    pub fn module(&self, package: &Package) -> Result<Vec<u8>, PackageError> {
        let read = self.find(package).ok_or_else(|| PackageError::new(&package.id, "it was not read"))?;
        module::with_handlers(&self.resolve, read.id, &package.handlers)
    }

    /// The world of a plugin that exports these interfaces.
    ///
    /// # Errors
    /// Names an interface that none of the packages has.
    pub fn world(&self, interfaces: &[String]) -> Result<PluginWorld, PackageError> {
        PluginWorld::new(self.resolve.clone(), interfaces)
    }

    /// Where a package was read from.
    #[must_use]
    pub fn path(&self, package: &Package) -> Option<&Path> {
        self.find(package).map(|read| read.path.as_path())
    }

    fn find(&self, package: &Package) -> Option<&ReadPackage> {
        self.read.iter().find(|read| self.resolve.packages[read.id].name.to_string() == package.id)
    }

    /// These interfaces and those whose types they use, as text that needs no other.
    fn text(&self, interfaces: &[InterfaceId]) -> Result<String, PackageError> {
        let used = used_interfaces(&self.resolve, interfaces);
        let mut resolve = self.resolve.clone();
        for (_, package) in &mut resolve.packages {
            // Worlds import capabilities, which types do not need.
            package.worlds.clear();
            package.interfaces.retain(|_, id| used.contains(id));
        }
        let mut printer = WitPrinter::default();
        let packages = self.resolve.packages.iter().map(|(id, _)| id);
        for id in packages.filter(|id| !resolve.packages[*id].interfaces.is_empty()) {
            let done = printer.print_package(&resolve, id, false);
            done.map_err(|error| PackageError::new(&resolve.packages[id].name, format!("{error:#}")))?;
            printer.output.newline();
        }
        Ok(printer.output.to_string())
    }
}

/// These interfaces, and all whose types they use.
fn used_interfaces(resolve: &Resolve, interfaces: &[InterfaceId]) -> Vec<InterfaceId> {
    let mut used = interfaces.to_vec();
    let mut at = 0;
    while let Some(interface) = used.get(at).copied() {
        at += 1;
        let new = resolve.interface_direct_deps(interface).filter(|id| !used.contains(id));
        let new: Vec<_> = new.collect();
        used.extend(new);
    }
    used
}

fn type_interfaces(types: &[TypeDef], handlers: &[Handler]) -> Vec<String> {
    let mut all: Vec<String> = types.iter().map(|def| def.wit.clone()).collect();
    all.sort();
    all.dedup();
    all.retain(|wit| handlers.iter().all(|handler| handler.wit != *wit));
    all
}

fn push_contract<'a>(
    resolve: &mut Resolve,
    files: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<(), PackageError> {
    let failed =
        |error: &dyn Display| PackageError::new("the contract of this hookyard", format!("{error:#}"));
    let (mut contract, mut wasi, mut others) = (SourceMap::default(), Vec::new(), Vec::new());
    for (path, text) in files.filter(|(path, _)| is_wit(Path::new(path))) {
        if path.starts_with("hookyard-plugin-") {
            contract.push_str(path, text);
        } else if path.starts_with("wasi/") || path.starts_with("hookyard-event-") {
            let group = UnresolvedPackageGroup::parse(path, text);
            let group = group.map_err(|(map, error)| failed(&error.render(&map)))?;
            if path.starts_with("wasi/") { wasi.push(group) } else { others.push(group) }
        }
    }
    let contract = contract.parse().map_err(|(map, error)| failed(&error.render(&map)))?;
    resolve.push_groups(contract, wasi).map_err(|error| failed(&error))?;
    for group in others {
        resolve.push_group(group).map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// The packages at a path: itself, or the folders in it that have WIT files.
fn package_places(path: &Path) -> Result<Vec<PathBuf>, PackageError> {
    let failed = |error: &dyn Display| PackageError::new(path.display(), error);
    if !path.metadata().map_err(|error| failed(&error))?.is_dir() || has_wit(path) {
        return Ok(vec![path.to_owned()]);
    }
    let inside = path.read_dir().map_err(|error| failed(&error))?;
    let mut places: Vec<PathBuf> = inside.filter_map(|entry| Some(entry.ok()?.path())).collect();
    places.retain(|place| place.is_dir() && has_wit(place));
    places.sort();
    if places.is_empty() {
        return Err(failed(&"there is no WIT file in it, nor in a folder in it"));
    }
    Ok(places)
}

fn has_wit(dir: &Path) -> bool {
    wit_files(dir).is_ok_and(|files| !files.is_empty())
}

/// The WIT files of a package: those in its folder, or itself.
fn wit_files(package: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !package.is_dir() {
        return Ok(vec![package.to_owned()]);
    }
    let inside = package.read_dir()?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<PathBuf> = inside.filter(|path| is_wit(path) && path.is_file()).collect();
    files.sort();
    Ok(files)
}

fn is_wit(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "wit")
}

type Parsed = (PathBuf, UnresolvedPackageGroup, bool);

/// A package, and after it the packages in its folder `deps`.
fn parse(path: &Path) -> Result<Vec<Parsed>, PackageError> {
    let one = |path: &Path| {
        let failed = |error: &dyn Display| PackageError::new(path.display(), format!("{error:#}"));
        let mut files = SourceMap::default();
        for file in wit_files(path).map_err(|error| failed(&error))? {
            files.push(&file, read_text(&file)?);
        }
        files.parse().map_err(|(map, error)| failed(&error.render(&map)))
    };
    let mut parsed = vec![(path.to_owned(), one(path)?, false)];
    for place in dependency_places(&path.join("deps")) {
        parsed.push((place.clone(), one(&place)?, true));
    }
    Ok(parsed)
}

/// The packages in a folder `deps`, as other tools lay them out: WIT files, and folders with such files.
fn dependency_places(deps: &Path) -> Vec<PathBuf> {
    let inside = deps.read_dir().into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut places: Vec<PathBuf> =
        inside.filter(|path| if path.is_dir() { has_wit(path) } else { is_wit(path) }).collect();
    places.sort();
    places
}

/// The sample of an event type beside the WIT, if there is one.
fn sample_file(package: &Path, event: &str) -> Result<Option<String>, PackageError> {
    let dir = if package.is_dir() { package } else { package.parent().unwrap_or(package) };
    let path = dir.join("samples").join(format!("{event}.json"));
    if path.is_file() { read_text(&path).map(Some) } else { Ok(None) }
}

fn read_text(path: &Path) -> Result<String, PackageError> {
    let failed = |error: &dyn Display| PackageError::new(path.display(), error);
    let size_bytes = path.metadata().map_err(|error| failed(&error))?.len();
    if size_bytes > FILE_MAX_BYTES {
        return Err(failed(&format!("it has {size_bytes} bytes, at most {FILE_MAX_BYTES}")));
    }
    std::fs::read_to_string(path).map_err(|error| failed(&error))
}
