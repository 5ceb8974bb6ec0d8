package abi

import "unsafe"

// Load reads a value in memory.
func Load[T any](address uint32) T { return *(*T)(At(address)) }

// Text copies a text out of memory.
func Text(address, length uint32) string {
	if length == 0 {
		return ""
	}
	return string(unsafe.Slice((*byte)(At(address)), length))
}

// Bytes copies bytes out of memory.
func Bytes(address, length uint32) []byte {
	copied := make([]byte, length)
	if length > 0 {
		copy(copied, unsafe.Slice((*byte)(At(address)), length))
	}
	return copied
}
