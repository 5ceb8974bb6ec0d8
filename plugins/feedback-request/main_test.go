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
	host.Config = map[string]string{
		"sms_url":      "https://sms.example.gn/messages",
		"sms_api_key":  "k-1",
		"sender":       "Passeports",
		"feedback_url": "https://example.gn/avis",
	}
	return host
}

func TestSendsTheLinkBySMS(t *testing.T) {
	result := host(t).Deliver("appointment.completed", moncreneau.SampleAppointmentCompleted())
	if result.Outcome != hookyardtest.Done || len(result.Requests) != 1 {
		t.Fatalf("%+v", result)
	}
	request := result.Requests[0]
	if request.Method != "POST" || request.URL != "https://sms.example.gn/messages" {
		t.Errorf("%s %s", request.Method, request.URL)
	}
	if !slices.Contains(request.Headers, hookyardtest.Header{Name: "Authorization", Value: "Bearer k-1"}) {
		t.Errorf("%v", request.Headers)
	}
	wanted := message{
		To:   "+224621234567",
		From: "Passeports",
		Text: "Bonjour Jean Dupont, comment s'est passé votre rendez-vous ? https://example.gn/avis?appointment=12345",
	}
	var sms message
	if err := json.Unmarshal(request.Body, &sms); err != nil || sms != wanted {
		t.Errorf("%v %+v", err, sms)
	}
}

func TestLeavesOutVisitorsWithoutAPhone(t *testing.T) {
	silent := moncreneau.SampleAppointmentCompleted()
	silent.Phone = nil
	result := host(t).Deliver("appointment.completed", silent)
	if len(result.Requests) > 0 || !slices.Equal(result.Logs, []string{"INFO 12345: no phone, so Jean Dupont is not asked"}) {
		t.Errorf("%+v", result)
	}
}

func TestNamesAMissingKey(t *testing.T) {
	for key := range host(t).Config {
		host := host(t)
		delete(host.Config, key)
		result := host.Deliver("appointment.completed", moncreneau.SampleAppointmentCompleted())
		if result.Outcome != hookyardtest.Rejected || result.Reason != "the configuration has no `"+key+"`" {
			t.Errorf("%s: %+v", key, result)
		}
	}
}

func TestKeepsThePagesQuery(t *testing.T) {
	if url := link("https://example.gn/?lang=fr", 7); url != "https://example.gn/?lang=fr&appointment=7" {
		t.Error(url)
	}
}
