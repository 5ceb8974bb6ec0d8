//go:build !wasm

package hookyardtest_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"hookyard"
	"hookyard/clock"
	"hookyard/config"
	"hookyard/hookyardtest"
	"hookyard/http"
	"hookyard/log"
	"hookyard/metadata"
	"hookyard/moncreneau"
	"hookyard/outbox"
	"hookyard/random"
	"hookyard/store"
)

func init() {
	moncreneau.OnAppointmentCreated(func(_ hookyard.Context, appointment moncreneau.Created) error {
		log.Info("%s", appointment.Name)
		return nil
	})
	hookyard.OnEvent([]string{"appointment.*", "order.paid"}, func(ctx hookyard.Context, data string) error {
		log.Info("%s %s", ctx.EventType, data)
		return nil
	})
}

func TestDeliversToTheTypedHandlerOrElseTheGenericOne(t *testing.T) {
	host := hookyardtest.New(t)
	for _, delivery := range []struct {
		eventType string
		payload   any
		logged    string
	}{
		{"appointment.created", moncreneau.SampleAppointmentCreated(), "INFO Jean Dupont"},
		{"appointment.updated", map[string]int{"id": 1}, `INFO appointment.updated {"id":1}`},
		{"order.paid", 1, "INFO order.paid 1"},
	} {
		result := host.Deliver(delivery.eventType, delivery.payload)
		if !reflect.DeepEqual(result.Logs, []string{delivery.logged}) {
			t.Errorf("%+v", result)
		}
	}
}

// failing notes that a test has failed.
type failing struct{ failed string }

func (*failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) { f.failed = fmt.Sprintf(format, args...) }

func TestAnUnfitDeliveryFailsTheTest(t *testing.T) {
	for eventType, part := range map[string]string{"order.created": "no handler", "appointment.created": "cannot be a int"} {
		test := &failing{}
		hookyardtest.New(test).Deliver(eventType, 1)
		if !strings.Contains(test.failed, part) {
			t.Errorf("%s: %s", eventType, test.failed)
		}
	}
}

func TestErrorsBecomeFailures(t *testing.T) {
	host := hookyardtest.New(t)
	host.Refuse = "not granted"
	for _, failure := range []struct {
		err    error
		wanted hookyardtest.Result
	}{
		{errors.New("odd"), hookyardtest.Result{Outcome: hookyardtest.Retry, Reason: "odd"}},
		{hookyard.Retry("busy: %d", 5), hookyardtest.Result{Outcome: hookyardtest.Retry, Reason: "busy: 5"}},
		{hookyard.RetryAfter(time.Second, "busy"), hookyardtest.Result{Outcome: hookyardtest.Retry, Reason: "busy", After: time.Second}},
		{fmt.Errorf("so: %w", hookyard.Reject("no")), hookyardtest.Result{Outcome: hookyardtest.Rejected, Reason: "so: no"}},
		{fmt.Errorf("so: %w", &http.Error{Reason: "denied", Lasting: true}), hookyardtest.Result{Outcome: hookyardtest.Rejected, Reason: "so: denied"}},
	} {
		if result := host.Run(func() error { return failure.err }); !reflect.DeepEqual(result, failure.wanted) {
			t.Errorf("%+v", result)
		}
	}
	refused := host.Run(func() error {
		_, err := outbox.EmitEvent("a.b", nil)
		return err
	})
	missing := host.Run(func() error {
		_, err := config.Require("team")
		return err
	})
	for _, result := range []hookyardtest.Result{refused, missing} {
		if result.Outcome != hookyardtest.Rejected || result.Reason == "" {
			t.Errorf("%+v", result)
		}
	}
}

func TestAHandlerGetsTheContentTypeAndTheAttributesOfItsEvent(t *testing.T) {
	host := hookyardtest.New(t)
	read := func() error {
		contentType, hasType := metadata.ContentType()
		subject, hasSubject := metadata.Attribute("subject")
		log.Info("%q %t %q %t %v", contentType, hasType, subject, hasSubject, metadata.Attributes())
		return nil
	}
	plain := host.Run(read)
	host.ContentType, host.Attributes = "text/xml", map[string]string{"subject": "orders/7"}
	logged := append(plain.Logs, host.Run(read).Logs...)
	wanted := []string{`INFO "" false "" false map[]`, `INFO "text/xml" true "orders/7" true map[subject:orders/7]`}
	if !reflect.DeepEqual(logged, wanted) {
		t.Errorf("%q", logged)
	}
}

func TestAFailureDiscardsWritesAndEffects(t *testing.T) {
	host := hookyardtest.New(t)
	host.Set("b", "kept", "1")
	result := host.Run(func() error {
		_, err := outbox.EmitEvent("a.b", 1)
		return errors.Join(err, store.Bucket("b").SetText("new", "x"), store.Bucket("b").Delete("kept"), hookyard.Retry("no"))
	})
	if len(result.Events) > 0 || !reflect.DeepEqual(host.Keys("b"), []string{"kept"}) {
		t.Errorf("%+v %v", result, host.Keys("b"))
	}
}

