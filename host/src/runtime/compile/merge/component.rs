//! Merges the modules of a component, and of the components in it.

use std::borrow::Cow;

use wasm_encoder::{Component, RawSection};

use super::Unsupported;
use super::analysis::analyse;
use super::encode::Layout;
use super::module::CoreModule;
use super::sections::{Content, read_sections};
use super::write::Writer;

/// Most levels of components in each other.
const DEPTH_MAX: usize = 4;

/// Returns a component with merged modules; `None` if there is nothing to merge in it.
pub(super) fn merge_level(component: &[u8], depth: usize) -> Result<Option<Vec<u8>>, Unsupported> {
    if depth > DEPTH_MAX {
        return Err(Unsupported("it has too many components in each other"));
    }
    let mut sections = read_sections(component)?;
    for section in &mut sections {
        if matches!(section.content, Content::Component)
            && let Some(merged) = merge_level(&section.bytes, depth + 1)?
        {
            section.bytes = Cow::Owned(merged);
        }
    }
    let modules = sections.iter().filter(|section| matches!(section.content, Content::Module));
    // A module that cannot be read is one that stays.
    let modules: Vec<_> = modules.map(|section| CoreModule::parse(&section.bytes).ok()).collect();
    let analysis = analyse(&sections, &modules)?;
    if analysis.members.len() > 1 {
        let layout = Layout::new(&analysis, &modules)?;
        return Writer::new(&analysis, &layout, &modules).write(&sections).map(Some);
    }
    if !sections.iter().any(|section| matches!(section.bytes, Cow::Owned(_))) {
        return Ok(None);
    }
    let mut same = Component::new();
    for section in &sections {
        same.section(&RawSection { id: section.id, data: &section.bytes });
    }
    Ok(Some(same.finish()))
}
