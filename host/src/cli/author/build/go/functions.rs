//! The functions that are added to a module of Go.
//!
//! Go's compiler exports functions that enter Go's runtime. The canonical ABI's `cabi_realloc` must not: a collection
//! calls the host, which is a trap there (wasmtime issue 14318), and a growing stack moves results that the host is
//! writing. So it is a function of its own, which takes memory from an arena and extends it as Go's allocator extends its
//! memory. `plugin-sdk/go/abi/arena_wasm.s` has the words that it works on.

use wasm_encoder::{BlockType, Function, InstructionSink, MemArg, ValType};

use super::module::NewFunction;

const PAGE_BYTES: i64 = 64 * 1024;

/// Offsets of the words in the SDK's `layout`.
const ALLOCATED_END: u32 = 16;
const KNOWN_END: u32 = 24;
const NEXT: u32 = 32;
const END: u32 = 40;
const BLOCK: u32 = 48;
const WORDS: u32 = 56;

/// The addresses of a module of Go.
pub(super) struct Addresses {
    /// Of the words that the arena consists of.
    pub(super) layout: u32,
    /// The index of the function that each export calls.
    pub(super) call: u32,
}

/// 8 bytes, aligned, after an address.
fn word(offset: u32) -> MemArg {
    MemArg { offset: offset.into(), align: 3, memory_index: 0 }
}

/// An exported function of a handler's interface.
pub(super) struct Trampoline {
    pub(super) export: String,
    /// The address and length of the interface's name in the module.
    pub(super) name: (u32, u32),
    pub(super) params: Vec<ValType>,
    /// Whether the only parameter is the address of a record with the arguments.
    pub(super) is_indirect: bool,
}

impl Addresses {
    /// Calls the SDK's function with the name of the interface and the place of the arguments.
    pub(super) fn trampoline(&self, function: Trampoline) -> NewFunction {
        let Trampoline { export, name, params, is_indirect } = function;
        let mut body = Function::new([(1, ValType::I32)]);
        let count = i32::try_from(params.len()).unwrap_or(i32::MAX);
        // The first local after the parameters.
        let words = u32::try_from(params.len()).unwrap_or(u32::MAX);
        let mut code = body.instructions();
        self.load_word(&mut code, WORDS);
        code.i32_wrap_i64().local_set(words);
        if !is_indirect {
            for (param, ty) in (0..).zip(&params) {
                code.local_get(words).local_get(param);
                match ty {
                    ValType::I32 => code.i64_extend_i32_u(),
                    ValType::F32 => code.i32_reinterpret_f32().i64_extend_i32_u(),
                    ValType::F64 => code.i64_reinterpret_f64(),
                    _ => &mut code,
                };
                code.i64_store(word(param * 8));
            }
        }
        code.i32_const(name.0.cast_signed()).i32_const(name.1.cast_signed());
        code.local_get(if is_indirect { 0 } else { words });
        code.i32_const(if is_indirect { -1 } else { count });
        code.call(self.call).end();
        NewFunction { export, params, results: vec![ValType::I32], body }
    }

    /// `cabi_realloc(old, old size, align, size)`: memory until the SDK has copied it.
    pub(super) fn realloc(&self) -> NewFunction {
        let (start, end) = (4, 5);
        let mut body = Function::new([(1, ValType::I32), (5, ValType::I64)]);
        let mut code = body.instructions();
        self.align_next(&mut code);
        code.local_set(start);
        code.local_get(start).i64_extend_i32_u().local_get(3).i64_extend_i32_u().i64_add().local_tee(end);
        self.load_word(&mut code, END);
        code.i64_gt_u().if_(BlockType::Empty);
        self.extend(&mut code);
        self.align_next(&mut code);
        code.local_tee(start).i64_extend_i32_u().local_get(3).i64_extend_i32_u().i64_add().local_set(end);
        code.end();
        code.i32_const(self.layout.cast_signed()).local_get(end).i64_store(word(NEXT));
        code.local_get(0).if_(BlockType::Empty);
        code.local_get(start).local_get(0);
        code.local_get(1).local_get(3).local_get(1).local_get(3).i32_lt_u().select();
        code.memory_copy(0, 0).end();
        code.local_get(start).end();
        allocator("cabi_realloc", body)
    }

