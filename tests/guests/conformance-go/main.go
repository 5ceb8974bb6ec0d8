// The conformance guest in Go; every SDK has one with the same behaviour. The payload's `do` names the action.
package main

import (
	"encoding/json"

	"hookyard"
)

func init() { hookyard.OnEvent([]string{"conformance.*"}, perform) }

func main() {}

type order struct {
	Do      string  `json:"do"`
	Text    string  `json:"text"`
	URL     string  `json:"url"`
	To      string  `json:"to"`
	Reason  string  `json:"reason"`
	AfterMs *uint64 `json:"afterMs"`
}

var actions = map[string]func(hookyard.Context, order) error{
	"echo":     echo,
	"context":  storeContext,
	"config":   storeConfig,
	"metadata": storeMetadata,
	"store":    useStore,
	"outbox":   sendEffects,
	"refused":  refused,
	"fetch":    fetch,
	"clock":    storeTime,
	"random":   storeRandom,
	"large":    storeLength,
	"print":    printLines,
	"retry":    retry,
	"reject":   reject,
	"trap":     trap,
	"loop":     loop,
	"memory":   allocate,
	// Only this guest has it: its language collects garbage at times of its own.
	"collections": countCollections,
}

func perform(ctx hookyard.Context, data string) error {
	var order order
	if err := json.Unmarshal([]byte(data), &order); err != nil {
		return hookyard.Reject("%v", err)
	}
	action := actions[order.Do]
	if action == nil {
		return hookyard.Reject("there is no action %s", order.Do)
	}
	return action(ctx, order)
}
