package abi

import (
	"sync"
	"unsafe"
)

// Arguments and results of the host are written to an arena. The functions that the host calls to allocate there do not
// enter Go: a collection, a growing stack or a switch of goroutines in them would be fatal. `hookyard plugin build` adds
// these functions to the module.

const (
	nextWord  = 32
	blockWord = 48
)

func layoutAddress() uintptr

func word(offset uintptr) *uint64 {
	return (*uint64)(unsafe.Add(unsafe.Pointer(nil), layoutAddress()+offset))
}

// Memory is locked while values of the host are read.
var Memory sync.Mutex

// FreeArena forgets the values of the last call. They must have been copied.
func FreeArena() { *word(nextWord) = *word(blockWord) }

// At returns the pointer to an address that the host gave.
func At(address uint32) unsafe.Pointer { return unsafe.Add(unsafe.Pointer(nil), address) }
