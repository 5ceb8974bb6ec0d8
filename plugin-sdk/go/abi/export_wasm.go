package abi

import (
	"syscall"
	"unsafe"
)

// AtEnd runs at the end of each call: it drops the handles that the call opened.
var AtEnd = func() {}

//go:wasmimport wasi:logging/logging@0.1.0-draft log
func importLog(level uint32, context, message string)

// Log writes a line to the operator's log.
func Log(level uint32, message string) { importLog(level, "", ValidText(message)) }

// LevelCritical is the level of a bug.
const LevelCritical = 5

// The values that the host reads after a call, until the next call.
var (
	result  [5]uint64
	results []string
	lists   [][2]uint32
)

// call is what every export of the plugin calls: the functions that `hookyard plugin build` adds pass the export's name
// and the address of its arguments, which are a record or, if count is not negative, this number of words.
//
//go:wasmexport hookyard_call
func call(name, nameLength, arguments uint32, count int32) uint32 {
	Memory.Lock()
	handler := findHandler(Text(name, nameLength))
	if handler == nil {
		Memory.Unlock()
		return fail(Failure{Reason: "the plugin has no handler " + Text(name, nameLength), Rejected: true})
	}
	r := ReadMemory(arguments)
	if count >= 0 {
		r = ReadWords(unsafe.Slice((*uint64)(At(arguments)), count))
	}
	if count == 0 {
		Memory.Unlock()
		return patterns(handler)
	}
	ctx := readContext(r)
	r.Align(Layout64) // the context has a 64-bit integer
	handle := handler.read(r)
	FreeArena()
	Memory.Unlock()
	failure, bug := Run(func() error { return handle(ctx) })
	if bug != "" {
		Log(LevelCritical, bug)
		syscall.Exit(2)
	}
	AtEnd()
	if failure != nil {
		return fail(FailureOf(failure))
	}
	result[0] = 0
	return resultAddress()
}

func resultAddress() uint32 { return uint32(uintptr(unsafe.Pointer(&result))) }

// patterns returns the subscriptions of the generic handler.
func patterns(handler *Handler) uint32 {
	results, lists = results[:0], lists[:0]
	for _, pattern := range handler.Patterns {
		lists = append(lists, keep(pattern))
	}
	result[0] = uint64(len(lists)) << 32
	if len(lists) > 0 {
		result[0] |= uint64(uintptr(unsafe.Pointer(&lists[0])))
	}
	return resultAddress()
}

func keep(text string) [2]uint32 {
	text = ValidText(text)
	results = append(results, text)
	return [2]uint32{uint32(uintptr(unsafe.Pointer(unsafe.StringData(text)))), uint32(len(text))}
}

// fail returns a `result<_, failure>` of wit/hookyard-plugin-0.1.0/types.wit.
func fail(failure Failure) uint32 {
	results = results[:0]
	reason := keep(failure.Reason)
	result = [5]uint64{1, 0, uint64(reason[1])<<32 | uint64(reason[0]), 0, 0}
	switch {
	case failure.Rejected:
		result[1] = 1
	case failure.After > 0:
		result[3], result[4] = 1, uint64(failure.After.Milliseconds())
	}
	return resultAddress()
}
