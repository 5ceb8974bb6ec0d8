// Enters each new appointment into a CRM: the visitor as a contact, and the booking.
package main

import (
	"strings"

	"hookyard"
	"hookyard/config"
	"hookyard/log"
	"hookyard/moncreneau"
	"hookyard/outbox"
)

func init() { moncreneau.OnAppointmentCreated(enter) }

func main() {}

type entry struct {
	Contact     contact `json:"contact"`
	Appointment booking `json:"appointment"`
	Source      string  `json:"source"`
}

// What the event lacks is null.
type contact struct {
	Name  string  `json:"name"`
	Phone *string `json:"phone"`
	Email *string `json:"email"`
}

type booking struct {
	ID       uint64 `json:"id"`
	DateTime string `json:"dateTime"`
	Status   string `json:"status"`
	Office   office `json:"office"`
	BookedAt string `json:"bookedAt"`
}

// An office has a name as far as the event has one.
type office struct {
	ID           uint64  `json:"id"`
	Name         *string `json:"name,omitempty"`
	Organization *string `json:"organization,omitempty"`
}

func enter(ctx hookyard.Context, appointment moncreneau.Created) error {
	url, err := config.Require("crm_url")
	if err != nil {
		return err
	}
	token, err := config.Require("crm_token")
	if err != nil {
		return err
	}
	bookedAt := ctx.Created
	if appointment.CreatedAt != nil {
		bookedAt = *appointment.CreatedAt
	}
	entry := entry{
		Contact: contact{appointment.Name, appointment.Phone, appointment.Email},
		Appointment: booking{
			ID:       appointment.Id,
			DateTime: appointment.DateTime,
			Status:   statusText(appointment.Status),
			Office:   officeOf(appointment),
			BookedAt: bookedAt,
		},
		Source: ctx.Source,
	}
	header := outbox.Header{Name: "Authorization", Value: "Bearer " + token}
	if _, err := outbox.SendJSON(url, entry, header); err != nil {
		return err
	}
	log.Info("appointment %d goes to the CRM", appointment.Id)
	return nil
}

func officeOf(appointment moncreneau.Created) office {
	department := appointment.Department
	if department == nil {
		return office{ID: appointment.DepartmentId}
	}
	found := office{ID: department.Id, Name: &department.Name}
	if department.Organization != nil {
		found.Organization = &department.Organization.Name
	}
	return found
}

// statusText returns a status as the service writes it.
func statusText(status moncreneau.Status) string {
	if status.Case == moncreneau.StatusOther {
		return status.Other
	}
	return strings.ToUpper(strings.ReplaceAll(status.Case.String(), "-", "_"))
}
