package host

import (
	"bytes"
	"errors"
	"unsafe"

	"hookyard/abi"
)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 open
func importOpen(name string, answer unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [resource-drop]bucket
func importDropBucket(bucket uint32)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [method]bucket.get
func importGet(bucket uint32, key string, answer unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [method]bucket.set
func importSet(bucket uint32, key string, value unsafe.Pointer, length uint32, answer unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [method]bucket.delete
func importDelete(bucket uint32, key string, answer unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [method]bucket.exists
func importExists(bucket uint32, key string, answer unsafe.Pointer)

//go:wasmimport wasi:keyvalue/store@0.2.0-draft2 [method]bucket.list-keys
func importListKeys(bucket, hasCursor uint32, cursor string, answer unsafe.Pointer)

//go:wasmimport wasi:keyvalue/atomics@0.2.0-draft2 increment
func importIncrement(bucket uint32, key string, delta int64, answer unsafe.Pointer)

//go:wasmimport wasi:keyvalue/atomics@0.2.0-draft2 [static]cas.new
func importNewCas(bucket uint32, key string, answer unsafe.Pointer)

//go:wasmimport wasi:keyvalue/atomics@0.2.0-draft2 [resource-drop]cas
func importDropCas(cas uint32)

//go:wasmimport wasi:keyvalue/atomics@0.2.0-draft2 [method]cas.current
func importCurrent(cas uint32, answer unsafe.Pointer)

//go:wasmimport wasi:keyvalue/atomics@0.2.0-draft2 swap
func importSwap(cas uint32, value unsafe.Pointer, length uint32, answer unsafe.Pointer)

//go:wasmimport wasi:keyvalue/batch@0.2.0-draft2 get-many
func importGetMany(bucket uint32, keys unsafe.Pointer, count uint32, answer unsafe.Pointer)

//go:wasmimport wasi:keyvalue/batch@0.2.0-draft2 set-many
func importSetMany(bucket uint32, entries unsafe.Pointer, count uint32, answer unsafe.Pointer)

//go:wasmimport wasi:keyvalue/batch@0.2.0-draft2 delete-many
func importDeleteMany(bucket uint32, keys unsafe.Pointer, count uint32, answer unsafe.Pointer)

// The buckets that this call has opened, with their handles.
var opened map[string]uint32

func closeBuckets() {
	for _, bucket := range opened {
		importDropBucket(bucket)
	}
	opened = nil
}

func open(name string) (uint32, error) {
	if bucket, isOpen := opened[name]; isOpen {
		return bucket, nil
	}
	importOpen(abi.ValidText(name), answerAt())
	if got8(0) != 0 {
		return 0, gotError(4)
	}
	if opened == nil {
		opened, abi.AtEnd = map[string]uint32{}, closeBuckets
	}
	opened[name] = got32(4)
	return got32(4), nil
}

// gotError reads the variant `error` of wasi:keyvalue/store.
func gotError(offset uintptr) error {
	switch got8(offset) {
	case 0:
		return errors.New("there is no such bucket")
	case 1:
		return errors.New("the bucket may not be used")
	}
	return errors.New(gotText(offset + 4))
}

// in opens a bucket, and calls one of its functions; the result's value or error is at this offset.
func in(name string, offset uintptr, function func(bucket uint32)) error {
	bucket, err := open(name)
	if err != nil {
		return err
	}
	function(bucket)
	if got8(0) != 0 {
		return gotError(offset)
	}
	return nil
}

// StoreGet returns a value and whether there is one.
func StoreGet(bucket, key string) ([]byte, bool, error) {
	begin()
	defer end()
	err := in(bucket, 4, func(handle uint32) { importGet(handle, abi.ValidText(key), answerAt()) })
	if err != nil {
		return nil, false, err
	}
	return gotOption()
}

func gotOption() ([]byte, bool, error) {
	if got8(4) == 0 {
		return nil, false, nil
	}
	return gotBytes(8), true, nil
}

// StoreSet sets a value.
func StoreSet(bucket, key string, value []byte) error {
	begin()
	defer end()
	return in(bucket, 4, func(handle uint32) {
		importSet(handle, abi.ValidText(key), unsafe.Pointer(unsafe.SliceData(value)), uint32(len(value)), answerAt())
	})
}

// StoreDelete deletes a key.
func StoreDelete(bucket, key string) error {
	begin()
	defer end()
	return in(bucket, 4, func(handle uint32) { importDelete(handle, abi.ValidText(key), answerAt()) })
}

// StoreExists tells whether there is a key.
func StoreExists(bucket, key string) (bool, error) {
	begin()
	defer end()
	err := in(bucket, 4, func(handle uint32) { importExists(handle, abi.ValidText(key), answerAt()) })
	return err == nil && got8(4) != 0, err
}

// StoreKeys returns all keys.
func StoreKeys(bucket string) ([]string, error) {
	begin()
	defer end()
	var keys []string
	for hasCursor, cursor := uint32(0), ""; ; hasCursor = 1 {
		err := in(bucket, 4, func(handle uint32) { importListKeys(handle, hasCursor, cursor, answerAt()) })
		if err != nil {
			return nil, err
		}
		for _, item := range unsafe.Slice((*list)(abi.At(got32(4))), got32(8)) {
			keys = append(keys, abi.Text(item[0], item[1]))
		}
		isLast := got8(12) == 0
		if !isLast {
			cursor = gotText(16)
		}
		abi.FreeArena()
		if isLast {
			return keys, nil
		}
	}
}

// StoreIncrement adds to a number and returns the sum.
func StoreIncrement(bucket, key string, delta int64) (int64, error) {
	begin()
	defer end()
	err := in(bucket, 8, func(handle uint32) { importIncrement(handle, abi.ValidText(key), delta, answerAt()) })
	if err != nil {
		return 0, err
	}
	return int64(got64(8)), nil
}

// StoreCompareAndSwap sets a value if the current value is the expected one, and returns whether it did.
func StoreCompareAndSwap(bucket, key string, expected []byte, isExpected bool, value []byte) (bool, error) {
	begin()
	defer end()
	err := in(bucket, 4, func(handle uint32) { importNewCas(handle, abi.ValidText(key), answerAt()) })
	if err != nil {
		return false, err
	}
	cas := got32(4)
	importCurrent(cas, answerAt())
	if got8(0) != 0 {
		importDropCas(cas)
		return false, gotError(4)
	}
	current, isThere, _ := gotOption()
	if isThere != isExpected || !bytes.Equal(current, expected) {
		importDropCas(cas)
		return false, nil
	}
	importSwap(cas, unsafe.Pointer(unsafe.SliceData(value)), uint32(len(value)), answerAt())
	switch {
	case got8(0) == 0:
		return true, nil
	case got8(4) == 0:
		return false, gotError(8)
	}
	importDropCas(got32(8))
	return false, nil
}

// StoreGetMany returns the values of several keys, in the same order; a value that is not there is nil.
func StoreGetMany(bucket string, keys []string) ([][]byte, error) {
	begin()
	defer end()
	err := in(bucket, 4, func(handle uint32) {
		lowered := lowerTexts(keys)
		importGetMany(handle, unsafe.Pointer(unsafe.SliceData(lowered)), uint32(len(lowered)), answerAt())
	})
	if err != nil {
		return nil, err
	}
	type item struct {
		isSome     uint8
		key, value list
	}
	items := unsafe.Slice((*item)(abi.At(got32(4))), got32(8))
	values := make([][]byte, len(items))
	for at, item := range items {
		if item.isSome != 0 {
			values[at] = abi.Bytes(item.value[0], item.value[1])
		}
	}
	return values, nil
}

// StoreSetMany sets several keys.
func StoreSetMany(bucket string, entries []Entry) error {
	begin()
	defer end()
	return in(bucket, 4, func(handle uint32) {
		lowered := make([][2]list, len(entries))
		for at, entry := range entries {
			lowered[at] = lowerEntry(entry)
		}
		importSetMany(handle, unsafe.Pointer(unsafe.SliceData(lowered)), uint32(len(lowered)), answerAt())
	})
}

// StoreDeleteMany deletes several keys.
func StoreDeleteMany(bucket string, keys []string) error {
	begin()
	defer end()
	return in(bucket, 4, func(handle uint32) {
		lowered := lowerTexts(keys)
		importDeleteMany(handle, unsafe.Pointer(unsafe.SliceData(lowered)), uint32(len(lowered)), answerAt())
	})
}

func lowerTexts(texts []string) []list {
	lowered := make([]list, len(texts))
	for at, text := range texts {
		lowered[at] = lowerText(text)
	}
	return lowered
}
