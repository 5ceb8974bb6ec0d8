package abi

import (
	"fmt"
	"runtime"
	"strings"
)

const framesMax = 32

// DescribePanic returns a panic's value and the functions that led to it. A deferred function calls it.
func DescribePanic(value any) string {
	var text strings.Builder
	fmt.Fprintf(&text, "panic: %v", value)
	callers := make([]uintptr, framesMax)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)])
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, "hookyard/abi.") && text.Len() > 0 {
			break
		}
		if frame.Function != "" && !strings.HasPrefix(frame.Function, "runtime.") {
			fmt.Fprintf(&text, "\n  in %s at %s:%d", frame.Function, frame.File, frame.Line)
		}
		if !more {
			break
		}
	}
	return text.String()
}
