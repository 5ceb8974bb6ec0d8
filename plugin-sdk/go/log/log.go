// Package log writes log lines for the operator, which the host keeps with the attempt.
package log

import (
	"fmt"

	"hookyard/internal/host"
)

// Trace writes a line, formatted as fmt.Printf does.
func Trace(format string, args ...any) { write(0, format, args) }

// Debug writes a line, formatted as fmt.Printf does.
func Debug(format string, args ...any) { write(1, format, args) }

// Info writes a line, formatted as fmt.Printf does.
func Info(format string, args ...any) { write(2, format, args) }

// Warn writes a line, formatted as fmt.Printf does.
func Warn(format string, args ...any) { write(3, format, args) }

// Error writes a line, formatted as fmt.Printf does.
func Error(format string, args ...any) { write(4, format, args) }

// Without arguments, the text is written as it is.
func write(level uint32, format string, args []any) {
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	host.Log(level, format)
}