func TestAPanicIsReportedWithItsLine(t *testing.T) {
	result := hookyardtest.New(t).Run(func() error { panic("no desk") })
	if result.Outcome != hookyardtest.Trapped || !strings.HasPrefix(result.Reason, "panic: no desk\n") ||
		!strings.Contains(result.Reason, "host_test.go:") {
		t.Errorf("%+v", result)
	}
}

func TestAGoroutineThatStillRunsIsABug(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	host := hookyardtest.New(t)
	result := host.Run(func() error {
		go func() { <-stop }()
		return nil
	})
	if result.Outcome != hookyardtest.Trapped || !strings.Contains(result.Reason, "1 of its goroutines still run") {
		t.Errorf("%+v", result)
	}
	result = host.Run(func() error {
		var all sync.WaitGroup
		all.Add(1)
		go func() {
			defer all.Done()
			log.Info("beside")
		}()
		all.Wait()
		return nil
	})
	if result.Outcome != hookyardtest.Done || len(result.Logs) != 1 {
		t.Errorf("%+v", result)
	}
}

func TestTheStoreBehavesAsTheHosts(t *testing.T) {
	bucket := store.Bucket("b")
	result := hookyardtest.New(t).Run(func() error {
		first, err := bucket.CompareAndSwap("cas", nil, []byte("1"))
		second, again := bucket.CompareAndSwap("cas", nil, []byte("2"))
		third, last := bucket.CompareAndSwap("cas", []byte("1"), []byte("3"))
		if err := errors.Join(err, again, last); err != nil || !first || second || !third {
			return fmt.Errorf("swap: %v %v %v %w", first, second, third, err)
		}
		if err := bucket.SetMany(store.Entry{Key: "x", Value: []byte("1")}, store.Entry{Key: "y"}); err != nil {
			return err
		}
		values, err := bucket.GetMany("y", "missing", "x")
		if err != nil || values[0] == nil || values[1] != nil || string(values[2]) != "1" {
			return fmt.Errorf("many: %q %w", values, err)
		}
		if _, err := bucket.Increment("cas", 1); err != nil {
			return err
		}
		if _, err := bucket.Increment("y", 1); err == nil {
			return errors.New("an empty value was incremented")
		}
		var decoded int
		if isThere, err := bucket.GetJSON("cas", &decoded); err != nil || !isThere || decoded != 4 {
			return fmt.Errorf("json: %d %w", decoded, err)
		}
		return bucket.DeleteMany("x", "y", "z")
	})
	if result.Outcome != hookyardtest.Done {
		t.Errorf("%+v", result)
	}
}

func TestImpossibleEffectsAreRefused(t *testing.T) {
	result := hookyardtest.New(t).Run(func() error {
		for _, request := range []outbox.Request{
			{Method: "", URL: "https://a.gn"},
			{Method: "GET", URL: "/a"},
			{Method: "GET", URL: "https://a.gn", Headers: []outbox.Header{{Name: "Host", Value: "b"}}},
			{Method: "GET", URL: "https://a.gn", Headers: []outbox.Header{{Name: "A", Value: "b\r\n"}}},
		} {
			if _, err := outbox.SendHTTP(request); err == nil {
				return fmt.Errorf("%+v was taken", request)
			}
		}
		for _, to := range [][]string{nil, {"nobody"}, {"a@b c"}} {
			if _, err := outbox.SendEmail(outbox.Email{To: to}); err == nil {
				return fmt.Errorf("%q was taken", to)
			}
		}
		key, err := outbox.SendEmail(outbox.Email{To: []string{"Desk <desk@example.gn>"}})
		log.Info("%s", key)
		return err
	})
	if result.Outcome != hookyardtest.Done || result.Logs[0] != "INFO 00000000000000000000000000000000.1" {
		t.Errorf("%+v", result)
	}
}

func TestClockRandomnessAndRequestsAreTheHosts(t *testing.T) {
	host := hookyardtest.New(t)
	host.Now = time.Date(2026, 1, 21, 14, 30, 0, 0, time.UTC)
	host.Answers["GET https://a.gn/x"] = hookyardtest.Response{Status: 203, Body: []byte("yes")}
	result := host.Run(func() error {
		answer, err := http.Get("https://a.gn/x")
		if err != nil {
			return err
		}
		_, missing := http.Get("https://a.gn/y?key=secret")
		log.Info("%s %s %d %v", clock.Now().Format(time.RFC3339), answer.Text(), len(random.Bytes(9)), missing)
		return nil
	})
	wanted := "INFO 2026-01-21T14:30:00Z yes 9 GET https://a.gn/y: this test has no answer to it"
	if !reflect.DeepEqual(result.Logs, []string{wanted}) || len(result.Fetched) != 2 {
		t.Errorf("%+v", result)
	}
}