    /// `cabi_realloc_adapter`: memory that the adapter of preview 1 keeps, from the end of the arena. It is asked for
    /// before Go's runtime runs.
    pub(super) fn adapter_realloc(&self) -> NewFunction {
        let start = 4;
        let mut body = Function::new([(1, ValType::I64)]);
        let mut code = body.instructions();
        self.load_word(&mut code, END);
        code.local_get(3).i64_extend_i32_u().i64_sub();
        code.i64_const(0).local_get(2).i64_extend_i32_u().i64_sub().i64_and().local_tee(start);
        self.load_word(&mut code, NEXT);
        code.i64_lt_s().if_(BlockType::Empty).unreachable().end();
        code.i32_const(self.layout.cast_signed()).local_get(start).i64_store(word(END));
        code.local_get(start).i32_wrap_i64().end();
        allocator("cabi_realloc_adapter", body)
    }

    /// Begins a new block at the end of the memory that Go's allocator has taken, and moves that end. Go's own
    /// allocator does not notice memory that others have added, so this function updates its end.
    fn extend(&self, code: &mut InstructionSink<'_>) {
        let (size, top, have, begin) = (6, 7, 8, 9);
        // At least twice the last block, so the blocks that are left are together no larger than the last one.
        self.load_word(code, END);
        self.load_word(code, BLOCK);
        code.i64_sub().i64_const(2).i64_mul().local_set(top);
        code.local_get(3).i64_extend_i32_u().local_get(2).i64_extend_i32_u().i64_add().local_set(size);
        code.local_get(size).local_get(top).local_get(size).local_get(top).i64_gt_u().select();
        code.i64_const(PAGE_BYTES - 1).i64_add().i64_const(-PAGE_BYTES).i64_and().local_set(size);
        self.load_word(code, ALLOCATED_END);
        code.i32_wrap_i64().i64_load(word(0)).local_tee(begin);
        // Go's runtime has not begun.
        code.i64_eqz().if_(BlockType::Empty).unreachable().end();
        code.local_get(begin).local_get(size).i64_add().local_set(top);
        code.memory_size(0).i64_extend_i32_u().i64_const(PAGE_BYTES).i64_mul().local_set(have);
        code.local_get(top).local_get(have).i64_gt_u().if_(BlockType::Empty);
        code.local_get(top).local_get(have).i64_sub().i64_const(PAGE_BYTES - 1).i64_add();
        code.i64_const(PAGE_BYTES).i64_div_u().i32_wrap_i64().memory_grow(0);
        code.i32_const(-1).i32_eq().if_(BlockType::Empty).unreachable().end();
        code.end();
        self.store_indirect(code, ALLOCATED_END, top);
        self.load_word(code, KNOWN_END);
        code.i32_wrap_i64().i64_load(word(0)).local_get(top).i64_lt_u().if_(BlockType::Empty);
        self.store_indirect(code, KNOWN_END, top);
        code.end();
        for (offset, value) in [(NEXT, begin), (BLOCK, begin), (END, top)] {
            code.i32_const(self.layout.cast_signed()).local_get(value).i64_store(word(offset));
        }
    }

    /// The next free address with the alignment in parameter 2.
    fn align_next(&self, code: &mut InstructionSink<'_>) {
        self.load_word(code, NEXT);
        code.i32_wrap_i64().local_get(2).i32_add().i32_const(1).i32_sub();
        code.i32_const(0).local_get(2).i32_sub().i32_and();
    }

    fn load_word(&self, code: &mut InstructionSink<'_>, offset: u32) {
        code.i32_const(self.layout.cast_signed()).i64_load(word(offset));
    }

    /// Stores a local where a word points to.
    fn store_indirect(&self, code: &mut InstructionSink<'_>, offset: u32, value: u32) {
        self.load_word(code, offset);
        code.i32_wrap_i64().local_get(value).i64_store(word(0));
    }
}

fn allocator(export: &str, body: Function) -> NewFunction {
    NewFunction { export: export.into(), params: vec![ValType::I32; 4], results: vec![ValType::I32], body }
}
