// Package store has the plugin's own key-value store.
//
// The store is part of the handler's transaction. Reads see committed values and the call's own writes. If the handler
// returns nil, the host commits the writes together with the delivery's done mark; if it fails, panics or runs out of
// time, the host discards them. Two calls that touch the same keys cannot both commit: the host runs the second again.
package store

import (
	"encoding/json"
	"fmt"

	"hookyard/internal/host"
)

// A Bucket is a set of keys and their values. Its value is its name. Other plugins do not see it.
type Bucket string

// An Error is an error of the store: of the host's database, or at a limit. A handler that returns it requests another
// attempt.
type Error struct {
	// Bucket is the bucket.
	Bucket Bucket
	// Err is the reason.
	Err error
}

// Error names the bucket and the reason.
func (e *Error) Error() string { return fmt.Sprintf("store %q: %v", string(e.Bucket), e.Err) }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// An Entry is a key and its value.
type Entry = host.Entry

func (b Bucket) wrap(err error) error {
	if err == nil {
		return nil
	}
	return &Error{b, err}
}

// Get returns the value of a key, and whether there is one.
func (b Bucket) Get(key string) ([]byte, bool, error) {
	value, isThere, err := host.StoreGet(string(b), key)
	return value, isThere, b.wrap(err)
}

// GetText returns the value of a key as text, and whether there is one.
func (b Bucket) GetText(key string) (string, bool, error) {
	value, isThere, err := b.Get(key)
	return string(value), isThere, err
}

// GetJSON decodes the value of a key from JSON, and returns whether there is one.
func (b Bucket) GetJSON(key string, into any) (bool, error) {
	value, isThere, err := b.Get(key)
	if !isThere {
		return false, err
	}
	if err := json.Unmarshal(value, into); err != nil {
		return true, b.wrap(fmt.Errorf("the value of %q: %w", key, err))
	}
	return true, nil
}

// Set sets a value.
func (b Bucket) Set(key string, value []byte) error {
	return b.wrap(host.StoreSet(string(b), key, value))
}

// SetText sets a value, which is text.
func (b Bucket) SetText(key, value string) error { return b.Set(key, []byte(value)) }

// SetJSON sets a value, encoded as JSON.
func (b Bucket) SetJSON(key string, value any) error {
	encoded, err := json.Marshal(value)
	if err != nil {
		return b.wrap(fmt.Errorf("the value of %q: %w", key, err))
	}
	return b.Set(key, encoded)
}

// Delete deletes a key, if it is there.
func (b Bucket) Delete(key string) error { return b.wrap(host.StoreDelete(string(b), key)) }

// Exists tells whether there is a key.
func (b Bucket) Exists(key string) (bool, error) {
	isThere, err := host.StoreExists(string(b), key)
	return isThere, b.wrap(err)
}

// Keys returns all keys, in no particular order. A call that reads them conflicts with every other call that writes to
// this bucket.
func (b Bucket) Keys() ([]string, error) {
	keys, err := host.StoreKeys(string(b))
	return keys, b.wrap(err)
}

// Increment adds to a number, which is stored as decimal text, and returns the sum. A missing key counts as 0.
func (b Bucket) Increment(key string, delta int64) (int64, error) {
	sum, err := host.StoreIncrement(string(b), key, delta)
	return sum, b.wrap(err)
}

// CompareAndSwap sets a value if the current value is the expected one, and returns whether it did. Without a value,
// nil is expected.
func (b Bucket) CompareAndSwap(key string, expected, value []byte) (bool, error) {
	swapped, err := host.StoreCompareAndSwap(string(b), key, expected, expected != nil, value)
	return swapped, b.wrap(err)
}

// GetMany returns the values of several keys, in the same order. The value of a missing key is nil.
func (b Bucket) GetMany(keys ...string) ([][]byte, error) {
	values, err := host.StoreGetMany(string(b), keys)
	return values, b.wrap(err)
}

// SetMany sets several keys.
func (b Bucket) SetMany(entries ...Entry) error {
	return b.wrap(host.StoreSetMany(string(b), entries))
}

// DeleteMany deletes several keys. Missing keys are ignored.
func (b Bucket) DeleteMany(keys ...string) error {
	return b.wrap(host.StoreDeleteMany(string(b), keys))
}
