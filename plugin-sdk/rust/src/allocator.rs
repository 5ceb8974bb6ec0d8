//! The plugin's allocator: calls that need little memory do not grow it.
//!
//! Growing memory costs the host two system calls in each call of a handler, which are a third of what a small
//! handler costs. The allocator that Rust has for this target grows memory at the first allocation. This one
//! first uses an arena of its own, and then what the linker left free at the end of the initial memory.
#![expect(unsafe_code, reason = "an allocator hands out raw memory; each use says whose it was before")]

use core::alloc::Layout;
use core::arch::wasm32::{memory_grow, memory_size};
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use talc::base::binning::Binning;
use talc::base::{CHUNK_UNIT, Talc};
use talc::cell::TalcSyncCell;
use talc::source::Source;
use talc::wasm::WasmBinning;

#[global_allocator]
static ALLOCATOR: TalcSyncCell<Memory, WasmBinning> = TalcSyncCell::new_wasm(Memory::new());

/// Bytes of a WebAssembly page.
const PAGE: usize = 64 * 1024;
/// Bytes that are there however the linker lays out memory. They are zero, so they cost no bytes of the file,
/// and the host resets whole pages anyway.
const ARENA: usize = 16 * 1024;

#[repr(align(16))]
struct Arena(UnsafeCell<MaybeUninit<[u8; ARENA]>>);

// SAFETY: the allocator alone uses it, and a module without atomics has one thread.
unsafe impl Sync for Arena {}

static FIRST: Arena = Arena(UnsafeCell::new(MaybeUninit::uninit()));

unsafe extern "C" {
    /// Where the linker's data ends: its address, and no value.
    static __heap_base: u8;
}

/// Where the allocator has its memory from.
#[derive(Debug)]
struct Memory {
    stage: Stage,
    /// Where the last heap ends.
    end: Option<NonNull<u8>>,
}

/// What is used next.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Arena,
    RestOfInitialMemory,
    Growth,
}

impl Memory {
    const fn new() -> Self {
        Self { stage: Stage::Arena, end: None }
    }
}

// SAFETY: allocates nothing.
unsafe impl Source for Memory {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let claimed = match talc.source.stage {
            Stage::Arena => {
                talc.source.stage = Stage::RestOfInitialMemory;
                // SAFETY: nothing else uses the arena, and it is claimed once.
                unsafe { talc.claim(FIRST.0.get().cast(), ARENA) }
            }
            Stage::RestOfInitialMemory => {
                talc.source.stage = Stage::Growth;
                let start = (&raw const __heap_base).cast_mut();
                let size = (memory_size::<0>() * PAGE).saturating_sub(start.addr());
                // SAFETY: after the linker's data is nothing, up to the end of the memory.
                let claimed = unsafe { talc.claim(start, size) };
                talc.source.end = claimed;
                claimed
            }
            Stage::Growth => return grow(talc, layout),
        };
        // One that is too small for a heap is left alone.
        if claimed.is_some() { Ok(()) } else { Self::acquire(talc, layout) }
    }
}

fn grow<B: Binning>(talc: &mut Talc<Memory, B>, layout: Layout) -> Result<(), ()> {
    // What talc keeps for each heap and each allocation, and what alignment takes.
    let bytes = layout.size().checked_add(layout.align() + 4 * CHUNK_UNIT).ok_or(())?;
    let needed = bytes.div_ceil(PAGE);
    // By half of what there is at least, so that it is not done often; by what is needed where that is refused.
    let wished = needed.max(memory_size::<0>() / 2);
    let (before, pages) = [wished, needed]
        .into_iter()
        .map(|pages| (memory_grow::<0>(pages), pages))
        .find(|(before, _)| *before != usize::MAX)
        .ok_or(())?;
    let start = (before * PAGE) as *mut u8;
    let end = start.wrapping_add(pages * PAGE);
    // SAFETY: memory that has just been made is nobody's. A heap that ends where it begins goes on into it.
    talc.source.end = unsafe {
        match talc.source.end {
            Some(last) if last.as_ptr() == start => Some(talc.extend(last, end)),
            _ => talc.claim(start, pages * PAGE),
        }
    };
    talc.source.end.map(drop).ok_or(())
}
