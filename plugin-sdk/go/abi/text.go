package abi

import "strings"

// ValidText returns a text as UTF-8, which the host demands. U+FFFD replaces other bytes.
func ValidText(text string) string { return strings.ToValidUTF8(text, "\ufffd") }
