// Package abi has the parts of the canonical ABI that handlers need, and the registered handlers.
package abi

import "math"

// A Layout describes a type in memory, and as a function's parameters.
type Layout struct {
	align, size uint32
	// The number of parameters.
	flat int
}

// The layouts of the types that have no parts.
var (
	Layout8    = Layout{1, 1, 1}
	Layout16   = Layout{2, 2, 1}
	Layout32   = Layout{4, 4, 1}
	Layout64   = Layout{8, 8, 1}
	LayoutList = Layout{4, 8, 2}
	LayoutNone = Layout{1, 0, 0}
)

func roundUp(at, align uint32) uint32 { return (at + align - 1) &^ (align - 1) }

// LayoutRecord is the layout of a record or a tuple with these fields.
func LayoutRecord(fields ...Layout) Layout {
	record := Layout{align: 1}
	for _, field := range fields {
		record.align = max(record.align, field.align)
		record.size = roundUp(record.size, field.align) + field.size
		record.flat += field.flat
	}
	record.size = roundUp(record.size, record.align)
	return record
}

// A VariantLayout is the layout of a variant, an option or a result.
type VariantLayout struct {
	Layout
	tagSize, payloadAlign uint32
}

// LayoutVariant is the layout of a variant with these cases.
func LayoutVariant(cases ...Layout) VariantLayout {
	tag := LayoutEnum(len(cases))
	variant := VariantLayout{Layout: tag, tagSize: tag.size, payloadAlign: 1}
	size, flat := uint32(0), 0
	for _, payload := range cases {
		variant.payloadAlign = max(variant.payloadAlign, payload.align)
		size, flat = max(size, payload.size), max(flat, payload.flat)
	}
	variant.align = max(tag.align, variant.payloadAlign)
	variant.size = roundUp(roundUp(tag.size, variant.payloadAlign)+size, variant.align)
	variant.flat = 1 + flat
	return variant
}

// LayoutOption is the layout of an option.
func LayoutOption(item Layout) VariantLayout { return LayoutVariant(LayoutNone, item) }

// LayoutEnum is the layout of an enum with this number of cases.
func LayoutEnum(cases int) Layout {
	switch {
	case cases <= 1<<8:
		return Layout8
	case cases <= 1<<16:
		return Layout16
	}
	return Layout32
}

// LayoutFlags is the layout of up to 32 flags.
func LayoutFlags(flags int) Layout {
	switch {
	case flags <= 8:
		return Layout8
	case flags <= 16:
		return Layout16
	}
	return Layout32
}

// A Reader reads the parts of a value, one after the other, from memory or from parameters.
type Reader struct {
	at     uint32
	inWord bool
	words  []uint64
}

// ReadMemory returns a reader for a value in memory.
func ReadMemory(address uint32) *Reader { return &Reader{at: address} }

// ReadWords returns a reader for a value that was passed as parameters.
func ReadWords(words []uint64) *Reader { return &Reader{inWord: true, words: words} }

func next[T any](r *Reader, size uint32) T {
	r.at = roundUp(r.at, size)
	value := Load[T](r.at)
	r.at += size
	return value
}

func (r *Reader) word() uint64 {
	word := r.words[0]
	r.words = r.words[1:]
	return word
}

// U8 reads an integer.
func (r *Reader) U8() uint8 {
	if r.inWord {
		return uint8(r.word())
	}
	return next[uint8](r, 1)
}

// U16 reads an integer.
func (r *Reader) U16() uint16 {
	if r.inWord {
		return uint16(r.word())
	}
	return next[uint16](r, 2)
}

// U32 reads an integer.
func (r *Reader) U32() uint32 {
	if r.inWord {
		return uint32(r.word())
	}
	return next[uint32](r, 4)
}

// U64 reads an integer.
func (r *Reader) U64() uint64 {
	if r.inWord {
		return r.word()
	}
	return next[uint64](r, 8)
}

// S8 reads an integer.
func (r *Reader) S8() int8 { return int8(r.U8()) }

// S16 reads an integer.
func (r *Reader) S16() int16 { return int16(r.U16()) }

// S32 reads an integer.
func (r *Reader) S32() int32 { return int32(r.U32()) }

// S64 reads an integer.
func (r *Reader) S64() int64 { return int64(r.U64()) }

// F32 reads a number.
func (r *Reader) F32() float32 { return math.Float32frombits(r.U32()) }

// F64 reads a number.
func (r *Reader) F64() float64 { return math.Float64frombits(r.U64()) }

// Bool reads a truth value.
func (r *Reader) Bool() bool { return r.U8() != 0 }

// Char reads a character.
func (r *Reader) Char() Char { return Char(r.U32()) }

// String reads a text.
func (r *Reader) String() string {
	address := r.U32()
	return Text(address, r.U32())
}

// Bytes reads a list of bytes.
func (r *Reader) Bytes() []byte {
	address := r.U32()
	return Bytes(address, r.U32())
}

// Flags reads a set of flags.
func (r *Reader) Flags(flags int) uint32 { return r.tag(LayoutFlags(flags).size) }

// Enum reads the case of an enum with this number of cases.
func (r *Reader) Enum(cases int) uint32 { return r.tag(LayoutEnum(cases).size) }

func (r *Reader) tag(size uint32) uint32 {
	switch size {
	case 1:
		return uint32(r.U8())
	case 2:
		return uint32(r.U16())
	}
	return r.U32()
}

// Align moves to the begin or the end of a record.
func (r *Reader) Align(record Layout) {
	if !r.inWord {
		r.at = roundUp(r.at, record.align)
	}
}

// Variant reads the case of a variant. The function that it returns moves to the variant's end.
func (r *Reader) Variant(variant VariantLayout) (uint32, func()) {
	if r.inWord {
		rest := r.words[variant.flat:]
		return uint32(r.word()), func() { r.words = rest }
	}
	r.at = roundUp(r.at, variant.align)
	end := r.at + variant.size
	which := r.tag(variant.tagSize)
	r.at = roundUp(r.at, variant.payloadAlign)
	return which, func() { r.at = end }
}

// Option reads a value that may be absent.
func Option[T any](r *Reader, layout VariantLayout, item func(*Reader) T) *T {
	which, end := r.Variant(layout)
	defer end()
	if which == 0 {
		return nil
	}
	value := item(r)
	return &value
}

// List reads a list.
func List[T any](r *Reader, item func(*Reader) T) []T {
	address := r.U32()
	items := make([]T, r.U32())
	inside := ReadMemory(address)
	for at := range items {
		items[at] = item(inside)
	}
	return items
}
