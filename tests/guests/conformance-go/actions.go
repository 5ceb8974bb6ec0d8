package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sort"
	"strconv"
	"time"
	"unicode/utf8"

	"hookyard"
	"hookyard/config"
	"hookyard/http"
	"hookyard/log"
	"hookyard/metadata"
	"hookyard/outbox"
	"hookyard/random"
	"hookyard/store"
)

const kept store.Bucket = "conformance"

func echo(_ hookyard.Context, order order) error {
	log.Info("%s", order.Text)
	return kept.SetText("echo", order.Text)
}

func storeContext(ctx hookyard.Context, _ order) error { return kept.SetJSON("context", ctx) }

func storeConfig(hookyard.Context, order) error { return kept.SetJSON("config", config.All()) }

func storeMetadata(hookyard.Context, order) error {
	found := map[string]any{"contentType": nil, "subject": nil, "attributes": metadata.Attributes()}
	if contentType, isThere := metadata.ContentType(); isThere {
		found["contentType"] = contentType
	}
	if subject, isThere := metadata.Attribute("subject"); isThere {
		found["subject"] = subject
	}
	return kept.SetJSON("metadata", found)
}

func useStore(hookyard.Context, order) error {
	present, _, _ := kept.GetText("counter")
	before, _ := strconv.ParseInt(present, 10, 64)
	if err := errors.Join(kept.SetText("a", "1"), expect("get", "1")(text(kept.GetText("a")))); err != nil {
		return err
	}
	if err := errors.Join(expect("exists", true)(kept.Exists("a")), kept.Delete("a")); err != nil {
		return err
	}
	return errors.Join(
		expect("delete", false)(kept.Exists("a")),
		expect("increment", before+2)(kept.Increment("counter", 2)),
		kept.Delete("cas"),
		expect("swap", true)(kept.CompareAndSwap("cas", nil, []byte("swapped"))),
		expect("a second swap", false)(kept.CompareAndSwap("cas", nil, []byte("again"))),
		kept.SetMany(entry("x", "1"), entry("y", "2"), entry("z", "3")),
		getMany(),
		kept.DeleteMany("y", "a"),
		storeKeys(),
	)
}

func entry(key, value string) store.Entry { return store.Entry{Key: key, Value: []byte(value)} }

func text(value string, isThere bool, err error) (any, error) {
	if !isThere {
		return nil, err
	}
	return value, err
}

func getMany() error {
	values, err := kept.GetMany("z", "a", "x")
	if err == nil && (len(values) != 3 || !bytes.Equal(values[0], []byte("3")) || values[1] != nil) {
		err = fmt.Errorf("get many: %q", values)
	}
	return err
}

func storeKeys() error {
	keys, err := kept.Keys()
	if err != nil {
		return err
	}
	sort.Strings(keys)
	return kept.SetJSON("keys", keys)
}

// expect returns a check of a function's result.
func expect(what string, wanted any) func(any, error) error {
	return func(found any, err error) error {
		if err == nil && found != wanted {
			return hookyard.Reject("%s: %v in place of %v", what, found, wanted)
		}
		return err
	}
}

func sendEffects(_ hookyard.Context, order order) error {
	http, err := outbox.SendHTTP(outbox.Request{
		Method:  "POST",
		URL:     order.URL,
		Headers: []outbox.Header{{Name: "X-Test", Value: "yes"}},
		Body:    []byte(order.Text),
	})
	if err != nil {
		return err
	}
	email, err := outbox.SendEmail(outbox.Email{
		To:      []string{order.To},
		Subject: order.Text,
		Text:    order.Text,
		HTML:    "<p>" + order.Text + "</p>",
		Attachments: []outbox.Attachment{
			{Filename: "attachment.txt", ContentType: "text/plain; charset=utf-8", Content: []byte(order.Text)},
		},
	})
	if err != nil {
		return err
	}
	event, err := outbox.EmitEvent("conformance.emitted", map[string]string{"do": "echo", "text": order.Text})
	if err != nil {
		return err
	}
	return kept.SetJSON("effects", []string{http, email, event})
}

func refused(hookyard.Context, order) error {
	_, err := outbox.SendHTTP(outbox.Request{Method: "GET", URL: "http://169.254.169.254/"})
	var refused *outbox.RefusedError
	if !errors.As(err, &refused) {
		return hookyard.Reject("the host took an effect to a metadata address: %v", err)
	}
	return kept.SetText("refused", refused.Reason)
}

func fetch(_ hookyard.Context, order order) error {
	answer, err := http.Get(order.URL)
	if err != nil {
		return err
	}
	return kept.SetJSON("fetch", map[string]any{"status": answer.Status, "body": answer.Text()})
}

func storeTime(hookyard.Context, order) error {
	return kept.SetText("clock", strconv.FormatInt(time.Now().UnixMilli(), 10))
}

// storeRandom stores values of Go's own generator, and of the host's.
func storeRandom(hookyard.Context, order) error {
	values := make([]byte, 8)
	for at := range values {
		values[at] = byte(rand.Uint32())
	}
	return kept.SetText("random", hex.EncodeToString(append(values, random.Bytes(8)...)))
}

func storeLength(_ hookyard.Context, order order) error {
	return kept.SetText("large", strconv.Itoa(utf8.RuneCountInString(order.Text)))
}

func printLines(hookyard.Context, order) error {
	fmt.Println("to stdout")
	fmt.Fprintln(os.Stderr, "to stderr")
	return nil
}

func countCollections(hookyard.Context, order) error {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	log.Info("%d", memory.NumGC)
	return nil
}

// begin makes a write and an effect of a call that then fails.
func begin() error {
	_, err := outbox.EmitEvent("conformance.never", json.RawMessage("{}"))
	return errors.Join(err, kept.SetText("never", "x"))
}
