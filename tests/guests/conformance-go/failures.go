package main

import (
	"time"

	"hookyard"
)

// These actions fail after a write and an effect, neither of which may remain.

func retry(_ hookyard.Context, order order) error {
	if err := begin(); err != nil {
		return err
	}
	if order.AfterMs != nil {
		return hookyard.RetryAfter(time.Duration(*order.AfterMs)*time.Millisecond, "%s", order.Reason)
	}
	return hookyard.Retry("%s", order.Reason)
}

func reject(_ hookyard.Context, order order) error {
	if err := begin(); err != nil {
		return err
	}
	return hookyard.Reject("%s", order.Reason)
}

func trap(_ hookyard.Context, order order) error {
	if err := begin(); err != nil {
		return err
	}
	panic(order.Reason)
}

func loop(hookyard.Context, order) error {
	if err := begin(); err != nil {
		return err
	}
	for {
	}
}

func allocate(hookyard.Context, order) error {
	if err := begin(); err != nil {
		return err
	}
	var all [][]byte
	for {
		all = append(all, make([]byte, 1<<20))
		all[len(all)-1][0] = 1
	}
}
