package host

import (
	"errors"
	"unsafe"

	"hookyard/abi"
)

// answer is where the host writes the results of an import. No import runs while another does.
var answer [16]uint64

// arguments keeps what the host reads during an import in the heap, where it stays in its place.
var arguments []any

func answerAt() unsafe.Pointer { return unsafe.Pointer(&answer) }

func got32(offset uintptr) uint32 {
	return *(*uint32)(unsafe.Add(unsafe.Pointer(&answer), offset))
}

func got64(offset uintptr) uint64 {
	return *(*uint64)(unsafe.Add(unsafe.Pointer(&answer), offset))
}

func got8(offset uintptr) uint8 {
	return *(*uint8)(unsafe.Add(unsafe.Pointer(&answer), offset))
}

func gotText(offset uintptr) string { return abi.Text(got32(offset), got32(offset+4)) }

func gotBytes(offset uintptr) []byte { return abi.Bytes(got32(offset), got32(offset+4)) }

// begin reserves the memory above for one function of this package: a goroutine that allocates can give way to another.
func begin() { abi.Memory.Lock() }

// end forgets what imports read and wrote.
func end() {
	clear(arguments)
	arguments = arguments[:0]
	abi.FreeArena()
	abi.Memory.Unlock()
}

// list is the address of the first item and the number of items.
type list [2]uint32

func lowerText(text string) list {
	text = abi.ValidText(text)
	arguments = append(arguments, text)
	return list{uint32(uintptr(unsafe.Pointer(unsafe.StringData(text)))), uint32(len(text))}
}

func lowerBytes(bytes []byte) list {
	arguments = append(arguments, bytes)
	return list{uint32(uintptr(unsafe.Pointer(unsafe.SliceData(bytes)))), uint32(len(bytes))}
}

func lowerList[T, L any](items []T, lower func(T) L) list {
	lowered := make([]L, len(items))
	for at, item := range items {
		lowered[at] = lower(item)
	}
	arguments = append(arguments, lowered)
	return list{uint32(uintptr(unsafe.Pointer(unsafe.SliceData(lowered)))), uint32(len(lowered))}
}

func lowerPair(pair Pair) [2]list { return [2]list{lowerText(pair.Name), lowerText(pair.Value)} }

func lowerEntry(entry Entry) [2]list { return [2]list{lowerText(entry.Key), lowerBytes(entry.Value)} }

// gotResult reads a `result<string, string>`.
func gotResult() (string, error) {
	text := gotText(4)
	if got8(0) != 0 {
		return "", errors.New(text)
	}
	return text, nil
}
