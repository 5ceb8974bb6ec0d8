package abi

import (
	"fmt"
	"runtime"
)

// Turns that goroutines get to end after their handler has returned.
const lastTurns = 100

// Run calls a handler, and returns its error and a description of its end if it is a bug: a panic, or a goroutine that
// still runs. Such a goroutine would be lost with the instance, or run during another event's call.
func Run(handle func() error) (failure error, bug string) {
	before := runtime.NumGoroutine()
	defer func() {
		if value := recover(); value != nil {
			failure, bug = nil, DescribePanic(value)
		}
	}()
	failure = handle()
	for turn := 0; turn < lastTurns && runtime.NumGoroutine() > before; turn++ {
		runtime.Gosched()
	}
	if left := runtime.NumGoroutine() - before; left > 0 {
		bug = fmt.Sprintf("panic: the handler returned, and %d of its goroutines still run: wait for them", left)
	}
	return failure, bug
}
