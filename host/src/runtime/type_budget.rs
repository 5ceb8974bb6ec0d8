//! How large the types of a plugin's payloads may be: a few hundred bytes of WebAssembly describe a record of
//! millions of fields, by records of records, and the host walks all of them.

use wasmtime::component::Type;

/// What a place in a type takes in a plan, about.
const PLACE_BYTES: usize = 128;

/// Bytes that plans for the payload types of one plugin may still take.
pub(super) struct TypeBudget {
    max: usize,
    left: usize,
}

impl TypeBudget {
    /// A budget of so many bytes.
    pub(super) fn new(max: usize) -> Self {
        Self { max, left: max }
    }

    /// Takes a type's share. Ends with the budget, however much of the type is left.
    ///
    /// # Errors
    /// Names the limit when the type is too large.
    pub(super) fn take(&mut self, ty: &Type) -> Result<(), String> {
        self.name("")?;
        match ty {
            Type::Option(option) => self.take(&option.ty()),
            Type::List(list) => self.take(&list.ty()),
            Type::Tuple(tuple) => tuple.types().try_for_each(|ty| self.take(&ty)),
            Type::Record(record) => record.fields().try_for_each(|field| {
                self.name(field.name)?;
                self.take(&field.ty)
            }),
            Type::Variant(variant) => variant.cases().try_for_each(|case| {
                self.name(case.name)?;
                case.ty.map_or(Ok(()), |ty| self.take(&ty))
            }),
            Type::Enum(names) => names.names().try_for_each(|name| self.name(name)),
            Type::Flags(names) => names.names().try_for_each(|name| self.name(name)),
            // Simple, or no payload's type.
            _ => Ok(()),
        }
    }

    fn name(&mut self, name: &str) -> Result<(), String> {
        let left = self.left.checked_sub(PLACE_BYTES + name.len());
        self.left = left.ok_or_else(|| {
            format!("its payload types take more than runtime.payload_types_max_bytes, which is {}", self.max)
        })?;
        Ok(())
    }
}
