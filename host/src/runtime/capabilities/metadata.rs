//! `hookyard:event/metadata`: the content type and the attributes of the call's event.

use wasmtime::component::Linker;
use wasmtime::{Result, StoreContextMut};

use crate::runtime::state::{InstanceState, update_lift_limit};

/// Bytes of memory for an attribute in a list of results, beside its name and value.
const RESULT_BYTES: usize = 96;

type Context<'a> = StoreContextMut<'a, InstanceState>;

pub(super) fn add_to_linker(linker: &mut Linker<InstanceState>) -> Result<()> {
    let mut metadata = linker.instance("hookyard:event/metadata@0.1.0")?;
    metadata.func_wrap("content-type", |mut context: Context<'_>, (): ()| {
        let content_type = copy(context.data(), context.data().metadata.content_type())?;
        update_lift_limit(&mut context);
        Ok((content_type,))
    })?;
    metadata.func_wrap("attribute", |mut context: Context<'_>, (name,): (String,)| {
        let value = copy(context.data(), context.data().metadata.attribute(&name))?;
        update_lift_limit(&mut context);
        Ok((value,))
    })?;
    metadata.func_wrap("attributes", |mut context: Context<'_>, (): ()| {
        let state = context.data();
        let attributes = state.metadata.attributes();
        let bytes: usize =
            attributes.clone().map(|(name, value)| name.len() + value.len() + RESULT_BYTES).sum();
        let fits = state.budget.check(bytes);
        fits.map_err(|over| over.into_error("hookyard:event: the attributes"))?;
        let attributes: Vec<_> =
            attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        update_lift_limit(&mut context);
        Ok((attributes,))
    })
}

/// Copies a text for the guest.
fn copy(state: &InstanceState, text: Option<&str>) -> Result<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    let fits = state.budget.check(text.len());
    fits.map_err(|over| over.into_error(format_args!("hookyard:event: a text of {} bytes", text.len())))?;
    Ok(Some(text.to_owned()))
}
