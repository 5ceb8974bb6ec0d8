//! The plugin's allocator: calls that need little memory do not grow it.
//!
//! Memory growth costs the host two system calls per handler call, a third of the cost of a small handler.
//! Rust's allocator for this target grows memory at the first allocation. This allocator first uses a static
//! arena, and then the free space at the end of the initial memory.
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
/// Bytes of the arena, which exists in every memory layout. It is zeroed, so it adds no bytes to the file,
/// and the host resets whole pages in any case.
const ARENA: usize = 16 * 1024;

#[repr(align(16))]
struct Arena(UnsafeCell<MaybeUninit<[u8; ARENA]>>);

// SAFETY: only the allocator uses the arena, and a module without atomics has one thread.
unsafe impl Sync for Arena {}

static FIRST: Arena = Arena(UnsafeCell::new(MaybeUninit::uninit()));

unsafe extern "C" {
    /// The end of the linker's data. Only its address has a meaning.
    static __heap_base: u8;
}

/// The allocator's source of memory.
#[derive(Debug)]
struct Memory {
    stage: Stage,
    /// The end of the last heap.
    end: Option<NonNull<u8>>,
}

/// The region that the next heap takes.
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

// SAFETY: `acquire` does not allocate.
unsafe impl Source for Memory {
    fn acquire<B: Binning>(talc: &mut Talc<Self, B>, layout: Layout) -> Result<(), ()> {
        let claimed = match talc.source.stage {
            Stage::Arena => {
                talc.source.stage = Stage::RestOfInitialMemory;
                // SAFETY: only this allocator uses the arena, and claims it once.
                unsafe { talc.claim(FIRST.0.get().cast(), ARENA) }
            }
            Stage::RestOfInitialMemory => {
                talc.source.stage = Stage::Growth;
                let start = (&raw const __heap_base).cast_mut();
                let size = (memory_size::<0>() * PAGE).saturating_sub(start.addr());
                // SAFETY: nothing lies between the linker's data and the end of the memory.
                let claimed = unsafe { talc.claim(start, size) };
                talc.source.end = claimed;
                claimed
            }
            Stage::Growth => return grow(talc, layout),
        };
        // A region that is too small for a heap stays unused.
        if claimed.is_some() { Ok(()) } else { Self::acquire(talc, layout) }
    }
}

fn grow<B: Binning>(talc: &mut Talc<Memory, B>, layout: Layout) -> Result<(), ()> {
    // The overhead of talc per heap and per allocation, and the padding for alignment.
    let bytes = layout.size().checked_add(layout.align() + 4 * CHUNK_UNIT).ok_or(())?;
    let needed = bytes.div_ceil(PAGE);
    // Grows by at least half of the memory, so growth is rare. If that fails, grows by the needed size.
    let wished = needed.max(memory_size::<0>() / 2);
    let (before, pages) = [wished, needed]
        .into_iter()
        .map(|pages| (memory_grow::<0>(pages), pages))
        .find(|(before, _)| *before != usize::MAX)
        .ok_or(())?;
    let start = (before * PAGE) as *mut u8;
    let end = start.wrapping_add(pages * PAGE);
    // SAFETY: new memory has no other user. If the last heap ends at its start, that heap is extended.
    talc.source.end = unsafe {
        match talc.source.end {
            Some(last) if last.as_ptr() == start => Some(talc.extend(last, end)),
            _ => talc.claim(start, pages * PAGE),
        }
    };
    talc.source.end.map(drop).ok_or(())
}
