// Asks the visitor for feedback after the appointment, by SMS with a link.
package main

import (
	"fmt"
	"strings"

	"hookyard"
	"hookyard/config"
	"hookyard/log"
	"hookyard/moncreneau"
	"hookyard/outbox"
)

func init() { moncreneau.OnAppointmentCompleted(ask) }

func main() {}

type message struct {
	To   string `json:"to"`
	From string `json:"from"`
	Text string `json:"text"`
}

func ask(_ hookyard.Context, appointment moncreneau.Completed) error {
	if appointment.Phone == nil {
		log.Info("%d: no phone, so %s is not asked", appointment.Id, appointment.Name)
		return nil
	}
	settings := map[string]string{}
	for _, key := range []string{"feedback_url", "sms_url", "sms_api_key", "sender"} {
		value, err := config.Require(key)
		if err != nil {
			return err
		}
		settings[key] = value
	}
	page := link(settings["feedback_url"], appointment.Id)
	sms := message{
		To:   *appointment.Phone,
		From: settings["sender"],
		Text: fmt.Sprintf("Bonjour %s, comment s'est passé votre rendez-vous ? %s", appointment.Name, page),
	}
	token := outbox.Header{Name: "Authorization", Value: "Bearer " + settings["sms_api_key"]}
	_, err := outbox.SendJSON(settings["sms_url"], sms, token)
	return err
}

// link returns the URL of the feedback page for this appointment.
func link(page string, id uint64) string {
	separator := "?"
	if strings.Contains(page, "?") {
		separator = "&"
	}
	return fmt.Sprintf("%s%sappointment=%d", page, separator, id)
}
