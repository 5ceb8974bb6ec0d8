// Package random has cryptographically secure random values of the host.
package random

import "hookyard/internal/host"

// Bytes returns this number of random bytes.
func Bytes(count int) []byte { return host.RandomBytes(count) }

// Uint64 returns a random number.
func Uint64() uint64 { return host.RandomU64() }
