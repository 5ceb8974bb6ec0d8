//go:build !wasm

package abi

import "unsafe"

// At is for WebAssembly only.
func At(uint32) unsafe.Pointer { panic("hookyard: there is no such memory outside of a plugin") }
