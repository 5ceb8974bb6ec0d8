//! WIT packages for commands: read with the contract that this program carries, their samples decoded as a host
//! decodes them, and rendered as an SDK's typed handlers.

mod decoder;
mod event;
mod export;
pub(super) mod filters;
mod loaded;
mod names;
mod render;
mod sample;

pub(in crate::cli) use decoder::PayloadDecoder;
pub(in crate::cli) use event::{PackageSample, find_sample, type_of};
pub(in crate::cli) use export::export;
pub(in crate::cli) use loaded::{
    LoadedPackages, load, load_moncreneau, read_moncreneau, read_with_moncreneau,
};
pub(in crate::cli) use render::{
    GeneratedFile, generate, has_templates, remove_former, remove_stale, write_generated,
};
pub(in crate::cli) use sample::payload_of;
