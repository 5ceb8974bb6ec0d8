//! What both modules and components have: kinds of items, and an index space for each.

use std::ops::{Index, IndexMut};

use wasmparser::ExternalKind;

use super::Unsupported;

/// The kind of an item of a core module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Func,
    Table,
    Memory,
    Global,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Func, Self::Table, Self::Memory, Self::Global];
}

impl TryFrom<ExternalKind> for Kind {
    type Error = Unsupported;

    fn try_from(kind: ExternalKind) -> Result<Self, Unsupported> {
        match kind {
            ExternalKind::Func => Ok(Self::Func),
            ExternalKind::Table => Ok(Self::Table),
            ExternalKind::Memory => Ok(Self::Memory),
            ExternalKind::Global => Ok(Self::Global),
            ExternalKind::Tag | ExternalKind::FuncExact => Err(Unsupported("it has tags or exact functions")),
        }
    }
}

impl From<Kind> for wasm_encoder::ExportKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Func => Self::Func,
            Kind::Table => Self::Table,
            Kind::Memory => Self::Memory,
            Kind::Global => Self::Global,
        }
    }
}

/// One value for each kind.
#[derive(Debug, Clone, Default)]
pub(super) struct Spaces<T>([T; 4]);

impl<T> Index<Kind> for Spaces<T> {
    type Output = T;

    fn index(&self, kind: Kind) -> &T {
        &self.0[kind as usize]
    }
}

impl<T> IndexMut<Kind> for Spaces<T> {
    fn index_mut(&mut self, kind: Kind) -> &mut T {
        &mut self.0[kind as usize]
    }
}
