package abi

import "math"

// A Pair is an entry of a map, in the order in which the sender wrote it.
type Pair[K, V any] struct {
	// Key is the name.
	Key K
	// Value is what it stands for.
	Value V
}

// A Tuple1 is a tuple.
type Tuple1[A any] struct{ F0 A }

// A Tuple2 is a tuple.
type Tuple2[A, B any] struct {
	F0 A
	F1 B
}

// A Tuple3 is a tuple.
type Tuple3[A, B, C any] struct {
	F0 A
	F1 B
	F2 C
}

// A Tuple4 is a tuple.
type Tuple4[A, B, C, D any] struct {
	F0 A
	F1 B
	F2 C
	F3 D
}

// MakeTuple1 returns a tuple.
func MakeTuple1[A any](a A) Tuple1[A] { return Tuple1[A]{a} }

// MakeTuple2 returns a tuple.
func MakeTuple2[A, B any](a A, b B) Tuple2[A, B] { return Tuple2[A, B]{a, b} }

// MakeTuple3 returns a tuple.
func MakeTuple3[A, B, C any](a A, b B, c C) Tuple3[A, B, C] { return Tuple3[A, B, C]{a, b, c} }

// MakeTuple4 returns a tuple.
func MakeTuple4[A, B, C, D any](a A, b B, c C, d D) Tuple4[A, B, C, D] {
	return Tuple4[A, B, C, D]{a, b, c, d}
}

// Record reads a record or a tuple.
func Record[T any](r *Reader, layout Layout, read func(*Reader) T) T {
	r.Align(layout)
	defer r.Align(layout)
	return read(r)
}

// Map reads a list of pairs.
func Map[K, V any](r *Reader, key, value Layout, readKey func(*Reader) K, readValue func(*Reader) V) []Pair[K, V] {
	layout := LayoutRecord(key, value)
	return List(r, func(r *Reader) Pair[K, V] {
		return Record(r, layout, func(r *Reader) Pair[K, V] {
			key := readKey(r)
			return Pair[K, V]{key, readValue(r)}
		})
	})
}

// Float returns a number that Go has no literal for.
func Float(name string) float64 {
	switch name {
	case "Infinity":
		return math.Inf(1)
	case "-Infinity":
		return math.Inf(-1)
	}
	return math.NaN()
}

// A Char is a character.
type Char rune

// MakeChar returns the first character of a text.
func MakeChar(text string) Char { return Char([]rune(text)[0]) }

// String returns the character as a text.
func (c Char) String() string { return string(c) }

// FlagNames returns those of the names whose flags are set.
func FlagNames(flags uint32, names ...string) []string {
	set := []string{}
	for at, name := range names {
		if flags&(1<<at) != 0 {
			set = append(set, name)
		}
	}
	return set
}
