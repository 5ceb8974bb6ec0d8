// Package config has the operator's configuration of this plugin.
package config

import (
	"fmt"

	"hookyard/internal/host"
)

// Get returns the value of a key, from the operator's `config` or `secrets`, and whether there is one.
func Get(key string) (string, bool) { return host.ConfigGet(key) }

// GetOr returns the value of a key, or else this one.
func GetOr(key, otherwise string) string {
	if value, isSet := Get(key); isSet {
		return value
	}
	return otherwise
}

// Require returns the value of a key. Without one it returns a *MissingError.
func Require(key string) (string, error) {
	value, isSet := Get(key)
	if !isSet {
		return "", &MissingError{key}
	}
	return value, nil
}

// All returns all keys and values.
func All() map[string]string {
	all := map[string]string{}
	for _, pair := range host.ConfigAll() {
		all[pair.Name] = pair.Value
	}
	return all
}

// A MissingError names a key that the operator has not set. A handler that returns it rejects the delivery.
type MissingError struct {
	// Key is the key.
	Key string
}

// Error names the key.
func (e *MissingError) Error() string { return fmt.Sprintf("the configuration has no `%s`", e.Key) }

// IsLasting is true: another attempt would not help.
func (e *MissingError) IsLasting() bool { return true }
