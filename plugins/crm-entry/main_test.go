package main

import (
	"encoding/json"
	"slices"
	"testing"

	"hookyard/hookyardtest"
	"hookyard/moncreneau"
)

func host(t *testing.T) *hookyardtest.Host {
	host := hookyardtest.New(t)
	host.Config = map[string]string{"crm_url": "https://crm.example.gn/entries", "crm_token": "t0ken"}
	return host
}

// posted returns the body of the only request.
func posted(t *testing.T, appointment moncreneau.Created) string {
	t.Helper()
	result := host(t).Deliver("appointment.created", appointment)
	if result.Outcome != hookyardtest.Done || len(result.Requests) != 1 {
		t.Fatalf("%+v", result)
	}
	request := result.Requests[0]
	token := hookyardtest.Header{Name: "Authorization", Value: "Bearer t0ken"}
	if request.Method != "POST" || request.URL != "https://crm.example.gn/entries" || !slices.Contains(request.Headers, token) {
		t.Errorf("%+v", request)
	}
	return string(request.Body)
}

func TestPostsContactAndAppointment(t *testing.T) {
	wanted := `{"contact":{"name":"Jean Dupont","phone":"+224621234567","email":"jean.dupont@example.gn"},` +
		`"appointment":{"id":12345,"dateTime":"2026-01-25T14:30:00","status":"SCHEDULED",` +
		`"office":{"id":5,"name":"Passport Service","organization":"Ministry of Interior"},` +
		`"bookedAt":"2026-01-21T14:30:00Z"},"source":"moncreneau"}`
	if body := posted(t, moncreneau.SampleAppointmentCreated()); body != wanted {
		t.Error(body)
	}
}

func TestLeavesOpenWhatTheEventLacks(t *testing.T) {
	appointment := moncreneau.SampleAppointmentCreated()
	appointment.Phone, appointment.Department, appointment.CreatedAt = nil, nil, nil
	var entry entry
	if err := json.Unmarshal([]byte(posted(t, appointment)), &entry); err != nil {
		t.Fatal(err)
	}
	if entry.Contact.Phone != nil || entry.Appointment.Office != (office{ID: 5}) {
		t.Errorf("%+v", entry)
	}
	if entry.Appointment.BookedAt != "2026-01-21T14:30:00Z" {
		t.Error(entry.Appointment.BookedAt)
	}
}

func TestKeepsAnUnknownStatus(t *testing.T) {
	if text := statusText(moncreneau.Status{Case: moncreneau.StatusOther, Other: "POSTPONED"}); text != "POSTPONED" {
		t.Error(text)
	}
	if text := statusText(moncreneau.Status{Case: moncreneau.StatusNoShow}); text != "NO_SHOW" {
		t.Error(text)
	}
}

func TestNamesAMissingKey(t *testing.T) {
	for key := range host(t).Config {
		host := host(t)
		delete(host.Config, key)
		result := host.Deliver("appointment.created", moncreneau.SampleAppointmentCreated())
		if result.Outcome != hookyardtest.Rejected || result.Reason != "the configuration has no `"+key+"`" {
			t.Errorf("%s: %+v", key, result)
		}
	}
}
