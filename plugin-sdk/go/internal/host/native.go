//go:build !wasm

package host

import "time"

// A World is what a plugin's code reaches natively: the host of a test.
type World interface {
	Log(level uint32, message string)
	ConfigGet(key string) (string, bool)
	ConfigAll() []Pair
	ContentType() (string, bool)
	Attribute(name string) (string, bool)
	Attributes() []Pair
	Now() time.Time
	RandomBytes(count int) []byte
	Get(bucket, key string) ([]byte, bool)
	Set(bucket, key string, value []byte)
	Delete(bucket, key string)
	Keys(bucket string) []string
	Increment(bucket, key string, delta int64) (int64, error)
	SendHTTP(request Request) (string, error)
	SendEmail(email Email) (string, error)
	EmitEvent(eventType, data string) (string, error)
	Fetch(request Request) (Response, *FetchError)
}

// Current is the host of the test that runs.
var Current World

func world() World {
	if Current == nil {
		panic("hookyard: a capability needs a host: run this in a handler, or in Host.Run of package hookyardtest")
	}
	return Current
}

// Log writes a line to the operator's log.
func Log(level uint32, message string) { world().Log(level, message) }

// ConfigGet returns the operator's value of a key.
func ConfigGet(key string) (string, bool) { return world().ConfigGet(key) }

// ConfigAll returns all keys and values.
func ConfigAll() []Pair { return world().ConfigAll() }

// ContentType returns the event's content type.
func ContentType() (string, bool) { return world().ContentType() }

// Attribute returns an attribute of the event.
func Attribute(name string) (string, bool) { return world().Attribute(name) }

// Attributes returns all attributes of the event.
func Attributes() []Pair { return world().Attributes() }

// Now returns the time.
func Now() time.Time { return world().Now() }

// RandomBytes returns this number of random bytes.
func RandomBytes(count int) []byte { return world().RandomBytes(count) }

// RandomU64 returns a random number.
func RandomU64() (number uint64) {
	for _, digit := range RandomBytes(8) {
		number = number<<8 | uint64(digit)
	}
	return number
}

// StoreGet returns a value and whether there is one.
func StoreGet(bucket, key string) ([]byte, bool, error) {
	value, isThere := world().Get(bucket, key)
	return value, isThere, nil
}

// StoreSet sets a value.
func StoreSet(bucket, key string, value []byte) error {
	world().Set(bucket, key, value)
	return nil
}

// StoreDelete deletes a key.
func StoreDelete(bucket, key string) error {
	world().Delete(bucket, key)
	return nil
}

// StoreExists tells whether there is a key.
func StoreExists(bucket, key string) (bool, error) {
	_, isThere := world().Get(bucket, key)
	return isThere, nil
}

// StoreKeys returns all keys.
func StoreKeys(bucket string) ([]string, error) { return world().Keys(bucket), nil }

// StoreIncrement adds to a number and returns the sum.
func StoreIncrement(bucket, key string, delta int64) (int64, error) {
	return world().Increment(bucket, key, delta)
}

// StoreCompareAndSwap sets a value if the current value is the expected one, and returns whether it did.
func StoreCompareAndSwap(bucket, key string, expected []byte, isExpected bool, value []byte) (bool, error) {
	current, isThere := world().Get(bucket, key)
	if isThere != isExpected || string(current) != string(expected) {
		return false, nil
	}
	return true, StoreSet(bucket, key, value)
}

// StoreGetMany returns the values of several keys, in the same order; a value that is not there is nil.
func StoreGetMany(bucket string, keys []string) ([][]byte, error) {
	values := make([][]byte, len(keys))
	for at, key := range keys {
		values[at], _ = world().Get(bucket, key)
	}
	return values, nil
}

// StoreSetMany sets several keys.
func StoreSetMany(bucket string, entries []Entry) error {
	for _, entry := range entries {
		world().Set(bucket, entry.Key, entry.Value)
	}
	return nil
}

// StoreDeleteMany deletes several keys.
func StoreDeleteMany(bucket string, keys []string) error {
	for _, key := range keys {
		world().Delete(bucket, key)
	}
	return nil
}

// SendHTTP queues a request and returns its idempotency key.
func SendHTTP(request Request) (string, error) { return world().SendHTTP(request) }

// SendEmail queues an email and returns its idempotency key.
func SendEmail(email Email) (string, error) { return world().SendEmail(email) }

// EmitEvent emits an event and returns its id.
func EmitEvent(eventType, data string) (string, error) { return world().EmitEvent(eventType, data) }

// Fetch sends a request and waits for the whole response, whatever its status.
func Fetch(request Request) (Response, *FetchError) { return world().Fetch(request) }
