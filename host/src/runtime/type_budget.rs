//! Limits the size of a plugin's payload types. A few hundred bytes of WebAssembly can describe a record of millions
//! of fields, as records of records, and the host visits all of them.

use wasmtime::component::Type;

/// Approximate bytes of a type's node in a plan.
const NODE_BYTES: usize = 128;

/// Bytes that plans for the payload types of one plugin may still take.
pub(super) struct TypeBudget {
    max: usize,
    left: usize,
}

impl TypeBudget {
    /// A budget of `max` bytes.
    pub(super) fn new(max: usize) -> Self {
        Self { max, left: max }
    }

    /// Charges a type to the budget. It stops where the budget ends, for types of any size.
    ///
    /// # Errors
    /// The message names the limit if the type is too large.
    pub(super) fn charge(&mut self, ty: &Type) -> Result<(), String> {
        self.charge_name("")?;
        match ty {
            Type::Option(option) => self.charge(&option.ty()),
            Type::List(list) => self.charge(&list.ty()),
            Type::Tuple(tuple) => tuple.types().try_for_each(|ty| self.charge(&ty)),
            Type::Record(record) => record.fields().try_for_each(|field| {
                self.charge_name(field.name)?;
                self.charge(&field.ty)
            }),
            Type::Variant(variant) => variant.cases().try_for_each(|case| {
                self.charge_name(case.name)?;
                case.ty.map_or(Ok(()), |ty| self.charge(&ty))
            }),
            Type::Enum(names) => names.names().try_for_each(|name| self.charge_name(name)),
            Type::Flags(names) => names.names().try_for_each(|name| self.charge_name(name)),
            // Simple types, and types that no payload may have.
            _ => Ok(()),
        }
    }

    fn charge_name(&mut self, name: &str) -> Result<(), String> {
        let left = self.left.checked_sub(NODE_BYTES + name.len());
        self.left = left.ok_or_else(|| {
            format!("its payload types take more than runtime.payload_types_max_bytes, which is {}", self.max)
        })?;
        Ok(())
    }
}
