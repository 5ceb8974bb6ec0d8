#include "textflag.h"

// What `hookyard plugin build` needs to know of this module, found by the first 16 bytes. It adds functions that work
// on these words; host/src/cli/author/build/go/functions.rs describes them.
DATA ·layout+0(SB)/8, $0x796b6f6f683a4f47  // "GO:hooky"
DATA ·layout+8(SB)/8, $0x316b72616d647261  // "ardmark1"
DATA ·layout+16(SB)/8, $runtime·bloc(SB)    // the end of the memory that Go's allocator has taken
DATA ·layout+24(SB)/8, $runtime·blocMax(SB) // the end of the memory that it believes to exist
DATA ·layout+32(SB)/8, $·arena(SB)          // the next free byte for values of one call
DATA ·layout+40(SB)/8, $·arena+262144(SB)   // the end of the free bytes
DATA ·layout+48(SB)/8, $·arena(SB)          // the first byte of the current block
DATA ·layout+56(SB)/8, $·words(SB)          // the place for arguments that are no record
GLOBL ·layout(SB), NOPTR, $64

GLOBL ·arena(SB), NOPTR, $262144
GLOBL ·words(SB), NOPTR, $128

// func layoutAddress() uintptr
TEXT ·layoutAddress(SB), NOSPLIT, $0-8
	MOVD $·layout(SB), ret+0(FP)
	RET
