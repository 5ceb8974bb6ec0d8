//! Makes random core modules for `tests/e2e/fuzz`.
//!
//! Reads requests from standard input and answers each on standard output. Numbers have 4 bytes, little-endian. A
//! request: flags, the length of the shape, the shape, the length of the random bytes, the random bytes. The shape
//! is a core module; the random module has its imports and exports. Flags: 1, the module's own instructions do not
//! trap; 2, it may use proposals that only new engines know. A response: the length of the module, 0 if these bytes
//! make none, and the module.

use std::io::{self, Read, Write};

use arbitrary::Unstructured;
use wasm_smith::{Config, Module};

const NO_TRAPS: u32 = 1;
const ALL_FEATURES: u32 = 2;

fn main() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    while let Some(flags) = number(&mut input)? {
        let shape = bytes(&mut input)?;
        let random = bytes(&mut input)?;
        let all = flags & ALL_FEATURES != 0;
        let config = Config {
            module_shape: Some(shape),
            disallow_traps: flags & NO_TRAPS != 0,
            exceptions_enabled: all,
            gc_enabled: all,
            memory64_enabled: all,
            threads_enabled: all,
            wide_arithmetic_enabled: all,
            compact_imports_enabled: false,
            max_instructions: 200,
            max_memories: 2,
            max_tables: 3,
            ..Config::default()
        };
        let made = Module::new(config, &mut Unstructured::new(&random));
        let module = made.map_or_else(|_| Vec::new(), |module| module.to_bytes());
        output.write_all(&u32::try_from(module.len()).unwrap_or(0).to_le_bytes())?;
        output.write_all(&module)?;
        output.flush()?;
    }
    Ok(())
}

/// A number, or nothing at the end of the input.
fn number(input: &mut impl Read) -> io::Result<Option<u32>> {
    let mut bytes = [0; 4];
    match input.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(u32::from_le_bytes(bytes))),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn bytes(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let length = number(input)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut bytes = vec![0; length as usize];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}
