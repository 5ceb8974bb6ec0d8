package host

import (
	"time"
	"unsafe"

	"hookyard/abi"
)

//go:wasmimport wasi:config/store@0.2.0-rc.1 get
func importConfigGet(key string, answer unsafe.Pointer)

//go:wasmimport wasi:config/store@0.2.0-rc.1 get-all
func importConfigAll(answer unsafe.Pointer)

//go:wasmimport hookyard:event/metadata@0.1.0 content-type
func importContentType(answer unsafe.Pointer)

//go:wasmimport hookyard:event/metadata@0.1.0 attribute
func importAttribute(name string, answer unsafe.Pointer)

//go:wasmimport hookyard:event/metadata@0.1.0 attributes
func importAttributes(answer unsafe.Pointer)

//go:wasmimport wasi:clocks/wall-clock@0.2.12 now
func importNow(answer unsafe.Pointer)

//go:wasmimport wasi:random/random@0.2.12 get-random-bytes
func importRandomBytes(count uint64, answer unsafe.Pointer)

//go:wasmimport wasi:random/random@0.2.12 get-random-u64
func importRandomU64() uint64

// Log writes a line to the operator's log.
func Log(level uint32, message string) { abi.Log(level, message) }

// ConfigGet returns the operator's value of a key.
func ConfigGet(key string) (string, bool) {
	begin()
	defer end()
	importConfigGet(abi.ValidText(key), answerAt())
	if got8(0) != 0 || got8(4) == 0 {
		return "", false
	}
	return gotText(8), true
}

// ConfigAll returns all keys and values.
func ConfigAll() []Pair {
	begin()
	defer end()
	importConfigAll(answerAt())
	if got8(0) != 0 {
		return nil
	}
	return gotPairs(4)
}

// ContentType returns the event's content type.
func ContentType() (string, bool) {
	begin()
	defer end()
	importContentType(answerAt())
	return gotOptionalText()
}

// Attribute returns an attribute of the event.
func Attribute(name string) (string, bool) {
	begin()
	defer end()
	importAttribute(abi.ValidText(name), answerAt())
	return gotOptionalText()
}

// Attributes returns all attributes of the event.
func Attributes() []Pair {
	begin()
	defer end()
	importAttributes(answerAt())
	return gotPairs(0)
}

// gotOptionalText reads an `option<string>`.
func gotOptionalText() (string, bool) {
	if got8(0) == 0 {
		return "", false
	}
	return gotText(4), true
}

func gotPairs(offset uintptr) []Pair {
	items := unsafe.Slice((*[2]list)(abi.At(got32(offset))), got32(offset+4))
	pairs := make([]Pair, len(items))
	for at, item := range items {
		pairs[at] = Pair{abi.Text(item[0][0], item[0][1]), abi.Text(item[1][0], item[1][1])}
	}
	return pairs
}

// Now returns the time.
func Now() time.Time {
	begin()
	defer end()
	importNow(answerAt())
	return time.Unix(int64(got64(0)), int64(got32(8))).UTC()
}

// RandomBytes returns this number of random bytes.
func RandomBytes(count int) []byte {
	begin()
	defer end()
	importRandomBytes(uint64(count), answerAt())
	return gotBytes(0)
}

// RandomU64 returns a random number.
func RandomU64() uint64 { return importRandomU64() }
